-- expect: public.t.ins
-- expect: public.t.ins_absent
-- expect: public.t.upd
-- expect: public.t.upd_absent
-- expect: public.t.upd_check_only
-- expect: public.t.del
-- expect: public.t.everything
-- expect: public.t.to_anon
-- expect: public.t.to_both
-- expect: public.t.one_is_one
-- expect: public.t.all_reads_all
-- expect: hidden.t.ins
create table public.t (id int, owner uuid);
alter table public.t enable row level security;
create policy ins on public.t for insert with check (true);
create policy ins_absent on public.t for insert to authenticated;
create policy upd on public.t for update using (true);
create policy upd_absent on public.t for update to authenticated with check (owner = auth.uid());
create policy upd_check_only on public.t for update using (owner = auth.uid()) with check (true);
create policy del on public.t for delete using (true);
create policy everything on public.t using (true);
create policy to_anon on public.t for insert to anon with check (true);
create policy to_both on public.t for insert to service_role, authenticated with check (true);
create policy one_is_one on public.t for delete using (1 = 1);
create policy all_reads_all on public.t for all using (true) with check (owner = auth.uid());
create schema hidden;
create table hidden.t (id int);
alter table hidden.t enable row level security;
create policy ins on hidden.t for insert with check (true);

-- not found: reading for everyone
create policy n1 on public.t for select using (true);
-- not found: restrictive; other roles
create policy n2 on public.t as restrictive for insert with check (true);
create policy n3 on public.t for insert to service_role with check (true);
-- not found: a condition; WITH CHECK falls back to USING
create policy n4 on public.t for all using (owner = auth.uid());
create policy n5 on public.t for update using (owner = auth.uid());
create policy n6 on public.t for delete using (auth.uid() is not null);
create policy n7 on public.t for insert with check (exists (select true));
-- not found: tautologies that the linter does not know
create policy n8 on public.t for delete using (2 = 2);
create policy n9 on public.t for delete using (not false);
-- not found: row security off; partitioned; the platform's tables
create table public.off (id int);
create policy ins on public.off for insert with check (true);
create table public.parts (id int) partition by list (id);
alter table public.parts enable row level security;
create policy ins on public.parts for insert with check (true);
create policy ins on storage.objects for insert with check (true);
