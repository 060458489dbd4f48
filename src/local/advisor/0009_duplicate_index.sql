-- Indexes of a table or materialized view that differ in nothing but their names. Compared by definition, from which
-- the name's own letters are taken out wherever they stand, as on the platform.
select
  'duplicate_index' as name,
  'Duplicate Index' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'Two or more indexes are identical: all but one of them cost writes and space for nothing.' as description,
  format(E'%s \\`%s.%s\\` has identical indexes: %s; one of them is enough', case c.relkind when 'r' then 'Table' else 'Materialized view' end,
    n.nspname, c.relname, string_agg(format(E'\\`%s\\`', x.relname), ', ' order by x.relname)) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0009_duplicate_index' as remediation,
  jsonb_build_object(
    'schema', n.nspname, 'name', c.relname, 'type', case c.relkind when 'r' then 'table' else 'materialized view' end,
    'indexes', array_agg(x.relname order by x.relname)
  ) as metadata,
  format('duplicate_index_%s_%s_%s', n.nspname, c.relname, array_agg(x.relname order by x.relname)) as cache_key
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm')
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
group by n.nspname, c.relname, c.relkind, replace(pg_get_indexdef(x.oid), x.relname, '')
having count(*) > 1
order by n.nspname, c.relname, array_agg(x.relname order by x.relname)
