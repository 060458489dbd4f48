//! Ways around: production by another name, settings that open the wall, words that are no fields.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Project, Reaction, Relay, World};

/// Everything that production is set to.
async fn production(world: &World, project: &Project<'_>) -> Vec<Value> {
    let api = world.api();
    let mut all = Vec::new();
    for path in [
        "config/auth",
        "postgrest",
        "config/storage",
        "config/realtime",
        "config/database/postgres",
        "secrets",
    ] {
        all.push(
            api.get(&format!("/v1/projects/{}/{path}", project.id))
                .await,
        );
    }
    all
}

#[tokio::test]
async fn no_call_but_a_promotion_changes_what_production_is_set_to() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.ok("create_branch", json!({})).await;
    let before = production(&world, &project).await;
    let settings = json!({ "disable_signup": true });
    let change = |more: Value| {
        let mut call = json!({ "service": "auth", "settings": settings.clone() });
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        call
    };
    for arguments in [
        change(json!({})),
        change(json!({ "environment": "production" })),
        change(json!({ "branch": "main" })),
        change(json!({ "branch": "production" })),
        change(json!({ "branch": project.id })),
        change(json!({ "branch": null })),
        change(json!({ "branch": "" })),
        change(json!({ "target": "production" })),
        change(json!({ "project_id": format!("{}?x=", project.id) })),
        change(json!({ "project_id": format!("{}/../{}", project.id, project.id) })),
        change(
            json!({ "settings": { "disable_signup": true, "ref": project.id, "project_ref": project.id } }),
        ),
        change(json!({ "service": "../auth" })),
        change(json!({ "service": "AUTH" })),
    ] {
        let answer = project.call("update_config", arguments.clone()).await;
        let landed = &answer.value["target"]["environment"];
        assert!(
            answer.refused || landed == "dev",
            "{arguments}: {}",
            answer.value
        );
    }
    for (tool, arguments) in [
        (
            "set_secrets",
            json!({ "secrets": { "A": "b" }, "branch": "main" }),
        ),
        ("set_secrets", json!({ "secrets": { "A": "b" } })),
        (
            "delete_secrets",
            json!({ "names": ["A"], "branch": "main" }),
        ),
        (
            "promote_config",
            json!({ "service": "auth", "fields": ["disable_signup"] }),
        ),
        (
            "promote_config",
            json!({ "service": "auth", "fields": ["disable_signup"], "approved": true }),
        ),
        (
            "promote_config",
            json!({ "service": "auth", "fields": ["*"] }),
        ),
        ("promote_config", json!({ "service": "auth", "fields": [] })),
        (
            "promote_config",
            json!({ "service": "database", "fields": ["restart_database"] }),
        ),
        ("promote_secrets", json!({ "names": ["A"] })),
    ] {
        project.call(tool, arguments).await;
    }
    assert_eq!(production(&world, &project).await, before);
}

#[tokio::test]
async fn settings_that_open_the_wall_are_refused_on_dev_as_well() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for (service, settings) in [
        ("data_api", json!({ "db_schema": "public,auth" })),
        ("data_api", json!({ "db_schema": "public, AUTH " })),
        ("data_api", json!({ "db_schema": "vault" })),
        ("data_api", json!({ "db_schema": "public,pg_catalog" })),
        (
            "data_api",
            json!({ "db_schema": "supabase_migrations,public" }),
        ),
        ("data_api", json!({ "db_schema": "" })),
        ("data_api", json!({ "db_schema": " , " })),
        ("data_api", json!({ "db_schema": "nowhere" })),
        ("data_api", json!({ "db_extra_search_path": "auth" })),
        ("database", json!({ "session_replication_role": "replica" })),
        ("database", json!({ "session_replication_role": "local" })),
        ("database", json!({ "statement_timeout": "1" })),
        ("database", json!({ "statement_timeout": "999ms" })),
        ("database", json!({ "statement_timeout": "-1" })),
    ] {
        project
            .refused(
                "update_config",
                json!({ "service": service, "settings": settings }),
                "unsafe_setting",
            )
            .await;
    }
    for (service, settings, code) in [
        (
            "data_api",
            json!({ "db_schema": "public\";drop schema public;--" }),
            "invalid_arguments",
        ),
        (
            "data_api",
            json!({ "db_schema": "public'; reset role; --" }),
            "invalid_arguments",
        ),
        (
            "auth",
            json!({ "external_github_secret": format!("sk_{}_0123456789abcdef", "live") }),
            "live_payment_key",
        ),
        (
            "auth",
            json!({ "smtp_pass": "env(PATH)" }),
            "secret_missing",
        ),
        (
            "auth",
            json!({ "smtp_pass": "env(../../X)" }),
            "secret_missing",
        ),
        (
            "auth",
            json!({ "smtp_pass": "[redacted]" }),
            "invalid_arguments",
        ),
    ] {
        project
            .refused(
                "update_config",
                json!({ "service": service, "settings": settings }),
                code,
            )
            .await;
    }
}

#[tokio::test]
async fn a_platform_that_shows_secrets_is_not_passed_on() {
    let world = World::new();
    let mcp = world.serve().await;
    let id = mcp.launch("P").await.id;
    mcp.project(&id).ok("create_branch", json!({})).await;
    let api = world.api();
    let token = api.token().to_owned();
    let relay = Relay::start(Some(api), |heard| {
        Box::pin(async move {
            if heard.method == Method::GET && heard.path.ends_with("/postgrest") {
                let shown = json!({ "db_schema": "public", "max_rows": 1, "jwt_secret": "puffin-burrow-63-cliff", "signing_key": "s3cr3t" });
                return Reaction::Answer(200, shown);
            }
            if heard.method == Method::GET && heard.path.ends_with("/secrets") {
                let plain = json!([{ "name": "A", "value": "puffin-burrow-63-cliff" }]);
                return Reaction::Answer(200, plain);
            }
            Reaction::Pass
        })
    })
    .await;
    let served = relay.serve(&world, &token).await;
    let project = served.project(&id);
    for arguments in [
        json!({ "service": "data_api" }),
        json!({ "service": "data_api", "fields": ["jwt_secret", "signing_key"] }),
    ] {
        let answer = project.call("get_config", arguments).await;
        assert!(!answer.refused, "{}", answer.value);
        assert_eq!(
            answer.value["secrets_set"],
            json!(["jwt_secret", "signing_key"])
        );
        for secret in ["puffin", "s3cr3t"] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
            assert!(!answer.value.to_string().contains(secret));
        }
    }
    let listed = project.ok("list_secrets", json!({})).await;
    assert_eq!(listed["secrets"][0]["digest"].as_str().unwrap().len(), 64);
}
