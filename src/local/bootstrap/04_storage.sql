-- Schemas storage and realtime: the tables that users write policies on, and the helpers policies call.

create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');

create table storage.buckets (
  id text not null primary key,
  name text not null,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text,
  type storage.buckettype not null default 'STANDARD'
);
create unique index bname on storage.buckets (name);
comment on column storage.buckets.owner is 'Superseded by owner_id, which also holds ids that are no uuid.';

create table storage.objects (
  id uuid not null default gen_random_uuid() primary key,
  bucket_id text constraint "objects_bucketId_fkey" references storage.buckets (id),
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb
);
create unique index bucketid_objname on storage.objects (bucket_id, name);
create index name_prefix_search on storage.objects (name text_pattern_ops);
comment on column storage.objects.owner is 'Superseded by owner_id, which also holds ids that are no uuid.';

create table storage.migrations (
  id integer not null primary key,
  name varchar(100) not null unique,
  hash varchar(40) not null,
  executed_at timestamp default current_timestamp
);

-- 'a/b/c.txt' lies in the folders {a,b}, is named c.txt and has the extension txt. A name without a dot is its
-- own extension: policies compare against the platform's answer, odd as it is. (Bodies are parsed here and now:
-- no search_path can bend them, and the planner can still inline them.)
create function storage.foldername(name text) returns text[]
language sql immutable
return (select trim_array(parts, least(1, cardinality(parts))) from string_to_array(name, '/') as parts);

create function storage.filename(name text) returns text
language sql immutable
return (select parts[cardinality(parts)] from string_to_array(name, '/') as parts);

create function storage.extension(name text) returns text
language sql immutable
return (
  select dotted[cardinality(dotted)]
  from string_to_array(name, '/') as parts, string_to_array(parts[cardinality(parts)], '.') as dotted
);

alter function storage.foldername(text) owner to supabase_storage_admin;
alter function storage.filename(text) owner to supabase_storage_admin;
alter function storage.extension(text) owner to supabase_storage_admin;

alter table storage.buckets owner to supabase_shared_tables_admin;
alter table storage.objects owner to supabase_shared_tables_admin;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.migrations enable row level security;
revoke truncate on storage.buckets, storage.objects from supabase_shared_tables_admin;

-- What a request may do is decided by policies; without one, nothing.
grant select, insert, update, delete on storage.buckets, storage.objects to anon, authenticated, service_role;
grant select, insert, update, delete on storage.migrations to supabase_storage_admin;

-- Channel authorisation: policies on this table say who may listen to and speak on a topic. A plain table
-- where the platform partitions by day: the policies are what matters here, rows are short-lived.
create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(),
  primary key (id, inserted_at)
);
alter table realtime.messages owner to supabase_shared_tables_admin;
alter table realtime.messages enable row level security;
revoke truncate on realtime.messages from supabase_shared_tables_admin;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;

create function realtime.topic() returns text
language sql stable
return nullif(current_setting('realtime.topic', true), '');
alter function realtime.topic() owner to supabase_realtime_admin;

-- The list of tables whose changes are streamed. The user adds tables to it, and so owns it.
set role postgres;
create publication supabase_realtime;
reset role;
