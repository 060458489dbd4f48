//! Refusals of arguments and targets: what is wrong with the call, and what it may not reach.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Ending, Provoked, WORK, more_work, with_work};
use crate::harness::World;
use crate::policy::put;

/// The codes that are provoked here.
pub(super) const CODES: &[&str] = &[
    "invalid_arguments",
    "unknown_tool",
    "read_only",
    "frozen",
    "out_of_scope",
    "outside_policy",
    "target_unknown",
    "no_dev_branch",
    "ambiguous_branch",
    "production_is_protected",
    "production_rows",
    "not_configured",
    "not_prepared",
    "not_found",
    "already_exists",
    "invalid_version",
    "recovery_disabled",
    "outside_recovery_window",
    "unsafe_setting",
];

/// A ref that no project has.
const STRANGER: &str = "zzzzzzzzzzzzzzzzzzzz";

/// Code, tool, arguments; the project is put in unless they say otherwise. `null` takes it out.
fn on_a_project() -> Vec<(&'static str, &'static str, Value)> {
    let more = "create table public.more (id int)";
    vec![
        (
            "unsafe_setting",
            "update_config",
            json!({ "service": "data_api", "settings": { "db_schema": "public, auth" } }),
        ),
        (
            "unsafe_setting",
            "promote_config",
            json!({ "service": "auth", "fields": ["sms_test_otp"] }),
        ),
        (
            "invalid_arguments",
            "list_tables",
            json!({ "project_id": null }),
        ),
        (
            "invalid_arguments",
            "list_tables",
            json!({ "project_id": 7 }),
        ),
        (
            "invalid_arguments",
            "list_tables",
            json!({ "project_id": "Work" }),
        ),
        (
            "invalid_arguments",
            "list_tables",
            json!({ "colour": "red" }),
        ),
        (
            "invalid_arguments",
            "execute_sql",
            json!({ "sql": "select 1" }),
        ),
        ("invalid_arguments", "execute_sql", json!({})),
        (
            "invalid_arguments",
            "apply_migration",
            json!({ "name": "x", "query": more, "dry_run": true }),
        ),
        (
            "invalid_arguments",
            "apply_migration",
            json!({ "name": "", "query": more }),
        ),
        (
            "invalid_arguments",
            "apply_migration",
            json!({ "name": "x", "query": more, "idempotency_key": "" }),
        ),
        (
            "invalid_arguments",
            "merge_branch",
            json!({ "dry_run": true }),
        ),
        (
            "invalid_arguments",
            "merge_branch",
            json!({ "branch_name": "DEV" }),
        ),
        (
            "invalid_arguments",
            "create_project",
            json!({ "project_id": null, "name": "" }),
        ),
        (
            "invalid_arguments",
            "create_project",
            json!({ "project_id": null, "name": "n", "confirm_cost_id": "x" }),
        ),
        (
            "invalid_arguments",
            "create_restore_point",
            json!({ "name": "rp-1" }),
        ),
        (
            "invalid_arguments",
            "get_organization",
            json!({ "project_id": null, "organization_id": "a b" }),
        ),
        (
            "invalid_arguments",
            "list_tables",
            json!({ "branch": "DEV", "environment": "production" }),
        ),
        (
            "invalid_arguments",
            "reset_branch",
            json!({ "migration_version": "first" }),
        ),
        ("unknown_tool", "drop_production", json!({})),
        (
            "target_unknown",
            "list_tables",
            json!({ "project_id": STRANGER }),
        ),
        (
            "production_is_protected",
            "apply_migration",
            json!({ "name": "x", "query": more, "branch": "main" }),
        ),
        (
            "production_is_protected",
            "execute_sql",
            json!({ "query": "insert into public.work values (1)", "environment": "production" }),
        ),
        ("not_found", "list_tables", json!({ "branch": "nope" })),
        (
            "not_found",
            "revert_to_restore_point",
            json!({ "name": "nope" }),
        ),
        (
            "not_found",
            "get_organization",
            json!({ "project_id": null, "organization_id": "nobody" }),
        ),
        (
            "already_exists",
            "create_restore_point",
            json!({ "name": "twice" }),
        ),
        (
            "invalid_version",
            "apply_migration",
            json!({ "name": "x", "query": more, "version": "1" }),
        ),
        (
            "invalid_version",
            "apply_migration",
            json!({ "name": "x", "query": more, "version": "latest" }),
        ),
        (
            "outside_recovery_window",
            "restore_to_point_in_time",
            json!({ "time": 1 }),
        ),
        (
            "outside_recovery_window",
            "restore_to_point_in_time",
            json!({ "time": "2999-01-01T00:00:00Z" }),
        ),
    ]
}

