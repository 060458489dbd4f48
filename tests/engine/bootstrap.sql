create role postgres login createdb bypassrls;
create role supabase_read_only_user login bypassrls;
grant pg_read_all_data to supabase_read_only_user;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
alter database postgres owner to postgres;
alter schema public owner to postgres;
create schema extensions;
create extension pgcrypto schema extensions;
create extension "uuid-ossp" schema extensions;
do $$
declare f regprocedure;
begin
  for f in select oid::regprocedure from pg_proc
           where pronamespace = 'pg_catalog'::regnamespace
             and (proname like 'pg\_%advisory%lock%' or proname in ('lo_create', 'lo_creat', 'lo_unlink', 'lo_put', 'lowrite', 'lo_from_bytea', 'lo_truncate', 'lo_truncate64'))
  loop
    execute format('revoke execute on function %s from public', f);
  end loop;
end $$;
grant all on schema public to postgres;
