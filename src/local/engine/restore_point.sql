select p.lsn,
       pg_catalog.pg_walfile_name(p.lsn),
       (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint,
       p.name,
       -- the commit of a transaction that has a number is flushed, and with it the point before it
       pg_catalog.pg_current_xact_id()
from (
  select n.name, pg_catalog.pg_create_restore_point(n.name) as lsn
  from (
    -- the position makes the name another one when this runs twice: a replay stops at the first of a name
    select $1 || '-' || pg_catalog.pg_current_wal_insert_lsn()::text as name
    offset 0
  ) as n
  offset 0
) as p
