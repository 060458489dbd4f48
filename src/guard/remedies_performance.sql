-- what SQL can do about findings of the performance advisor, as in remedies.sql: what takes nothing from anybody
select
    'unindexed_foreign_keys' as finding, pg_catalog.quote_ident(n.nspname) as schema, c.relname as name, k.conname as part,
    pg_catalog.format(
        'create index on %I.%I (%s);', n.nspname, c.relname,
        (
            select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by key.place)
            from pg_catalog.unnest(k.conkey) with ordinality as key(number, place)
            join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = key.number
        )
    ) as statement,
    true as is_certain
from pg_catalog.pg_constraint as k
join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
-- a partition has its parent's index
where k.contype = 'f' and k.conparentid = 0
union all
-- all but one of what is the same: what a constraint stands on stays, and nothing is the same as an index that is
-- not valid. The lint takes an index's name out of its definition wherever its letters stand there, and so finds some
-- the same that are not: here just the name itself is left out.
select 'duplicate_index', same.nspname, same.relname, null, pg_catalog.format('drop index %I.%I;', same.nspname, same.index), true
from (
    select
        n.nspname, c.relname, x.relname as index, keeps.something,
        pg_catalog.row_number() over (
            partition by
                i.indrelid, i.indisunique, x.reltablespace,
                pg_catalog.substr(
                    pg_catalog.pg_get_indexdef(i.indexrelid),
                    pg_catalog.length(
                        pg_catalog.format('create %sindex %I', case when i.indisunique then 'unique ' end, x.relname)
                    ) + 1
                )
            order by keeps.something desc, x.relname
        ) as place
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as x on x.oid = i.indexrelid
    join pg_catalog.pg_class as c on c.oid = i.indrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (
        select
            i.indisreplident or i.indisclustered
            or exists (select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid)
            or exists (select from pg_catalog.pg_inherits as h where h.inhrelid = i.indexrelid) as something
    ) as keeps
    where i.indisvalid and c.relkind in ('r', 'm') and n.nspname !~ '^pg_'
) as same
where same.place > 1 and not same.something
union all
-- policies that differ in nothing but their names: whatever one of them lets somebody do, the first does as well
select
    'multiple_permissive_policies', same.nspname, same.relname, null,
    pg_catalog.format('drop policy %I on %I.%I;', same.polname, same.nspname, same.relname), true
from (
    select
        n.nspname, c.relname, p.polname,
        pg_catalog.row_number() over (
            partition by
                p.polrelid, p.polcmd, p.polpermissive,
                array(select role from pg_catalog.unnest(p.polroles) as role order by role),
                pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
            order by p.polname
        ) as place
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_class as c on c.oid = p.polrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where p.polpermissive and pg_catalog.pg_has_role('postgres', c.relowner, 'usage')
) as same
where same.place > 1
order by 1, 2, 3, 4, 5