pub(super) async fn each(world: &World) {
    let mcp = Arc::new(world.serve().await);
    let project = with_work(&mcp, "Todo").await;
    for (number, (code, tool, mut arguments)) in on_a_project().into_iter().enumerate() {
        more_work(&mcp, &project, number).await;
        if code == "already_exists" {
            mcp.project(&project)
                .ok("create_restore_point", arguments.clone())
                .await;
        }
        match arguments.get("project_id") {
            None => arguments["project_id"] = json!(project),
            Some(Value::Null) => {
                arguments.as_object_mut().unwrap().remove("project_id");
            }
            Some(_) => {}
        }
        Provoked::by(Arc::clone(&mcp), &project, tool, arguments, code)
            .await
            .leads_to(Ending::Merged)
            .await;
    }
    without_a_branch(world).await;
    with_two_branches(world).await;
    without_recovery(world).await;
    by_the_operator(world).await;
    handing_over(world).await;
}

/// What is in the way of handing a project over.
async fn handing_over(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "handed over").await;
    Provoked::on_project(
        mcp,
        &project,
        "create_claim_link",
        json!({}),
        "not_configured",
    )
    .await
    .leads_to(Ending::Operator)
    .await;
    let flags = [
        ["--oauth-client-id", "66666666-6666-4666-8666-666666666666"],
        ["--oauth-client-secret", "of no app"],
        ["--oauth-redirect-uri", "https://builder.example/claimed"],
    ];
    let mcp = world.serve_with(&flags.concat()).await;
    Provoked::on_project(
        mcp,
        &project,
        "create_claim_link",
        json!({}),
        "not_prepared",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
}

async fn without_recovery(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "unprepared").await;
    let addon = format!("/v1/projects/{project}/billing/addons/pitr_7");
    let (status, _) = world
        .api()
        .send(reqwest::Method::DELETE, &addon, Value::Null)
        .await;
    assert_eq!(status, 200);
    Provoked::on_project(
        mcp,
        &project,
        "restore_to_point_in_time",
        json!({ "time": 1 }),
        "recovery_disabled",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
}

async fn without_a_branch(world: &World) {
    for tool in [
        "merge_branch",
        "check_merge",
        "get_branch_diff",
        "reset_branch",
    ] {
        let mcp = world.serve().await;
        let project = mcp.launch("fresh").await.id;
        Provoked::on_project(mcp, &project, tool, json!({}), "no_dev_branch")
            .await
            .leads_to(Ending::GaveUpWork)
            .await;
    }
}

async fn with_two_branches(world: &World) {
    for (tool, arguments) in [
        ("list_migrations", json!({})),
        ("apply_migration", json!({ "name": "work", "query": WORK })),
    ] {
        let mcp = world.serve().await;
        let project = mcp.launch("twins").await.id;
        for _ in 0..2 {
            world.api().branch(&project, "DEV").await;
        }
        Provoked::on_project(mcp, &project, tool, arguments, "ambiguous_branch")
            .await
            .leads_to(Ending::Operator)
            .await;
    }
}

/// What the operator has ruled out, an agent cannot have.
async fn by_the_operator(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "ruled").await;
    let other = mcp.launch("other").await.id;
    let change = json!({ "name": "x", "query": "create table public.more (id int)" });
    for (flags, code) in [
        (vec!["--read-only"], "read_only"),
        (vec!["--project-ref", &other], "out_of_scope"),
    ] {
        let bound = world.serve_with(&flags).await;
        Provoked::on_project(bound, &project, "apply_migration", change.clone(), code)
            .await
            .leads_to(Ending::Operator)
            .await;
    }
    put(
        world,
        "[freeze]\nstops = \"writes\"\nreason = \"a holiday\"\nuntil = 2999-01-01\n",
    );
    let frozen = world.serve().await;
    Provoked::on_project(frozen, &project, "apply_migration", change, "frozen")
        .await
        .leads_to(Ending::Operator)
        .await;
    put(world, "[launch]\nregions = [\"eu-west-1\"]\n");
    let narrow = world.serve().await;
    Provoked::by(
        narrow,
        &project,
        "create_project",
        json!({ "name": "far" }),
        "outside_policy",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
    put(world, "[production]\nrows = \"deny\"\n");
    let closed = world.serve().await;
    let project = with_work(&closed, "closed").await;
    let look = json!({ "query": "select * from public.work", "environment": "production" });
    Provoked::on_project(closed, &project, "execute_sql", look, "production_rows")
        .await
        .leads_to(Ending::Merged)
        .await;
    put(world, "");
}
