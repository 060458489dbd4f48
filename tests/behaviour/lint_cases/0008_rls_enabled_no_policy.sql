-- expect: public.locked
-- expect: hidden.locked
create table public.locked (id int);
alter table public.locked enable row level security;
create schema hidden;
create table hidden.locked (id int);
alter table hidden.locked enable row level security;

-- not found: has a policy, whatever it says
create table public.open (id int);
alter table public.open enable row level security;
create policy p on public.open as restrictive using (false);
-- not found: row security off (forced alone means nothing)
create table public.off (id int);
alter table public.off force row level security;
-- not found: partitioned; schema of an extension; owned by an extension
create table public.parts (id int) partition by list (id);
alter table public.parts enable row level security;
create schema cron;
create table cron.job (id int);
alter table cron.job enable row level security;
create extension citext with schema extensions;
create table public.of_extension (id int);
alter table public.of_extension enable row level security;
alter extension citext add table public.of_extension;
