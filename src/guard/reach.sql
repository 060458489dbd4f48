-- What the named relations and functions lead to: one row an object, with what it refers to. $1 is
-- {"relations": [[schema or null, name], …], "words": […], "writes": …, "policies": …}.
--
-- Dependencies are PostgreSQL's own: of a view it records every column that it reads. A function whose body is text
-- has none, so everything that its text mentions is followed; who asks reads the text itself and judges what of that
-- is meant. `on_write` marks what happens only when rows are written: triggers, rules, defaults, checks, indexes,
-- cascades. What an initial database holds is left out, and followed by nobody.
--
-- Every name is qualified and every operator is used on the exact types that pg_catalog has it for.
with recursive
asked as materialized (
    select $1::pg_catalog.jsonb as it
),
mode as materialized (
    select
        (it ->> 'writes')::pg_catalog.bool as writes,
        (it ->> 'policies')::pg_catalog.bool as policies
    from asked
),
-- Settings that make the writing role look elsewhere for names than the role that asks.
elsewhere as materialized (
    select pg_catalog.lower(one.setting) as settings
    from pg_catalog.pg_db_role_setting as s
    cross join mode
    cross join lateral pg_catalog.unnest(s.setconfig) as one (setting)
    where mode.writes
        and pg_catalog.starts_with(pg_catalog.lower(one.setting), 'search_path=')
        and (s.setrole = 0::pg_catalog.oid or pg_catalog.pg_get_userbyid(s.setrole) = 'postgres'::pg_catalog.name)
),
-- Members of extensions that are not the user's to change.
member as materialized (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    join pg_catalog.pg_extension as e on e.oid = d.refobjid
    where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid
        and d.deptype = 'e'
        and not pg_catalog.pg_has_role('postgres'::pg_catalog.name, e.extowner, 'member')
),
relation as materialized (
    select
        c.oid,
        n.nspname::pg_catalog.text as schema,
        c.relname::pg_catalog.text as name,
        c.relkind,
        pg_catalog.pg_table_is_visible(c.oid) or exists (
            select from elsewhere where pg_catalog.strpos(settings, pg_catalog.lower(n.nspname::pg_catalog.text)) > 0
        ) as visible,
        pg_catalog.lower(pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')) as spelt
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid >= 16384::pg_catalog.oid
        and (c.relkind = 'r' or c.relkind = 'p' or c.relkind = 'v' or c.relkind = 'm' or c.relkind = 'f')
),
-- Functions; trusted are those of the platform, which the user cannot change: what belongs to no role that the user
-- could become.
routine as materialized (
    select
        p.oid,
        n.nspname::pg_catalog.text as schema,
        p.proname::pg_catalog.text as name,
        l.lanname::pg_catalog.text as language,
        p.prosrc,
        p.prosqlbody is not null as parsed,
        p.prokind = 'a' as aggregate,
        coalesce(pg_catalog.array_to_string(p.proconfig, e'\n'), '') as settings,
        (p.prokind <> 'a' and (l.lanname = 'c'::pg_catalog.name or l.lanname = 'internal'::pg_catalog.name))
            or not pg_catalog.pg_has_role('postgres'::pg_catalog.name, p.proowner, 'member')
            or exists (
                select from member as m
                where m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid and m.objid = p.oid
            ) as trusted,
        pg_catalog.lower(p.prosrc) as code,
        pg_catalog.lower(pg_catalog.replace(p.proname::pg_catalog.text, '"', '""')) as spelt
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where p.oid >= 16384::pg_catalog.oid
),
-- What runs without being named: the functions of operators, casts and domains.
implicit as materialized (
    select o.oprcode::pg_catalog.oid as oid
    from pg_catalog.pg_operator as o
    where o.oid >= 16384::pg_catalog.oid
        and not exists (
            select from member as m
            where m.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid and m.objid = o.oid
        )
    union
    select c.castfunc
    from pg_catalog.pg_cast as c
    where c.oid >= 16384::pg_catalog.oid
        and not exists (
            select from member as m
            where m.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass::pg_catalog.oid and m.objid = c.oid
        )
    union
    select d.refobjid
    from pg_catalog.pg_constraint as c
    join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid and d.objid = c.oid
    where c.contypid <> 0::pg_catalog.oid
        and c.oid >= 16384::pg_catalog.oid
        and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
),
-- What keeps dependencies in the name of a relation or function.
holder (routine, id, class, object, on_write, fires) as materialized (
    select false, w.ev_class, 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, w.oid, w.ev_type <> '1', false
    from pg_catalog.pg_rewrite as w cross join mode
    where w.oid >= 16384::pg_catalog.oid and (mode.writes or w.ev_type = '1')
    union all
    select false, t.tgrelid, 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, t.oid, true, true
    from pg_catalog.pg_trigger as t cross join mode where mode.writes and not t.tgisinternal
    union all
    select false, a.adrelid, 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, a.oid, true, false
    from pg_catalog.pg_attrdef as a cross join mode where mode.writes
    union all
    select false, c.conrelid, 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, c.oid, true, false
    from pg_catalog.pg_constraint as c cross join mode
    where mode.writes and c.conrelid <> 0::pg_catalog.oid and c.contype = 'c'
    union all
    select false, i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, i.indexrelid, true, false
    from pg_catalog.pg_index as i cross join mode where mode.writes and i.indexrelid >= 16384::pg_catalog.oid
    union all
    -- The functions of a partition key hang on the table itself.
    select false, r.oid, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, r.oid, true, false
    from relation as r cross join mode where mode.writes
    union all
    select false, s.stxrelid, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid, s.oid, true, false
    from pg_catalog.pg_statistic_ext as s cross join mode where mode.writes
    union all
    select false, p.polrelid, 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid, p.oid, false, false
    from pg_catalog.pg_policy as p cross join mode where mode.policies
    union all
    select true, r.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, r.oid, false, false
    from routine as r where not r.trusted
),
reference (routine, id, to_routine, to_id, "column", on_write, fires, whole, follows) as materialized (
    select
        h.routine, h.id, d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, d.refobjid,
        d.refobjsubid, h.on_write, h.fires, false, false
    from holder as h
    join pg_catalog.pg_depend as d on d.classid = h.class and d.objid = h.object
    where (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
            or d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid)
        and not (d.refobjid = h.id
            and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid and not h.routine)
    union all
    -- Partitions and other children, whose rows their parents show and take.
    select false, i.inhparent, false, i.inhrelid, 0, false, false, true, false from pg_catalog.pg_inherits as i
    union all
    -- Rows that go, or change, with the rows that they point to.
    select
        false, c.confrelid, false, c.conrelid, 0, true, false, false,
        c.confdeltype = 'c' or c.confdeltype = 'n' or c.confdeltype = 'd'
    from pg_catalog.pg_constraint as c cross join mode where mode.writes and c.contype = 'f'
    union all
    -- A foreign table may lead back into this very database.
    select false, f.ftrelid, false, r.oid, 0, false, false, true, false
    from pg_catalog.pg_foreign_table as f
    join pg_catalog.pg_class as c on c.oid = f.ftrelid
    join relation as r
        on r.oid <> f.ftrelid
        and (r.name = c.relname::pg_catalog.text
            or ('table_name=' operator(pg_catalog.||) r.name) = any (f.ftoptions))
),
reached (routine, id) as (
    select false, r.oid
    from asked
    cross join lateral pg_catalog.jsonb_array_elements(asked.it -> 'relations') as named (pair)
    join relation as r
        on r.name = (named.pair ->> 1) and ((named.pair ->> 0) is null or r.schema = (named.pair ->> 0))
    union
    select true, r.oid
    from asked
    cross join lateral pg_catalog.jsonb_array_elements_text(asked.it -> 'words') as named (word)
    join routine as r on r.name = named.word
    union
    select true, i.oid from implicit as i
    union
    select step.routine, step.id
    from reached as at
    cross join lateral (
        select f.to_routine as routine, f.to_id as id
        from reference as f where f.routine = at.routine and f.id = at.id
        union all
        select false, r.oid
        from routine as p
        join relation as r on pg_catalog.strpos(p.code, r.spelt) > 0
        where at.routine and p.oid = at.id and not p.trusted and not p.parsed
        union all
        select true, r.oid
        from routine as p
        join routine as r on r.oid <> p.oid and pg_catalog.strpos(p.code, r.spelt) > 0
        where at.routine and p.oid = at.id and not p.trusted and not p.parsed
    ) as step
),
refers as (
    select
        f.routine, f.id,
        pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            case when f.to_routine then 'f' else 'r' end || f.to_id::pg_catalog.text, a.attname, f.on_write, f.fires, f.whole,
            f.follows
        )) as list
    from reference as f
    join reached as at on at.routine = f.routine and at.id = f.id
    left join pg_catalog.pg_attribute as a
        on not f.to_routine and f."column" > 0 and a.attrelid = f.to_id and a.attnum = f."column"::pg_catalog.int2
    group by f.routine, f.id
)
select
    pg_catalog.current_setting('search_path') as path,
    'r' || r.oid::pg_catalog.text as id,
    false as routine,
    r.relkind = 'v' or r.relkind = 'm' as view,
    r.schema,
    r.name,
    r.visible,
    '' as language,
    pg_catalog.concat_ws(
        e'\n',
        case when r.relkind = 'v' or r.relkind = 'm' then pg_catalog.pg_get_viewdef(r.oid) end,
        (
            select pg_catalog.string_agg(pg_catalog.pg_get_ruledef(w.oid), e'\n')
            from pg_catalog.pg_rewrite as w cross join mode
            where mode.writes and w.ev_class = r.oid and w.ev_type <> '1'
        ),
        (
            select pg_catalog.string_agg(pg_catalog.pg_get_expr(a.adbin, a.adrelid), e'\n')
            from pg_catalog.pg_attrdef as a cross join mode where mode.writes and a.adrelid = r.oid
        ),
        (
            select pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(c.oid), e'\n')
            from pg_catalog.pg_constraint as c cross join mode
            where mode.writes and c.conrelid = r.oid and c.contype = 'c'
        ),
        (
            select pg_catalog.string_agg(pg_catalog.pg_get_expr(p.polqual, p.polrelid), e'\n')
            from pg_catalog.pg_policy as p cross join mode where mode.policies and p.polrelid = r.oid
        )
    ) as text,
    true as printed,
    '' as settings,
    false as trusted,
    false as implicit,
    coalesce(refers.list, '[]'::pg_catalog.jsonb) as refers
from reached as at
join relation as r on r.oid = at.id
left join refers on not refers.routine and refers.id = at.id
where not at.routine
union all
select
    pg_catalog.current_setting('search_path'),
    'f' || p.oid::pg_catalog.text,
    true,
    false,
    n.nspname::pg_catalog.text,
    p.proname::pg_catalog.text,
    false,
    coalesce(r.language, 'internal'),
    case when r.parsed then pg_catalog.pg_get_function_sqlbody(p.oid) when r.aggregate then '' else r.prosrc end,
    coalesce(r.parsed or r.aggregate, true),
    coalesce(r.settings, ''),
    coalesce(r.trusted, true),
    exists (select from implicit as i where i.oid = p.oid),
    coalesce(refers.list, '[]'::pg_catalog.jsonb)
from reached as at
join pg_catalog.pg_proc as p on p.oid = at.id
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
left join routine as r on r.oid = p.oid
left join refers on refers.routine and refers.id = at.id
where at.routine
order by 2
