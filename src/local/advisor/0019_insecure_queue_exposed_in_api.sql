-- Queues that the API's queue functions serve, without row security on the table behind them. The key begins with
-- another lint's name, as on the platform.
select
  'insecure_queue_exposed_in_api' as name,
  'Insecure Queue Exposed in API' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The table of a queue has no row level security while the API exposes the schema through which queues are read and written.' as description,
  format(E'Queue table \\`%s.%s\\` can be reached through the API, and row level security is off', n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0019_insecure_queue_exposed_in_api' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('rls_disabled_in_public_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'pgmq'
  and c.relkind = 'r'
  and c.relname like 'q_%'
  and not c.relrowsecurity
  and 'pgmq_public' = any (array(
    select btrim(s) from unnest(string_to_array(current_setting('pgrst.db_schemas', true), ',')) as s
  ))
  and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))
order by n.nspname, c.relname
