-- expect: public.notes
-- expect: hidden.notes
-- found, once for two policies
create table public.notes (id int primary key);
create policy a on public.notes for select using (true);
create policy b on public.notes for insert with check (true);
-- found: exposure does not matter
create schema hidden;
create table hidden.notes (id int);
create policy a on hidden.notes using (true);

-- not found: row security on
create table public.safe (id int);
alter table public.safe enable row level security;
create policy a on public.safe using (true);
-- not found: turned off, but no policy
create table public.plain (id int);
-- not found: partitioned tables are no ordinary tables
create table public.parts (id int) partition by list (id);
create policy a on public.parts using (true);
-- not found: a schema of the platform or of an extension
create schema pgmq;
create table pgmq.q (id int);
create policy a on pgmq.q using (true);
-- not found: owned by an extension
create extension citext with schema extensions;
create table public.of_extension (id int);
create policy a on public.of_extension using (true);
alter extension citext add table public.of_extension;
