-- Lists and their todos
create extension if not exists "uuid-ossp";

create type priority as enum ('low', 'medium', 'high');

create table if not exists public.profiles (
  id uuid primary key references auth.users(id) on delete cascade,
  username text unique,
  avatar_url text,
  created_at timestamptz default now()
);

create table if not exists public.lists (
  id uuid default gen_random_uuid() primary key,
  owner_id uuid references auth.users(id) on delete cascade,
  title text not null,
  created_at timestamptz default now()
);

create table if not exists public.todos (
  id uuid default uuid_generate_v4() primary key,
  list_id uuid not null references public.lists(id) on delete cascade,
  title text not null,
  priority priority default 'medium',
  done boolean not null default false,
  due_date date,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
