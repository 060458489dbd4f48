//! What a builder has set, found before a project is handed over: named field by field, removed once
//! somebody says yes, and nothing else with it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::claims::set_up;
use crate::harness::{Api, World, texts};
use crate::policy::put;

const CANARY: &str = "canary-of-a-builder";

/// Production's configuration as somebody with the builder's token has set it.
async fn configure(api: &Api, project: &str) {
    let auth = json!({
        "site_url": "https://shop.example.com",
        "password_min_length": 12,
        "smtp_host": "mail.builder.example",
        "smtp_user": "builder",
        "smtp_pass": CANARY,
        "smtp_max_frequency": 61,
        "external_google_enabled": true,
        "external_google_client_id": "builders-client",
        "external_google_secret": CANARY,
        "hook_send_email_enabled": true,
        "hook_send_email_uri": "https://hooks.builder.example/mail",
        "hook_send_email_secrets": CANARY,
        "hook_custom_access_token_enabled": true,
        "hook_custom_access_token_uri": "pg-functions://postgres/public/claims",
        "sms_test_otp": "4152127777=123456",
    });
    change(api, project, "config/auth", Method::PATCH, auth).await;
    let settings = json!({ "max_parallel_workers": 3 });
    change(
        api,
        project,
        "config/database/postgres",
        Method::PUT,
        settings,
    )
    .await;
}

async fn change(api: &Api, project: &str, route: &str, method: Method, body: Value) {
    let path = format!("/v1/projects/{project}/{route}");
    let (status, said) = api.send(method, &path, body).await;
    assert!((200..300).contains(&status), "{route}: {said}");
}

/// The builder's own, in the order of the platform's description.
const BUILDERS: [&str; 10] = [
    "auth.smtp_host",
    "auth.smtp_user",
    "auth.smtp_pass",
    "auth.sms_test_otp",
    "auth.hook_send_email_enabled",
    "auth.hook_send_email_uri",
    "auth.hook_send_email_secrets",
    "auth.external_google_enabled",
    "auth.external_google_client_id",
    "auth.external_google_secret",
];
/// The app's own.
const APPS: [&str; 6] = [
    "auth.site_url",
    "auth.smtp_max_frequency",
    "auth.password_min_length",
    "auth.hook_custom_access_token_enabled",
    "auth.hook_custom_access_token_uri",
    "database.max_parallel_workers",
];

#[tokio::test]
async fn what_a_builder_has_set_is_named_field_by_field_and_removed_once_somebody_says_yes() {
    let (world, _, variables) = set_up();
    let world = world.and(&variables);
    put(&world, "[approvals]\nprepare_claim = \"operator\"\n");
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    api.query(
        &project.id,
        "create table public.kept (id int primary key); insert into public.kept values (7)",
    )
    .await;
    let source = "Deno.serve(() => new Response('hello'))";
    let function = json!({ "slug": "hello", "name": "hello", "body": source });
    let functions = format!("/v1/projects/{}/functions", project.id);
    api.post(&functions, function).await;
    // A new project has nothing to remove.
    let fresh = project.ok("prepare_claim", json!({})).await;
    assert_eq!(fresh["must_be_removed"], json!([]));
    assert_eq!(fresh["custom_settings"], json!([]), "{fresh}");

    configure(&api, &project.id).await;
    let auth = format!("/v1/projects/{}/config/auth", project.id);
    let set = api.get(&auth).await;
    let found = project.ok("prepare_claim", json!({})).await;
    assert_eq!(texts(&found["must_be_removed"], "name"), BUILDERS);
    assert_eq!(texts(&found["custom_settings"], "name"), APPS);
    assert_eq!(
        found["custom_settings"][0],
        json!({
            "name": "auth.site_url",
            "value": "https://shop.example.com",
            "default": "http://localhost:3000",
        })
    );
    assert!(!found.to_string().contains(CANARY));
    let digest = set["smtp_pass"].as_str().unwrap();
    assert!(!found.to_string().contains(digest), "{found}");

    // Neither the link nor the removal without a yes, and nothing has changed meanwhile.
    let refusal = project
        .refused("create_claim_link", json!({}), "not_prepared")
        .await;
    assert_eq!(
        texts(&refusal["details"]["must_be_removed"], "name"),
        BUILDERS
    );
    let remove = json!({ "remove": true });
    let asked = project
        .refused("prepare_claim", remove.clone(), "approval_required")
        .await;
    let facts = &asked["details"]["facts"];
    assert_eq!(texts(&facts["settings"], "name"), BUILDERS);
    assert!(!facts.to_string().contains(CANARY));
    assert_eq!(api.get(&auth).await, set);
    // The yes was for what was there.
    answer(&world, "grant", &id(&asked));
    let other = json!({ "smtp_user": "somebody else" });
    change(&api, &project.id, "config/auth", Method::PATCH, other).await;
    let asked = project
        .refused("prepare_claim", remove.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&asked));
    let removed = project.ok("prepare_claim", remove).await;
    assert_eq!(removed["must_be_removed"], json!([]));
    assert_eq!(texts(&removed["removed"], "name"), BUILDERS);
    // The app keeps what it lives by, and its users theirs.
    assert_eq!(texts(&removed["custom_settings"], "name"), APPS);
    let now = api.get(&auth).await;
    for (field, value) in [
        ("smtp_host", Value::Null),
        ("smtp_pass", Value::Null),
        ("external_google_enabled", json!(false)),
        ("external_google_secret", Value::Null),
        ("hook_send_email_uri", Value::Null),
        ("sms_test_otp", Value::Null),
        ("site_url", json!("https://shop.example.com")),
        ("hook_custom_access_token_enabled", json!(true)),
    ] {
        assert_eq!(now[field], value, "{field}");
    }
    let rows = api.query(&project.id, "select id from public.kept").await;
    assert_eq!(rows, json!([{ "id": 7 }]));
    assert_eq!(texts(&api.get(&functions).await, "slug"), ["hello"]);

    // Who approves the link is told what goes along.
    let asked = project
        .refused("create_claim_link", json!({}), "approval_required")
        .await;
    let facts = &asked["details"]["facts"];
    assert_eq!(texts(&facts["custom_settings"], "name"), APPS);
}

