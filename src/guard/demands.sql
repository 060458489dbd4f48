-- What the rows of a table must fulfil: unique indexes, and foreign keys and checks that hold for the rows there are.
select
    i.indexrelid::pg_catalog.int8 as id,
    'unique' as kind,
    x.relname as name,
    i.indrelid::pg_catalog.int8 as "table",
    (select pg_catalog.jsonb_agg(key.number order by key.place)
        from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as key (number, place)
        where key.place <= i.indnkeyatts) as columns,
    null::pg_catalog.int8 as other_table,
    null::pg_catalog.jsonb as other_columns,
    i.indexprs is null and i.indpred is null as is_plain,
    (pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::pg_catalog.bool is true as nulls_are_equal
from pg_catalog.pg_index as i
join pg_catalog.pg_class as x on x.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = x.relnamespace
where i.indisunique and i.indislive
    and n.nspname not like 'pg\_%' and n.nspname not in ('information_schema', 'supabase_migrations')
union all
select
    o.oid::pg_catalog.int8,
    case o.contype when 'f' then 'foreign key' else 'check' end,
    o.conname,
    o.conrelid::pg_catalog.int8,
    pg_catalog.to_jsonb(o.conkey),
    nullif(o.confrelid, 0)::pg_catalog.int8,
    pg_catalog.to_jsonb(o.confkey),
    o.contype = 'f',
    false
from pg_catalog.pg_constraint as o
join pg_catalog.pg_namespace as n on n.oid = o.connamespace
where (o.contype = 'f' or o.contype = 'c') and o.conrelid <> 0 and o.convalidated
    and n.nspname not like 'pg\_%' and n.nspname not in ('information_schema', 'supabase_migrations')
