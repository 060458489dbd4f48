-- What the server runs with, of the settings whose names stand between commas.
select name, pg_catalog.current_setting(name) as value, pending_restart
from pg_catalog.pg_settings
where name = any (pg_catalog.string_to_array($1, ','))
order by name
