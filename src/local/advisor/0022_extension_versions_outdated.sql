-- Extensions whose version is not the one that the machine would install today. A version that the machine does not
-- offer any more, left by an upgrade of PostgreSQL for instance, is not held against it.
select
  'extension_versions_outdated' as name,
  'Extension Versions Outdated' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The extension is installed in another version than the recommended one.' as description,
  format('Extension `%s` is installed in version `%s`, and `%s` is recommended', e.extname, e.extversion, offered.default_version) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0022_extension_versions_outdated' as remediation,
  jsonb_build_object(
    'extension_name', e.extname, 'installed_version', e.extversion, 'default_version', offered.default_version
  ) as metadata,
  format('extension_versions_outdated_%s_%s', e.extname, e.extversion) as cache_key
from pg_extension e
join pg_available_extensions() as offered on offered.name = e.extname
where offered.default_version <> e.extversion
  and exists (
    select from pg_available_extension_versions() as known where known.name = e.extname and known.version = e.extversion
  )
order by e.extname
