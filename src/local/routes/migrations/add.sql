insert into supabase_migrations.schema_migrations (version, name, statements, rollback, idempotency_key)
select greatest($1::bigint, coalesce(max(version::bigint), 0) + 1)::text, $2, $3, $4, $5
from supabase_migrations.schema_migrations where version ~ '^[0-9]{1,18}$'
