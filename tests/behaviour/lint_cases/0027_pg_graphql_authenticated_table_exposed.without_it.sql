create table public.t (id int);
grant select on public.t to authenticated;
