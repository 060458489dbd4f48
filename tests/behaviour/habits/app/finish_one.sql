update public.todos set done = true where title = 'Milk';
