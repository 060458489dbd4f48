-- Permissive policies of which a role has several for one action on a table: each is evaluated for every row. A policy
-- for everybody counts for every role, except those that no policy binds and the platform's own; by name, as on the
-- platform, where `pg_%` takes in everything that begins with pg. Whether row security is on does not matter.
select
  'multiple_permissive_policies' as name,
  'Multiple Permissive Policies' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'A role has several permissive policies for the same action on the table, and each of them is evaluated for every row.' as description,
  format(E'Table \\`%s.%s\\` has several permissive policies for role \\`%s\\` and \\`%s\\`: %s',
    n.nspname, c.relname, r.rolname, action.word, string_agg(format(E'\\`%s\\`', pol.polname), ', ' order by pol.polname)) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0006_multiple_permissive_policies' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') as metadata,
  format('multiple_permissive_policies_%s_%s_%s_%s', n.nspname, c.relname, r.rolname, action.word) as cache_key
from pg_policy pol
join pg_class c on c.oid = pol.polrelid
join pg_namespace n on n.oid = c.relnamespace
-- 0 stands for everybody, and then stands alone
join pg_roles r on pol.polroles = '{0}' or r.oid = any (pol.polroles)
join (
  values ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('d', 'DELETE')
) as action (command, word) on pol.polcmd in ('*', action.command)
where pol.polpermissive
  and c.relkind = 'r'
  and not r.rolbypassrls
  and r.rolname not like 'pg_%'
  and r.rolname not like 'supabase%admin'
  and n.nspname not in (
    '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal', 'auth', 'cron',
    'extensions', 'graphql', 'graphql_public', 'information_schema', 'net', 'pg_catalog', 'pgbouncer', 'pgmq',
    'pgroonga', 'pgsodium', 'pgsodium_masks', 'pgtle', 'realtime', 'repack', 'storage', 'supabase_functions',
    'supabase_migrations', 'tiger', 'topology', 'vault'
  )
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
group by n.nspname, c.relname, r.rolname, action.word
having count(*) > 1
order by n.nspname, c.relname, r.rolname, action.word
