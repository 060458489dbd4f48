//! Configuration on DEV: known fields alone, in force where something here can act on them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Project, Reaction, Relay, World, texts};

async fn set(project: &Project<'_>, service: &str, settings: Value) -> Value {
    project
        .ok(
            "update_config",
            json!({ "service": service, "settings": settings }),
        )
        .await
}

async fn get(project: &Project<'_>, environment: &str, service: &str, fields: &[&str]) -> Value {
    project
        .ok(
            "get_config",
            json!({ "environment": environment, "service": service, "fields": fields }),
        )
        .await
}

#[tokio::test]
async fn settings_of_every_service_land_on_dev_and_are_read_back() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for (service, settings, field, value) in [
        (
            "auth",
            json!({ "site_url": "http://localhost:5173" }),
            "site_url",
            json!("http://localhost:5173"),
        ),
        ("data_api", json!({ "max_rows": 77 }), "max_rows", json!(77)),
        (
            "storage",
            json!({ "features": { "icebergCatalog": { "maxTables": 5 } } }),
            "features.icebergCatalog.maxTables",
            json!(5),
        ),
        (
            "realtime",
            json!({ "private_only": true }),
            "private_only",
            json!(true),
        ),
        (
            "database",
            json!({ "work_mem": "6MB" }),
            "work_mem",
            json!("6MB"),
        ),
    ] {
        let before = get(&project, "production", service, &[field]).await;
        let done = set(&project, service, settings.clone()).await;
        assert_eq!(texts(&done["changed"], "field"), [field]);
        assert_eq!(done["changed"][0]["to"], value);
        assert_eq!(done["target"]["redirected"], true);
        let now = get(&project, "dev", service, &[field]).await;
        assert_eq!(now["settings"][field], value, "{service}");
        let production = get(&project, "production", service, &[field]).await;
        assert_eq!(production["settings"], before["settings"], "{service}");
        // A second time there is nothing to do.
        let again = set(&project, service, settings).await;
        assert_eq!(again["changed"], json!([]));
        assert_eq!(again["unchanged"], json!([field]));
    }
    // By the names that the official server has for it.
    project
        .ok(
            "update_storage_config",
            json!({ "config": { "fileSizeLimit": 1_048_576 } }),
        )
        .await;
    let storage = project.ok("get_storage_config", json!({})).await;
    assert_eq!(storage["settings"]["fileSizeLimit"], 1_048_576);
    // Bounded: what is off or null is counted, not shown.
    let auth = project.ok("get_config", json!({ "service": "auth" })).await;
    assert!(auth["left_out"].as_u64().unwrap() > 150, "{auth}");
    assert!(auth["settings"].get("smtp_host").is_none());
    // Secrets are said to be there, and no more.
    set(
        &project,
        "auth",
        json!({ "smtp_pass": "siskin-nest-18-moss" }),
    )
    .await;
    let auth = project.ok("get_config", json!({ "service": "auth" })).await;
    assert_eq!(auth["secrets_set"], json!(["smtp_pass"]));
    assert!(auth["settings"].get("smtp_pass").is_none());
}

#[tokio::test]
async fn unknown_fields_and_wrong_kinds_are_refused_before_a_branch_is_made() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for (service, settings, said) in [
        (
            "auth",
            json!({ "siteUrl": "https://a.example.com" }),
            "did you mean site_url?",
        ),
        (
            "auth",
            json!({ "GOTRUE_JWT_EXP": 60 }),
            "did you mean jwt_exp?",
        ),
        ("auth", json!({ "db_schema": "public" }), "but of data_api"),
        (
            "auth",
            json!({ "jwt_exp": "3600" }),
            "jwt_exp is a whole number from 0 to 604800",
        ),
        (
            "auth",
            json!({ "jwt_exp": 604_801 }),
            "jwt_exp is a whole number",
        ),
        (
            "auth",
            json!({ "sms_provider": "pigeon" }),
            "sms_provider is one of",
        ),
        (
            "auth",
            json!({ "site_url": ["https://a.example.com"] }),
            "site_url is one URL",
        ),
        (
            "auth",
            json!({ "site_url": { "__proto__": { "x": 1 } } }),
            "site_url.__proto__.x is no field",
        ),
        (
            "auth",
            json!({ "__proto__": { "disable_signup": true } }),
            "is no field of auth",
        ),
        (
            "auth",
            json!({ "constructor": "x", "toString": "x" }),
            "is no field of auth",
        ),
        (
            "data_api",
            json!({ "jwt_secret": "0123456789abcdef0123456789abcdef" }),
            "jwt_secret is no field",
        ),
        (
            "data_api",
            json!({ "max_rows": 1.5 }),
            "max_rows is a whole number",
        ),
        (
            "realtime",
            json!({ "suspend": null }),
            "suspend is true or false",
        ),
        (
            "database",
            json!({ "session_preload_libraries": "evil" }),
            "is no field of database",
        ),
        (
            "database",
            json!({ "log_statement": "all" }),
            "is no field of database",
        ),
        (
            "database",
            json!({ "work_mem": "4MB'; drop table x; --" }),
            "work_mem is a text such as",
        ),
        (
            "database",
            json!({ "work_mem": "4MB\nport = 1" }),
            "work_mem is a text such as",
        ),
        ("auth", json!({}), "1 to 100 settings"),
    ] {
        let error = project
            .refused(
                "update_config",
                json!({ "service": service, "settings": settings }),
                "invalid_arguments",
            )
            .await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said), "{settings}: {message}");
        assert_eq!(error["next"]["tool"], "get_config");
    }
    project
        .refused(
            "get_config",
            json!({ "service": "auth", "fields": ["site_ur"] }),
            "invalid_arguments",
        )
        .await;
    assert_eq!(project.branches().await, [] as [&str; 0]);
}

