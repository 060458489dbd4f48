-- what the API's roles may do with the platform's own tables of users and secrets: nothing, as it comes.
-- Grants on tables and columns, and policies, for anon, authenticated or everybody; and what takes each back.
select distinct found.object, found.what, found.undo
from (
    select
        pg_catalog.format('%I.%I', n.nspname, c.relname) as object,
        'grant ' || pg_catalog.lower(acl.privilege_type) || ' to ' || recipient.name as what,
        pg_catalog.format('revoke %s on %I.%I from %s;', acl.privilege_type, n.nspname, c.relname, recipient.name) as undo
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral pg_catalog.aclexplode(c.relacl) as acl
    cross join lateral (
        select case when acl.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(acl.grantee)::text end as name
    ) as recipient
    where n.nspname in ('auth', 'vault', 'supabase_migrations')
        and (acl.grantee = 0 or pg_catalog.pg_get_userbyid(acl.grantee) in ('anon', 'authenticated'))
    union all
    select
        pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
        'grant ' || pg_catalog.lower(acl.privilege_type) || ' to ' || recipient.name,
        pg_catalog.format('revoke %s (%I) on %I.%I from %s;', acl.privilege_type, a.attname, n.nspname, c.relname, recipient.name)
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_class as c on c.oid = a.attrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral pg_catalog.aclexplode(a.attacl) as acl
    cross join lateral (
        select case when acl.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(acl.grantee)::text end as name
    ) as recipient
    where n.nspname in ('auth', 'vault', 'supabase_migrations')
        and (acl.grantee = 0 or pg_catalog.pg_get_userbyid(acl.grantee) in ('anon', 'authenticated'))
    union all
    select
        pg_catalog.format('%I.%I', n.nspname, c.relname),
        'policy ' || pg_catalog.quote_ident(p.polname),
        pg_catalog.format('drop policy %I on %I.%I;', p.polname, n.nspname, c.relname)
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_class as c on c.oid = p.polrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('auth', 'vault', 'supabase_migrations')
        and exists (
            select
            from pg_catalog.unnest(p.polroles) as role(oid)
            where role.oid = 0 or pg_catalog.pg_get_userbyid(role.oid) in ('anon', 'authenticated')
        )
) as found
order by 1, 2
