-- expect key: duplicate_index_public_t_{one,two}
-- expect key: duplicate_index_public_t_{a_third,t_pkey}
-- expect key: duplicate_index_public_copy_{copy_1,copy_2}
create table public.t (id int primary key, a int, b int);
create index one on public.t (a) where b > 0;
create index two on public.t (a) where b > 0;
create unique index a_third on public.t (id);
create materialized view public.copy as select 1 as id;
create index copy_1 on public.copy (id);
create index copy_2 on public.copy (id);

-- not found: the quotes of a name that needs them stay, as on the platform
create index "A Fourth" on public.t (a) where b > 0;
-- not found: definitions that differ; of an extension
create index other_order on public.t (a, b);
create index turned on public.t (b, a);
create index descending on public.t (a desc);
create index ascending on public.t (a);
create index hashed on public.t using hash (a);
create unique index only_once on public.t (a);
create index partly on public.t (a) where b > 1;
create extension citext with schema extensions;
create table public.of_extension (id int);
create index e1 on public.of_extension (id);
create index e2 on public.of_extension (id);
alter extension citext add table public.of_extension;
