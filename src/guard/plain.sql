-- Whether what SQL names is plain: tables that lead nowhere, and no function of the user's own. One row: the tables as
-- reach.sql would give them, and whether there is more, which reach.sql then follows. $1 is what reach.sql takes.
--
-- It stands before reach.sql because it is several times cheaper to plan and to run; whatever it does not know to be
-- plain is more.
with
asked as materialized (
    select $1::pg_catalog.jsonb as it
),
mode as materialized (
    select (it ->> 'writes')::pg_catalog.bool as writes from asked
),
-- As in reach.sql.
elsewhere as materialized (
    select pg_catalog.lower(one.setting) as settings
    from pg_catalog.pg_db_role_setting as s
    cross join mode
    cross join lateral pg_catalog.unnest(s.setconfig) as one (setting)
    where mode.writes
        and pg_catalog.starts_with(pg_catalog.lower(one.setting), 'search_path=')
        and (s.setrole = 0::pg_catalog.oid or pg_catalog.pg_get_userbyid(s.setrole) = 'postgres'::pg_catalog.name)
),
named as materialized (
    select c.oid, n.nspname, c.relname, c.relkind, c.relhassubclass, c.relhasrules
    from asked
    cross join lateral pg_catalog.jsonb_array_elements(asked.it -> 'relations') as one (pair)
    join pg_catalog.pg_class as c on c.relname = (one.pair ->> 1)::pg_catalog.name
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid >= 16384::pg_catalog.oid
        and ((one.pair ->> 0) is null or n.nspname = (one.pair ->> 0)::pg_catalog.name)
        and (c.relkind = 'r' or c.relkind = 'p' or c.relkind = 'v' or c.relkind = 'm' or c.relkind = 'f')
    group by c.oid, n.nspname, c.relname, c.relkind, c.relhassubclass, c.relhasrules
),
-- What a table that is written to keeps, and what can call functions.
kept (class, object) as materialized (
    select 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, a.oid
    from named as t join pg_catalog.pg_attrdef as a on a.adrelid = t.oid
    union all
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, c.oid
    from named as t join pg_catalog.pg_constraint as c on c.conrelid = t.oid
    union all
    select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, i.indexrelid
    from named as t join pg_catalog.pg_index as i on i.indrelid = t.oid
)
select
    pg_catalog.current_setting('search_path') as path,
    exists (select from named as t where t.relkind <> 'r' or t.relhassubclass)
        or exists (
            select
            from asked
            cross join lateral pg_catalog.jsonb_array_elements_text(asked.it -> 'words') as one (word)
            join pg_catalog.pg_proc as p on p.proname = one.word::pg_catalog.name
            where p.oid >= 16384::pg_catalog.oid and pg_catalog.pg_has_role('postgres'::pg_catalog.name, p.proowner, 'member')
        )
        or exists (
            select from pg_catalog.pg_operator as o
            where o.oid >= 16384::pg_catalog.oid
                and pg_catalog.pg_has_role('postgres'::pg_catalog.name, o.oprowner, 'member')
        )
        or exists (select from pg_catalog.pg_cast as c where c.oid >= 16384::pg_catalog.oid)
        or exists (select from pg_catalog.pg_constraint as c where c.contypid >= 16384::pg_catalog.oid)
        or mode.writes and (
            exists (select from named as t where t.relhasrules)
            or exists (
                select from named as t join pg_catalog.pg_trigger as g on g.tgrelid = t.oid where not g.tgisinternal
            )
            or exists (
                select from named as t
                join pg_catalog.pg_constraint as c on c.confrelid = t.oid
                where c.contype = 'f' and c.conrelid <> t.oid
            )
            or exists (select from named as t join pg_catalog.pg_statistic_ext as s on s.stxrelid = t.oid)
            or exists (
                select from kept as k
                join pg_catalog.pg_depend as d on d.classid = k.class and d.objid = k.object
                where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
            )
        ) as more,
    (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'id', 'r' || t.oid::pg_catalog.text,
            'routine', false,
            'view', false,
            'schema', t.nspname,
            'name', t.relname,
            'visible', pg_catalog.pg_table_is_visible(t.oid) or exists (
                select from elsewhere
                where pg_catalog.strpos(settings, pg_catalog.lower(t.nspname::pg_catalog.text)) > 0
            ),
            'language', '',
            'text', case when mode.writes then pg_catalog.concat_ws(
                e'\n',
                (
                    select pg_catalog.string_agg(pg_catalog.pg_get_expr(a.adbin, a.adrelid), e'\n')
                    from pg_catalog.pg_attrdef as a where a.adrelid = t.oid
                ),
                (
                    select pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(c.oid), e'\n')
                    from pg_catalog.pg_constraint as c where c.conrelid = t.oid and c.contype = 'c'
                )
            ) else '' end,
            'printed', true,
            'settings', '',
            'trusted', false,
            'implicit', false,
            'refers', '[]'::pg_catalog.jsonb
        )), '[]'::pg_catalog.jsonb)
        from named as t
    ) as objects
from mode
