//! A platform that does wrong what it is told to: served by this very process, because nothing but
//! code can plan faults.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use drydock::local::faults::{Faults, Kind};
use drydock::local::{GrantsProfile, PlatformSettings, run_platform};
use serde_json::{Value, json};

use crate::harness::{World, chosen_postgres, templates};

/// Serves the platform of a world in a thread of this process. It ends as any other: by the signal
/// that the world sends at its end, which all platforms of a process hear. So there is one test.
fn serve_platform(world: &World, faults: &Faults) {
    let settings = PlatformSettings {
        data_dir: world.dir().to_owned(),
        port: None,
        ephemeral: false,
        idle: None,
        postgres: chosen_postgres(),
        templates: Some(templates()),
        deno: None,
        tools: None,
        function_patience: Duration::from_secs(10),
        database_idle: None,
        history: Duration::from_secs(3600),
        grants: GrantsProfile::Explicit,
        faults: Some(faults.clone()),
        template_spares: 0,
    };
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(run_platform(settings, |_| sender.send(()).unwrap()))
    });
    ready.recv().expect("the platform is ready");
}

fn plan(faults: &Faults, written: Value) {
    faults.plan(serde_json::from_value(written).unwrap());
}

fn kinds(faults: &Faults) -> Vec<Kind> {
    faults.hits().iter().map(|hit| hit.kind).collect()
}

#[tokio::test]
async fn a_platform_fails_where_it_is_planned_and_nowhere_else() {
    let world = World::new();
    let faults = Faults::default();
    serve_platform(&world, &faults);
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let table = |name: &str| format!("create table public.{name} (id int primary key)");

    // Restore points are not offered, until they are again.
    plan(&faults, json!([{ "kind": "restore_points_not_offered" }]));
    let first = json!({ "name": "a", "query": table("a") });
    project
        .refused("apply_migration", first.clone(), "approval_required")
        .await;
    let struck = kinds(&faults);
    assert!(
        !struck.is_empty()
            && struck
                .iter()
                .all(|kind| *kind == Kind::RestorePointsNotOffered),
        "{struck:?}"
    );
    faults.plan(Vec::new());
    let first = project.ok("apply_migration", first).await;
    let first = first["migration"]["version"].clone();

    // What only looks is asked again, whatever becomes of its answer.
    let query = "/v1/projects/{ref}/database/query";
    plan(
        &faults,
        json!([
            { "kind": "fail", "path": query, "nth": 1 },
            { "kind": "half", "path": query, "nth": 2 },
            { "kind": "fail_after", "path": query, "nth": 4 },
        ]),
    );
    for _ in 0..2 {
        assert_eq!(project.value("select 7 as seven").await, 7);
    }
    assert_eq!(kinds(&faults), [Kind::Fail, Kind::Half, Kind::FailAfter]);
    assert_eq!(faults.hits()[1].path, query);

    // A write whose answer is lost happens once, and is not taken for one that failed.
    plan(
        &faults,
        json!([{ "kind": "half", "method": "POST", "path": query, "nth": 1, "times": 1 }]),
    );
    let second = project.migrate("b", &table("b")).await;
    assert!(!faults.hits().is_empty());
    assert_eq!(project.ledger("dev").await, [json!(first), json!(second)]);

    // A merge that stops half-way has carried what it says, and the next one carries the rest.
    plan(&faults, json!([{ "kind": "merge_stops", "after": 1 }]));
    let refusal = project.refused("merge_branch", json!({}), "partial").await;
    assert_eq!(kinds(&faults), [Kind::MergeStops], "{refusal}");
    let call = faults.hits()[0].call.clone();
    assert_eq!(project.ledger("production").await, [json!(first)]);

    // Who was hit is in the journal.
    assert!(mcp.end().await.success());
    let journal = world.journal();
    let hit = journal
        .iter()
        .find(|entry| entry["tool"] == "merge_branch" && entry["kind"] == "outcome");
    assert_eq!(json!(call), hit.unwrap()["call_id"]);
}
