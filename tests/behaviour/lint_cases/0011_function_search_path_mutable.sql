-- expect: public.plain
-- expect: public.overloaded
-- expect: public.overloaded
-- expect: public.other_setting
-- expect: public.a_procedure
-- expect: public.an_aggregate
-- expect: hidden.f
create function public.plain() returns int language sql as 'select 1';
create function public.overloaded(int) returns int language sql as 'select 1';
create function public.overloaded(text) returns int language sql as 'select 2';
create function public.other_setting() returns int language sql set work_mem = '1MB' as 'select 1';
create procedure public.a_procedure() language sql as 'select 1';
create aggregate public.an_aggregate(int) (sfunc = int4pl, stype = int);
create schema hidden;
create function hidden.f() returns int language sql as 'select 1';

-- not found: any value, also an empty one
create function public.empty() returns int language sql set search_path = '' as 'select 1';
create function public.pinned() returns int language sql set search_path = public, pg_temp as 'select 1';
create function public.from_session() returns int language sql set work_mem = '1MB' set search_path from current as 'select 1';
-- not found: extension functions, also in public; a schema of an extension
create extension citext with schema public;
create schema net;
create function net.f() returns int language sql as 'select 1';
