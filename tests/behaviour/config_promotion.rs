//! Configuration on its way to production: by named fields, asked for, and not with a development
//! branch's own values.

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Mcp, Project, World, texts};
use crate::policy::put;

async fn set(project: &Project<'_>, service: &str, settings: Value) {
    project
        .ok(
            "update_config",
            json!({ "service": service, "settings": settings }),
        )
        .await;
}

async fn production(project: &Project<'_>, service: &str, field: &str) -> Value {
    let read = project
        .ok(
            "get_config",
            json!({ "environment": "production", "service": service, "fields": [field] }),
        )
        .await;
    read["settings"][field].clone()
}

/// A promotion that nobody stands in the way of: the policy needs no approval here.
async fn free(world: &World) -> Mcp {
    put(world, "[approvals]\npromote_config = \"none\"\n");
    world.serve().await
}

#[tokio::test]
async fn exactly_the_named_fields_are_carried_once_somebody_says_yes() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    set(
        &project,
        "auth",
        json!({ "site_url": "http://localhost:5173", "password_min_length": 10, "mailer_autoconfirm": true, "jwt_exp": 3600 }),
    )
    .await;
    let call = json!({ "service": "auth", "fields": ["password_min_length", "mailer_autoconfirm", "jwt_exp"] });
    let refusal = project
        .refused("promote_config", call.clone(), "approval_required")
        .await;
    let facts = &refusal["details"]["facts"];
    assert_eq!(
        texts(&facts["changes"], "field"),
        ["password_min_length", "mailer_autoconfirm"]
    );
    assert_eq!(facts["changes"][0]["from"], 6);
    assert_eq!(facts["changes"][0]["to"], 10);
    assert!(facts["weaker"].to_string().contains("mailer_autoconfirm"));
    assert_eq!(production(&project, "auth", "password_min_length").await, 6);
    answer(&world, "grant", &id(&refusal));
    // The yes was to these values: another one is another question.
    set(&project, "auth", json!({ "password_min_length": 7 })).await;
    let refusal = project
        .refused("promote_config", call.clone(), "approval_required")
        .await;
    assert_eq!(refusal["details"]["facts"]["changes"][0]["to"], 7);
    answer(&world, "grant", &id(&refusal));
    // And to production's values.
    let api = world.api();
    let path = format!("/v1/projects/{}/config/auth", project.id);
    api.send(
        axum::http::Method::PATCH,
        &path,
        json!({ "mailer_autoconfirm": true }),
    )
    .await;
    let refusal = project
        .refused("promote_config", call.clone(), "approval_required")
        .await;
    assert_eq!(
        texts(&refusal["details"]["facts"]["changes"], "field"),
        ["password_min_length"]
    );
    answer(&world, "grant", &id(&refusal));
    let done = project.ok("promote_config", call.clone()).await;
    assert_eq!(texts(&done["changed"], "field"), ["password_min_length"]);
    assert_eq!(done["unchanged"], json!(["mailer_autoconfirm", "jwt_exp"]));
    assert_eq!(production(&project, "auth", "password_min_length").await, 7);
    assert_eq!(
        production(&project, "auth", "site_url").await,
        "http://localhost:3000"
    );
    // With nothing left to carry, nobody is asked.
    let again = project.ok("promote_config", call).await;
    assert_eq!(again["changed"], json!([]));
}

