-- expect: public.open
-- expect: public.for_authenticated
-- expect: public.with_policy
-- expect: public.of_extension
-- expect: api.open
-- exposed: public,api
create table public.open (id int);
grant select on public.open to anon;
create table public.for_authenticated (id int);
grant select, insert on public.for_authenticated to authenticated;
create table public.with_policy (id int);
create policy p on public.with_policy using (true);
grant all on public.with_policy to anon;
-- found: the API serves tables of extensions as well (postgis' spatial_ref_sys is the known one)
create extension citext with schema extensions;
create table public.of_extension (id int);
grant select on public.of_extension to public;
alter extension citext add table public.of_extension;
create schema api;
create table api.open (id int);
grant select on api.open to anon;

-- not found: row security on; no grant (the explicit profile); write-only; one column; service_role only
create table public.safe (id int);
alter table public.safe enable row level security;
grant select on public.safe to anon;
create table public.ungranted (id int);
create table public.write_only (id int);
grant insert on public.write_only to anon;
create table public.one_column (id int);
grant select (id) on public.one_column to anon;
create table public.service (id int);
grant all on public.service to service_role;
-- not found: not exposed; partitioned
create schema hidden;
create table hidden.open (id int);
grant select on hidden.open to anon;
create table public.parts (id int) partition by list (id);
grant select on public.parts to anon;
