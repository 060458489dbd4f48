//! Which operations need an approval, and by which road it may come.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store;

/// By which road an approval may come; later ones are stricter.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Road {
    /// None is needed.
    None,
    /// The user behind the client may answer, where the client can ask; the operator may in any
    /// case.
    Client,
    /// Only the operator may, by `drydock approve` or through a backend that signs. A client that
    /// answers yes to everything gets nowhere.
    Operator,
}

impl Road {
    /// The roads on which an answer must have come to count.
    pub(super) fn accepts(self) -> &'static [store::Road] {
        match self {
            Self::None => &[],
            Self::Client => &[store::Road::Client, store::Road::Operator],
            Self::Operator => &[store::Road::Operator],
        }
    }
}

/// Everything that can need an approval: one line each, with its key in the policy and its default.
macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $key:ident $operation:ident $default:ident)+) => {
        /// Something that can need an approval.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $($(#[doc = $doc])+ $operation,)+
        }

        /// What needs an approval, and by which road it may come: none, client (the user behind
        /// the client, or the operator) or operator (nobody but the operator).
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Approvals {
            $($(#[doc = $doc])+ pub $key: Road,)+
            /// For how many seconds an approval waits for an answer, and a yes for its call.
            pub expire_s: u64,
            /// How many may wait for one principal at a time.
            pub most_pending: u32,
            /// Where pending approvals are told, signed after Standard Webhooks with the secret in
            /// DRYDOCK_WEBHOOK_SECRET: an https URL, or one on loopback; nowhere if it is empty.
            pub webhook_url: String,
        }

        impl Default for Approvals {
            fn default() -> Self {
                Self {
                    $($key: Road::$default,)+
                    expire_s: 15 * 60,
                    most_pending: 20,
                    webhook_url: String::new(),
                }
            }
        }

        impl Operation {
            /// The policy's word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$operation => stringify!($key),)+
                }
            }
        }

        impl Approvals {
            /// Every operation with its road.
            pub(super) fn all(&self) -> impl Iterator<Item = (Operation, Road)> {
                [$((Operation::$operation, self.$key),)+].into_iter()
            }

            /// The road of an operation.
            pub fn road(&self, operation: Operation) -> Road {
                match operation {
                    $(Operation::$operation => self.$key,)+
                }
            }
        }
    };
}

operations! {
    /// Reading production's rows by SQL, where production.rows says approval; one yes serves every
    /// query of the principal on the project for an hour.
    production_rows ProductionRows Operator
    /// Creating a project.
    create_project CreateProject None
    /// What costs more than cost.usd_per_month allows.
    beyond_cost_cap BeyondCostCap Operator
    /// Changing a project's compute size, which restarts its database.
    change_compute_size ChangeComputeSize Client
    /// Making API keys where they are missing; nobody is shown the secret ones.
    create_api_keys CreateApiKeys None
    /// Taking a project offline.
    pause_project PauseProject Client
    /// Bringing a paused project back.
    restore_project RestoreProject None
    /// Deleting a project with its branches, its data and its backups.
    delete_project DeleteProject Operator
    /// Returning production to a point in time, which loses what was written after it.
    restore_to_point_in_time RestoreToPointInTime Operator
    /// Removing what must not go along before a project is handed over to a user.
    prepare_claim PrepareClaim Client
    /// Asking a user to take a project over, which nothing brings back.
    create_claim_link CreateClaimLink Operator
    /// Merging a branch into production, once it has passed the gate.
    merge_branch MergeBranch None
    /// Merging what lets anybody read a table that a policy opens; asked once for a table and its
    /// policies.
    public_reading PublicReading Client
    /// Taking rows away from production by a merge, or values in them: bound to their counts.
    data_loss DataLoss Operator
    /// Merging code of which a replay without rows does not show what it will do on production.
    unforeseeable_code UnforeseeableCode Operator
    /// Deleting functions of production that a branch does not have, with its merge.
    delete_function DeleteFunction Client
    /// Copying fields of a branch's configuration to production.
    promote_config PromoteConfig Client
    /// Setting production's secrets to what the operator's environment has.
    promote_secrets PromoteSecrets Operator
    /// Deleting a branch whose unmerged migrations would be lost.
    delete_branch DeleteBranch None
    /// Emptying a branch and replaying its migrations.
    reset_branch ResetBranch None
    /// Working without restore points on a project to which the platform offers none: returning to a
    /// migration then empties the branch and replays up to it. One yes serves the project.
    weaker_restore_points WeakerRestorePoints Operator
    /// Returning a branch to a restore point.
    revert_to_restore_point RevertToRestorePoint None
}

impl Approvals {
    /// Where pending approvals are told, if anywhere.
    pub fn webhook(&self) -> Option<&str> {
        Some(self.webhook_url.as_str()).filter(|url| !url.is_empty())
    }

    /// For how long an approval waits for an answer, and a yes for its call.
    pub(super) fn expire(&self) -> Duration {
        Duration::from_secs(self.expire_s)
    }
}
