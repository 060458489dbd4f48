-- The schemas of a project and the migration ledger.

-- The database stays with supabase_admin: its owner could put settings on it that reach the platform's own
-- sessions. The user gets what an owner needs day to day.
revoke temporary on database postgres from public;
grant create, connect, temporary on database postgres to postgres;
-- Everyone but supabase_read_only_user may use temporary tables, as in the cloud.
grant temporary on database postgres to anon, authenticated, service_role, authenticator,
  supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, supabase_functions_admin, dashboard_user;

-- `grant usage on schema public …` and `drop schema public` stand in real migrations; both need the owner.
alter schema public owner to postgres;
grant usage on schema public to anon, authenticated, service_role;

create schema auth;
create schema storage;
create schema realtime;
create schema extensions;
create schema graphql;
create schema graphql_public;
create schema vault;
create schema supabase_migrations;

grant usage on schema extensions, auth, storage, graphql_public, realtime to anon, authenticated, service_role, postgres;
grant usage on schema auth to supabase_auth_admin, supabase_shared_tables_admin, supabase_storage_admin, dashboard_user;
grant usage on schema storage to supabase_storage_admin, supabase_shared_tables_admin, dashboard_user;
grant usage on schema realtime to supabase_realtime_admin, supabase_shared_tables_admin, dashboard_user;
grant usage on schema extensions to supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, dashboard_user;
-- In the cloud postgres owns it: `alter extension … set schema extensions` is how an extension leaves public.
grant create on schema extensions to postgres;
grant usage on schema graphql, vault to postgres, service_role;
grant usage on schema supabase_migrations to postgres;

-- The ledger: one row a migration, present from birth.
create table supabase_migrations.schema_migrations (
  version text not null primary key,
  statements text[],
  name text,
  created_by text,
  idempotency_key text,
  rollback text[]
);
create unique index schema_migrations_idempotency_key
  on supabase_migrations.schema_migrations (idempotency_key) where idempotency_key is not null;

-- A migration inserts its own row, in its own transaction, as postgres. It must not rewrite history.
grant select, insert on supabase_migrations.schema_migrations to postgres;

-- `lock table … in share row exclusive mode` keeps two migrations apart, and before 17 (MAINTAIN) it asks for a
-- privilege to change rows. UPDATE is granted for the lock's sake alone; the trigger refuses every update, also
-- under session_replication_role = replica (ALWAYS), and only supabase_admin, the table's owner, may drop it.
grant update on supabase_migrations.schema_migrations to postgres;

create function supabase_migrations.refuse_update() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then
    raise exception 'the migration ledger is append-only'
      using errcode = 'insufficient_privilege', hint = 'Write a new migration instead of changing an old one.';
  end if;
  return null;
end
$$;
revoke execute on function supabase_migrations.refuse_update() from public;

create trigger refuse_update before update on supabase_migrations.schema_migrations
  for each statement execute function supabase_migrations.refuse_update();
alter table supabase_migrations.schema_migrations enable always trigger refuse_update;
