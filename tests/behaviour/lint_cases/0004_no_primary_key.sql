-- expect: public.bare
-- expect: public.uniquely
-- expect: public.part
-- expect: public."quo.ted
-- expect: hidden.t
create table public.bare (id int);
create table public.uniquely (id int not null unique);
create table public.parts (id int) partition by list (id);
create table public.part partition of public.parts default;
create table public."""quo.ted" (id int);
create schema hidden;
create table hidden.t (id int);

create table public.keyed (id int primary key);
create table public.keyed_parts (id int primary key) partition by list (id);
create table public.keyed_part partition of public.keyed_parts default;
create view public.a_view as select 1 as id;
create materialized view public.a_copy as select 1 as id;
create extension citext with schema extensions;
create table public.of_extension (id int);
alter extension citext add table public.of_extension;
-- as supabase_admin
create table extensions.t (id int);
