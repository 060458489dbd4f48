-- exposed:
-- Nothing is exposed, so nothing can be found.
create table public.open (id int);
grant select on public.open to anon;
