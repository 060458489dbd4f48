-- what SQL can do about findings of the advisor: the finding's name, what it concerns, the statement, and whether
-- that takes nothing from anybody who should have it
with routine as (
    select
        p.oid, n.nspname, p.proname, p.prosecdef, p.proconfig, p.prokind,
        p.prorettype in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype) as fires,
        pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as signature
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
),
member as (
    select refobjid as extension, classid, objid
    from pg_catalog.pg_depend
    where refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and deptype = 'e'
),
extension as (
    select
        e.extname, n.nspname,
        -- text search templates and parsers are moved by superusers alone
        e.extrelocatable and not exists (
            select
            from member as m
            where m.extension = e.oid
                and m.classid in ('pg_catalog.pg_ts_template'::pg_catalog.regclass, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass)
        ) as moves,
        exists (
            select
            from member as m
            join pg_catalog.pg_depend as d on d.refclassid = m.classid and d.refobjid = m.objid
            where m.extension = e.oid and d.deptype <> 'e'
                and not exists (
                    select from member as own where own.extension = e.oid and own.classid = d.classid and own.objid = d.objid
                )
        ) as is_used
    from pg_catalog.pg_extension as e
    join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
)
-- the path that its callers have today, so that every name in it keeps its meaning
select
    'function_search_path_mutable' as finding, f.nspname as schema, f.proname as name, null as part,
    pg_catalog.format('alter routine %s set search_path = public, extensions, pg_temp;', f.signature) as statement,
    true as is_certain
from routine as f
where f.prokind <> 'a'
    and not exists (select from pg_catalog.unnest(f.proconfig) as setting where setting like 'search\_path=%')
union all
-- a trigger's function runs without anybody's right to call it, and nobody can call it
select
    lint.finding, f.nspname, f.proname, null,
    pg_catalog.format('revoke execute on routine %s from public, anon, authenticated;', f.signature)
        || case when f.fires then '' else pg_catalog.format(' grant execute on routine %s to service_role;', f.signature) end,
    f.fires
from routine as f
cross join (
    values ('anon_security_definer_function_executable'), ('authenticated_security_definer_function_executable')
) as lint(finding)
where f.prosecdef
union all
select
    'extension_in_public', e.nspname, e.extname, null,
    case
        when e.moves then pg_catalog.format('alter extension %I set schema extensions;', e.extname)
        else pg_catalog.format('drop extension %1$I; create extension %1$I with schema extensions;', e.extname)
    end,
    true
from extension as e
where e.moves or not e.is_used
union all
select
    lint.finding, n.nspname, c.relname, null,
    case lint.finding
        when 'security_definer_view' then pg_catalog.format('alter view %I.%I set (security_invoker = true);', n.nspname, c.relname)
        when 'rls_disabled_in_public' then pg_catalog.format('alter table %I.%I enable row level security;', n.nspname, c.relname)
        when 'policy_exists_rls_disabled' then pg_catalog.format('alter table %I.%I enable row level security;', n.nspname, c.relname)
        when 'sensitive_columns_exposed' then pg_catalog.format('alter table %I.%I enable row level security;', n.nspname, c.relname)
        when 'insecure_queue_exposed_in_api' then pg_catalog.format('alter table %I.%I enable row level security;', n.nspname, c.relname)
        when 'pg_graphql_anon_table_exposed' then pg_catalog.format('revoke select on %I.%I from public, anon;', n.nspname, c.relname)
        when 'pg_graphql_authenticated_table_exposed' then pg_catalog.format('revoke select on %I.%I from public, authenticated;', n.nspname, c.relname)
        else pg_catalog.format('revoke all on %I.%I from public, anon, authenticated;', n.nspname, c.relname)
    end,
    lint.is_certain
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join (
    values
        ('security_definer_view', true, '{v}'::"char"[]),
        ('rls_disabled_in_public', true, '{r,p}'),
        ('policy_exists_rls_disabled', true, '{r,p}'),
        ('sensitive_columns_exposed', true, '{r,p}'),
        ('insecure_queue_exposed_in_api', true, '{r}'),
        ('auth_users_exposed', false, '{v,m}'),
        ('materialized_view_in_api', false, '{m}'),
        ('pg_graphql_anon_table_exposed', false, '{r,v,m,f}'),
        ('pg_graphql_authenticated_table_exposed', false, '{r,v,m,f}'),
        ('foreign_table_in_api', false, '{f}')
) as lint(finding, is_certain, kinds) on c.relkind = any (lint.kinds)
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select
    lint.finding, n.nspname, c.relname, p.polname,
    pg_catalog.format('drop policy %I on %I.%I;', p.polname, n.nspname, c.relname), false
from pg_catalog.pg_policy as p
join pg_catalog.pg_class as c on c.oid = p.polrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join (values ('rls_policy_always_true'), ('rls_references_user_metadata')) as lint(finding)
union all
-- the policies that let everybody list what a public bucket holds; by address it stays readable
select
    'public_bucket_allows_listing', 'storage', b.name, p.polname,
    pg_catalog.format('drop policy %I on storage.objects;', p.polname), false
from storage.buckets as b
cross join pg_catalog.pg_policy as p
where b.public and p.polrelid = 'storage.objects'::pg_catalog.regclass
union all
-- the object's name instead of its number
select
    'unsupported_reg_types', n.nspname, c.relname, a.attname,
    pg_catalog.format('alter table %I.%I alter column %I type text;', n.nspname, c.relname, a.attname), false
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and a.attinhcount = 0 and a.attnum > 0 and a.atttypid in (
    'pg_catalog.regcollation'::pg_catalog.regtype, 'pg_catalog.regconfig'::pg_catalog.regtype,
    'pg_catalog.regdictionary'::pg_catalog.regtype, 'pg_catalog.regnamespace'::pg_catalog.regtype,
    'pg_catalog.regoper'::pg_catalog.regtype, 'pg_catalog.regoperator'::pg_catalog.regtype,
    'pg_catalog.regproc'::pg_catalog.regtype, 'pg_catalog.regprocedure'::pg_catalog.regtype
)
union all
-- a key that leans on a constraint of the platform's that is not its primary key
select
    'fkey_to_auth_unique', n.nspname, c.relname, k.conname,
    pg_catalog.format('alter table %I.%I drop constraint %I;', n.nspname, c.relname, k.conname), false
from pg_catalog.pg_constraint as k
join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as target on target.oid = k.confrelid
where k.contype = 'f' and target.relnamespace = pg_catalog.to_regnamespace('auth')
union all
-- what its owner may do, and nobody else
select
    'extension_versions_outdated', null, e.extname, null, pg_catalog.format('alter extension %I update;', e.extname), true
from pg_catalog.pg_extension as e
where pg_catalog.pg_get_userbyid(e.extowner) = 'postgres'
order by 1, 2, 3, 4, 5
