-- expect: public.notes
-- expect: public.notes
-- expect: public.claims
-- expect: public.subquery
-- expect: public.check_only
-- expect: hidden.notes
-- found, once a policy; row security need not be on
create table public.notes (id int, role text);
create policy a on public.notes for select using ((auth.jwt() -> 'user_metadata' ->> 'role') = 'admin');
create policy b on public.notes for update using (((select auth.jwt()) -> 'user_metadata' ->> 'role') = role);
create policy fine on public.notes for delete using ((auth.jwt() -> 'app_metadata' ->> 'role') = 'admin');
create table public.claims (id int);
create policy a on public.claims using (
  current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'admin' = 'true');
create table public.subquery (id int);
create policy a on public.subquery using (
  exists (select from public.notes n where n.role = (auth.jwt() -> 'user_metadata' ->> 'role')));
create table public.check_only (id int);
create policy a on public.check_only for insert with check ((auth.jwt() #>> '{user_metadata,admin}') = 'yes');
create schema hidden;
create table hidden.notes (id int);
create policy a on hidden.notes using ((auth.jwt() -> 'user_metadata') ? 'admin');

-- not found: user_metadata from elsewhere, other claims, other settings
create table public.other (id int, user_metadata jsonb);
create policy a on public.other using (user_metadata ->> 'role' = 'admin');
create policy b on public.other using ((auth.jwt() ->> 'email') = 'x');
create policy c on public.other using (current_setting('app.user_metadata', true) = 'x');
create policy d on public.other using (user_metadata ->> 'role' = (auth.jwt() ->> 'role'));
-- not found: a look-alike in another schema
create function public.jwt() returns jsonb language sql as 'select null::jsonb';
create policy e on public.other using ((public.jwt() -> 'user_metadata') is not null);
-- not found: the platform's own tables
create policy a on storage.objects using ((auth.jwt() -> 'user_metadata' ->> 'role') = 'admin');
