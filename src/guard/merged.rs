//! What came of a merge.

use schemars::JsonSchema;
use serde::Serialize;

use crate::fence::quote;

/// What a merge carried.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MergedMigrations {
    /// Versions, oldest first.
    pub migrations: Vec<String>,
    /// Deployed functions.
    pub functions: Vec<String>,
    /// Functions that were deleted on production.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted_functions: Vec<String>,
}

/// Something that a merge does not carry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotMerged {
    /// What.
    pub what: String,
    /// How it gets to production, if it does.
    pub how: String,
}

/// What came of a merge.
#[derive(Debug, Clone)]
pub struct Merged {
    /// `merged` or `nothing_to_merge`.
    pub status: &'static str,
    /// What was carried.
    pub merged: MergedMigrations,
    /// What was not.
    pub not_merged: Vec<NotMerged>,
    /// The point on production from just before.
    pub production_restore_point: Option<String>,
    /// What the advisor says of production afterwards: errors and warnings.
    pub advisor: String,
}

impl Merged {
    /// Nothing was there to be carried.
    pub(super) fn nothing(left: &[String]) -> Self {
        Self {
            status: "nothing_to_merge",
            merged: MergedMigrations {
                migrations: Vec::new(),
                functions: Vec::new(),
                deleted_functions: Vec::new(),
            },
            not_merged: not_merged(left),
            production_restore_point: None,
            advisor: "not asked".to_owned(),
        }
    }
}

/// What no merge carries, and how it gets to production; `left` are the functions that production has
/// and the branch does not.
pub(super) fn not_merged(left: &[String]) -> Vec<NotMerged> {
    let functions = match left {
        [] => "a function that was deleted on the branch stays on production; there is none"
            .to_owned(),
        some => format!(
            "on production and not on the branch: {}; merge_branch deletes those that delete_functions names, after an approval",
            quote(some.join(", "))
        ),
    };
    [
        ("data", "rows stay on the branch: seed data belongs there, and production's rows come from its users"),
        ("configuration", "auth, API, storage, realtime and database settings stay as they are on production; promote_config carries the fields that it names"),
        ("secrets", "production's come from the operator's environment, by promote_secrets"),
        ("storage objects", "files and their rows stay on the branch"),
        ("deleted functions", functions.as_str()),
    ]
    .into_iter()
    .map(|(what, how)| NotMerged {
        what: what.to_owned(),
        how: how.to_owned(),
    })
    .collect()
}
