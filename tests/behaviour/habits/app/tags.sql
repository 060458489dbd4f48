create table public.tags (
  id bigint generated always as identity primary key,
  name text not null unique
);

insert into public.tags (name) values ('home'), ('urgent'), ('someday');
