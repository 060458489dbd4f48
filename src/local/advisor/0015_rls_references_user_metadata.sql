-- Policies that decide by user_metadata out of the caller's token: users edit that part themselves. By the text
-- of the policy, as on the platform: user_metadata anywhere after auth.jwt() or after a current_setting() of
-- request.jwt.claims. Needs an empty search_path, or auth.jwt() would print unqualified.
-- Turning a policy back into text is the expensive part, so it is done only for those whose stored tree calls
-- one of the two functions at all.
with source as materialized (
  select array_agg('%:funcid ' || p.oid || ' %') as patterns
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  -- whatever prints like one of them, too
  where (n.nspname like '%auth' and p.proname = 'jwt') or p.proname like '%current_setting'
),
expression as (
  select pol.polrelid, pol.polname, part.tree
  from pg_policy pol
  cross join lateral (values (pol.polqual), (pol.polwithcheck)) as part (tree)
  where part.tree::text like any ((select patterns from source)::text[])
),
finding as (
  select distinct e.polrelid, e.polname
  from expression e
  where pg_get_expr(e.tree, e.polrelid)
    ~ '(auth\.jwt\(\)|current.setting\(.*request\.jwt\.claims.*\)).*user.metadata'
)
select
  'rls_references_user_metadata' as name,
  'RLS references user metadata' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A row level security policy decides by user_metadata, which end users can edit.' as description,
  format(E'Policy \\`%s\\` on table \\`%s.%s\\` relies on \\`user_metadata\\`, which users can change themselves',
    f.polname, n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0015_rls_references_user_metadata' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('rls_references_user_metadata_%s_%s_%s', n.nspname, c.relname, f.polname) as cache_key
from finding f
join pg_class c on c.oid = f.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
order by n.nspname, c.relname, f.polname
