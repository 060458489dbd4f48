alter table todos add column due_date date;
alter table todos add column user_id uuid references auth.users(id);
