//! Recovery of production to a point in time: for a disaster, by the operator's yes, and with a way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::approvals::{answer, id, open};
use crate::harness::{Mcp, Project, Reaction, Relay, User, World, kill, until};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A whole second: what was committed before this call is within it, what comes after is later.
async fn second() -> i64 {
    let second = now() + 1;
    until("the next second", async || (now() > second).then_some(())).await;
    second
}

async fn notes(world: &World, project: &str) -> Value {
    let sql = "select coalesce(json_agg(id order by id), '[]') as ids from public.notes";
    world.api().read(project, sql).await[0]["ids"].clone()
}

async fn note(world: &World, project: &str, id: i64) {
    let sql = format!("insert into public.notes values ({id})");
    world.api().query(project, &sql).await;
}

const NOTES: &str = "create table public.notes (id int primary key);
    alter table public.notes enable row level security;";

/// A project whose production has a table; gives a second from before and after the first row.
async fn with_notes<'a>(world: &World, mcp: &'a Mcp) -> (Project<'a>, i64) {
    let project = mcp.launch("shop").await;
    project.migrate("notes", NOTES).await;
    project.ok("merge_branch", json!({})).await;
    note(world, &project.id, 1).await;
    let first = second().await;
    note(world, &project.id, 2).await;
    (project, first)
}

/// Asks for a recovery, has the operator say yes, and gives what came of it.
async fn recover(world: &World, project: &Project<'_>, arguments: Value) -> Value {
    let refusal = project
        .refused(
            "restore_to_point_in_time",
            arguments.clone(),
            "approval_required",
        )
        .await;
    answer(world, "grant", &id(&refusal));
    project.ok("restore_to_point_in_time", arguments).await
}

#[tokio::test]
async fn production_is_returned_to_a_moment_by_the_operators_yes_and_back_again() {
    let world = World::new();
    let mcp = world.serve_for(User::Yes, &[]).await;
    let (project, first) = with_notes(&world, &mcp).await;
    let later = project
        .migrate(
            "later",
            "create table public.later (id int primary key); alter table public.later enable row level security;",
        )
        .await;
    project.ok("merge_branch", json!({})).await;

    let listed = project.ok("list_backups", json!({})).await;
    assert_eq!(listed["backups"][0]["status"], "COMPLETED");
    assert_eq!(listed["point_in_time"]["enabled"], true);
    let options = project.ok("get_recovery_options", json!({})).await;
    let kinds: Vec<&str> = options["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| option["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["restore_point", "point_in_time"]);

    // A user who says yes to everything does not count: it is the operator's to say.
    let call = json!({ "time": first });
    let refusal = project
        .refused(
            "restore_to_point_in_time",
            call.clone(),
            "approval_required",
        )
        .await;
    assert!(mcp.questions().is_empty());
    assert_eq!(refusal["details"]["road"], "operator");
    let facts = &refusal["details"]["facts"];
    assert_eq!(facts["migrations_lost_at_least"], json!([later]));
    assert!(facts["lost_seconds_when_asked"].as_i64().unwrap() >= 1);
    let summary = refusal["details"]["summary"].as_str().unwrap();
    assert!(summary.contains("is lost") && summary.contains(facts["to"].as_str().unwrap()));
    assert_eq!(notes(&world, &project.id).await, json!([1, 2]));
    answer(&world, "grant", &id(&refusal));
    let done = project.ok("restore_to_point_in_time", call).await;
    assert_eq!(done["target"]["environment"], "production");
    assert_eq!(done["lost"]["after"], facts["to"]);
    assert_eq!(done["migrations_lost"], json!([later]));
    assert_eq!(done["still_on_dev"], json!([later]));
    assert_eq!(done["undo_point"], "undo-1");
    assert_eq!(notes(&world, &project.id).await, json!([1]));
    assert_eq!(
        project.ok("get_project", json!({})).await["project"]["status"],
        "ACTIVE_HEALTHY"
    );

    // What production lost and DEV has is unmerged again, and nothing is taken for drift.
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["merged"]["migrations"], json!([later]));
    note(&world, &project.id, 3).await;

    // The way back, with a yes of its own; what was merged meanwhile is the same migration.
    let way_back = done["way_back"].clone();
    assert_eq!(way_back["tool"], "restore_to_point_in_time");
    let back = recover(&world, &project, way_back["arguments"].clone()).await;
    assert_eq!(notes(&world, &project.id).await, json!([1, 2]));
    assert_eq!(back["migrations_lost"], json!([]));
    assert_eq!(back["undo_point"], "undo-2");
    assert_eq!(project.check().await["passes"], true);
    let again = recover(&world, &project, back["way_back"]["arguments"].clone()).await;
    assert_eq!(notes(&world, &project.id).await, json!([1, 3]));
    assert_eq!(
        again["lost"]["after"],
        back["way_back"]["arguments"]["time"]
    );
    let kept = project.ok("list_backups", json!({})).await;
    let archived = kept["backups"].as_array().unwrap().iter();
    assert_eq!(
        archived
            .filter(|backup| backup["status"] == "ARCHIVED")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_moment_that_cannot_be_returned_to_is_refused_in_words_and_nobody_is_asked() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, first) = with_notes(&world, &mcp).await;
    let tool = "restore_to_point_in_time";
    for (time, words) in [
        // The guide's own example.
        (json!(1), "1970-01-01T00:00:01"),
        (json!("1"), "before the project was made"),
        (json!(-1), "before the project was made"),
        (json!("2020-02-02T02:02:02Z"), "before the project was made"),
        (json!(now() + 3600), "in the future"),
        (json!("2999-01-01T00:00:00+01:00"), "in the future"),
    ] {
        let refusal = project
            .refused(tool, json!({ "time": time }), "outside_recovery_window")
            .await;
        let message = refusal["message"].as_str().unwrap();
        assert!(message.contains(words), "{time}: {message}");
        assert_eq!(refusal["next"]["tool"], "get_recovery_options");
        assert!(refusal["details"]["window"]["earliest"].is_string());
    }
    for time in [
        json!(""),
        json!("yesterday"),
        json!("2026-11-23"),
        json!(first * 1000),
        json!(1.5),
        json!(null),
        json!(["now"]),
    ] {
        project
            .refused(tool, json!({ "time": time }), "invalid_arguments")
            .await;
    }
    let dev = project.dev().await;
    mcp.refused(
        tool,
        json!({ "project_id": dev, "time": first }),
        "invalid_arguments",
    )
    .await;

    // Without the add-on there is nothing to return to, and the way to it is the operator's.
    let (status, _) = world
        .api()
        .send(
            Method::DELETE,
            &format!("/v1/projects/{}/billing/addons/pitr_7", project.id),
            Value::Null,
        )
        .await;
    assert_eq!(status, 200);
    let refusal = project
        .refused(tool, json!({ "time": first }), "recovery_disabled")
        .await;
    let operator = refusal["operator"].as_str().unwrap();
    assert!(operator.contains("pitr_7") && operator.contains(&project.id));
    let options = project.ok("get_recovery_options", json!({})).await;
    let options = options["options"].as_array().unwrap().clone();
    let recovery = options
        .iter()
        .find(|option| option["kind"] == "point_in_time")
        .unwrap();
    assert_eq!(recovery["available"], false);
    assert_eq!(recovery["to"]["enable"][0]["addon_variant"], "pitr_7");
    // The platform's own route says no as well, whoever asks it.
    let path = format!("/v1/projects/{}/database/backups/restore-pitr", project.id);
    let body = json!({ "recovery_time_target_unix": first });
    assert_eq!(
        world.api().send(Method::POST, &path, body).await.0,
        400,
        "without the add-on"
    );
    assert!(open(&world).is_empty(), "nobody was asked");
    assert_eq!(notes(&world, &project.id).await, json!([1, 2]));
}

