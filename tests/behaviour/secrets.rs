//! Secrets of functions: on DEV from the caller or the operator, on production from the operator
//! alone, and nowhere to be read.

use std::fs;

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Project, World, names};

/// What the operator has put into the environment.
const FOR_DEV: &str = "heron-stilt-77-wading";
const FOR_PRODUCTION: &str = "osprey-talon-41-diving";
/// What an agent gives.
const GIVEN: &str = "plover-egg-52-speckled";
/// What is never taken.
const LATE: &str = "dunlin-flock-80-mudflat";
/// Too short to be looked for by its value.
const SHORT: &str = "wren5";

fn world() -> World {
    World::with(&[
        ("DRYDOCK_DEV_SECRET_MAIL_KEY", FOR_DEV),
        ("DRYDOCK_PRODUCTION_SECRET_MAIL_KEY", FOR_PRODUCTION),
        ("SOMETHING_ELSE", "not-for-agents-0123"),
    ])
}

/// The live form of a key; put together here, so that no scanner takes this file for a leak.
fn live() -> String {
    format!("sk_{}_51HxQabcDEF0123456789", "live")
}

async fn listed(project: &Project<'_>, environment: &str) -> Vec<String> {
    let answer = project
        .ok("list_secrets", json!({ "environment": environment }))
        .await;
    names(&answer["secrets"])
}

#[tokio::test]
async fn secrets_are_set_listed_by_digest_and_deleted_on_dev() {
    let world = world();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    // The first write makes the branch, which then begins with them.
    let set = project
        .ok(
            "set_secrets",
            json!({ "secrets": { "GIVEN": GIVEN, "PIN": SHORT }, "from_environment": ["MAIL_KEY"] }),
        )
        .await;
    assert_eq!(set["set"], json!(["GIVEN", "PIN", "MAIL_KEY"]));
    assert_eq!(set["target"]["environment"], "dev");
    assert_eq!(set["target"]["redirected"], true);
    assert_eq!(listed(&project, "dev").await, ["GIVEN", "MAIL_KEY", "PIN"]);
    assert!(listed(&project, "production").await.is_empty());
    let shown = project.ok("list_secrets", json!({})).await;
    // SHA-256 of GIVEN.
    let digest = "digest";
    assert_eq!(shown["secrets"][0][digest].as_str().unwrap().len(), 64);
    assert_ne!(shown["secrets"][0][digest], shown["secrets"][1][digest]);
    // A reset keeps them: they belong to the branch and not to its database.
    project.ok("reset_branch", json!({})).await;
    assert_eq!(listed(&project, "dev").await.len(), 3);
    let gone = project
        .ok("delete_secrets", json!({ "names": ["PIN"] }))
        .await;
    assert_eq!(gone["deleted"], json!(["PIN"]));
    let error = project
        .refused(
            "delete_secrets",
            json!({ "names": ["GIVEN", "NEVER_THERE"] }),
            "not_found",
        )
        .await;
    assert_eq!(error["next"]["tool"], "list_secrets");
    assert_eq!(listed(&project, "dev").await, ["GIVEN", "MAIL_KEY"]);
}

#[tokio::test]
async fn a_new_branch_begins_with_its_secrets_and_an_old_one_gets_them() {
    let world = world();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for (expected, secrets) in [
        (true, json!({ "A": GIVEN })),
        (false, json!({ "B": GIVEN })),
    ] {
        let made = project
            .ok(
                "create_branch",
                json!({ "name": "next", "secrets": secrets }),
            )
            .await;
        assert_eq!(made["created"], expected);
    }
    let answer = project
        .ok("list_secrets", json!({ "branch": "next" }))
        .await;
    assert_eq!(names(&answer["secrets"]), ["A", "B"]);
    // What is not allowed makes no branch.
    project
        .refused(
            "create_branch",
            json!({ "name": "bad", "secrets": { "STRIPE": live() } }),
            "live_payment_key",
        )
        .await;
    assert_eq!(project.branches().await, ["next"]);
}

