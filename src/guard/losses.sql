-- How many rows, or values that are not null, the named tables and columns hold; $1 is a list of
-- [table, column or null], tables quoted where they must be. Above 100 MB the planner's estimate, counting being slow; at least one, for it
-- may not have been made.
-- query_to_xml counts what a plain query cannot name beforehand.
select
    asked.pair ->> 0 as "table",
    asked.pair ->> 1 as "column",
    case
        when pg_catalog.pg_relation_size(c.oid::pg_catalog.regclass) > 104857600
            then greatest(c.reltuples, 1)::pg_catalog.int8
        else ((pg_catalog.xpath(
            '/row/rows/text()',
            pg_catalog.query_to_xml(
                pg_catalog.format(
                    'select pg_catalog.count(%s) as rows from %s',
                    coalesce(pg_catalog.quote_ident(asked.pair ->> 1), '*'),
                    c.oid::pg_catalog.regclass
                ),
                false, true, '')))[1])::pg_catalog.text::pg_catalog.int8
    end as rows
from pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb) with ordinality as asked (pair, place)
join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(asked.pair ->> 0)::pg_catalog.oid
where (c.relkind = 'r' or c.relkind = 'p')
    and (
        (asked.pair ->> 1) is null
        or exists (
            select
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attname = (asked.pair ->> 1)::pg_catalog.name and not a.attisdropped
        )
    )
order by asked.place
