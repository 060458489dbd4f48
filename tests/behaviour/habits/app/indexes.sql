create index if not exists idx_todos_list_id on public.todos(list_id);
create index if not exists idx_lists_owner_id on public.lists(owner_id);
