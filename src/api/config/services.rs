//! What can be configured of the services beside Auth, in the order of the platform's description.

use super::fields::{Field, boolean, duration, integer, memory, schema_list, word};

/// Whether a change is followed by a restart: no setting of the database, but said with them.
pub const RESTART: &str = "restart_database";

/// The Data API.
pub(super) const DATA_API: &[Field] = &[
    schema_list("db_extra_search_path"),
    schema_list("db_schema"),
    integer("max_rows", 0, 1_000_000),
    integer("db_pool", 0, 1000),
    integer("db_pool_acquisition_timeout", 0, 60),
    integer("db_pool_max_lifetime", 0, 3600),
    integer("db_pool_max_idletime", 0, 60),
];

/// Storage.
pub(super) const STORAGE: &[Field] = &[
    integer("fileSizeLimit", 0, 536_870_912_000),
    boolean("features.imageTransformation.enabled"),
    boolean("features.s3Protocol.enabled"),
    boolean("features.purgeCache.enabled"),
    boolean("features.icebergCatalog.enabled"),
    integer("features.icebergCatalog.maxNamespaces", 0, i64::MAX),
    integer("features.icebergCatalog.maxTables", 0, i64::MAX),
    integer("features.icebergCatalog.maxCatalogs", 0, i64::MAX),
    boolean("features.vectorBuckets.enabled"),
    integer("features.vectorBuckets.maxBuckets", 0, i64::MAX),
    integer("features.vectorBuckets.maxIndexes", 0, i64::MAX),
    word("external.upstreamTarget", &["main", "canary"]),
];

/// Realtime.
pub(super) const REALTIME: &[Field] = &[
    boolean("private_only"),
    integer("connection_pool", 1, 100),
    integer("postgres_changes_pool", 1, 100),
    integer("max_concurrent_users", 1, 300_000),
    integer("max_events_per_second", 1, 50_000),
    integer("max_bytes_per_second", 1, 10_000_000),
    integer("max_channels_per_client", 1, 10_000),
    integer("max_joins_per_second", 1, 5000),
    integer("max_presence_events_per_second", 1, 5000),
    integer("max_payload_size_in_kb", 1, 10_000),
    boolean("suspend"),
    boolean("presence_enabled"),
];

/// The database: settings of PostgreSQL that stand instead of the platform's own.
pub(super) const DATABASE: &[Field] = &[
    memory("effective_cache_size"),
    memory("logical_decoding_work_mem"),
    integer("pg_stat_statements.max", 100, 45_000),
    integer("pg_net.batch_size", 0, 32_767),
    integer("autovacuum_max_workers", 1, 262_143),
    memory("autovacuum_work_mem"),
    boolean("cron.log_statement"),
    duration("log_autovacuum_min_duration"),
    boolean("log_checkpoints"),
    boolean("log_connections"),
    boolean("log_disconnections"),
    boolean("log_duration"),
    boolean("log_lock_waits"),
    boolean("log_recovery_conflict_waits"),
    boolean("log_replication_commands"),
    duration("log_startup_progress_interval"),
    memory("log_temp_files"),
    memory("maintenance_work_mem"),
    memory("track_activity_query_size"),
    integer("max_connections", 1, 262_143),
    integer("max_locks_per_transaction", 10, 2_147_483_640),
    integer("max_logical_replication_workers", 0, 262_143),
    integer("max_parallel_maintenance_workers", 0, 1024),
    integer("max_parallel_workers", 0, 1024),
    integer("max_parallel_workers_per_gather", 0, 1024),
    integer("max_replication_slots", i64::MIN, i64::MAX),
    memory("max_slot_wal_keep_size"),
    duration("max_standby_archive_delay"),
    duration("max_standby_streaming_delay"),
    integer("max_sync_workers_per_subscription", 0, 262_143),
    memory("max_wal_size"),
    integer("max_wal_senders", i64::MIN, i64::MAX),
    integer("max_worker_processes", 0, 262_143),
    word("session_replication_role", &["origin", "replica", "local"]),
    memory("shared_buffers"),
    duration("statement_timeout"),
    boolean("track_commit_timestamp"),
    memory("wal_keep_size"),
    duration("wal_sender_timeout"),
    memory("work_mem"),
    duration("checkpoint_timeout"),
    boolean("hot_standby_feedback"),
    boolean(RESTART),
];
