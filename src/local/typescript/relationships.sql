-- What joins to what in the schemas in $1 (text[]): foreign keys between tables, and the same seen through views that
-- show all of a key's columns, on either side. schema text, relation text, name text (the constraint's),
-- columns text[], is_one_to_one bool, referenced_relation text, referenced_columns text[].
--
-- Where a view's column comes from stands in its rule: each entry of the target list names the relation and the column
-- it was taken from. Entries of inner queries stand before those of the outermost, so the last of a number is the
-- view's own.
with recursive origin as (
  select distinct on (r.ev_class, entry.found[1])
    r.ev_class as view,
    entry.found[1]::int2 as attnum,
    entry.found[2]::oid as base,
    entry.found[3]::int2 as base_attnum
  from pg_rewrite r
  join pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
  join pg_namespace n on n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema')
  cross join lateral regexp_matches(
    r.ev_action::text,
    ':resno (\d+) :resname (?:[^ \\]|\\.)+ :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+) :resjunk false',
    'g'
  ) with ordinality as entry (found, place)
  where r.rulename = '_RETURN'
  order by r.ev_class, entry.found[1], entry.place desc
),
shown_through as (
  select view, attnum, base, base_attnum
  from origin
  where base <> 0
  union all
  select outer_view.view, outer_view.attnum, inner_view.base, inner_view.base_attnum
  from shown_through outer_view
  join origin inner_view on inner_view.view = outer_view.base and inner_view.attnum = outer_view.base_attnum
  where inner_view.base <> 0
),
-- Each relation shows its own columns, and a view those that it takes from others, by the first of its names for them.
shown as (
  select distinct on (s.relation, s.base, s.base_attnum)
    s.relation, n.nspname, c.relname, s.base, s.base_attnum, a.attname
  from (
    select attrelid as relation, attnum, attrelid as base, attnum as base_attnum
    from pg_attribute
    where attnum > 0 and not attisdropped
    union all
    select view, attnum, base, base_attnum from shown_through
  ) s
  join pg_class c on c.oid = s.relation and c.relkind in ('r', 'p', 'f', 'v', 'm')
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($1::text[])
  join pg_attribute a on a.attrelid = s.relation and a.attnum = s.attnum
  order by s.relation, s.base, s.base_attnum, s.attnum
),
foreign_key as (
  select k.oid, k.conname, k.conrelid, k.conkey, k.confrelid, k.confkey,
    exists (
      select from pg_index i
      where i.indrelid = k.conrelid
        and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and (i.indkey::int2[])[0 : i.indnkeyatts - 1] <@ k.conkey
    ) as is_one_to_one
  from pg_constraint k
  where k.contype = 'f' and k.conparentid = 0
),
source as (
  select k.oid, s.relation, s.nspname, s.relname, array_agg(s.attname::text order by part.place) as columns
  from foreign_key k
  cross join unnest(k.conkey) with ordinality as part (attnum, place)
  join shown s on s.base = k.conrelid and s.base_attnum = part.attnum
  group by k.oid, k.conkey, s.relation, s.nspname, s.relname
  having count(*) = cardinality(k.conkey)
),
destination as (
  select k.oid, s.relation, s.nspname, s.relname, array_agg(s.attname::text order by part.place) as columns
  from foreign_key k
  cross join unnest(k.confkey) with ordinality as part (attnum, place)
  join shown s on s.base = k.confrelid and s.base_attnum = part.attnum
  group by k.oid, k.confkey, s.relation, s.nspname, s.relname
  having count(*) = cardinality(k.confkey)
)
select
  source.nspname::text as schema,
  source.relname::text as relation,
  k.conname::text as name,
  source.columns,
  k.is_one_to_one,
  destination.relname::text as referenced_relation,
  destination.columns as referenced_columns
from foreign_key k
join source on source.oid = k.oid
join destination on destination.oid = k.oid and destination.nspname = source.nspname
order by source.nspname, source.relname, k.conname, destination.relname