#[tokio::test]
async fn a_development_branchs_own_values_stay_there() {
    let world = World::new();
    let mcp = free(&world).await;
    let project = mcp.launch("P").await;
    set(&project, "auth", json!({ "jwt_exp": 3600 })).await;
    let dev = project.dev().await;
    for (field, value) in [
        ("site_url", "http://localhost:4000".to_owned()),
        ("site_url", "https://LOCALHOST./x".to_owned()),
        ("site_url", "https://127.1:3000".to_owned()),
        ("site_url", "https://0x7f000001".to_owned()),
        ("site_url", "https://2130706433/".to_owned()),
        ("site_url", "https://[::1]:3000".to_owned()),
        ("site_url", "https://[::ffff:10.0.0.1]".to_owned()),
        ("site_url", "https://192.168.1.7".to_owned()),
        ("site_url", "https://x.127.0.0.1.nip.io".to_owned()),
        ("site_url", "https://abc.ngrok-free.app".to_owned()),
        ("site_url", "https://app.test".to_owned()),
        ("site_url", "http://shop.example.com".to_owned()),
        ("site_url", format!("https://{dev}.supabase.co")),
        ("site_url", "myapp://localhost/cb".to_owned()),
        (
            "site_url",
            format!("https://{}.supabase.co", dev.to_uppercase()),
        ),
        (
            "site_url",
            format!(
                "https://%{:02x}{}.supabase.co",
                dev.as_bytes()[0],
                &dev[1..]
            ),
        ),
        ("site_url", "https://ｌｏｃａｌｈｏｓｔ".to_owned()),
        (
            "uri_allow_list",
            "https://shop.example.com/**,http://localhost:3000".to_owned(),
        ),
        ("uri_allow_list", "https://**".to_owned()),
        ("uri_allow_list", "https://*.com/**".to_owned()),
        ("uri_allow_list", "**".to_owned()),
        (
            "hook_send_email_uri",
            format!("https://{dev}.supabase.co/functions/v1/mail"),
        ),
        ("webauthn_rp_id", "localhost".to_owned()),
        ("smtp_host", "host.docker.internal".to_owned()),
        (
            "mailer_templates_invite_content",
            "<a href=\"http://localhost:3000/{{ .Token }}\">go</a>".to_owned(),
        ),
    ] {
        set(&project, "auth", json!({ field: value })).await;
        let error = project
            .refused(
                "promote_config",
                json!({ "service": "auth", "fields": [field] }),
                "unsafe_setting",
            )
            .await;
        assert_eq!(error["details"]["field"], field, "{value}");
    }
    assert_eq!(
        production(&project, "auth", "site_url").await,
        "http://localhost:3000"
    );
    // What production needs is carried.
    for (field, value) in [
        ("site_url", "https://shop.example.com"),
        (
            "uri_allow_list",
            "https://shop.example.com/**,https://*-acme.example.com/**,shop://callback",
        ),
        (
            "hook_send_email_uri",
            "pg-functions://postgres/public/send_email",
        ),
        (
            "mailer_templates_invite_content",
            "<p style=\"opacity: 0.5\">Join us at {{ .SiteURL }}, 10.5 km away</p>",
        ),
    ] {
        set(&project, "auth", json!({ field: value })).await;
        project
            .ok(
                "promote_config",
                json!({ "service": "auth", "fields": [field] }),
            )
            .await;
        assert_eq!(production(&project, "auth", field).await, value);
    }
}

#[tokio::test]
async fn a_secret_field_comes_from_the_operators_environment_and_not_from_the_branch() {
    let world = World::with(&[(
        "DRYDOCK_PRODUCTION_SECRET_SMTP_PASS",
        "kestrel-hover-29-field",
    )]);
    let mcp = free(&world).await;
    let project = mcp.launch("P").await;
    set(
        &project,
        "auth",
        json!({ "smtp_pass": "for testing alone", "external_github_secret": "test app" }),
    )
    .await;
    let error = project
        .refused(
            "promote_config",
            json!({ "service": "auth", "fields": ["external_github_secret"] }),
            "secret_missing",
        )
        .await;
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("DRYDOCK_PRODUCTION_SECRET_EXTERNAL_GITHUB_SECRET"));
    let done = project
        .ok(
            "promote_config",
            json!({ "service": "auth", "fields": ["smtp_pass"] }),
        )
        .await;
    assert_eq!(done["changed"][0]["from"], "not set");
    let path = |reference: &str| format!("/v1/projects/{reference}/config/auth");
    let api = world.api();
    let (dev, shown) = (project.dev().await, api.get(&path(&project.id)).await);
    assert_ne!(shown["smtp_pass"], api.get(&path(&dev)).await["smtp_pass"]);
    assert!(shown["external_github_secret"].is_null());
    // Codes that let testers in are nothing for production.
    set(
        &project,
        "auth",
        json!({ "sms_test_otp": "15550100=123456" }),
    )
    .await;
    project
        .refused(
            "promote_config",
            json!({ "service": "auth", "fields": ["sms_test_otp"] }),
            "unsafe_setting",
        )
        .await;
}

