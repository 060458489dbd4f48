select pg_catalog.pg_backup_start('drydock', fast => true)
