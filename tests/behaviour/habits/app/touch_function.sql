create or replace function public.update_updated_at_column()
returns trigger as $$
begin
  new.updated_at = now();
  return new;
end;
$$ language plpgsql;

drop trigger if exists update_todos_updated_at on public.todos;
create trigger update_todos_updated_at
  before update on public.todos
  for each row execute function public.update_updated_at_column();
