-- Views and materialized views in an exposed schema that read auth.users and that an API role may select from.
-- Direct readers only: a view over such a view is judged by its own definition, as on the platform. A
-- materialized view is a copy, past every check; a view is excused if it runs with the caller's rights
-- (security_invoker) and auth.users has row security to apply to that caller. Whom it is exposed to is said as on the
-- platform: `anon` where anon may select, which takes in the rest.
select
  'auth_users_exposed' as name,
  'Exposed Auth Users' as title,
  'ERROR' as level,
  'EXTERNAL' as facing,
  array['SECURITY'] as categories,
  'A view or materialized view in an exposed schema reads auth.users, and anon or authenticated may select from it: personal data of users can leak.' as description,
  format(E'%s \\`%s.%s\\` reads \\`auth.users\\` and can be selected by %s',
    case c.relkind when 'm' then 'Materialized view' else 'View' end, n.nspname, c.relname, array_to_string(reader.roles, ' and ')) as detail,
  'https://supabase.com/docs/guides/database/database-linter?lint=0002_auth_users_exposed' as remediation,
  jsonb_build_object('schema', n.nspname, 'name', c.relname, 'type', 'view', 'exposed_to', reader.roles[:1]) as metadata,
  format('auth_users_exposed_%s_%s', n.nspname, c.relname) as cache_key
from pg_class users
join pg_namespace auth on auth.oid = users.relnamespace and auth.nspname = 'auth' and users.relname = 'users'
join lateral (
  select distinct r.ev_class
  from pg_depend d
  join pg_rewrite r on r.oid = d.objid
  where d.refclassid = 'pg_class'::regclass and d.refobjid = users.oid
    and d.classid = 'pg_rewrite'::regclass and d.deptype = 'n'
) as reading on true
join pg_class c on c.oid = reading.ev_class
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select array_agg(role order by role) as roles
  from unnest(array['anon', 'authenticated']) as role
  where has_table_privilege(role, c.oid, 'select')
) as reader
where reader.roles is not null
  and n.nspname = any (array(
    select btrim(s) from unnest(string_to_array(current_setting('pgrst.db_schemas', true), ',')) as s
  ))
  and (
    c.relkind = 'm'
    or c.relkind = 'v' and (
      not users.relrowsecurity
      or not coalesce(lower(c.reloptions::text)::text[] && array['security_invoker=1', 'security_invoker=true', 'security_invoker=yes', 'security_invoker=on'], false)
    )
  )
order by n.nspname, c.relname
