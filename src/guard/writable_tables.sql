-- tables that a role of the API may write, as schema.name; column privileges count
select distinct format('%s.%s', n.nspname, c.relname) as object
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join (values ('anon'), ('authenticated')) as api (role)
where c.relkind in ('r', 'p', 'f')
  and n.nspname !~ '^pg_'
  and exists (select from pg_catalog.pg_roles r where r.rolname = api.role)
  and (
    pg_catalog.has_table_privilege(api.role, c.oid, 'insert, update, delete, truncate')
    or pg_catalog.has_any_column_privilege(api.role, c.oid, 'insert, update')
  )
