with new_list as (
  insert into public.lists (title) values ('Groceries') returning id
)
insert into public.todos (list_id, title, priority)
select id, unnest(array['Milk', 'Bread', 'Eggs']), 'high'::priority from new_list;
