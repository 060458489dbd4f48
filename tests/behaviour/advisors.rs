//! get_advisors: what it tells of few findings and of hundreds, and the SQL that mends them.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::harness::{Project, World, codes, texts};

/// Tokens of a brief answer, at four bytes each.
const BUDGET: usize = 1_500;

/// Names that somebody could think of.
const NAMES: &[&str] = &[
    "plain",
    "Mixed Case",
    "quo\"ted",
    "new\nline",
    "`tick`",
    "ünïcode☃",
    "'; drop table public.plain; --",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn advice(project: &Project<'_>, arguments: Value) -> Value {
    let answer = project.call("get_advisors", arguments).await;
    answer.accepted()
}

fn of<'a>(advice: &'a Value, name: &str) -> &'a Value {
    let lints = advice["lints"].as_array().unwrap();
    lints
        .iter()
        .find(|lint| lint["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {advice}"))
}

#[tokio::test]
async fn hundreds_of_findings_are_told_in_few_words_and_mended_step_by_step() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let mut sql = String::from("create table public.target (id int primary key);\n");
    for number in 0..220 {
        let table = format!("public.a_table_with_a_rather_long_name_{number:03}");
        writeln!(
            sql,
            "create table {table} (id int primary key, password text, to_target int references public.target);
             grant select on {table} to anon;
             create function public.f_{number:03}() returns int language sql security definer as 'select 1';"
        )
        .unwrap();
    }
    project.migrate("many", &sql).await;

    let brief = advice(&project, json!({ "type": "security" })).await;
    assert!(
        brief.to_string().len() / 4 < BUDGET,
        "{}",
        brief.to_string().len()
    );
    assert_eq!(
        brief["counts"],
        json!({ "error": 440, "warn": 660, "info": 0 })
    );
    // The worst first, each lint once.
    assert_eq!(
        texts(&brief["lints"], "name"),
        [
            "rls_disabled_in_public",
            "sensitive_columns_exposed",
            "anon_security_definer_function_executable",
            "authenticated_security_definer_function_executable",
            "function_search_path_mutable",
        ]
    );
    let open = of(&brief, "rls_disabled_in_public");
    assert_eq!(open["count"], 220);
    let named = open["objects"].as_array().unwrap().len();
    assert!((1..220).contains(&named), "{open}");
    assert!(
        brief["left_out"].as_str().unwrap().contains("`lint`"),
        "{brief}"
    );

    // One lint alone has the room for itself; everything is there on request.
    let alone = json!({ "type": "security", "lint": "rls_disabled_in_public" });
    let alone = advice(&project, alone).await;
    assert!(
        alone.to_string().len() / 4 < BUDGET,
        "{}",
        alone.to_string().len()
    );
    assert_eq!(
        alone["counts"],
        json!({ "error": 220, "warn": 0, "info": 0 })
    );
    assert!(
        of(&alone, "rls_disabled_in_public")["objects"]
            .as_array()
            .unwrap()
            .len()
            > named
    );
    let full = json!({ "type": "security", "detail": "full", "lint": "rls_disabled_in_public" });
    let full = advice(&project, full).await;
    assert_eq!(full["lints"].as_array().unwrap().len(), 220);
    assert!(
        full["lints"][0]["cache_key"].is_string() && full.get("left_out").is_none(),
        "{full}"
    );

    // The fix is a part of what is certain, and can be applied as it is.
    let fix = &alone["fix_migration"];
    project.ok("apply_migration", fix.clone()).await;
    let fewer = advice(
        &project,
        json!({ "type": "security", "lint": "rls_disabled_in_public" }),
    )
    .await;
    let mended = fix["query"].as_str().unwrap().lines().count();
    assert_eq!(fewer["counts"]["error"], 220 - mended);

    let slow = advice(&project, json!({ "type": "performance" })).await;
    assert!(
        slow.to_string().len() / 4 < BUDGET,
        "{}",
        slow.to_string().len()
    );
    assert_eq!(of(&slow, "unindexed_foreign_keys")["count"], 220);
}

#[tokio::test]
async fn the_fix_mends_what_is_certain_whatever_it_is_called() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let mut sql = String::from(
        "create table public.target (id int primary key, a int, unique (id, a)); create schema \"My App\";\n",
    );
    for name in NAMES {
        let (open, keyed) = (quoted(name), quoted(name));
        writeln!(
            sql,
            "create table public.{open} (id int primary key); grant select on public.{open} to anon;
             create table \"My App\".{keyed} (id int primary key, {keyed} int, other int,
               constraint {keyed} foreign key ({keyed}, other) references public.target (id, a));"
        )
        .unwrap();
    }
    sql.push_str(
        "create index one on \"My App\".plain (other); create index two on \"My App\".plain (other);
         create unique index like_the_key on \"My App\".plain (id);",
    );
    project.migrate("odd_names", &sql).await;

    let security = advice(&project, json!({ "type": "security" })).await;
    let count = NAMES.len();
    assert_eq!(
        security["counts"],
        json!({ "error": count, "warn": 0, "info": 0 })
    );
    let objects = of(&security, "rls_disabled_in_public")["objects"].clone();
    assert_eq!(objects.as_array().unwrap().len(), count, "{security}");
    project
        .ok("apply_migration", security["fix_migration"].clone())
        .await;
    let security = advice(&project, json!({ "type": "security" })).await;
    assert_eq!(security["counts"]["error"], 0, "{security}");
    assert!(security.get("fix_migration").is_none(), "{security}");

    let performance = advice(&project, json!({ "type": "performance" })).await;
    assert_eq!(of(&performance, "unindexed_foreign_keys")["count"], count);
    assert_eq!(of(&performance, "duplicate_index")["count"], 2);
    project
        .ok("apply_migration", performance["fix_migration"].clone())
        .await;
    let performance = advice(&project, json!({ "type": "performance" })).await;
    // New indexes have not been used yet; that is all.
    assert_eq!(
        texts(&performance["lints"], "name"),
        ["unused_index"],
        "{performance}"
    );
    assert!(performance.get("fix_migration").is_none(), "{performance}");
}

#[tokio::test]
async fn a_weak_setting_is_a_finding_that_no_merge_waits_for() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("safe", "create table public.t (id int primary key); alter table public.t enable row level security;")
        .await;
    let found = async || {
        let found = advice(&project, json!({ "type": "security" })).await;
        texts(&found["lints"], "name")
    };
    // Nobody has configured anything.
    assert_eq!(found().await, ["rls_enabled_no_policy"]);
    for settings in [
        json!({ "password_hibp_enabled": true }),
        json!({ "mailer_otp_exp": 7200, "external_phone_enabled": true, "sms_otp_length": 4, "password_hibp_enabled": false }),
    ] {
        let arguments = json!({ "service": "auth", "settings": settings });
        project.ok("update_config", arguments).await;
    }
    assert_eq!(
        found().await,
        [
            "auth_leaked_password_protection",
            "auth_otp_long_expiry",
            "auth_otp_short_length",
            "rls_enabled_no_policy",
        ]
    );
    // Configuration is not what a merge carries.
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
    assert!(
        codes(&verdict).contains(&("advisor".to_owned(), "passed".to_owned())),
        "{verdict}"
    );
}