#[tokio::test]
async fn settings_of_postgres_are_the_clusters_and_survive_what_the_branch_goes_through() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("a", "create table public.a (id int primary key)")
        .await;
    let shown = async |name: &str| {
        project
            .value(&format!("select current_setting('{name}')"))
            .await
    };
    // At once.
    set(&project, "database", json!({ "work_mem": "6MB" })).await;
    assert_eq!(shown("work_mem").await, "6MB");
    // After a restart, and not before.
    let done = set(&project, "database", json!({ "max_connections": 33 })).await;
    assert_eq!(done["pending_restart"], json!(["max_connections"]));
    let read = project
        .ok("get_config", json!({ "service": "database" }))
        .await;
    assert_eq!(read["settings"]["max_connections"], 33);
    assert_ne!(read["in_force"]["max_connections"], "33");
    let done = set(&project, "database", json!({ "restart_database": true })).await;
    assert_eq!(done["pending_restart"], json!([]));
    assert_eq!(shown("max_connections").await, "33");
    // What PostgreSQL refuses changes nothing, by itself or in company.
    for settings in [
        json!({ "work_mem": "1kB" }),
        json!({ "maintenance_work_mem": "8MB", "max_wal_size": "1kB" }),
        json!({ "max_connections": 1, "restart_database": true }),
        json!({ "wal_keep_size": "0" }),
        json!({ "shared_buffers": "131073", "restart_database": true }),
        json!({ "pg_net.batch_size": 1 }),
    ] {
        project
            .refused(
                "update_config",
                json!({ "service": "database", "settings": settings }),
                "invalid_arguments",
            )
            .await;
    }
    let read = project
        .ok("get_config", json!({ "service": "database" }))
        .await;
    assert_eq!(
        read["settings"],
        json!({ "work_mem": "6MB", "max_connections": 33 })
    );
    assert_eq!(
        (shown("work_mem").await, shown("max_connections").await),
        (json!("6MB"), json!("33"))
    );
    // A setting that only a restart shows to be impossible does not keep the database from coming up.
    set(&project, "database", json!({ "max_connections": 2 })).await;
    project
        .ok("revert_to_restore_point", json!({ "name": "baseline" }))
        .await;
    assert_eq!(shown("work_mem").await, "6MB");
    set(&project, "database", json!({ "max_connections": 34 })).await;
    // A reset makes the database anew, and its settings are the branch's.
    project.ok("reset_branch", json!({})).await;
    assert_eq!(
        (shown("work_mem").await, shown("max_connections").await),
        (json!("6MB"), json!("34"))
    );
    // Null takes away what was set.
    set(&project, "database", json!({ "work_mem": null })).await;
    assert_eq!(shown("work_mem").await, "4MB");
}

#[tokio::test]
async fn exposed_schemas_are_those_that_the_advisor_looks_at() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("api", "create schema api; create table api.open (id int primary key); grant usage on schema api to anon; grant select on api.open to anon")
        .await;
    let found = async || {
        let answer = project
            .ok("get_advisors", json!({ "type": "security" }))
            .await;
        texts(&answer["lints"], "name").contains(&"rls_disabled_in_public".to_owned())
    };
    assert!(!found().await);
    set(&project, "data_api", json!({ "db_schema": "public, api" })).await;
    assert!(found().await);
    project
        .refused(
            "update_config",
            json!({ "service": "data_api", "settings": { "db_schema": "public,nowhere" } }),
            "unsafe_setting",
        )
        .await;
}

#[tokio::test]
async fn a_service_is_configured_once_it_is_healthy() {
    let world = World::new();
    let mcp = world.serve().await;
    let id = mcp.launch("P").await.id;
    let api = world.api();
    let token = api.token().to_owned();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let relay = Relay::start(Some(api), move |heard| {
        let health = heard.path.contains("/health?");
        let count = std::sync::Arc::clone(&count);
        Box::pin(async move {
            if !health {
                return Reaction::Pass;
            }
            let before = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let status = if before < 2 {
                "COMING_UP"
            } else {
                "ACTIVE_HEALTHY"
            };
            Reaction::Answer(
                200,
                json!([{ "name": "auth", "healthy": before > 1, "status": status }]),
            )
        })
    })
    .await;
    let served = relay.serve(&world, &token).await;
    let project = served.project(&id);
    set(&project, "auth", json!({ "disable_signup": true })).await;
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 3);
    let order: Vec<bool> = relay
        .heard()
        .iter()
        .filter(|heard| heard.path.contains("/health?") || heard.method == Method::PATCH)
        .map(|heard| heard.method == Method::PATCH)
        .collect();
    assert_eq!(order, [false, false, false, true]);
}
