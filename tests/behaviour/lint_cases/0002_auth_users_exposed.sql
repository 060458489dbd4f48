-- expect: public.user_emails
-- expect: public.user_copy
-- expect: public.for_users
-- expect: api.users
-- exposed: public, graphql_public, api
create schema api;
grant usage on schema api to anon;

-- found: readable by anon, runs with its owner's rights
create view public.user_emails as select id, email from auth.users;
grant select on public.user_emails to anon;
-- found: a materialized view is a copy, even one that authenticated alone may read
create materialized view public.user_copy as select id from auth.users;
grant select on public.user_copy to authenticated;
-- found: security_invoker that is off
create view public.for_users with (security_invoker = false) as select count(*) from auth.users;
grant select on public.for_users to authenticated;
-- found: any exposed schema counts, not only public
create view api.users as select u.email from public.user_emails e join auth.users u using (id);
grant select on api.users to anon;

-- not found: nobody may read it
create view public.internal as select id from auth.users;
-- not found: with the caller's rights, and auth.users has row security
create view public.own with (security_invoker = on) as select id, email from auth.users;
grant select on public.own to authenticated;
-- not found: reads auth.users only through another view
create view public.indirect as select email from public.user_emails;
grant select on public.indirect to anon;
-- not found: another table of schema auth
create view public.sessions as select id from auth.sessions;
grant select on public.sessions to anon;
-- not found: schema not exposed
create schema hidden;
create view hidden.users as select id from auth.users;
grant select on hidden.users to anon;
-- not found: a table that only refers to auth.users
create table public.profiles (id uuid primary key references auth.users);
grant select on public.profiles to anon;
