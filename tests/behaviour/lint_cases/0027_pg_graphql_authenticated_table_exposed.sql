-- expect: public.t
-- expect: public.a_column
-- expect: public.a_view
-- expect: public.copy
-- expect: public.part
-- expect: hidden.t
-- as supabase_admin
-- the extension itself is on few machines
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
  select 99999, 'pg_graphql', 10, oid, false, '1.5' from pg_namespace where nspname = 'graphql';
-- as postgres
create table public.t (id int);
alter table public.t enable row level security;
grant select on public.t to authenticated;
create table public.a_column (id int, secret int);
grant select (id) on public.a_column to authenticated;
create view public.a_view as select 1 as id;
grant select on public.a_view to public;
create materialized view public.copy as select 1 as id;
grant select on public.copy to authenticated;
create table public.parts (id int) partition by list (id);
create table public.part partition of public.parts default;
grant select on public.parts, public.part to authenticated;
create schema hidden;
create table hidden.t (id int);
grant select on hidden.t to authenticated;

create table public.unread (id int);
grant insert, update on public.unread to authenticated;
create table public.for_the_other (id int);
grant select on public.for_the_other to anon;
create table public.nothing ();
grant select on public.nothing to authenticated;
-- as supabase_admin
create schema net;
create table net.t (id int);
