//! Approvals: bound to one call, given by whom the policy says, used once.

use serde_json::{Value, json};

use crate::harness::{Http, Mcp, World, until};
use crate::policy::put;

/// Creating a project needs the operator.
const CREATE: &str = "[approvals]\ncreate_project = \"operator\"\n";

/// What waits, or is granted and not used yet.
pub(crate) fn open(world: &World) -> Vec<Value> {
    world
        .json(&["approve", "list", "--json"])
        .as_array()
        .unwrap()
        .clone()
}

/// Answers; the answer must count.
pub(crate) fn answer(world: &World, decision: &str, id: &str) -> Value {
    world.json(&["approve", decision, id, "--json"])
}

/// The id of the approval that a refused call waits for.
pub(crate) fn id(refusal: &Value) -> String {
    refusal["details"]["approval"].as_str().unwrap().to_owned()
}

/// A call that must wait for an approval; gives its id.
async fn waits(mcp: &Mcp, tool: &str, arguments: Value) -> String {
    id(&mcp.refused(tool, arguments, "approval_required").await)
}

#[tokio::test]
async fn a_call_that_needs_the_operator_waits_and_succeeds_once_after_a_yes() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve().await;
    let call = json!({ "name": "shop" });
    let refusal = mcp
        .refused("create_project", call.clone(), "approval_required")
        .await;
    // What to do next is this very call, and what the operator does stands beside it.
    assert_eq!(refusal["next"]["tool"], "create_project");
    assert_eq!(refusal["next"]["arguments"], call);
    let waiting = id(&refusal);
    let operator = refusal["operator"].as_str().unwrap();
    assert!(operator.contains(&format!("drydock approve grant {waiting}")));
    assert!(
        refusal["details"]["summary"]
            .as_str()
            .unwrap()
            .contains("\"shop\"")
    );
    // Asking again asks nobody again.
    assert_eq!(waits(&mcp, "create_project", call.clone()).await, waiting);
    let listed = open(&world);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["status"], "pending");
    assert_eq!(
        mcp.ok("list_projects", json!({})).await["projects"],
        json!([])
    );

    assert_eq!(answer(&world, "grant", &waiting)["status"], "granted");
    mcp.ok("create_project", call.clone()).await;
    // Once.
    let next = waits(&mcp, "create_project", call).await;
    assert_ne!(next, waiting);
    let projects = mcp.ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
    assert!(mcp.end().await.success());

    let journal = world.journal();
    let answered = journal
        .iter()
        .find(|entry| entry["tool"] == "approve")
        .expect("the answer is journalled");
    assert_eq!(answered["body"]["decision"], "granted");
    assert_eq!(answered["body"]["road"], "operator");
    let used = journal
        .iter()
        .find(|entry| {
            entry["kind"] == "outcome"
                && entry["body"]["decision"] == "allowed"
                && entry["tool"] == "create_project"
        })
        .unwrap();
    assert_eq!(used["body"]["approvals"], json!([waiting]));
    assert_eq!(used["body"]["principal"], answered["body"]["asked_by"]);
    assert!(world.run(&["journal", "verify"]).status.success());
}

#[tokio::test]
async fn a_no_holds_and_its_reason_is_told() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve().await;
    let call = json!({ "name": "shop" });
    let waiting = waits(&mcp, "create_project", call.clone()).await;
    let denied = world.run(&["approve", "deny", &waiting, "--reason", "not this week"]);
    assert!(denied.status.success(), "{denied:?}");
    for _ in 0..2 {
        let refusal = mcp
            .refused("create_project", call.clone(), "approval_denied")
            .await;
        assert!(
            refusal["message"]
                .as_str()
                .unwrap()
                .contains("not this week")
        );
        assert_eq!(id(&refusal), waiting);
    }
    // It cannot be turned into a yes any more.
    let late = world.run(&["approve", "grant", &waiting]);
    assert!(!late.status.success());
    assert!(String::from_utf8_lossy(&late.stderr).contains("denied"));
    assert!(open(&world).is_empty());
}

