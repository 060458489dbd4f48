-- Every column of every table of the app, with what stays the same when it is renamed: the table's OID and the
-- column's number. Columns that fill themselves have a default, an identity or an expression.
select
    c.oid::pg_catalog.int8 as "table",
    a.attnum::pg_catalog.int4 as number,
    n.nspname as schema,
    c.relname as name,
    a.attname as column,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    -- since 18 it can be demanded of new rows alone
    a.attnotnull and not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = c.oid and k.contype = 'n' and k.conkey[1] = a.attnum and not k.convalidated
    ) as not_null,
    a.atthasdef or a.attidentity <> '' or a.attgenerated <> '' as fills_itself
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where (c.relkind = 'r' or c.relkind = 'p')
    and c.relpersistence <> 't'
    and n.nspname not like 'pg\_%'
    and n.nspname not in ('information_schema', 'supabase_migrations')
    -- what migrations cannot change is the platform's
    and (
        pg_catalog.pg_has_role('postgres', c.relowner, 'usage')
        or pg_catalog.has_table_privilege('postgres', c.oid, 'delete, truncate')
    )
order by c.oid, a.attnum
