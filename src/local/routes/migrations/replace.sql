update supabase_migrations.schema_migrations
set name = $1, statements = $2, rollback = $3
where idempotency_key = $4