#[tokio::test]
async fn an_approval_outlives_the_server_that_asked() {
    let world = World::new();
    put(&world, CREATE);
    let call = json!({ "name": "shop" });
    let first = world.serve().await;
    let waiting = waits(&first, "create_project", call.clone()).await;
    first.kill().await;
    let second = world.serve().await;
    assert_eq!(
        waits(&second, "create_project", call.clone()).await,
        waiting
    );
    second.kill().await;
    answer(&world, "grant", &waiting);
    let third = world.serve().await;
    third.ok("create_project", call).await;
}

#[tokio::test]
async fn what_nobody_answers_and_what_nobody_uses_expires() {
    let world = World::new();
    put(
        &world,
        "[approvals]\ncreate_project = \"operator\"\nexpire_s = 1\n",
    );
    let mcp = world.serve().await;
    // Nothing is created here, so no platform is needed.
    let call = json!({ "name": "shop", "organization_id": "somebody" });
    let unanswered = waits(&mcp, "create_project", call.clone()).await;
    until("the end of what nobody answers", async || {
        open(&world).is_empty().then_some(())
    })
    .await;
    let late = world.run(&["approve", "grant", &unanswered]);
    assert!(!late.status.success());
    assert!(String::from_utf8_lossy(&late.stderr).contains("expired"));

    let unused = waits(&mcp, "create_project", call.clone()).await;
    assert_ne!(unused, unanswered);
    answer(&world, "grant", &unused);
    until("the end of what nobody uses", async || {
        open(&world).is_empty().then_some(())
    })
    .await;
    let anew = waits(&mcp, "create_project", call).await;
    assert_ne!(anew, unused);
    let shown = world.json(&["approve", "show", &unused, "--json"]);
    assert_eq!(shown["status"], "expired");
    assert_eq!(shown["used_at"], Value::Null);
}

#[tokio::test]
async fn of_several_processes_one_uses_an_approval() {
    let world = World::new();
    put(&world, CREATE);
    let servers = [
        world.serve().await,
        world.serve().await,
        world.serve().await,
    ];
    let call = json!({ "name": "shop" });
    let waiting = waits(&servers[0], "create_project", call.clone()).await;
    answer(&world, "grant", &waiting);
    let calls = servers
        .iter()
        .flat_map(|server| (0..4).map(|_| server.call("create_project", call.clone())));
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| !answer.refused).count();
    assert_eq!(made, 1, "{answers:?}");
    for refused in answers.into_iter().filter(|answer| answer.refused) {
        refused.refused_as("approval_required");
    }
    let projects = servers[0].ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_argument_is_another_approval_and_another_order_is_not() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve().await;
    let call = json!({ "name": "shop", "idempotency_key": "k" });
    let waiting = waits(&mcp, "create_project", call).await;
    for other in [
        json!({ "name": "shop ", "idempotency_key": "k" }),
        json!({ "name": "shop", "idempotency_key": "K" }),
        json!({ "name": "shop" }),
        json!({ "name": "shop", "idempotency_key": "k", "region": "emea" }),
    ] {
        assert_ne!(waits(&mcp, "create_project", other).await, waiting);
    }
    answer(&world, "grant", &waiting);
    mcp.refused(
        "create_project",
        json!({ "name": "shop " , "idempotency_key": "k" }),
        "approval_required",
    )
    .await;
    mcp.ok(
        "create_project",
        json!({ "idempotency_key": "k", "name": "shop" }),
    )
    .await;
    // What the key made needs nobody's leave to be looked at again.
    mcp.ok(
        "create_project",
        json!({ "name": "shop", "idempotency_key": "k" }),
    )
    .await;
}

#[tokio::test]
async fn one_principals_approval_is_nothing_to_another() {
    let world = World::new();
    put(&world, CREATE);
    let (mcp, http) = (world.serve().await, Http::start(&world, &[]));
    let call = json!({ "name": "shop" });
    let of_http = http.call("create_project", call.clone()).await;
    let of_http = id(&of_http.refused_as("approval_required"));
    answer(&world, "grant", &of_http);
    let of_stdio = waits(&mcp, "create_project", call.clone()).await;
    assert_ne!(of_stdio, of_http);
    http.call("create_project", call).await.accepted();
}

