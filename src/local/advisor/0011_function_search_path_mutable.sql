-- Routines of every kind (functions, procedures, aggregates, trigger functions) that do not pin search_path: a
-- caller's path decides what their unqualified names mean. Any pinned value passes, also the empty one.
select
  'function_search_path_mutable' as name,
  'Function Search Path Mutable' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The function does not set search_path, so that its names are resolved along the path of whoever calls it.' as description,
  format(E'Function \\`%s.%s\\` does not pin its search_path', n.nspname, p.proname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0011_function_search_path_mutable' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', p.proname, 'type', 'function') as metadata,
  format('function_search_path_mutable_%s_%s_%s', n.nspname, p.proname, md5(p.prosrc)) as cache_key
from pg_namespace n
join pg_proc p on p.pronamespace = n.oid
where n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (select from unnest(p.proconfig) as setting where setting like 'search\_path=%')
  and not exists (
    select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  )
-- overloads share a name: the hash of the body tells them apart
order by n.nspname, p.proname, md5(p.prosrc)
