create extension if not exists pg_trgm;

create index if not exists idx_todos_title on public.todos using gin (title gin_trgm_ops);

create or replace function public.search_todos(term text)
returns setof public.todos as $$
  select * from todos where title ilike '%' || term || '%' order by created_at;
$$ language sql stable;
