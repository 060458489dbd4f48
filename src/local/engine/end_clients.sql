select pg_catalog.pg_terminate_backend(pid, 1000)
from pg_catalog.pg_stat_activity
where backend_type in ('client backend', 'walsender') and pid <> pg_catalog.pg_backend_pid()
