//! Handing a project over, as agent, operator and user meet it: prepare, link, answer, and the access
//! that stays.

use std::process::Command;
use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::claim_pages::{App, parameter, register};
use crate::harness::{Browser, Http, Project, Reaction, Relay, World, http_client};
use crate::policy::put;
use crate::vault::listed;

const REDIRECT: &str = "http://127.0.0.1:9/claim/callback";

/// A world whose operator has an OAuth app, in the hands of `serve`.
pub(crate) fn set_up() -> (World, App, [(&'static str, String); 3]) {
    let world = World::new();
    let app = register(&world, REDIRECT);
    let variables = [
        ("DRYDOCK_OAUTH_CLIENT_ID", app.id.clone()),
        ("DRYDOCK_OAUTH_CLIENT_SECRET", app.secret.clone()),
        ("DRYDOCK_OAUTH_REDIRECT_URI", REDIRECT.to_owned()),
    ];
    (world, app, variables)
}

pub(crate) async fn link(world: &World, project: &Project<'_>, arguments: Value) -> String {
    let refusal = project
        .refused("create_claim_link", arguments.clone(), "approval_required")
        .await;
    answer(world, "grant", &id(&refusal));
    let made = project.ok("create_claim_link", arguments).await;
    made["url"].as_str().unwrap().to_owned()
}

/// What comes to the redirect URI, as a query.
fn came(address: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    query.to_owned()
}

pub(crate) fn complete(world: &World, address: &str) -> Command {
    let (code, state) = (parameter(address, "code"), parameter(address, "state"));
    world.command(&["claim", "complete", "--code", &code, "--state", &state])
}

#[tokio::test]
async fn a_user_claims_a_project_and_agents_go_on_working_on_it() {
    let (world, app, variables) = set_up();
    let world = world.and(&variables);
    let mcp = world.serve().await;
    let http = Http::start(&world, &[]);
    let project = mcp.launch("Shop").await;
    project
        .migrate("t", "create table public.t (id int primary key)")
        .await;
    let api = world.api();
    let secrets = format!("/v1/projects/{}/secrets", project.id);
    api.post(
        &secrets,
        json!([{ "name": "PAYMENT_KEY", "value": "canary-of-a-secret" }]),
    )
    .await;

    // What must be removed is said, and stops the link.
    let listed_now = project.ok("prepare_claim", json!({})).await;
    let kinds = crate::harness::texts(&listed_now["must_be_removed"], "kind");
    assert_eq!(kinds, ["secret", "branch"]);
    assert_eq!(listed_now["removed"], json!([]));
    project
        .refused("create_claim_link", json!({}), "not_prepared")
        .await;
    let remove = json!({ "remove": true });
    put(&world, "[approvals]\nprepare_claim = \"operator\"\n");
    let strict = world.serve().await;
    let strict_project = strict.project(&project.id);
    // Work that exists nowhere else is not thrown away on the way.
    strict_project
        .refused("prepare_claim", remove.clone(), "unmerged_migrations")
        .await;
    project
        .ok("delete_branch", json!({ "discard_unmerged": true }))
        .await;
    let asked = strict_project
        .refused("prepare_claim", remove.clone(), "approval_required")
        .await;
    assert_eq!(
        asked["details"]["facts"]["remove"][0]["name"],
        "PAYMENT_KEY"
    );
    // A yes is for what was shown, and not for what came later.
    answer(&world, "grant", &id(&asked));
    api.post(
        &secrets,
        json!([{ "name": "SECOND", "value": "canary-of-another" }]),
    )
    .await;
    let asked = strict_project
        .refused("prepare_claim", remove.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&asked));
    let removed = strict_project.ok("prepare_claim", remove).await;
    assert_eq!(removed["must_be_removed"], json!([]));
    assert_eq!(removed["removed"].as_array().unwrap().len(), 2);
    assert_eq!(api.get(&secrets).await, json!([]));

    for uri in [
        "https://evil.example/",
        "http://127.0.0.1:9/claim/callback/",
    ] {
        project
            .refused(
                "create_claim_link",
                json!({ "redirect_uri": uri }),
                "invalid_arguments",
            )
            .await;
    }
    let link = link(&world, &project, json!({})).await;
    let led = Browser::new(api.base())
        .claim(&link, "ann@example.com", "Acme")
        .await;
    assert!(led.starts_with(REDIRECT), "{led}");

    // Not yet: the answer has not come back.
    project
        .refused("get_project", json!({}), "permission_missing")
        .await;
    let callback = |query: &str| {
        let base = http.url().trim_end_matches("/mcp").to_owned();
        http_client()
            .get(format!("{base}/claim/callback?{query}"))
            .send()
    };
    let state = parameter(&led, "state");
    let query = came(&led);
    for (wrong, status) in [
        (query.replace(&state, "another"), 404),
        (query.replace(&parameter(&led, "code"), "another"), 400),
        (format!("state={state}"), 400),
        (format!("error=access_denied&state={state}"), 200),
    ] {
        assert_eq!(callback(&wrong).await.unwrap().status(), status, "{wrong}");
    }
    assert_eq!(callback(&query).await.unwrap().status(), 200);
    assert_eq!(callback(&query).await.unwrap().status(), 409);

    // Another process, with the builder's token, works on it as before: DEV, migrations, SQL.
    let seen = project.ok("get_project", json!({})).await;
    assert_ne!(seen["project"]["organization_id"], "local", "{seen}");
    let dev = mcp.project(&project.id);
    dev.migrate("u", "create table public.u (id int primary key)")
        .await;
    assert_eq!(
        dev.value("select count(*)::int as n from public.u").await,
        0
    );
    for (tool, arguments) in [
        ("create_claim_link", json!({ "leave": true })),
        ("prepare_claim", json!({ "remove": true })),
    ] {
        project.refused(tool, arguments, "already_exists").await;
    }

    // Nobody was shown a code, a token or the app's secret, and none lies open on the disk.
    let tokens: Value =
        serde_json::from_str(&crate::vault::show(&world, &[&project.id, "oauth_tokens"])).unwrap();
    let journal = json!(world.journal()).to_string();
    let database = std::fs::read(world.dir().join("drydock.sqlite")).unwrap();
    let log = std::fs::read(world.dir().join("servers.log")).unwrap();
    for secret in [
        link.rsplit('/').next().unwrap(),
        &parameter(&led, "code"),
        &app.secret,
        tokens["access_token"].as_str().unwrap(),
        tokens["refresh_token"].as_str().unwrap(),
    ] {
        assert!(!journal.contains(secret));
        for place in [&database, &log] {
            assert!(!String::from_utf8_lossy(place).contains(secret));
        }
    }
    let owners: Vec<Value> = listed(&world)
        .into_iter()
        .map(|one| one["project"].clone())
        .collect();
    assert!(
        owners.iter().all(|owner| owner == &json!(project.id)),
        "{owners:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_taken_again_or_said_to_be_lost() {
    for heard in [false, true] {
        let (world, _, variables) = set_up();
        let world = world.and(&variables);
        let mcp = world.serve().await;
        let project = mcp.launch("Shop").await;
        let link = link(&world, &project, json!({})).await;
        let led = Browser::new(world.api().base())
            .claim(&link, "ann@example.com", "Acme")
            .await;
        let (told, mut waiting) = tokio::sync::mpsc::unbounded_channel();
        let relay = Relay::start(Some(world.api()), move |request| {
            let told = told.clone();
            Box::pin(async move {
                if request.path != "/v1/oauth/token" {
                    return Reaction::Pass;
                }
                let _ = told.send(());
                if heard {
                    return Reaction::Lose;
                }
                std::future::pending().await
            })
        })
        .await;
        let mut command = complete(&world, &led);
        command
            .args(["--api-url", relay.url()])
            .env("SUPABASE_ACCESS_TOKEN", world.api().token());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        waiting.recv().await.unwrap();
        if heard {
            assert!(!child.wait().await.unwrap().success());
        } else {
            // Between the exchange and the seal.
            child.kill().await.unwrap();
        }
        let again = complete(&world, &led).output().unwrap();
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        assert_eq!(again.status.success(), !heard, "{said}");
        if heard {
            assert!(said.contains("must authorize the app again"), "{said}");
        } else {
            project.ok("get_project", json!({})).await;
        }
        assert!(!complete(&world, &led).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_and_one_that_is_revoked_ends_access() {
    let clock = std::env::temp_dir().join(format!("drydock-clock-{:016x}", rand::random::<u64>()));
    std::fs::write(&clock, "0").unwrap();
    let (world, app, variables) = set_up();
    let mut variables = variables.to_vec();
    variables.push(("DRYDOCK_TEST_CLOCK", clock.display().to_string()));
    let world = world.and(&variables);
    let mcp = Arc::new(world.serve().await);
    let project = mcp.launch("Shop").await;
    let link = link(&world, &project, json!({})).await;
    let api = world.api();
    let led = Browser::new(api.base())
        .claim(&link, "ann@example.com", "Acme")
        .await;
    assert!(complete(&world, &led).status().unwrap().success());
    project.ok("get_project", json!({})).await;
    let tokens = || -> Value {
        serde_json::from_str(&crate::vault::show(&world, &[&project.id, "oauth_tokens"])).unwrap()
    };
    let before = tokens();
    std::fs::write(&clock, "7200").unwrap();
    project.ok("get_project", json!({})).await;
    let after = tokens();
    assert_ne!(before["access_token"], after["access_token"]);
    // With the new one everything goes on, in this server and in one that starts now.
    let dev = mcp.project(&project.id);
    dev.migrate("t", "create table public.t (id int primary key); alter table public.t enable row level security;")
        .await;
    let fresh = world.serve().await;
    let again = fresh.project(&project.id);
    assert_eq!(
        again.value("select count(*)::int as n from public.t").await,
        0
    );
    let merged = again.ok("merge_branch", json!({})).await;
    assert_eq!(
        merged["merged"]["migrations"].as_array().unwrap().len(),
        1,
        "{merged}"
    );
    let seen = fresh.ok("list_projects", json!({})).await;
    assert_eq!(
        crate::harness::texts(&seen["projects"], "id"),
        [project.id.as_str()]
    );
    let config = json!({ "service": "auth", "settings": { "password_min_length": 9 } });
    again.ok("update_config", config).await;
    again
        .ok("set_secrets", json!({ "secrets": { "A": "b" } }))
        .await;
    again.ok("get_logs", json!({ "service": "postgres" })).await;
    again
        .ok("get_advisors", json!({ "type": "security" }))
        .await;
    again.ok("get_api_keys", json!({})).await;
    again.ok("delete_branch", json!({})).await;
    let body = json!({ "client_id": app.id, "client_secret": app.secret, "refresh_token": after["refresh_token"] });
    let (status, _) = api.send(Method::POST, "/v1/oauth/revoke", body).await;
    assert_eq!(status, 204);
    let other = world.serve().await;
    other
        .project(&project.id)
        .refused("get_project", json!({}), "permission_missing")
        .await;
    let seen = other.ok("list_projects", json!({})).await;
    assert_eq!(seen["projects"], json!([]));
    std::fs::remove_file(&clock).unwrap();
}
