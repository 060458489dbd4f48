-- Which of the schemas whose names stand between commas do not exist.
select name
from pg_catalog.unnest(pg_catalog.string_to_array($1, ',')) as name
where not exists (select from pg_catalog.pg_namespace as n where n.nspname = name)
order by name
