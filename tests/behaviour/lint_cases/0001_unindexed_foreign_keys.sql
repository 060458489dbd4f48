-- expect: public.bare.bare_a_fkey
-- expect: public.turned.turned_a_b_fkey
-- expect: public.second.second_a_fkey
-- expect: public.expressed.expressed_a_fkey
-- expect: public.broken.broken_a_fkey
-- expect: public.of_part.of_parts_a_fkey
-- expect: public.of_parts.of_parts_a_fkey
-- expect: "My App".t.t_a_fkey
-- expect: public.profiles.profiles_id_fkey
create table public.target (a int primary key, b int, unique (a, b));
create table public.bare (a int references public.target);
create table public.turned (a int, b int, foreign key (a, b) references public.target (a, b));
create index on public.turned (b, a);
create table public.second (a int references public.target, c int);
create index on public.second (c, a);
create table public.expressed (a int references public.target);
create index on public.expressed ((a + 0));
create table public.broken (a int references public.target);
create index broken_idx on public.broken (a);
create table public.of_parts (a int references public.target) partition by list (a);
create table public.of_part partition of public.of_parts default;
create schema "My App";
create table "My App".t (a int references public.target);
create table public.profiles (id uuid references auth.users);
-- as supabase_admin
update pg_index set indisvalid = false where indexrelid = 'public.broken_idx'::regclass;
-- as postgres

-- not found: an index begins with the columns, in order
create table public.served (a int references public.target, b int);
create index on public.served (a, b);
create table public.key (a int primary key references public.target);
create table public.both (a int, b int, foreign key (a, b) references public.target (a, b));
create index on public.both (a, b);
-- not found: what the linter counts as serving, a partial index and an included column
create table public.partly (a int references public.target);
create index on public.partly (a) where a > 0;
create table public.included (a int, b int, foreign key (a, b) references public.target (a, b));
create index on public.included (a) include (b);
-- not found: a column that was dropped, with its key
create table public.dropped (a int references public.target);
alter table public.dropped drop column a;
-- not found: of an extension; the platform's tables
create extension citext with schema extensions;
create table public.of_extension (a int references public.target);
alter extension citext add table public.of_extension;
