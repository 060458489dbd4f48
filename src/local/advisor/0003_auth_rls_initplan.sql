-- Policies that ask who is calling once for each row, because the call does not stand in a query of its own. By the
-- text of each clause, as on the platform: one `select` before the same call anywhere in the clause excuses all of
-- them. Policies on schema realtime count. Needs an empty search_path, or the calls would print unqualified.
select
  'auth_rls_initplan' as name,
  'Auth RLS Initialization Plan' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'A row level security policy calls auth.uid(), auth.jwt(), auth.role(), auth.email() or current_setting() for each row instead of once for each query.' as description,
  format(E'Policy \\`%s\\` on table \\`%s.%s\\` asks who is calling for each row; written as a query, \\`(select auth.uid())\\` for instance, it is asked once',
    pol.polname, n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0003_auth_rls_initplan' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('auth_rls_init_plan_%s_%s_%s', n.nspname, c.relname, pol.polname) as cache_key
from pg_policy pol
join pg_class c on c.oid = pol.polrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relrowsecurity
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and exists (
    select
    from unnest(array[pg_get_expr(pol.polqual, c.oid), pg_get_expr(pol.polwithcheck, c.oid)]) as clause
    cross join unnest(array['auth.uid()', 'auth.jwt()', 'auth.role()', 'auth.email()', 'current\_setting(%)']) as call
    where clause like '%' || call || '%'
      and lower(clause) not like '%select ' || call || '%'
  )
order by n.nspname, c.relname, pol.polname
