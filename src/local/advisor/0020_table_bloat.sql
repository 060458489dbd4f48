-- Tables that take far more pages than their rows need: over 70 times as many, and over 20 MiB more. An estimate from
-- statistics: a row is a header of 24 bytes and its columns' average widths, rounded up to 4, with 4 bytes that point
-- to it; where columns are null, a second header, with a bitmap, in the same proportion. A page has 20 bytes of its own.
with estimate as (
  select
    s.schemaname, s.tablename,
    ceil((24 + sum((1 - s.null_frac) * s.avg_width)::numeric) / 4) * 4
      + max(s.null_frac) * ceil((24 + count(*) filter (where s.null_frac <> 0) / 8) / 4.0) * 4
      + 4 as row_bytes
  from pg_stats s
  group by s.schemaname, s.tablename
),
sized as (
  select
    n.nspname, c.relname, c.relpages, page.bytes,
    ceil(c.reltuples * e.row_bytes / (page.bytes - 20))::numeric as needed
  from estimate e
  join pg_namespace n on n.nspname = e.schemaname
  join pg_class c on c.relnamespace = n.oid and c.relname = e.tablename
  join pg_am m on m.oid = c.relam and m.amname = 'heap'
  cross join (select current_setting('block_size')::integer as bytes) as page
  where c.relkind = 'r'
    and n.nspname <> 'information_schema'
)
select
  'table_bloat' as name,
  'Table Bloat' as title,
  'INFO' as level,
  'EXTERNAL' as facing,
  array['PERFORMANCE'] as categories,
  'The table takes many times the space that its rows need.' as description,
  format('Table `%s`.`%s` takes %s pages and needs about %s', nspname, relname, relpages, needed) as detail,
  'VACUUM FULL rewrites the table in the space that it needs, and locks it meanwhile; autovacuum settings that suit the table keep it from growing again.' as remediation,
  jsonb_build_object('schema', nspname, 'name', relname, 'type', 'table') as metadata,
  format('table_bloat_%s_%s', nspname, relname) as cache_key
from sized
where needed > 0
  and round(relpages / needed, 1) > 70
  and (relpages - needed) * bytes > 20 * 1024 * 1024
order by nspname, relname
