-- expect: public.plain
-- expect: public.said_off
-- expect: public.for_authenticated
-- expect: public.abbreviated
create table public.t (id int);
create view public.plain as select * from public.t;
grant select on public.plain to anon;
create view public.said_off with (security_invoker = off) as select * from public.t;
grant select on public.said_off to anon;
create view public.for_authenticated with (security_barrier) as select * from public.t;
grant select on public.for_authenticated to authenticated;
-- found: PostgreSQL understands `tr`, the platform's linter does not
create view public.abbreviated with (security_invoker = 'tr') as select * from public.t;
grant select on public.abbreviated to anon;

-- not found: the four spellings
create view public.a with (security_invoker = on) as select * from public.t;
create view public.b with (security_invoker = 'TRUE') as select * from public.t;
create view public.c with (security_invoker = 1) as select * from public.t;
create view public.d with (security_invoker = yes) as select * from public.t;
create view public.e with (security_invoker) as select * from public.t;
grant select on public.a, public.b, public.c, public.d, public.e to anon, authenticated;
-- not found: nobody may read it, or one column only
create view public.unread as select * from public.t;
create view public.one_column as select * from public.t;
grant select (id) on public.one_column to anon;
-- not found: schema not exposed; materialized; owned by an extension
create schema hidden;
create view hidden.v as select * from public.t;
grant select on hidden.v to anon;
create materialized view public.m as select * from public.t;
grant select on public.m to anon;
create extension citext with schema extensions;
create view public.of_extension as select * from public.t;
grant select on public.of_extension to anon;
alter extension citext add view public.of_extension;
