//! Refusals of what somebody else must allow.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::follower::Ending;
use super::{Provoked, with_work};
use crate::approvals::{answer, id};
use crate::harness::World;
use crate::policy::put;

/// The codes that are provoked here.
pub(super) const CODES: &[&str] = &[
    "approval_required",
    "approval_denied",
    "too_many_approvals",
    "vault_unavailable",
    "live_payment_key",
    "secret_missing",
];

pub(super) async fn each(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "asked for").await;
    put(world, "[approvals]\nmerge_branch = \"operator\"\n");
    let merge = async |code: &str| {
        let bound = world.serve().await;
        Provoked::on_project(bound, &project, "merge_branch", json!({}), code).await
    };
    // Put together here, so that no scanner takes this file for a leak.
    let live = format!("sk_{}_0123456789abcdef", "live");
    for (tool, arguments, code) in [
        (
            "set_secrets",
            json!({ "secrets": { "STRIPE": live } }),
            "live_payment_key",
        ),
        (
            "promote_secrets",
            json!({ "names": ["STRIPE"] }),
            "secret_missing",
        ),
    ] {
        let bound = world.serve().await;
        Provoked::on_project(bound, &project, tool, arguments, code)
            .await
            .leads_to(Ending::Operator)
            .await;
    }
    let waiting = merge("approval_required").await;
    let approval = id(&waiting.error);
    waiting.leads_to(Ending::Approval).await;
    answer(world, "deny", &approval);
    merge("approval_denied")
        .await
        .leads_to(Ending::Operator)
        .await;

    put(
        world,
        "[approvals]\ncreate_project = \"operator\"\nmost_pending = 1\n",
    );
    let bound = world.serve().await;
    let ask = json!({ "name": "one" });
    bound.call("create_project", ask.clone()).await;
    Provoked::by(
        bound,
        &project,
        "create_project",
        json!({ "name": "two" }),
        "too_many_approvals",
    )
    .await
    .leads_to(Ending::Operator)
    .await;

    put(world, "");
    let key = world.dir().join("vault.key");
    set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let open = world.serve().await;
    Provoked::by(open, &project, "create_project", ask, "vault_unavailable")
        .await
        .leads_to(Ending::Operator)
        .await;
    set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
}
