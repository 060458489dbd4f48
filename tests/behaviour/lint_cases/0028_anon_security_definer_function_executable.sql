-- expect: public.by_default
-- expect: public.overloaded
-- expect: public.granted
-- expect: public.a_procedure
-- expect: public.of_extension
-- found: execute through PUBLIC, which every new function has
create function public.by_default() returns int language sql security definer set search_path = '' as 'select 1';
create function public.overloaded(int) returns int language sql security definer as 'select 1';
create function public.overloaded(text) returns int language sql security definer as 'select 1';
revoke execute on function public.overloaded(text) from public;
create function public.granted() returns int language sql security definer as 'select 1';
revoke execute on function public.granted() from public;
grant execute on function public.granted() to anon;
create procedure public.a_procedure() language sql security definer as 'select 1';
-- found: functions of an extension are served as well
create extension citext with schema extensions;
create function public.of_extension() returns int language sql security definer as 'select 1';
alter extension citext add function public.of_extension();

-- not found: runs with the caller's rights
create function public.invoker() returns int language sql as 'select 1';
-- not found: revoked, and granted to others only
create function public.revoked() returns int language sql security definer as 'select 1';
revoke execute on function public.revoked() from public;
grant execute on function public.revoked() to service_role, authenticated;
-- not found: schema not exposed
create schema hidden;
create function hidden.f() returns int language sql security definer as 'select 1';