#[tokio::test]
async fn asking_without_end_does_not_flood_the_operator() {
    let rounds = std::env::var("DRYDOCK_TEST_ROUNDS").map_or(1, |text| text.parse().unwrap());
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve().await;
    let ask = |number: usize| {
        let call = json!({ "name": format!("p{number}"), "organization_id": "somebody" });
        mcp.call("create_project", call)
    };
    let mut refused = Vec::new();
    for number in 0..50 * rounds {
        let code = ask(number).await.value["error"]["code"].clone();
        refused.push(code.as_str().unwrap().to_owned());
    }
    assert!(refused[..20].iter().all(|code| code == "approval_required"));
    assert!(
        refused[20..]
            .iter()
            .all(|code| code == "too_many_approvals")
    );
    let waiting = open(&world);
    assert_eq!(waiting.len(), 20);
    // A no makes no room to ask anew, and what waits still stands.
    answer(&world, "deny", waiting[0]["id"].as_str().unwrap());
    ask(usize::MAX).await.refused_as("too_many_approvals");
    ask(1).await.refused_as("approval_required");
    // Somebody else has room of their own.
    let http = Http::start(&world, &[]);
    http.call(
        "create_project",
        json!({ "name": "q", "organization_id": "somebody" }),
    )
    .await
    .refused_as("approval_required");
}

#[tokio::test]
async fn what_an_agent_calls_something_moves_nothing_on_the_operators_screen() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve().await;
    let name = "shop\u{202e}\" is fine, say yes \u{200b}";
    // What is no organization and no region never gets there.
    for hostile in [
        json!({ "name": name, "organization_id": "x\u{1b}[2J", "region": "us-east-1" }),
        json!({ "name": name, "region": "sb_secret_abcdefghijkl" }),
    ] {
        assert!(mcp.call("create_project", hostile).await.refused);
    }
    assert!(open(&world).is_empty());
    let call = json!({
        "name": name,
        "organization_id": "x\u{1b}[2J",
        "instance_size": "sb_secret_abcdefghijkl",
    });
    let waiting = waits(&mcp, "create_project", call).await;
    for arguments in [&["approve", "list"][..], &["approve", "show", &waiting]] {
        let output = world.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        for hidden in ['\u{202e}', '\u{200b}', '\u{1b}'] {
            assert!(!text.contains(hidden), "{text:?}");
        }
        assert!(text.contains("\\\" is fine"), "{text}");
        assert!(!text.contains("abcdefghijkl"), "{text}");
    }
    let unknown = world.run(&["approve", "grant", "nothing"]);
    assert!(!unknown.status.success());
}

#[test]
fn the_policys_roads_are_said_in_sentences() {
    let world = World::new();
    put(
        &world,
        "[approvals]\nmerge_branch = \"client\"\nreset_branch = \"operator\"\n",
    );
    let file = world.dir().join("policy.toml");
    let output = world.run(&["policy", "check", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    for sentence in [
        "agents may read production's rows for an hour, after an approval of the operator\n",
        "merge_branch needs the approval of the operator, or of the user behind the client\n",
        "reset_branch needs the approval of the operator\n",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
    assert!(!said.contains("create_project"), "{said}");
    for (policy, wrong) in [
        ("[approvals]\nmerge_branch = \"agent\"", "agent"),
        ("[approvals]\nmerge = \"operator\"", "merge_branch"),
        ("[approvals]\nexpire_s = 0", "approvals.expire_s"),
        ("[approvals]\nmost_pending = 0", "approvals.most_pending"),
        (
            "[approvals]\nwebhook_url = \"ftp://x\"",
            "approvals.webhook_url",
        ),
    ] {
        put(&world, policy);
        let output = world.run(&["serve"]);
        assert!(!output.status.success(), "{policy}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(wrong), "{policy}: {said}");
    }
}
