-- Which of the named tables no application role can reach; $1 is one name a line.
select t.name
from pg_catalog.unnest(pg_catalog.string_to_array($1, e'\n')) as t (name)
where pg_catalog.to_regclass(t.name) is not null
    and not exists (
        select
        from pg_catalog.pg_roles as r
        where r.rolname in ('anon', 'authenticated', 'service_role')
            and pg_catalog.has_any_column_privilege(r.oid, pg_catalog.to_regclass(t.name), 'select, insert, update')
    )
