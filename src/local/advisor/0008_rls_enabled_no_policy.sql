-- Ordinary tables with row security on and no policy: safe, but closed to every API role, which is seldom meant.
select
  'rls_enabled_no_policy' as name,
  'RLS Enabled No Policy' as title,
  'INFO' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'Row level security is enabled on the table, but there is no policy, so no row can be reached through the API.' as description,
  format(E'Table \\`%s.%s\\` has row level security enabled and no policy', n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0008_rls_enabled_no_policy' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('rls_enabled_no_policy_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and c.relrowsecurity
  and not exists (select from pg_policy p where p.polrelid = c.oid)
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