#[tokio::test]
async fn a_schema_is_exposed_on_production_only_if_the_advisor_lets_it() {
    let world = World::new();
    let mcp = free(&world).await;
    let project = mcp.launch("P").await;
    project
        .migrate("api", "create schema api; grant usage on schema api to anon; create table api.things (id int primary key); grant select on api.things to anon")
        .await;
    // Nobody sees it as long as nothing exposes it.
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
    set(&project, "data_api", json!({ "db_schema": "public,api" })).await;
    let call = json!({ "service": "data_api", "fields": ["db_schema"] });
    let error = project
        .refused("promote_config", call.clone(), "advisor_failed")
        .await;
    assert!(
        error["message"].as_str().unwrap().contains("api.things"),
        "{error}"
    );
    assert_eq!(
        production(&project, "data_api", "db_schema").await,
        "public,graphql_public"
    );
    assert_eq!(project.branches().await, ["DEV"]);
    project
        .migrate("close", "alter table api.things enable row level security; create policy mine on api.things for select to authenticated using (id = 1)")
        .await;
    assert_eq!(
        project.ok("merge_branch", json!({})).await["status"],
        "merged"
    );
    project.ok("promote_config", call.clone()).await;
    assert_eq!(
        production(&project, "data_api", "db_schema").await,
        "public,api"
    );
    // From now on a merge is judged with that schema exposed, whatever the branch exposes.
    set(&project, "data_api", json!({ "db_schema": "public" })).await;
    project
        .migrate(
            "more",
            "create table api.more (id int primary key); grant select on api.more to anon",
        )
        .await;
    let error = project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    assert!(error.to_string().contains("api.more"), "{error}");
    // Also where the operator has switched the replay off, and the advisor looks at the branch.
    put(
        &world,
        "[approvals]\npromote_config = \"none\"\n[gate]\nreplay = \"off\"\n",
    );
    let other = world.serve().await;
    let error = other
        .project(&project.id)
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    assert_eq!(error["next"]["tool"], "update_config", "{error}");
    // A schema that only the branch has is not exposed on production.
    project.migrate("own", "create schema own").await;
    set(&project, "data_api", json!({ "db_schema": "public,own" })).await;
    project
        .refused("promote_config", call, "unsafe_setting")
        .await;
}

#[tokio::test]
async fn what_no_replay_shows_is_taken_back_as_soon_as_the_advisor_sees_it() {
    let world = World::new();
    let mcp = free(&world).await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "api",
            "create schema api; grant usage on schema api to anon",
        )
        .await;
    project.ok("merge_branch", json!({})).await;
    // Past every migration.
    world
        .api()
        .query(
            &project.id,
            "create table api.sneaked (id int primary key); grant select on api.sneaked to anon",
        )
        .await;
    set(&project, "data_api", json!({ "db_schema": "public,api" })).await;
    let error = project
        .refused(
            "promote_config",
            json!({ "service": "data_api", "fields": ["db_schema"] }),
            "advisor_failed",
        )
        .await;
    assert!(
        error["message"].as_str().unwrap().contains("taken back"),
        "{error}"
    );
    assert_eq!(
        production(&project, "data_api", "db_schema").await,
        "public,graphql_public"
    );
}
