//! Storage, as far as it is looked at.

use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::text;
use super::{Guard, Read, Refusal};
use crate::api::Ref;
use crate::api::storage::ListBuckets;

/// A bucket.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FoundBucket {
    /// Its id, which is what clients name it by.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether anyone may read its objects.
    pub public: bool,
    /// When it was made.
    pub created_at: String,
}

impl Read {
    /// The buckets of one environment.
    pub async fn buckets(&self) -> Result<Vec<FoundBucket>, Refusal> {
        let client = self.call.guard.client();
        let buckets = client
            .look::<ListBuckets>(self.reference()?.clone(), &())
            .await?;
        Ok(buckets
            .into_iter()
            .map(|bucket| FoundBucket {
                id: bucket.id,
                name: bucket.name,
                public: bucket.public,
                created_at: bucket.created_at,
            })
            .collect())
    }
}

impl Guard {
    /// The ids of the buckets whose files anybody may read. Asked of the database: a temporary
    /// branch has one before its other services answer.
    pub(super) async fn public_buckets(&self, reference: &Ref) -> Result<Vec<String>, Refusal> {
        let query = "select id from storage.buckets where public order by id";
        let rows = self
            .client()
            .query_read_only(reference, query, None)
            .await?;
        Ok(rows.iter().filter_map(|row| text(row, "id")).collect())
    }
}
