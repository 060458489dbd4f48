-- expect: public.users
-- expect: public.folded
-- expect: public.for_signed_in
create table public.users (id int, password text, ssn text);
grant select on public.users to anon;
create table public.folded (id int, "API-Key" text);
grant select on public.folded to public;
create table public.for_signed_in (iban text);
grant select on public.for_signed_in to authenticated;

create table public.longer (password_hash text, my_token text, "api key" text);
grant select on public.longer to anon;
create table public.safe (password text);
grant select on public.safe to anon;
alter table public.safe enable row level security;
create table public.unread (password text);
create table public.a_column (password text, id int);
grant select (password) on public.a_column to anon;
create table public.dropped (password text, id int);
grant select on public.dropped to anon;
alter table public.dropped drop column password;
create view public.a_view as select 'x' as password;
grant select on public.a_view to anon;
create table public.parts (password text) partition by list (password);
grant select on public.parts to anon;
create schema hidden;
create table hidden.users (password text);
grant select on hidden.users to anon;
