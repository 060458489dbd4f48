//! The whole job, from launch to merge, step by step.

use serde_json::json;

use crate::approvals;
use crate::harness::{World, codes, fingerprint};

pub(crate) const TODOS: &str = "\
create table public.todos (
    id bigint generated always as identity primary key,
    owner uuid not null default auth.uid(),
    task text not null
);
alter table public.todos enable row level security;
create policy \"own todos\" on public.todos to authenticated
    using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, insert, update, delete on public.todos to authenticated;";

const SEED: &str = "insert into public.todos (owner, task) values
    ('11111111-1111-1111-1111-111111111111', 'one'), ('11111111-1111-1111-1111-111111111111', 'two')";

const NOTES: &str = "\
create table public.notes (id bigint generated always as identity primary key, body text);
grant select, insert, update, delete on public.notes to anon, authenticated;";

const NOTES_MENDED: &str = "\
alter table public.notes enable row level security;
create policy \"anyone may read\" on public.notes for select to anon, authenticated using (true);
revoke insert, update, delete on public.notes from anon, authenticated;";

#[tokio::test]
async fn the_whole_job_works_over_stdio() {
    let world = World::new();
    let mcp = world.serve().await;

    let launched = mcp
        .ok(
            "create_project",
            json!({ "name": "Todo App", "region": "emea" }),
        )
        .await;
    assert_eq!(launched["project"]["status"], "ACTIVE_HEALTHY");
    assert_eq!(launched["project"]["name"], "Todo App");
    let steps = mcp.steps();
    assert!(
        steps.iter().any(|step| step.contains("ACTIVE_HEALTHY")),
        "progress tells of the wait: {steps:?}"
    );
    let project = mcp.project(launched["project"]["id"].as_str().unwrap());
    let api = world.api();
    let untouched = fingerprint(&api, &project.id).await;

    let first = project
        .ok(
            "apply_migration",
            json!({ "name": "create_todos", "query": TODOS }),
        )
        .await;
    assert_eq!(first["target"]["project_id"], project.id.as_str());
    assert_eq!(first["target"]["redirected"], true);
    assert_eq!(first["target"]["environment"], "dev");
    assert_eq!(first["target"]["branch"], "DEV");
    assert_ne!(first["target"]["ref"], project.id.as_str());
    let version = first["migration"]["version"].as_str().unwrap().to_owned();
    assert_eq!(first["migration"]["name"], "create_todos");
    assert_eq!(first["restore_point"]["name"], format!("rp-{version}"));
    assert_eq!(first["restore_point"]["status"], "available");
    assert_eq!(fingerprint(&api, &project.id).await, untouched);
    assert_eq!(
        project.point_names().await,
        ["baseline".to_owned(), format!("rp-{version}")]
    );

    project.sql(SEED).await;
    assert_eq!(project.value("select count(*) from public.todos").await, 2);

    let second = project.migrate("create_notes", NOTES).await;
    let found = project
        .ok("get_advisors", json!({ "type": "security" }))
        .await;
    assert_eq!(found["counts"]["error"], 1, "{found}");
    let lint = &found["lints"][0];
    assert_eq!(lint["name"], "rls_disabled_in_public");
    assert_eq!(lint["object"], "public.notes");

    let refusal = project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    assert_eq!(refusal["next"]["tool"], "apply_migration");
    assert_eq!(fingerprint(&api, &project.id).await, untouched);

    let third = project.migrate("secure_notes", NOTES_MENDED).await;
    let mistake = project
        .ok(
            "apply_migration",
            json!({ "name": "oops", "query": "alter table public.todos drop column task" }),
        )
        .await;
    assert_eq!(mistake["changes"][0]["loses_data"], true);
    let bad = mistake["migration"]["version"].as_str().unwrap();

    let reverted = project.revert(&format!("rp-{third}")).await;
    assert_eq!(reverted["reverted"]["migrations"], json!([bad]));
    assert!(!reverted["not_reverted"].as_array().unwrap().is_empty());
    assert_eq!(reverted["undo_point"], "undo-1");
    assert_eq!(
        project
            .value("select task from public.todos order by id")
            .await,
        "one"
    );

    let verdict = project.check().await;
    // Every condition holds but one, which takes an approval.
    assert_eq!(verdict["passes"], false, "{verdict}");
    let open: Vec<_> = codes(&verdict)
        .into_iter()
        .filter(|(_, status)| status != "passed")
        .collect();
    assert_eq!(open, [("exposure".to_owned(), "needs_approval".to_owned())]);
    // That anybody may read the notes is for somebody else to say, once.
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    approvals::answer(&world, "grant", &approvals::id(&waits));
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
    assert_eq!(
        merged["merged"]["migrations"],
        json!([version, second, third])
    );
    assert!(!merged["not_merged"].as_array().unwrap().is_empty());
    assert!(merged["production_restore_point"].is_string());

    assert_eq!(project.tables("production").await, ["notes", "todos"]);
    assert_eq!(
        project.ledger("production").await,
        [version, second, third],
        "exactly the migrations"
    );
    let rows = api
        .read(&project.id, "select count(*) as rows from public.todos")
        .await;
    assert_eq!(rows[0]["rows"], 0, "seed rows stay on DEV");
    assert!(mcp.end().await.success());
}

#[tokio::test]
async fn a_project_is_created_once_for_one_idempotency_key() {
    let world = World::new();
    let mcp = world.serve().await;
    let ask = || {
        mcp.ok(
            "create_project",
            json!({ "name": "Once", "idempotency_key": "k-1" }),
        )
    };
    let (first, second) = tokio::join!(ask(), ask());
    assert_eq!(first["project"]["id"], second["project"]["id"]);
    let third = ask().await;
    assert_eq!(first["project"]["id"], third["project"]["id"]);
    let listed = mcp.ok("list_projects", json!({})).await;
    assert_eq!(listed["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_demo_does_the_whole_job_and_leaves_nothing() {
    let world = World::new();
    let output = world
        .command(&["demo", "--json"])
        .env("TMPDIR", world.dir())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["ok"], true);
    let left: Vec<_> = std::fs::read_dir(world.dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
