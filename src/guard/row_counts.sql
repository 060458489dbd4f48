-- rows of the tables of user schemas, and of those that hold users and files;
-- query_to_xml counts what a plain query cannot name beforehand
select
    pg_catalog.format('%I.%I', n.nspname, c.relname) as table_name,
    ((pg_catalog.xpath(
        '/row/rows/text()',
        pg_catalog.query_to_xml(
            pg_catalog.format('select pg_catalog.count(*) as rows from %I.%I', n.nspname, c.relname),
            false, true, '')))[1])::text::bigint as row_count
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and not c.relispartition
    and (
        (n.nspname, c.relname) in (('auth', 'users'), ('storage', 'objects'), ('storage', 'buckets'))
        or n.nspname not in (
            'pg_catalog', 'information_schema', 'pg_toast', 'auth', 'storage', 'realtime', 'vault',
            'extensions', 'graphql', 'graphql_public', 'pgbouncer', 'supabase_migrations',
            'supabase_functions', 'net', 'cron', 'pgmq'
        )
    )
order by 1
limit 500
