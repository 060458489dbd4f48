select stopped.lsn,
       pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint,
       stopped.labelfile
from pg_catalog.pg_backup_stop(wait_for_archive => false) as stopped
