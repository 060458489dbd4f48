-- Ordinary tables without a primary key. Partitions count, each for itself; what is partitioned does not.
select
  'no_primary_key' as name,
  'No Primary Key' as title,
  'INFO' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'The table has no primary key, so that its rows cannot be told apart, found or replicated cheaply.' as description,
  format(E'Table \\`%s.%s\\` has no primary key', n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0004_no_primary_key' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('no_primary_key_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by n.nspname, c.relname
