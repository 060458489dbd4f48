update supabase_migrations.schema_migrations
set name = coalesce($2, name), rollback = coalesce($3, rollback)
where version = $1
returning version
