-- Foreign keys that no index serves: none begins with the key's columns in the key's own order. As on the platform,
-- partial indexes and included columns serve, indexes that are not valid do not, and the schema's name is printed
-- as SQL would have it, quotes included.
select
  'unindexed_foreign_keys' as name,
  'Unindexed foreign keys' as title,
  'INFO' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'No index begins with the columns of the foreign key, so that joins along it, and changes of the rows it points to, scan the whole table.' as description,
  format(E'Foreign key \\`%s\\` of table \\`%s.%s\\` has no index that begins with its columns', k.conname, quote_ident(n.nspname), c.relname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0001_unindexed_foreign_keys' as remediation,
  jsonb_build_object(
    'schema', quote_ident(n.nspname), 'name', c.relname, 'type', 'table', 'fkey_name', k.conname, 'fkey_columns', k.conkey
  ) as metadata,
  format('unindexed_foreign_keys_%s_%s_%s', quote_ident(n.nspname), c.relname, k.conname) as cache_key
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f'
  and not exists (
    select from pg_index i
    where i.indrelid = k.conrelid
      and i.indisvalid
      -- an int2vector counts from 0
      and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] = k.conkey
  )
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by n.nspname, c.relname, k.conname
