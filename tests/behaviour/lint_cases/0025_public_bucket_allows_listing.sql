-- expect: storage.avatars
-- expect: storage.o'brien
-- as supabase_admin
insert into storage.buckets (id, name, public) values
  ('avatars', 'avatars', true), ('o''brien', 'o''brien', true), ('closed', 'closed', false), ('own', 'own', true), ('checked', 'checked', true),
  ('written', 'written', true), ('restricted', 'restricted', true), ('of_service', 'of_service', true), ('listed', 'listed', true);
create policy a on storage.objects for select to anon using (bucket_id = 'avatars');
create policy b on storage.objects to authenticated using (bucket_id = 'o''brien');

create policy c on storage.objects for select using (bucket_id = 'closed');
create policy d on storage.objects for select using (bucket_id = 'own' and owner = auth.uid());
create policy e on storage.objects for select using (bucket_id = 'checked' and (storage.foldername(name))[1] = 'x');
create policy f on storage.objects for insert with check (bucket_id = 'written');
create policy g on storage.objects as restrictive for select using (bucket_id = 'restricted');
create policy h on storage.objects for select to service_role using (bucket_id = 'of_service');
create policy i on storage.objects for select using (bucket_id in ('listed', 'more'));