#[tokio::test]
async fn what_no_secret_may_be_is_refused_before_anything_is_made() {
    let world = world();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let many: serde_json::Map<String, Value> =
        (0..101).map(|n| (format!("S{n}"), json!("x"))).collect();
    for (secrets, code) in [
        (json!({ "SUPABASE_URL": "x" }), "invalid_arguments"),
        (
            json!({ "supabase_service_role_key": "x" }),
            "invalid_arguments",
        ),
        (json!({ "LD_PRELOAD": "/tmp/x.so" }), "invalid_arguments"),
        (json!({ "DENO_DIR": "/tmp" }), "invalid_arguments"),
        (json!({ "Path": "/tmp" }), "invalid_arguments"),
        (json!({ "A=B": "x" }), "invalid_arguments"),
        (json!({ "": "x" }), "invalid_arguments"),
        (json!({ "9": "x" }), "invalid_arguments"),
        (json!({ "A".repeat(257): "x" }), "invalid_arguments"),
        (json!({ "A": "x".repeat(24_577) }), "invalid_arguments"),
        (json!({ "A": "" }), "invalid_arguments"),
        (json!({ "A": "a\0b" }), "invalid_arguments"),
        (json!({ "A": "[redacted]" }), "invalid_arguments"),
        (json!({ "A": 12345678 }), "invalid_arguments"),
        (json!("A=12345678"), "invalid_arguments"),
        (json!({}), "invalid_arguments"),
        (json!(many), "invalid_arguments"),
        (json!({ "STRIPE": live() }), "live_payment_key"),
        (
            json!({ "STRIPE": live().replace("sk_", "rk_") }),
            "live_payment_key",
        ),
        (
            json!({ "CONFIG": format!("{{\"key\":\"{}\"}}", live()) }),
            "live_payment_key",
        ),
    ] {
        let error = project
            .refused("set_secrets", json!({ "secrets": secrets }), code)
            .await;
        assert!(!error.to_string().contains("12345678"), "{error}");
    }
    assert_eq!(project.branches().await, [] as [&str; 0]);
}

#[tokio::test]
async fn nothing_of_the_environment_is_read_but_what_was_put_there_for_it() {
    let world = world();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for name in [
        "SUPABASE_ACCESS_TOKEN",
        "PATH",
        "HOME",
        "SOMETHING_ELSE",
        "DRYDOCK_DATA_DIR",
        "DRYDOCK_PRODUCTION_SECRET_MAIL_KEY",
        "../MAIL_KEY",
        "MAIL_KEY\0",
        "",
    ] {
        let answer = project
            .call("set_secrets", json!({ "from_environment": [name] }))
            .await;
        assert!(answer.refused, "{name}: {}", answer.value);
        assert!(!answer.value.to_string().contains("not-for-agents"));
    }
    // What is for production is for nobody's development branch, and the other way round.
    project
        .ok("set_secrets", json!({ "from_environment": ["MAIL_KEY"] }))
        .await;
    let api = world.api();
    let dev = project.dev().await;
    let listed = api.get(&format!("/v1/projects/{dev}/secrets")).await;
    api.post(
        &format!("/v1/projects/{dev}/secrets"),
        json!([{ "name": "SAME", "value": FOR_DEV }]),
    )
    .await;
    let again = api.get(&format!("/v1/projects/{dev}/secrets")).await;
    assert_eq!(again[1]["name"], "SAME");
    assert_eq!(again[1]["value"], listed[0]["value"]);
}

