-- SECURITY DEFINER functions of an exposed schema that anon may execute: they run with their owner's rights, past
-- row security. A new function is executable by PUBLIC unless that is revoked, which counts; so do functions of
-- extensions.
select
  'anon_security_definer_function_executable' as name,
  'Public Can Execute SECURITY DEFINER Function' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A SECURITY DEFINER function in an exposed schema can be called by anyone, without signing in, with the rights of its owner.' as description,
  format('Function `%s.%s(%s)` is SECURITY DEFINER, and `anon` can call it at `/rest/v1/rpc/%s`',
    n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), p.proname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0028_anon_security_definer_function_executable' as remediation,
  jsonb_build_object(
    'schema', n.nspname, 'name', p.proname, 'arguments', pg_get_function_identity_arguments(p.oid),
    'language', l.lanname, 'security_definer', true
  ) as metadata,
  format('anon_security_definer_function_executable_%s_%s_%s', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as cache_key
from pg_namespace n
join pg_proc p on p.pronamespace = n.oid
join pg_language l on l.oid = p.prolang
where p.prosecdef
  and n.nspname = any (array(
    select btrim(s) from unnest(string_to_array(current_setting('pgrst.db_schemas', true), ',')) as s
  ))
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and has_function_privilege('anon', p.oid, 'execute')
order by n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)
