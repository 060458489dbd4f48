-- Ordinary tables that have policies while row security is off: the policies look like protection and are not.
select
  'policy_exists_rls_disabled' as name,
  'Policy Exists RLS Disabled' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The table has row level security policies, but row level security is not enabled on it, so none of them applies.' as description,
  format(E'Table \\`%s.%s\\` has policies (%s), but row level security is off', n.nspname, c.relname, p.names) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0007_policy_exists_rls_disabled' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('policy_exists_rls_disabled_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join (
  select polrelid, string_agg(polname, ', ' order by polname) as names from pg_policy group by polrelid
) as p on p.polrelid = c.oid
where c.relkind = 'r'
  and not c.relrowsecurity
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
