-- expect key: auth_rls_init_plan_public_t_uid
-- expect key: auth_rls_init_plan_public_t_in_check
-- expect key: auth_rls_init_plan_public_t_jwt
-- expect key: auth_rls_init_plan_public_t_role
-- expect key: auth_rls_init_plan_public_t_email
-- expect key: auth_rls_init_plan_public_t_setting
-- expect key: auth_rls_init_plan_public_t_one_of_two
-- expect key: auth_rls_init_plan_public_t_restrictive
-- expect key: auth_rls_init_plan_public_parts_uid
-- expect key: auth_rls_init_plan_hidden_t_uid
-- expect key: auth_rls_init_plan_realtime_messages_uid
create table public.t (id int, owner uuid);
alter table public.t enable row level security;
create policy uid on public.t using (owner = auth.uid());
create policy in_check on public.t for insert with check (owner = auth.uid());
create policy jwt on public.t using (auth.jwt() ->> 'a' = 'b');
create policy role on public.t using (auth.role() = 'x');
create policy email on public.t using (auth.email() = 'x');
create policy setting on public.t using (current_setting('app.user', true) = 'x');
create policy one_of_two on public.t using (owner = (select auth.uid())) with check (owner = auth.uid());
create policy restrictive on public.t as restrictive using (auth.uid() is not null);
create table public.parts (owner uuid) partition by hash (owner);
alter table public.parts enable row level security;
create policy uid on public.parts using (owner = auth.uid());
create schema hidden;
create table hidden.t (owner uuid);
alter table hidden.t enable row level security;
create policy uid on hidden.t using (owner = auth.uid());
-- as supabase_admin
create table if not exists realtime.messages (id int);
alter table realtime.messages enable row level security;
create policy uid on realtime.messages using (auth.uid() is not null);
alter table storage.objects enable row level security;
create policy uid on storage.objects using (owner = auth.uid());
-- as postgres

-- not found: asked once
create policy wrapped on public.t using (owner = (select auth.uid()));
create policy wrapped_setting on public.t using ((select current_setting('app.user', true)) = 'x');
-- not found: one call that is wrapped excuses its clause
create policy excused on public.t using (owner = auth.uid() or owner = (select auth.uid()));
-- not found: other functions; row security off
create function public.uid() returns uuid language sql stable as 'select null::uuid';
create policy other on public.t using (owner = public.uid());
create table public.off (owner uuid);
create policy uid on public.off using (owner = auth.uid());
