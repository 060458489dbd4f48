-- The tables and views of the schemas in $1 (text[]), one row each, with what an agent needs to write a query or a
-- migration against them. Catalogues only: needs no privilege on the tables. Members of extensions are left out.
--
--   schema text, name text, kind text, rls_enabled bool, rls_forced bool, policies bigint, comment text,
--   estimated_rows bigint (null: never analysed), bytes bigint (indexes and toast included),
--   columns jsonb      [{name, type, nullable, default, identity, generated, comment, enums?}]
--   primary_key jsonb  [column, …] or null
--   foreign_keys jsonb [{name, columns, references, referenced_columns}]
with relation as materialized (
  select c.*, n.nspname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($1::text[])
    and c.relkind in ('r', 'p', 'f', 'v', 'm')
    and not exists (
      select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
),
attribute as materialized (
  select a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated
  from pg_attribute a
  where a.attrelid in (select oid from relation) and a.attnum > 0 and not a.attisdropped
),
columns as (
  select
    a.attrelid,
    jsonb_agg(
      jsonb_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'nullable', not a.attnotnull and not (t.typtype = 'd' and t.typnotnull),
        -- a generated column keeps its expression where others keep their default
        'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
        'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
        'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
        'comment', m.description
      )
      || case when labels.enums is null then '{}' else jsonb_build_object('enums', labels.enums) end
      order by a.attnum
    ) as list
  from attribute a
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join pg_description m
    on m.classoid = 'pg_class'::regclass and m.objoid = a.attrelid and m.objsubid = a.attnum
  left join (
    select e.enumtypid, jsonb_agg(e.enumlabel order by e.enumsortorder) as enums from pg_enum e group by e.enumtypid
  ) as labels
    -- of the type itself, or of the elements of an array
    on labels.enumtypid = case when t.typelem <> 0 and t.typlen = -1 then t.typelem else t.oid end
  group by a.attrelid
),
keys as (
  select
    k.conrelid,
    jsonb_agg(own.names) filter (where k.contype = 'p') -> 0 as primary_key,
    jsonb_agg(
      jsonb_build_object(
        'name', k.conname,
        'columns', own.names,
        'references', quote_ident(tn.nspname) || '.' || quote_ident(tc.relname),
        'referenced_columns', other.names
      )
      order by k.conname
    ) filter (where k.contype = 'f') as foreign_keys
  from pg_constraint k
  cross join lateral (
    select jsonb_agg(a.attname order by place) as names
    from unnest(k.conkey) with ordinality as part (attnum, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.attnum
  ) as own
  left join pg_class tc on tc.oid = k.confrelid
  left join pg_namespace tn on tn.oid = tc.relnamespace
  left join lateral (
    select jsonb_agg(a.attname order by place) as names
    from unnest(k.confkey) with ordinality as part (attnum, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = part.attnum
  ) as other on true
  where k.contype in ('p', 'f') and k.conrelid in (select oid from relation)
  group by k.conrelid
)
select
  r.nspname::text as schema,
  r.relname::text as name,
  case r.relkind
    when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table'
    when 'v' then 'view' else 'materialized view'
  end as kind,
  r.relrowsecurity as rls_enabled,
  r.relforcerowsecurity as rls_forced,
  coalesce(p.count, 0) as policies,
  m.description as comment,
  case when r.reltuples >= 0 then r.reltuples::bigint end as estimated_rows,
  case r.relkind
    when 'v' then 0
    -- a partitioned table keeps its rows elsewhere
    when 'p' then (select coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint from pg_partition_tree(r.oid) as t)
    else pg_total_relation_size(r.oid)
  end as bytes,
  coalesce(c.list, '[]') as columns,
  k.primary_key,
  coalesce(k.foreign_keys, '[]') as foreign_keys
from relation r
left join columns c on c.attrelid = r.oid
left join keys k on k.conrelid = r.oid
left join (select polrelid, count(*) from pg_policy group by polrelid) as p on p.polrelid = r.oid
left join pg_description m on m.classoid = 'pg_class'::regclass and m.objoid = r.oid and m.objsubid = 0
order by r.nspname, r.relname
