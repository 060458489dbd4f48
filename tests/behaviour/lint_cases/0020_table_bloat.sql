-- expect: public.bloated
create table public.bloated (id int, note text);
insert into public.bloated select n, 'x' from generate_series(1, 100) as n;
create table public.lean (id int, note text);
insert into public.lean select n, 'x' from generate_series(1, 100) as n;
create table public.small (id int, note text);
insert into public.small select n, 'x' from generate_series(1, 100) as n;
create table public.half (id int, note text);
insert into public.half select n, repeat('x', 200) from generate_series(1, 1000) as n;
create table public.never_analyzed (id int);
analyze public.bloated, public.lean, public.small, public.half;
-- as supabase_admin
-- what statistics would say of 100 rows in 3,000 pages of 8 KiB, in 100, and of a table that is 70 times too large
update pg_class set relpages = 3000 where oid in ('public.bloated'::regclass, 'public.never_analyzed'::regclass);
update pg_class set relpages = 100 where oid = 'public.small'::regclass;
update pg_class set relpages = 70 * (ceil(1000 * 236 / 8172.0)) where oid = 'public.half'::regclass;