#[tokio::test]
async fn production_gets_the_operators_secrets_once_the_operator_says_yes() {
    let world = world();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let call = json!({ "names": ["MAIL_KEY"] });
    let refusal = project
        .refused("promote_secrets", call.clone(), "approval_required")
        .await;
    assert_eq!(refusal["details"]["facts"]["secrets"]["MAIL_KEY"], "is new");
    assert!(listed(&project, "production").await.is_empty());
    answer(&world, "grant", &id(&refusal));
    let done = project.ok("promote_secrets", call.clone()).await;
    assert_eq!(done["promoted"], json!(["MAIL_KEY"]));
    assert_eq!(done["target"]["environment"], "production");
    assert_eq!(listed(&project, "production").await, ["MAIL_KEY"]);
    // A yes serves once.
    let refusal = project
        .refused("promote_secrets", call, "approval_required")
        .await;
    assert_eq!(refusal["details"]["facts"]["secrets"]["MAIL_KEY"], "stays");
    // There is no argument for a value, and no branch to name.
    for arguments in [
        json!({ "names": ["MAIL_KEY"], "secrets": { "MAIL_KEY": "x" } }),
        json!({ "names": ["MAIL_KEY"], "branch": "DEV" }),
        json!({ "names": [] }),
        json!({ "names": ["MAIL_KEY", "MAIL_KEY"] }),
        json!({ "names": ["SUPABASE_KEY"] }),
    ] {
        project
            .refused("promote_secrets", arguments, "invalid_arguments")
            .await;
    }
    project
        .refused(
            "promote_secrets",
            json!({ "names": ["UNHEARD_OF"] }),
            "secret_missing",
        )
        .await;
}

#[tokio::test]
async fn no_value_comes_out_anywhere() {
    let world = World::with(&[
        ("DRYDOCK_DEV_SECRET_MAIL_KEY", FOR_DEV),
        ("DRYDOCK_PRODUCTION_SECRET_MAIL_KEY", FOR_PRODUCTION),
        ("DRYDOCK_LOG", "trace"),
    ]);
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let given = json!({ "GIVEN": GIVEN, "PIN": SHORT });
    let mut heard = Vec::new();
    for (tool, arguments) in [
        ("create_branch", json!({ "secrets": given })),
        (
            "set_secrets",
            json!({ "secrets": given, "from_environment": ["MAIL_KEY"] }),
        ),
        // Refused in ways that repeat the call.
        ("set_secrets", json!({ "secrets": given, "colour": "red" })),
        ("set_secrets", json!({ "secrets": given, "wait_s": 0 })),
        (
            "set_secrets",
            json!({ "secrets": given, "branch": "nowhere else" }),
        ),
        (
            "set_secrets",
            json!({ "secrets": { "A": SHORT, "SUPABASE_A": GIVEN } }),
        ),
        ("promote_secrets", json!({ "names": ["MAIL_KEY"] })),
        ("list_secrets", json!({})),
        (
            "execute_sql",
            json!({ "query": format!("select '{GIVEN}', '{FOR_DEV}'") }),
        ),
        (
            "update_config",
            json!({ "service": "auth", "settings": { "smtp_pass": GIVEN, "external_github_secret": SHORT } }),
        ),
        (
            "update_config",
            json!({ "service": "auth", "settings": { "smtp_pass": "env(MAIL_KEY)", "smtp_passs": GIVEN } }),
        ),
        // Not yet known when it is refused.
        (
            "update_config",
            json!({ "service": "auth", "settings": { "sms_vonage_api_secret": LATE }, "colour": "red" }),
        ),
        ("get_config", json!({ "service": "auth" })),
        (
            "get_config",
            json!({ "service": "auth", "fields": ["smtp_pass", "external_github_secret"] }),
        ),
    ] {
        let answer = project.call(tool, arguments).await;
        heard.push((tool, answer.text));
        heard.push((tool, answer.value.to_string()));
    }
    assert!(mcp.end().await.success());
    for file in [
        "servers.log",
        "platform/platform.log",
        "drydock.sqlite",
        "drydock.sqlite-wal",
    ] {
        if let Ok(bytes) = fs::read(world.dir().join(file)) {
            heard.push((file, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    for entry in world.journal() {
        heard.push(("journal", entry.to_string()));
    }
    assert!(heard.iter().any(|(_, text)| text.contains("MAIL_KEY")));
    for secret in [GIVEN, FOR_DEV, FOR_PRODUCTION, SHORT, LATE] {
        for (place, text) in &heard {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
}
