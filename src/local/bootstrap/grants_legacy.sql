-- Turns a cluster from the grants profile `explicit` into `legacy`: what postgres creates in public from now on is
-- open to the API roles, and row security is the only gate. Objects that exist keep their grants.

alter default privileges for role postgres in schema public
  grant select, insert, update, delete on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant usage, select on sequences to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant execute on functions to anon, authenticated, service_role;