#[tokio::test]
async fn a_yes_serves_one_moment_of_one_state_of_production() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, first) = with_notes(&world, &mcp).await;
    let tool = "restore_to_point_in_time";
    let call = json!({ "time": first });
    let refusal = project
        .refused(tool, call.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    let other = project
        .refused(tool, json!({ "time": first - 1 }), "approval_required")
        .await;
    assert_ne!(id(&other), id(&refusal));
    // More is on production by now than the operator was told of.
    project
        .migrate(
            "more",
            "create table public.more (id int primary key); alter table public.more enable row level security;",
        )
        .await;
    project.ok("merge_branch", json!({})).await;
    let changed = project
        .refused(tool, call.clone(), "approval_required")
        .await;
    assert_ne!(id(&changed), id(&refusal));
    assert_eq!(notes(&world, &project.id).await, json!([1, 2]));
    answer(&world, "grant", &id(&changed));
    project.ok(tool, call.clone()).await;
    // Used once.
    project.refused(tool, call, "approval_required").await;
}

#[tokio::test]
async fn a_platform_killed_while_it_restores_ends_that_when_it_starts_again() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, first) = with_notes(&world, &mcp).await;
    let call = json!({ "time": first });
    let tool = "restore_to_point_in_time";
    let refusal = project
        .refused(tool, call.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    let path = format!("/v1/projects/{}", project.id);
    let api = world.api();
    let victim = world.platform_pid();
    let killer = async {
        until("the restore", async || {
            (api.get(&path).await["status"] == "RESTORING").then_some(())
        })
        .await;
        kill(victim, Signal::KILL);
    };
    let (answered, ()) = tokio::join!(project.call(tool, call), killer);
    answered.accepted();
    assert_eq!(notes(&world, &project.id).await, json!([1]));
    assert_eq!(project.check().await["passes"], true);
    let kept = project.ok("list_backups", json!({})).await;
    assert_eq!(kept["backups"].as_array().unwrap().len(), 2, "done once");
}

