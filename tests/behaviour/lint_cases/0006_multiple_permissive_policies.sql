-- expect key: multiple_permissive_policies_public_two_anon_SELECT
-- expect key: multiple_permissive_policies_public_two_authenticated_INSERT
-- expect key: multiple_permissive_policies_public_two_authenticated_SELECT
-- expect key: multiple_permissive_policies_public_two_authenticator_SELECT
-- expect key: multiple_permissive_policies_public_two_dashboard_user_SELECT
-- expect key: multiple_permissive_policies_public_off_anon_DELETE
create table public.two (id int);
alter table public.two enable row level security;
create policy "first" on public.two for select using (true);
create policy "second" on public.two for select using (id > 0);
create policy signed_in on public.two to authenticated using (true);
create policy adds on public.two for insert to authenticated with check (true);
-- row security may be off
create table public.off (id int);
create policy a on public.off for delete to anon using (true);
create policy b on public.off for delete to anon using (id > 0);

-- not found: each for another role or action; restrictive; roles that no policy binds
create table public.apart (id int);
create policy a on public.apart for select to anon using (true);
create policy b on public.apart for select to authenticated using (true);
create policy c on public.apart for insert to anon with check (true);
create policy d on public.apart as restrictive for select to anon using (true);
create policy e on public.apart for update to service_role using (true);
create policy f on public.apart for update to service_role using (true);
-- not found: partitioned; of an extension
create table public.parts (id int) partition by list (id);
create policy a on public.parts for select to anon using (true);
create policy b on public.parts for select to anon using (true);
create extension citext with schema extensions;
create table public.of_extension (id int);
create policy a on public.of_extension for select to anon using (true);
create policy b on public.of_extension for select to anon using (true);
alter extension citext add table public.of_extension;
