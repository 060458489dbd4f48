-- Tables and views of the schemas in $1 (text[]), members of extensions left out: schema text, name text, is_view bool,
-- writable bool (rows can be inserted and updated),
-- columns jsonb [{name, type (oid), nullable, has_default, computed (cannot be given a value), writable}].
select
  n.nspname::text as schema,
  c.relname::text as name,
  c.relkind in ('v', 'm') as is_view,
  -- 4 is update, 8 is insert.
  pg_relation_is_updatable(c.oid, false) & 12 = 12 as writable,
  coalesce(
    jsonb_agg(
      jsonb_build_object(
        'name', a.attname,
        'type', a.atttypid::bigint,
        'nullable', not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)),
        'has_default', a.atthasdef or a.attidentity <> '' or t.typdefault is not null,
        'computed', a.attgenerated <> '' or a.attidentity = 'a',
        'writable', pg_column_is_updatable(c.oid, a.attnum, false)
      )
      order by a.attname
    ) filter (where a.attnum is not null),
    '[]'
  ) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
where n.nspname = any ($1::text[])
  and c.relkind in ('r', 'p', 'f', 'v', 'm')
  and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
group by n.nspname, c.oid
order by n.nspname, c.relname
