//! Storage: its buckets.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    /// Its id, which is what clients name it by.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who made it; empty where nobody is known.
    pub owner: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// Whether anyone may read its objects.
    pub public: bool,
}

endpoints! {
    /// The buckets of a project or branch.
    ListBuckets: Looks GET "/v1/projects/{ref}/storage/buckets" (Ref) => 200 Vec<Bucket>, needs "storage_read";
}
