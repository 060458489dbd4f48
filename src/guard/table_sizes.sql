-- Which of the named tables hold anything; $1 is a list of names, quoted where they must be.
select asked.name
from pg_catalog.jsonb_array_elements_text($1::pg_catalog.jsonb) as asked (name)
where pg_catalog.pg_relation_size(pg_catalog.to_regclass(asked.name)) > 0
    or exists (
        select
        from pg_catalog.pg_inherits as i
        where i.inhparent = pg_catalog.to_regclass(asked.name)::pg_catalog.oid
            and pg_catalog.pg_relation_size(i.inhrelid::pg_catalog.regclass) > 0
    )
