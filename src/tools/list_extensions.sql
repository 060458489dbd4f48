-- Every extension that the machine offers: name text, schema text and installed_version text (null: not installed),
-- default_version text, comment text.
select
  x.name::text as name,
  n.nspname::text as schema,
  e.extversion as installed_version,
  x.default_version,
  x.comment
from pg_available_extensions x
left join pg_extension e on e.extname = x.name
left join pg_namespace n on n.oid = e.extnamespace
order by x.name
