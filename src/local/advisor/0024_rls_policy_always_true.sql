-- Permissive policies for public, anon or authenticated that let every row be written: USING (update, delete, all)
-- or WITH CHECK is literally true. Reading for everyone is left out, it is often meant. Absent clauses:
--   USING absent           update, delete, all     true
--   WITH CHECK absent      insert                  true
--   WITH CHECK absent      update, all             whatever USING is (PostgreSQL falls back to it)
-- Only with row security on; without it lints 0007 and 0013 speak.
with policy as (
  select
    pol.*,
    case pol.polcmd when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' when '*' then 'ALL' else 'SELECT' end as command,
    -- A literally true expression names no column and runs no query; so only such trees are turned into text.
    case when pol.polqual::text ~ '\{(VAR|SUBLINK) ' then '' else pg_get_expr(pol.polqual, pol.polrelid) end as using_text,
    case when pol.polwithcheck::text ~ '\{(VAR|SUBLINK) ' then '' else pg_get_expr(pol.polwithcheck, pol.polrelid) end as check_text
  from pg_policy pol
  where pol.polpermissive
    -- 0 stands for public, and then stands alone
    and pol.polroles && array(select 0::oid union all select oid from pg_roles where rolname in ('anon', 'authenticated'))
),
judged as (
  select
    p.*,
    p.command in ('UPDATE', 'DELETE', 'ALL')
      and coalesce(lower(regexp_replace(p.using_text, '\s', '', 'g')), 'true') in ('true', '(true)', '1=1', '(1=1)') as open_using,
    case
      when p.check_text is not null then lower(regexp_replace(p.check_text, '\s', '', 'g')) in ('true', '(true)', '1=1', '(1=1)')
      when p.command = 'INSERT' then true
      when p.command in ('UPDATE', 'ALL') then lower(regexp_replace(p.using_text, '\s', '', 'g')) in ('true', '(true)', '1=1', '(1=1)')
      else false
    end as open_check
  from policy p
)
select
  'rls_policy_always_true' as name,
  'RLS Policy Always True' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A permissive policy lets everyone insert, update or delete every row: its USING or WITH CHECK is always true.' as description,
  format('Policy `%s` on table `%s.%s` allows %s on every row to %s: %s always true', p.polname, n.nspname, c.relname,
    p.command, array_to_string(role.names, ', '),
    case when p.open_using and p.open_check then 'USING and WITH CHECK are' when p.open_using then 'USING is' else 'WITH CHECK is' end) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0024_permissive_rls_policy' as remediation,
  jsonb_build_object(
    'schema', n.nspname, 'name', c.relname, 'type', 'table',
    'policy_name', p.polname, 'command', p.command, 'roles', role.printed,
    'qual', pg_get_expr(p.polqual, p.polrelid), 'with_check', pg_get_expr(p.polwithcheck, p.polrelid),
    'permissive_using', p.open_using, 'permissive_with_check', coalesce(p.open_check, false)
  ) as metadata,
  format('rls_policy_always_true_%s_%s_%s', n.nspname, c.relname, p.polname) as cache_key
from judged p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  -- public prints as a dash in the metadata, as on the platform
  select array_agg(r::regrole::text) as printed, array_agg(case when r = 0 then 'public' else r::regrole::text end) as names
  from unnest(p.polroles) as r
) as role
where (p.open_using or p.open_check)
  and c.relkind = 'r'
  and c.relrowsecurity
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
order by n.nspname, c.relname, p.polname
