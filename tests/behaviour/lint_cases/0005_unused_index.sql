-- expect key: unused_index_public_t_plain
-- expect key: unused_index_public_t_partly
-- expect key: unused_index_public_copy_of_copy
create table public.t (id int primary key, a int unique, b int, c int);
create index plain on public.t (b);
create index partly on public.t (c) where c > 0;
create materialized view public.copy as select 1 as id;
create index of_copy on public.copy (id);

create unique index only_once on public.t (b, c);
-- an exclusion constraint keeps something apart, and is not unique to the catalogue
create table public.parts (id int) partition by list (id);
create index of_parts on public.parts (id);
create extension citext with schema extensions;
create table public.of_extension (id int);
create index of_extension_idx on public.of_extension (id);
alter extension citext add table public.of_extension;
