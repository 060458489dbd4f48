insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('avatars', 'avatars', true, 1048576, array['image/png', 'image/jpeg'])
on conflict (id) do update set public = excluded.public;

create policy "Avatar images are publicly accessible." on storage.objects
  for select using (bucket_id = 'avatars');
create policy "Anyone can upload an avatar." on storage.objects
  for insert to authenticated
  with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid()::text));
create policy "own files" on storage.objects for delete to authenticated
  using (owner_id = (select auth.uid()::text) and storage.extension(name) = any (array['png', 'jpg']));
drop policy if exists "own files" on storage.objects;
create extension if not exists "pg_cron" with schema pg_catalog;
create extension if not exists vector with schema extensions version '0.7.0' cascade;
select cron.schedule('nightly', '0 3 * * *', $$ delete from public.sessions where expires < now() - interval '1 day' $$);
create event trigger ensure_rls on ddl_command_end when tag in ('CREATE TABLE') execute function private.rls();
create server fdw foreign data wrapper wasm_wrapper options (fdw_package_name 'x', "api_url" 'https://example.com');
create foreign table public.remote (id bigint, name text) server fdw options (object 'customers');
