-- policies with their conditions, to be written so that they ask once: of tables that a migration may change. Printed
-- along an empty search_path, so that every name keeps its meaning wherever the statement runs.
with printed as materialized (
    select pg_catalog.set_config('search_path', '', true) as along
)
select
    'auth_rls_initplan' as finding, n.nspname as schema, c.relname as name, p.polname as part,
    pg_catalog.format('alter policy %I on %I.%I', p.polname, n.nspname, c.relname) as alter_policy,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_condition,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_condition
from printed
cross join pg_catalog.pg_policy as p
join pg_catalog.pg_class as c on c.oid = p.polrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where printed.along = '' and pg_catalog.pg_has_role('postgres', c.relowner, 'usage')
order by n.nspname, c.relname, p.polname
