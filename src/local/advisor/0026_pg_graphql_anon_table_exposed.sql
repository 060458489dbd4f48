-- What anon finds in the GraphQL schema: tables, views, materialized views and foreign tables of which it may select
-- a column. Row security does not hide them; partitioned tables themselves are not served, their partitions are.
select
  'pg_graphql_anon_table_exposed' as name,
  'Public Can See Object in GraphQL Schema' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The GraphQL schema shows the name, the columns and the relationships of the object to everybody, whatever its rows are protected by.' as description,
  format('%s `%s.%s` stands in the GraphQL schema, because `anon` may select from it', upper(left(kind.word, 1)) || substr(kind.word, 2),
    n.nspname, c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0026_pg_graphql_anon_table_exposed' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', kind.word) as metadata,
  format('pg_graphql_anon_table_exposed_%s_%s', n.nspname, c.relname) as cache_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join (
  values ('r', 'table'), ('v', 'view'), ('m', 'materialized view'), ('f', 'foreign table')
) as kind (letter, word) on kind.letter = c.relkind::text
where exists (select from pg_extension where extname = 'pg_graphql')
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and has_any_column_privilege('anon', c.oid, 'select')
  -- the right to select a table without columns shows nothing
  and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
order by n.nspname, c.relname
