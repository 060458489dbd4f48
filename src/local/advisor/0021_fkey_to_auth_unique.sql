-- Foreign keys into schema auth that lean on a unique constraint other than the primary key: the platform may drop it
-- in an update of Auth.
select
  'fkey_to_auth_unique' as name,
  'Foreign Key to Auth Unique Constraint' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A foreign key refers to columns of schema auth that are unique but not the primary key, which the platform may change.' as description,
  format('Foreign key `%s` of table `%s`.`%s` refers to a unique constraint in schema auth', k.conname, n.nspname, c.relname) as detail,
  'Drop the foreign key, and refer to the primary key of the table in schema auth instead.' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'foreign_key', k.conname) as metadata,
  format('fkey_to_auth_unique_%s_%s_%s', n.nspname, c.relname, k.conname) as cache_key
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class target on target.oid = k.confrelid
join pg_index i on i.indexrelid = k.conindid
where k.contype = 'f'
  and target.relnamespace = to_regnamespace('auth')
  and i.indisunique
  and not i.indisprimary
order by n.nspname, c.relname, k.conname
