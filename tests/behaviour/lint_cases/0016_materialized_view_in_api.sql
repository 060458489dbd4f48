-- expect: public.totals
-- expect: public.for_authenticated
create materialized view public.totals as select 1 as x;
grant select on public.totals to anon;
create materialized view public.for_authenticated as select 1 as x;
grant select on public.for_authenticated to authenticated;

create materialized view public.unread as select 1 as x;
create view public.a_view as select 1 as x;
grant select on public.a_view to anon;
create schema hidden;
create materialized view hidden.totals as select 1 as x;
grant select on hidden.totals to anon;
create extension citext with schema extensions;
create materialized view public.of_extension as select 1 as x;
grant select on public.of_extension to anon;
alter extension citext add materialized view public.of_extension;
