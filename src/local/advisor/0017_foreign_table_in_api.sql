-- Foreign tables that the API serves: row security does not apply to what lies on another server.
select
  'foreign_table_in_api' as name,
  'Foreign Table in API' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The foreign table can be selected through the API, and row level security does not apply to foreign tables.' as description,
  format(E'Foreign table \\`%s.%s\\` can be selected by anon or authenticated', n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0017_foreign_table_in_api' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'foreign table') as metadata,
  format('foreign_table_in_api_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'f'
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
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by n.nspname, c.relname
