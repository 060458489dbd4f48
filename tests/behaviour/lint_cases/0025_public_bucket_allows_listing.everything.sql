-- expect: storage.avatars
-- as supabase_admin
insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true), ('closed', 'closed', false);
create policy everything on storage.objects for select using (true);
create policy avatars on storage.objects for select using (bucket_id = 'avatars');
