create schema if not exists private;
create domain public.money_amount as numeric(12, 2) default 0 check (value >= 0);
create sequence if not exists private.order_number start 1000 owned by none;
create table public.orders (
  id uuid primary key default extensions.gen_random_uuid(),
  number bigint not null default nextval('private.order_number'::regclass),
  total public.money_amount,
  placed tstzrange,
  lines jsonb not null check (jsonb_typeof(lines) = 'array'),
  vat numeric generated always as (round(total * 0.19, 2)) stored
) partition by range (number);
create table public.orders_low partition of public.orders for values from (minvalue) to (10000);
create table public.orders_rest partition of public.orders default;
create table public.archive (like public.orders including all excluding indexes);
alter table public.orders
  add column if not exists customer uuid,
  add constraint orders_customer_fk foreign key (customer) references public.profiles (id) on update cascade on delete set null not valid,
  alter column total set default 0,
  alter column total set not null;
alter table public.orders validate constraint orders_customer_fk;
alter table only public.orders alter column lines set storage extended;
create table public.slots (during tstzrange, exclude using gist (during with &&) where (during is not null));
create view public.order_totals with (security_invoker = true) as
  select customer, sum(total) filter (where total > 0) as total, count(*) over (partition by customer) as n
  from public.orders group by grouping sets ((customer), ()), customer;
create or replace view private.v as select * from public.slots where isempty(during) with cascaded check option;
create materialized view public.daily as
  select date_trunc('day', lower(placed)) as day, sum(total) from public.orders group by 1 with no data;
create unique index on public.daily (day);
refresh materialized view public.daily;
create rule no_delete as on delete to public.archive do instead nothing;
create function private.add(a int, b int) returns int language sql immutable strict parallel safe return a + b;
create function private.note(msg text) returns void language sql begin atomic
  insert into public.archive select * from public.orders where false;
  select 1;
end;
create procedure private.close_orders(inout n int default 0) language plpgsql as $$ begin n := 1; end; $$;
create aggregate private.product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');
create cast (text as public.user_status) with inout as assignment;
create statistics private.s (dependencies) on customer, number from public.orders;
alter function private.add(int, int) owner to postgres;
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema private revoke execute on functions from public;
grant usage on schema private to service_role;
grant execute on all functions in schema private to service_role;
revoke execute on function private.add(int, int) from public;
call private.close_orders(1);
update public.orders set total = 0 where total is null;
