-- Indexes that no query has used since statistics were last reset, unless they keep something unique.
select
  'unused_index' as name,
  'Unused Index' as title,
  'INFO' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'The index has never been used: it costs every write, and may be dropped if no query is to come that needs it.' as description,
  format(E'Index \\`%s\\` on table \\`%s.%s\\` has never been used', used.indexrelname, n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0005_unused_index' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('unused_index_%s_%s_%s', n.nspname, c.relname, used.indexrelname) as cache_key
from pg_stat_user_indexes used
join pg_index i on i.indexrelid = used.indexrelid
join pg_class c on c.oid = used.relid
join pg_namespace n on n.oid = c.relnamespace
where used.idx_scan = 0
  and not i.indisunique
  and not i.indisprimary
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by n.nspname, c.relname, used.indexrelname
