grant select, insert, update, delete on public.todos, public.profiles to authenticated;
grant select on public.profiles to anon;
