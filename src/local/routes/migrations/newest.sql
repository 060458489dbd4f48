-- from a version on, the newest first
select version, rollback
from supabase_migrations.schema_migrations
where version ~ '^[0-9]+$' and version::numeric >= $1::numeric
order by version::numeric desc, version desc
