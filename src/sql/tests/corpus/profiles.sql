-- one profile per user
create table public.profiles (
  id uuid not null references auth.users (id) on delete cascade,
  username text unique check (char_length(username) >= 3),
  avatar_url text,
  settings jsonb not null default '{}'::jsonb,
  tags text[] default array[]::text[],
  full_name text generated always as (first_name || ' ' || last_name) stored,
  first_name text, last_name text,
  created_at timestamptz not null default timezone('utc'::text, now()),
  updated_at timestamp with time zone default now(),
  primary key (id)
);
alter table public.profiles enable row level security;

create policy "Public profiles are viewable by everyone." on public.profiles
  for select using (true);
create policy "Users can insert their own profile." on public.profiles
  for insert to authenticated with check ((select auth.uid()) = id);
create policy "Users can update own profile." on public.profiles as permissive
  for update to authenticated using (auth.uid() = id) with check (auth.uid() = id);
create policy admins on public.profiles as restrictive for all to authenticated
  using ((auth.jwt() ->> 'role') = 'admin' or (select auth.jwt() -> 'app_metadata' ->> 'tenant')::uuid = id);

create or replace function public.handle_new_user()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  insert into public.profiles (id, username, avatar_url)
  values (new.id, new.raw_user_meta_data->>'username', new.raw_user_meta_data->>'avatar_url');
  return new;
end;
$$;
create trigger on_auth_user_created
  after insert on auth.users
  for each row execute procedure public.handle_new_user();
create or replace trigger touched before update of username, avatar_url on public.profiles
  for each row when (old.username is distinct from new.username) execute function extensions.moddatetime(updated_at);
drop trigger if exists stale on public.profiles;
comment on table public.profiles is 'Profile data; ''quoted''';
comment on column public.profiles.username is E'line\nbreak';
grant select (id, username), update (username) on table public.profiles to authenticated;
revoke all on function public.handle_new_user() from public, anon;
