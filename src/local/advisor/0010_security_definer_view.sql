-- Exposed views that run with their owner's rights, and so past the caller's row security. Since 15 a view can be
-- told otherwise by security_invoker; only the four spellings below count, as on the platform.
select
  'security_definer_view' as name,
  'Security Definer View' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The view is evaluated with the privileges and policies of its owner, not with those of whoever selects from it.' as description,
  format(E'View \\`%s.%s\\` runs with the rights of its owner (it is not security_invoker)', n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0010_security_definer_view' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'view') as metadata,
  format('security_definer_view_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v'
  and n.nspname = any (array(
    select btrim(s) from unnest(string_to_array(current_setting('pgrst.db_schemas', true), ',')) as s
  ))
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))
  and not coalesce(lower(c.reloptions::text)::text[] && array['security_invoker=1', 'security_invoker=true', 'security_invoker=yes', 'security_invoker=on'], false)
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by n.nspname, c.relname
