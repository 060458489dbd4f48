-- what anon and any signed-in user may do with what the API's schemas hold, by privileges and policies: one row for
-- each table, view or function, role and action that the role is granted at all. $1: the schemas, between commas.
-- `rows` is what a grant comes to: every row, none, some, or as the tables behind a view have it. `asks_nobody` says of
-- some that who they are does not depend on the caller: the conditions call nothing but PostgreSQL's own functions,
-- run no query, and ask for no setting. `alternatives` are the policies and conditions one of which must hold, where
-- whatever else must hold asks nobody; `open_policies` are those of them that ask nobody. `behind` names the function
-- or view of a schema that is shown, by way of which somebody reaches what lies in one that is not: with their own
-- rights, which what lies there must grant them.
with recursive named as (
    select pg_catalog.btrim(s) as schema from pg_catalog.unnest(pg_catalog.string_to_array($1, ',')) as s
),
exposed as (
    select n.oid, n.nspname, false as for_files
    from pg_catalog.pg_namespace as n
    where n.nspname in (select schema from named) and n.nspname <> 'graphql_public'
    union all
    -- files are asked for with the caller's role, whatever schemas are shown
    select n.oid, n.nspname, true
    from pg_catalog.pg_namespace as n
    where n.nspname = 'storage' and n.nspname not in (select schema from named)
),
caller as (
    select r.oid, r.rolname from pg_catalog.pg_roles as r where r.rolname in ('anon', 'authenticated')
),
-- What runs, or shows, with the rights of whoever asks, and what it says.
door as materialized (
    select
        true as is_routine, p.oid, p.pronamespace as schema,
        pg_catalog.format('%s.%s()', n.nspname, p.proname) as name,
        pg_catalog.lower(coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)) as code
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p.oid >= 16384 and p.prokind in ('f', 'p') and not p.prosecdef
        and pg_catalog.pg_has_role('postgres', p.proowner, 'member')
    union all
    select
        false, c.oid, c.relnamespace, pg_catalog.format('%s.%s', n.nspname, c.relname),
        pg_catalog.lower(pg_catalog.pg_get_viewdef(c.oid))
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid >= 16384 and c.relkind = 'v' and pg_catalog.pg_has_role('postgres', c.relowner, 'member')
        and exists (
            select from pg_catalog.pg_options_to_table(c.reloptions) as o
            where o.option_name = 'security_invoker' and o.option_value::boolean
        )
),
-- What lies in schemas that are not shown, and may be used all the same.
hidden as materialized (
    select true as is_routine, p.oid, w.oid as roleid, p.proname as name
    from pg_catalog.pg_proc as p
    cross join caller as w
    where p.oid >= 16384 and p.prokind in ('f', 'p') and p.pronamespace not in (select e.oid from exposed as e)
        and pg_catalog.pg_has_role('postgres', p.proowner, 'member')
        and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
        and pg_catalog.has_schema_privilege(w.oid, p.pronamespace, 'usage')
        and pg_catalog.has_function_privilege(w.oid, p.oid, 'execute')
    union all
    select false, c.oid, w.oid, c.relname
    from pg_catalog.pg_class as c
    cross join caller as w
    where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace not in (select e.oid from exposed as e)
        and pg_catalog.pg_has_role('postgres', c.relowner, 'member')
        and pg_catalog.has_schema_privilege(w.oid, c.relnamespace, 'usage')
        and (
            pg_catalog.has_any_column_privilege(w.oid, c.oid, 'select, insert, update')
            or pg_catalog.has_table_privilege(w.oid, c.oid, 'delete')
        )
),
way (roleid, is_routine, oid, door) as (
    select w.oid, d.is_routine, d.oid, d.name
    from door as d
    join exposed as e on e.oid = d.schema and not e.for_files
    cross join caller as w
    where pg_catalog.has_schema_privilege(w.oid, e.oid, 'usage')
        and case when d.is_routine
            then pg_catalog.has_function_privilege(w.oid, d.oid, 'execute')
            else pg_catalog.has_any_column_privilege(w.oid, d.oid, 'select')
        end
    union
    select y.roleid, h.is_routine, h.oid, y.door
    from way as y
    join door as d on d.is_routine = y.is_routine and d.oid = y.oid
    join hidden as h
        on h.roleid = y.roleid
        and pg_catalog.strpos(d.code, pg_catalog.lower(h.name)) > 0
        -- as a word, where it is one
        and (h.name !~ '^\w+$' or d.code ~ pg_catalog.concat('\m', pg_catalog.lower(h.name), '\M'))
),
behind as (
    select h.roleid, h.is_routine, h.oid, min(y.door) as door
    from way as y
    join hidden as h on h.roleid = y.roleid and h.is_routine = y.is_routine and h.oid = y.oid
    group by h.roleid, h.is_routine, h.oid
),
relation as (
    select e.nspname, c.oid, e.oid as schema, e.for_files, w.oid as roleid, w.rolname, null as door
    from exposed as e
    join pg_catalog.pg_class as c on c.relnamespace = e.oid
    cross join caller as w
    union all
    select n.nspname, c.oid, n.oid, false, w.oid, w.rolname, b.door
    from behind as b
    join pg_catalog.pg_class as c on c.oid = b.oid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join caller as w on w.oid = b.roleid
    where not b.is_routine
),
granted as (
    select
        e.nspname, e.door, c.oid, c.relname, c.relkind, c.relrowsecurity, c.reloptions, e.rolname, e.roleid, a.action, a.command,
        -- where the grant is on columns alone
        case when not pg_catalog.has_table_privilege(e.roleid, c.oid, a.action) then (
            select pg_catalog.string_agg(pg_catalog.quote_ident(col.attname), ', ' order by col.attnum)
            from pg_catalog.pg_attribute as col
            where col.attrelid = c.oid and col.attnum > 0 and not col.attisdropped
                and pg_catalog.has_column_privilege(e.roleid, c.oid, col.attnum, a.action)
        ) end as columns
    from relation as e
    join pg_catalog.pg_class as c on c.oid = e.oid
    cross join (values ('select', 'r', 0), ('insert', 'a', 8), ('update', 'w', 4), ('delete', 'd', 16)) as a(action, command, bit)
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and (
            not e.for_files
            or c.relname in ('buckets', 'objects')
                and (not c.relrowsecurity or exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid))
        )
        and pg_catalog.has_schema_privilege(e.roleid, e.schema, 'usage')
        and case a.action
            when 'delete' then pg_catalog.has_table_privilege(e.roleid, c.oid, 'delete')
            else pg_catalog.has_any_column_privilege(e.roleid, c.oid, a.action)
        end
        -- a view is written to if it can be
        and (a.action = 'select' or c.relkind <> 'm' and pg_catalog.pg_relation_is_updatable(c.oid, false) & a.bit <> 0)
),
clause as (
    select
        g.oid, g.roleid, g.action, p.polpermissive, p.polname,
        coalesce(
            case
                when g.action = 'insert' then pg_catalog.pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid)
                else pg_catalog.pg_get_expr(p.polqual, p.polrelid)
            end,
            'true'
        ) as condition,
        (
            select coalesce(pg_catalog.bool_and(
                called.id::bigint < 16384 and called.id::oid <> all (asking.functions) or called.id::oid = any (asking.of_paths)
            ), true)
            from pg_catalog.regexp_matches(pg_catalog.concat(p.polqual::text, ' ', p.polwithcheck::text), ':(?:funcid|opfuncid) (\d+)', 'g') as m(ids)
            cross join lateral (select m.ids[1] as id) as called
        )
        and pg_catalog.concat(p.polqual::text, p.polwithcheck::text) !~ '\{(SUBLINK|SQLVALUEFUNCTION|NEXTVALUEEXPR) ' as asks_nobody
    from granted as g
    cross join (
        select
            array(
                select f.oid
                from pg_catalog.pg_proc as f
                where f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                    and f.proname in (
                        'current_setting', 'pg_has_role', 'has_table_privilege', 'random', 'random_normal', 'gen_random_uuid', 'uuidv4',
                        'uuidv7'
                    )
            ) as functions,
            -- the platform's own, which say something of a file's path
            array(
                select f.oid
                from pg_catalog.pg_proc as f
                where f.pronamespace = pg_catalog.to_regnamespace('storage') and f.proname in ('foldername', 'filename', 'extension')
            ) as of_paths
    ) as asking
    join pg_catalog.pg_policy as p on p.polrelid = g.oid and p.polcmd in ('*', g.command)
    where g.relrowsecurity
        and exists (
            select from pg_catalog.unnest(p.polroles) as r(oid)
            where r.oid = 0 or pg_catalog.pg_has_role(g.roleid, r.oid, 'usage')
        )
),
combined as (
    select
        c.oid, c.roleid, c.action,
        pg_catalog.bool_or(c.polpermissive and c.condition <> 'false')
            and not pg_catalog.bool_or(not c.polpermissive and c.condition = 'false') as lets,
        coalesce(pg_catalog.bool_or(c.polpermissive and c.condition in ('true', '(1 = 1)')), false)
            and not pg_catalog.bool_or(not c.polpermissive) as lets_all,
        coalesce(pg_catalog.bool_or(c.polpermissive and c.asks_nobody and c.condition <> 'false'), false)
            and coalesce(pg_catalog.bool_and(c.asks_nobody) filter (where not c.polpermissive), true) as asks_nobody,
        case when coalesce(pg_catalog.bool_and(c.asks_nobody) filter (where not c.polpermissive), true)
            then pg_catalog.to_json(pg_catalog.array_agg(array[c.polname::text, c.condition] order by c.polname) filter (where c.polpermissive))
        end as alternatives,
        pg_catalog.array_agg(c.polname::text order by c.polname) as policies,
        pg_catalog.array_agg(c.polname::text order by c.polname)
            filter (where c.polpermissive and c.asks_nobody and c.condition <> 'false') as open_policies,
        nullif(pg_catalog.concat_ws(
            ' and ',
            pg_catalog.string_agg(c.condition, ' or ' order by c.polname) filter (where c.polpermissive),
            pg_catalog.string_agg(c.condition, ' and ' order by c.polname) filter (where not c.polpermissive)
        ), '') as condition
    from clause as c
    group by c.oid, c.roleid, c.action
)
select
    pg_catalog.format('%s.%s', g.nspname, g.relname) as object,
    pg_catalog.format('%I.%I', g.nspname, g.relname) as quoted,
    case g.relkind
        when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table'
    end as kind,
    g.relrowsecurity as row_security,
    g.rolname as who,
    g.action,
    case
        when exists (
            select from pg_catalog.pg_options_to_table(g.reloptions) as o
            where o.option_name = 'security_invoker' and o.option_value::boolean
        ) then 'callers'
        when not g.relrowsecurity then 'every'
        when not coalesce(c.lets, false) then 'none'
        when c.lets_all then 'every'
        else 'some'
    end as rows,
    c.condition,
    g.columns,
    coalesce(c.asks_nobody, false) as asks_nobody,
    coalesce(c.alternatives::text, '[]') as alternatives,
    pg_catalog.to_json(coalesce(c.policies, '{}'))::text as policies,
    pg_catalog.to_json(coalesce(c.open_policies, '{}'))::text as open_policies,
    (
        select pg_catalog.string_agg(a.attname, ', ' order by a.attnum)
        from pg_catalog.pg_attribute as a
        where a.attrelid = g.oid and a.attnum > 0 and not a.attisdropped and g.action = 'select'
            and pg_catalog.format_type(a.atttypid, null) in ('text', 'character varying', 'character', 'bytea', 'json', 'jsonb', 'uuid')
            and pg_catalog.has_column_privilege(g.roleid, g.oid, a.attnum, 'select')
            and pg_catalog.replace(pg_catalog.lower(a.attname), '-', '_') ~ '^(.*_)?(password|passwd|password_hash|secret|secret_key|private_key|api_key|apikey|access_token|refresh_token|session_token|auth_token|token|ssn|social_security_number|credit_card|card_number|cvv|iban|passport_number|otp)$'
    ) as sensitive,
    g.door as behind
