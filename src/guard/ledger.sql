select
    m.version,
    to_jsonb(m) ->> 'name' as name,
    to_jsonb(m) ->> 'idempotency_key' as idempotency_key,
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
        coalesce(pg_catalog.array_to_string(m.statements, e'\n'), ''), 'UTF8')), 'hex') as digest
from supabase_migrations.schema_migrations as m
order by m.version
