-- Every type that a column, an argument or a result can have: id bigint (oid), schema text, name text,
-- element bigint (of an array; else null), base bigint (of a domain; else null), labels text[] (of an enum; else null),
-- relation text (r: rows of a table, v: of a view, c: a type of its own; else null),
-- attributes jsonb [{name, type (oid), nullable}] of what has a relation.
select
  t.oid::bigint as id,
  n.nspname::text as schema,
  t.typname::text as name,
  nullif(case when t.typcategory = 'A' then t.typelem end, 0)::bigint as element,
  nullif(t.typbasetype, 0)::bigint as base,
  case
    when t.typtype = 'e' then array(
      select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder
    )
  end as labels,
  case when c.relkind in ('v', 'm') then 'v' when c.relkind = 'c' then 'c' when c.relkind is not null then 'r' end
    as relation,
  (
    select jsonb_agg(
      jsonb_build_object(
        'name', a.attname,
        'type', a.atttypid::bigint,
        'nullable', not (a.attnotnull or (of.typtype = 'd' and of.typnotnull))
      )
      order by a.attname
    )
    from pg_attribute a
    join pg_type of on of.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as attributes
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_class c on c.oid = t.typrelid
where not (t.typrelid <> 0 and n.nspname in ('pg_catalog', 'information_schema'))
order by n.nspname, t.typname
