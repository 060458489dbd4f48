select p.lsn,
       pg_catalog.pg_walfile_name(p.lsn),
       (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint,
       -- the commit of a transaction that has a number is flushed, and with it the point before it
       pg_catalog.pg_current_xact_id()
from (select pg_catalog.pg_create_restore_point($1) as lsn offset 0) as p
