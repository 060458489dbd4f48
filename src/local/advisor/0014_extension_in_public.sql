-- Extensions in schema public, whose functions the API would then serve. plpgsql is there by default on some builds.
select
  'extension_in_public' as name,
  'Extension in Public' as title,
  'WARN' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'The extension is installed in schema public, which the API exposes.' as description,
  format(E'Extension \\`%s\\` is installed in schema public', e.extname) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0014_extension_in_public' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', e.extname, 'type', 'extension') as metadata,
  format('extension_in_public_%s', e.extname) as cache_key
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where n.nspname = 'public'
  and e.extname <> 'plpgsql'
order by e.extname
