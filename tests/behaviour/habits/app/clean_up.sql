delete from public.todos;
