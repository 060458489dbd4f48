select pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())
