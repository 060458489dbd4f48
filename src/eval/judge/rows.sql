-- Every table with rows that somebody may care about: how many, a digest of all of them, and a digest without what
-- the database itself stamps (moments and random keys that columns take by default).
with told as (
  select
    format('%I.%I', n.nspname, c.relname) as name,
    coalesce((
      select string_agg(format('r.%I', a.attname), ', ' order by a.attnum)
      from pg_attribute a
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and not coalesce(pg_get_expr(d.adbin, d.adrelid) ~* '(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|uuid\w*|uuidv\d)\(|current_(date|time)', false)
        and not (n.nspname in ('auth', 'storage') and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'uuid'::regtype))
    ), 'null') as told
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r'
    and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'supabase_migrations', 'platform_wall', 'vault', 'extensions')
    and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
    and has_table_privilege(c.oid, 'select')
),
counted as (
  select
    name,
    query_to_xml(
      format(
        'select count(*) as n, md5(coalesce(string_agg(r::text, e''\n'' order by r::text), '''')) as exact, md5(coalesce(string_agg(row(%s)::text, e''\n'' order by row(%s)::text), '''')) as told from %s r',
        told, told, name
      ),
      false, false, ''
    ) as found
  from told
)
select
  name,
  (xpath('/table/row/n/text()', found))[1]::text::bigint as rows,
  (xpath('/table/row/exact/text()', found))[1]::text as exact,
  (xpath('/table/row/told/text()', found))[1]::text as told
from counted
order by name collate "C"