from granted as g
left join combined as c on c.oid = g.oid and c.roleid = g.roleid and c.action = g.action
union all
select
    pg_catalog.format('%s.%s(%s)', e.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
    pg_catalog.format('%I.%I', e.nspname, p.proname),
    'function', p.prosecdef, w.rolname, 'execute', case when p.prosecdef then 'every' else 'callers' end,
    null, null, false, '[]', '[]', '[]', null, null
from exposed as e
join pg_catalog.pg_proc as p on p.pronamespace = e.oid
cross join caller as w
where not e.for_files and p.prokind in ('f', 'p')
    -- the API calls no trigger's function, and no extension is anybody's design
    and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
    )
    and pg_catalog.has_schema_privilege(w.oid, e.oid, 'usage')
    and pg_catalog.has_function_privilege(w.oid, p.oid, 'execute')
union all
select
    pg_catalog.format('%s.%s(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
    pg_catalog.format('%I.%I', n.nspname, p.proname),
    'function', true, w.rolname, 'execute', 'every', null, null, false, '[]', '[]', '[]', null, b.door
from behind as b
join pg_catalog.pg_proc as p on p.oid = b.oid and p.prosecdef
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
join caller as w on w.oid = b.roleid
where b.is_routine
order by 1, 3, 5, 6
