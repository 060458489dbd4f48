//! Migrations: the rows of `supabase_migrations.schema_migrations`, the ledger.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// One row of the ledger, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationListing {
    /// Digits, usually a time stamp: `20261123143000`.
    pub version: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One row of the ledger, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Digits, usually a time stamp.
    pub version: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<Vec<String>>,
    /// The SQL that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Vec<String>>,
    /// Who applied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The key under which it was applied once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// A migration to apply.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApplyMigrationBody {
    /// The SQL; runs in one transaction.
    pub query: String,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The SQL that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
}

/// What is changed of a migration's row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PatchMigrationBody {
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The SQL that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
}

/// Which migrations are taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RollbackQuery {
    /// The oldest version that goes; digits.
    pub gte: String,
}

endpoints! {
    /// Lists the ledger, oldest first.
    ListMigrations: Looks GET "/v1/projects/{ref}/database/migrations" (Ref) => 200 Vec<MigrationListing>, needs "database_migrations_read";
    /// One migration with its SQL.
    GetMigration: Looks GET "/v1/projects/{ref}/database/migrations/{version}" ((Ref, String)) => 200 Migration, needs "database_migrations_read";
    /// Applies a migration; the platform chooses the version.
    ApplyMigration: WritesBranch POST "/v1/projects/{ref}/database/migrations" (Ref) { ApplyMigrationBody } => 200 (), needs "database_migrations_write";
    /// Writes a migration into the ledger and runs nothing of it.
    UpsertMigration: WritesBranch PUT "/v1/projects/{ref}/database/migrations" (Ref) { ApplyMigrationBody } => 200 (), needs "database_migrations_write";
    /// Changes a migration's row.
    PatchMigration: WritesBranch PATCH "/v1/projects/{ref}/database/migrations/{version}" ((Ref, String)) { PatchMigrationBody } => 200 (), needs "database_migrations_write";
    /// Takes the newest migrations back: runs their rollback statements and removes their rows.
    RollbackMigrations: WritesBranch DELETE "/v1/projects/{ref}/database/migrations" (Ref) ? RollbackQuery => 200 (), needs "database_migrations_write";
}
