//! Merging reaches production, so holding a branch is not enough.
//! Refused with E0271.

use drydock::api::branches::{MergeBranch, WorkflowBody};
use drydock::api::{Client, DevBranch};

async fn merge_without_the_gate(client: Client, branch: DevBranch) {
    let _ = client
        .write::<MergeBranch>(&branch, &(), &WorkflowBody::default())
        .await;
}

fn main() {}