/// Begins a recovery on a server that is killed while it follows what the platform was told.
async fn begin_and_die(world: &World, call: &Value) {
    let tool = "restore_to_point_in_time";
    let (follows, mut followed) = tokio::sync::watch::channel(false);
    let told = Arc::new(AtomicBool::new(false));
    let relay = Relay::start(Some(world.api()), move |request| {
        if request.path.ends_with("/restore-pitr") {
            told.store(true, Ordering::SeqCst);
        } else if told.load(Ordering::SeqCst) {
            // The platform has answered, or the server would not ask for more.
            follows.send_replace(true);
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Reaction::Pass))
    })
    .await;
    let through = relay.serve(world, world.api().token()).await;
    let refusal = through
        .refused(tool, call.clone(), "approval_required")
        .await;
    answer(world, "grant", &id(&refusal));
    tokio::select! {
        _ = through.try_call(tool, call.clone()) => panic!("it was answered"),
        follows = followed.wait_for(|follows| *follows) => drop(follows.unwrap()),
    }
    through.kill().await;
}

#[tokio::test]
async fn a_recovery_whose_server_died_is_followed_to_its_end_by_the_next_call() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, first) = with_notes(&world, &mcp).await;
    let call = json!({ "project_id": project.id, "time": first });
    begin_and_die(&world, &call).await;
    // What production will be is not known, so nothing is judged by what it is.
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], false);
    let drift = &verdict["checks"][1];
    assert_eq!(drift["next"]["tool"], "restore_to_point_in_time");
    let done = mcp
        .ok(
            "restore_to_point_in_time",
            drift["next"]["arguments"].clone(),
        )
        .await;
    assert_eq!(done["undo_point"], "undo-1");
    assert_eq!(notes(&world, &project.id).await, json!([1]));
    assert_eq!(project.check().await["passes"], true);
    // That was the one that was approved; another needs another yes.
    mcp.refused("restore_to_point_in_time", call, "approval_required")
        .await;
}

#[tokio::test]
async fn a_merge_follows_a_recovery_whose_server_died_before_it_begins() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, first) = with_notes(&world, &mcp).await;
    let later = project
        .migrate(
            "later",
            "create table public.later (id int primary key); alter table public.later enable row level security;",
        )
        .await;
    begin_and_die(&world, &json!({ "project_id": project.id, "time": first })).await;
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["merged"]["migrations"], json!([later]));
    assert_eq!(notes(&world, &project.id).await, json!([1]));
    assert_eq!(project.tables("production").await, ["later", "notes"]);
}

#[tokio::test]
async fn a_platform_that_refuses_loses_or_lacks_something_is_said_as_it_is() {
    let world = World::new();
    let first_server = world.serve().await;
    let (project, first) = with_notes(&world, &first_server).await;
    let project_id = project.id.clone();
    let (trouble, troubles) = tokio::sync::watch::channel("refuses");
    let relay = Relay::start(Some(world.api()), move |request| {
        let trouble = *troubles.borrow();
        let restores = request.path.ends_with("/restore-pitr");
        let points = request.path.ends_with("/restore-point") && request.method == Method::POST;
        let lists = request.path.ends_with("/backups");
        let reaction = match trouble {
            "refuses" if restores => Reaction::Answer(400, json!({ "message": "no disk" })),
            "loses" if restores => Reaction::Lose,
            "loses" if points => Reaction::Answer(404, json!({ "message": "not offered" })),
            "hides" if lists => Reaction::Answer(403, json!({ "message": "Forbidden" })),
            _ => Reaction::Pass,
        };
        Box::pin(std::future::ready(reaction))
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let project = mcp.project(&project_id);
    let (call, tool) = (json!({ "time": first }), "restore_to_point_in_time");
    let approved = async || {
        let refusal = project
            .refused(tool, call.clone(), "approval_required")
            .await;
        answer(&world, "grant", &id(&refusal));
    };
    approved().await;
    let refusal = project.refused(tool, call.clone(), "platform_error").await;
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains("no disk") && message.contains("nothing was changed"));
    assert_eq!(notes(&world, &project_id).await, json!([1, 2]));

    // Nothing can be said of backups: what is there for DEV is said all the same.
    trouble.send_replace("hides");
    let options = project.ok("get_recovery_options", json!({})).await;
    assert_eq!(options["options"][0]["kind"], "restore_point");
    assert_eq!(options["options"][1]["available"], false);
    assert!(project.call(tool, call.clone()).await.refused);

    // The answer is lost, and no restore point can be made: it is done, and said so.
    trouble.send_replace("loses");
    approved().await;
    let done = project.ok(tool, call.clone()).await;
    assert_eq!(done["undo_point"], Value::Null);
    assert_eq!(notes(&world, &project_id).await, json!([1]));
    let back = done["way_back"]["arguments"].clone();
    let refusal = mcp.refused(tool, back.clone(), "approval_required").await;
    answer(&world, "grant", &id(&refusal));
    mcp.ok(tool, back).await;
    assert_eq!(notes(&world, &project_id).await, json!([1, 2]));
}
