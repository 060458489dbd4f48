-- Columns of types that name objects by numbers of this very cluster, which pg_upgrade refuses. Of everything that has
-- columns: views, composite types and indexes on such columns too. Arrays of these types are not looked for.
with suspect as materialized (
  select attrelid, attname, atttypid
  from pg_attribute
  where atttypid in (
    'regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype, 'regoper'::regtype,
    'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype
  )
)
select
  'unsupported_reg_types' as name,
  'Unsupported reg types' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A column has a reg* type that pg_upgrade cannot carry over, which keeps the database from being upgraded.' as description,
  format(E'Column \\`%s\\` of table \\`%s.%s\\` is of type \\`%s\\`, which cannot be upgraded', a.attname, n.nspname, c.relname, a.atttypid::regtype) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=unsupported_reg_types' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'column', a.attname, 'type', 'table') as metadata,
  format('unsupported_reg_types_%s_%s_%s', n.nspname, c.relname, a.attname) as cache_key
from suspect a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'pgsodium')
order by n.nspname, c.relname, a.attname