#[tokio::test]
async fn custom_settings_are_reset_by_name_and_never_so_that_more_is_exposed() {
    let world = World::new();
    put(&world, "[approvals]\nprepare_claim = \"operator\"\n");
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    configure(&api, &project.id).await;
    api.query(&project.id, "create schema api").await;
    let shown = json!({ "db_schema": "api" });
    change(&api, &project.id, "postgrest", Method::PATCH, shown).await;

    for reset in [
        json!(["site_url"]),
        json!(["auth.siteurl"]),
        json!(["auth."]),
        json!(["mail.smtp_host"]),
        json!([""]),
        json!(["data_api.jwt_secret"]),
        json!(["database.restart_database"]),
    ] {
        let arguments = json!({ "remove": true, "reset": reset });
        project
            .refused("prepare_claim", arguments, "invalid_arguments")
            .await;
    }
    let named = |names: &[&str]| json!({ "remove": true, "reset": names });
    let without = json!({ "reset": ["auth.site_url"] });
    project
        .refused("prepare_claim", without, "invalid_arguments")
        .await;
    // public would be shown, which nobody has looked at.
    project
        .refused(
            "prepare_claim",
            named(&["data_api.db_schema"]),
            "unsafe_setting",
        )
        .await;
    let reset = named(&[
        "auth.site_url",
        "auth.password_min_length",
        "database.max_parallel_workers",
        // As a new project has it already.
        "auth.jwt_exp",
    ]);
    let asked = project
        .refused("prepare_claim", reset.clone(), "approval_required")
        .await;
    let weaker = &asked["details"]["facts"]["weaker"];
    assert_eq!(weaker.as_array().unwrap().len(), 2, "{weaker}");
    for field in ["password_min_length", "hook_send_email_uri"] {
        assert!(weaker.to_string().contains(field), "{weaker}");
    }
    // A yes to this is none to another list.
    answer(&world, "grant", &id(&asked));
    let all = named(&["auth.site_url", "auth.smtp_max_frequency"]);
    project
        .refused("prepare_claim", all, "approval_required")
        .await;
    let done = project.ok("prepare_claim", reset).await;
    assert_eq!(done["must_be_removed"], json!([]));
    let removed = texts(&done["removed"], "name");
    assert_eq!(removed.len(), 13, "{removed:?}");
    let left = texts(&done["custom_settings"], "name");
    assert_eq!(
        left,
        [
            "auth.smtp_max_frequency",
            "auth.hook_custom_access_token_enabled",
            "auth.hook_custom_access_token_uri",
            "data_api.db_schema"
        ]
    );
    let database = format!("/v1/projects/{}/config/database/postgres", project.id);
    assert_eq!(api.get(&database).await, json!({}));
}
