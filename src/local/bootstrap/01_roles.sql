-- The roles of a project, created without passwords: the platform sets one secret per login role and
-- cluster, so that a copied template never shares a credential.
-- Runs once, as the bootstrap superuser supabase_admin, in database postgres.

-- A superuser must never resolve a name through a schema in which a user may create look-alikes.
alter role supabase_admin set search_path = '';
-- Nor run a user's trigger: whoever writes to auth.users fires what users attached to it, with the writer's rights.
-- As a replica, a superuser session fires none (and checks and cascades no foreign key). So the platform changes
-- these tables in sessions logged in as supabase_auth_admin or supabase_storage_admin. `set role` from a
-- superuser session is no substitute: a trigger could set it back.
alter role supabase_admin set session_replication_role = replica;

-- The user's role. Not a superuser, and NOCREATEROLE: on 15 a CREATEROLE role can grant itself
-- pg_execute_server_program and leave the cluster. No REPLICATION: it would allow base backups (which hold
-- every password verifier), slots that name an arbitrary library as output plugin, and dropping our slots.
create role postgres login nosuperuser nocreatedb nocreaterole noreplication bypassrls;
alter role postgres set search_path = "$user", public, extensions;

-- The roles of the Data API. The API logs in as authenticator and becomes one of the other three.
create role anon nologin inherit;
create role authenticated nologin inherit;
create role service_role nologin inherit bypassrls;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';

create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role authenticator set pgrst.db_schemas = 'public, graphql_public';

-- The role of every read: it can see all rows and write none. The default is a belt; the boundary is that the
-- role holds no privilege to write, and that no role which can write is reachable from it.
create role supabase_read_only_user login nosuperuser bypassrls;
grant pg_read_all_data to supabase_read_only_user;
alter role supabase_read_only_user set default_transaction_read_only = on;
alter role supabase_read_only_user set search_path = "$user", public, extensions;

-- The platform's services. They are what runs user code (triggers on auth.users, policies on storage.objects),
-- so none of them may hold more than its own tables.
create role supabase_auth_admin login inherit nocreaterole;
create role supabase_storage_admin login inherit nocreaterole;
create role supabase_realtime_admin nologin inherit;
create role supabase_functions_admin nologin;
create role supabase_etl_admin nologin;
create role supabase_replication_admin login replication;
create role dashboard_user nologin;
create role pgbouncer nologin;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = storage;
grant anon, authenticated, service_role to supabase_storage_admin;

-- Owner of the platform's tables that users may decorate with policies and triggers (auth.users,
-- storage.objects, …): PostgreSQL lets only an owner do that. It can never log in, owns nothing else, and has no
-- CREATE anywhere; 06_wall.sql takes away what ownership allows beyond decorating.
-- (The name fits `supabase%admin`, which lint 0006 leaves out when it counts roles.)
create role supabase_shared_tables_admin nologin noinherit;

grant anon, authenticated, service_role to postgres;
grant pg_monitor, pg_signal_backend to postgres;
-- Not pg_read_all_data: it also covers pg_authid. The user owns what it should read, or inherits it below.

do $$
declare
  member name;
begin
  foreach member in array array['postgres', 'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin']
  loop
    -- From 16 on, membership can be told apart into using the owner's rights and becoming the owner.
    if current_setting('server_version_num')::int >= 160000 then
      execute format('grant supabase_shared_tables_admin to %I with inherit true, set false', member);
    else
      execute format('grant supabase_shared_tables_admin to %I', member);
    end if;
  end loop;
end
$$;
