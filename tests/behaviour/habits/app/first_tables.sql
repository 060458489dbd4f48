create table lists (
  id serial primary key,
  title varchar(255) not null,
  created_at timestamp default now()
);

create table todos (
  id serial primary key,
  list_id integer references lists(id),
  title text not null,
  done boolean default false
);
