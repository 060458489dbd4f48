//! What a call aims at: writes never reach production, and what is not known is not written to.

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::harness::{Heard, Reaction, Relay, World, fingerprint};

const TABLE: &str = "create table public.t (id int primary key)";

#[tokio::test]
async fn an_insert_with_productions_ref_lands_on_dev() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", TABLE).await;
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    let done = project.sql("insert into public.t values (1), (2)").await;
    assert_eq!(done["target"]["redirected"], true);
    assert_eq!(done["target"]["branch"], "DEV");
    assert_eq!(project.value("select count(*) from public.t").await, 2);
    assert_eq!(fingerprint(&api, &project.id).await, before);
}

#[tokio::test]
async fn a_branchs_own_ref_is_taken_as_that_branch() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", TABLE).await;
    let dev = project.dev().await;
    let done = mcp
        .ok(
            "apply_migration",
            json!({ "project_id": dev, "name": "u", "query": "create table public.u (id int)" }),
        )
        .await;
    assert_eq!(done["target"]["redirected"], false);
    assert_eq!(done["target"]["ref"], dev.as_str());
    assert_eq!(done["target"]["project_id"], project.id.as_str());
    // A server that has never seen the branch finds out whose it is.
    let other = World::new();
    let ready = world.ready().unwrap();
    let stranger = other
        .serve_with(&[
            "--api-url",
            ready["api_url"].as_str().unwrap(),
            "--access-token",
            ready["access_token"].as_str().unwrap(),
        ])
        .await;
    let seen = stranger
        .ok("list_migrations", json!({ "project_id": dev }))
        .await;
    assert_eq!(seen["target"]["project_id"], project.id.as_str());
    assert_eq!(seen["target"]["branch"], "DEV");
}

#[tokio::test]
async fn a_malformed_ref_is_refused_before_anything_is_sent() {
    let world = World::new();
    let mcp = world.serve().await;
    for reference in [
        "",
        "ABCDEFGHIJKLMNOPQRST",
        "abcdefghijklmnopqrst ",
        " abcdefghijklmnopqrst",
        "abcdefghijklmnopqrs\u{200b}",
        "abcdefghijklmnopqrst\u{200b}",
        "../projects/abcdefgh",
        "abcdefghijklmnopqr?y",
        "abcdefghijklmnopqrstu",
        "abcdefghijklmnopqr\ns",
        "àbcdefghijklmnopqrst",
    ] {
        for (tool, rest) in [
            ("execute_sql", json!({ "query": "select 1" })),
            ("apply_migration", json!({ "name": "t", "query": TABLE })),
            ("merge_branch", json!({})),
            ("list_tables", json!({})),
        ] {
            let mut arguments = rest;
            arguments["project_id"] = json!(reference);
            mcp.refused(tool, arguments, "invalid_arguments").await;
        }
    }
    assert!(
        world.ready().is_none(),
        "the platform was asked, or started"
    );
}

#[tokio::test]
async fn a_name_where_a_ref_is_asked_is_answered_with_the_ref() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Todo App").await;
    project.migrate("t", TABLE).await;
    let dev = project.dev().await;
    for (name, meant) in [("Todo App", &project.id), ("DEV", &dev)] {
        let error = mcp
            .refused(
                "execute_sql",
                json!({ "project_id": name, "query": "select 1" }),
                "invalid_arguments",
            )
            .await;
        assert_eq!(error["details"]["likely"], json!([meant]));
        assert!(error["message"].as_str().unwrap().contains(meant.as_str()));
        assert_eq!(error["next"]["tool"], "list_projects");
    }
}

/// Arguments that fit a tool's schema, as far as types go.
fn arguments_for(schema: &Value) -> Value {
    let mut arguments = json!({});
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        let property = &schema["properties"][name];
        arguments[name] = sample(property);
    }
    arguments
}

/// A value of the schema's own type.
fn sample(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    match schema["type"].as_str() {
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") => arguments_for(schema),
        _ => json!("abcdefghijklmnopqrst"),
    }
}

#[tokio::test]
async fn an_unknown_argument_is_refused_by_every_tool() {
    let world = World::new();
    let mcp = world.serve_everything().await;
    let tools = mcp.running.list_all_tools().await.unwrap();
    assert!(tools.len() >= 25);
    for tool in tools {
        let mut arguments = arguments_for(&json!(tool.input_schema));
        arguments["enviroment"] = json!("production");
        let error = mcp
            .refused(&tool.name, arguments, "invalid_arguments")
            .await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("enviroment"), "{}: {message}", tool.name);
    }
    assert!(
        world.ready().is_none(),
        "the platform was asked, or started"
    );
}

#[tokio::test]
async fn wrong_types_and_missing_arguments_are_refused_by_every_tool() {
    let world = World::new();
    let mcp = world.serve_everything().await;
    for tool in mcp.running.list_all_tools().await.unwrap() {
        let schema = json!(tool.input_schema);
        for (name, property) in schema["properties"].as_object().unwrap() {
            let mut arguments = arguments_for(&schema);
            arguments[name] = match property["type"].as_str() {
                Some("object") => json!([1]),
                Some(_) => json!({ "nested": [1] }),
                // Whatever it is, it is right.
                None => continue,
            };
            mcp.refused(&tool.name, arguments, "invalid_arguments")
                .await;
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let mut arguments = arguments_for(&schema);
            arguments
                .as_object_mut()
                .unwrap()
                .remove(name.as_str().unwrap());
            mcp.refused(&tool.name, arguments, "invalid_arguments")
                .await;
        }
    }
    assert!(
        world.ready().is_none(),
        "the platform was asked, or started"
    );
}

#[tokio::test]
async fn unknown_projects_branches_and_tools_are_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let stranger = "zzzzzzzzzzzzzzzzzzzz";
    for (tool, arguments) in [
        ("list_tables", json!({})),
        ("apply_migration", json!({ "name": "t", "query": TABLE })),
        ("execute_sql", json!({ "query": "select 1" })),
        ("merge_branch", json!({})),
    ] {
        let mut arguments = arguments;
        arguments["project_id"] = json!(stranger);
        let error = mcp.refused(tool, arguments, "target_unknown").await;
        assert_eq!(error["next"]["tool"], "list_projects");
    }
    project
        .refused("list_tables", json!({ "branch": "nope" }), "not_found")
        .await;
    project
        .refused("check_merge", json!({}), "no_dev_branch")
        .await;
    mcp.refused("drop_production", json!({}), "unknown_tool")
        .await;
    // A refusal is an answer: the server goes on.
    project.migrate("t", TABLE).await;
    // Production cannot be named, neither by its branch's name nor beside a branch.
    project
        .refused(
            "apply_migration",
            json!({ "name": "u", "query": TABLE, "branch": "main" }),
            "production_is_protected",
        )
        .await;
    let dev = project.dev().await;
    project
        .refused(
            "execute_sql",
            json!({ "project_id": dev, "branch": "other", "query": "select 1" }),
            "invalid_arguments",
        )
        .await;
}

#[tokio::test]
async fn two_branches_called_dev_are_ambiguous() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let api = world.api();
    let mut refs = [
        api.branch(&project.id, "DEV").await,
        api.branch(&project.id, "DEV").await,
    ];
    refs.sort();
    let error = project
        .refused(
            "apply_migration",
            json!({ "name": "t", "query": TABLE }),
            "ambiguous_branch",
        )
        .await;
    let mut named: Vec<String> = serde_json::from_value(error["details"]["refs"].clone()).unwrap();
    named.sort();
    assert_eq!(named, refs);
    project
        .refused("list_migrations", json!({}), "ambiguous_branch")
        .await;
    for reference in &refs {
        let tables = api
            .read(
                reference,
                "select 1 from pg_tables where schemaname = 'public'",
            )
            .await;
        assert_eq!(tables, json!([]));
    }
}

fn project_listing(reference: &str) -> Value {
    json!([{
        "id": reference, "ref": reference, "organization_id": "o", "organization_slug": "o",
        "name": "P", "region": "eu-west-1", "created_at": "2026-01-01T00:00:00Z",
        "status": "ACTIVE_HEALTHY",
        "database": { "host": "h", "version": "15", "postgres_engine": "15", "release_channel": "ga" },
    }])
}

fn branch(reference: &str, parent: &str, changes: Value) -> Value {
    let mut branch = json!({
        "id": "b-1", "name": "DEV", "project_ref": reference, "parent_project_ref": parent,
        "is_default": false, "persistent": false, "status": "FUNCTIONS_DEPLOYED",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "with_data": false,
    });
    for (key, value) in changes.as_object().unwrap() {
        branch[key] = value.clone();
    }
    branch
}

const PARENT: &str = "pppppppppppppppppppp";

/// A platform that knows one project and answers this about its branches.
async fn platform_with_branches(status: u16, branches: Value) -> Relay {
    Relay::start(None, move |heard: Heard| {
        let answer = if heard.path.ends_with("/branches") {
            (status, branches.clone())
        } else if heard.path == "/v1/projects" {
            (200, project_listing(PARENT))
        } else {
            (404, json!({ "message": "no" }))
        };
        async move { Reaction::Answer(answer.0, answer.1) }.boxed()
    })
    .await
}

async fn write_is_refused(relay: &Relay, code: &str) {
    let world = World::new();
    let mcp = relay.serve(&world, "token").await;
    for (tool, arguments) in [
        (
            "apply_migration",
            json!({ "project_id": PARENT, "name": "t", "query": TABLE }),
        ),
        (
            "execute_sql",
            json!({ "project_id": PARENT, "query": "insert into t values (1)" }),
        ),
        ("reset_branch", json!({ "project_id": PARENT })),
        ("delete_branch", json!({ "project_id": PARENT })),
        ("merge_branch", json!({ "project_id": PARENT })),
    ] {
        mcp.refused(tool, arguments, code).await;
    }
    let written: Vec<Heard> = relay.heard().into_iter().filter(Heard::writes).collect();
    assert!(written.is_empty(), "{written:?}");
}

#[tokio::test]
async fn nothing_is_written_when_branches_cannot_be_listed() {
    let relay = platform_with_branches(500, json!({ "message": "boom" })).await;
    write_is_refused(&relay, "target_unknown").await;
    let relay = platform_with_branches(200, json!([{ "surprise": true }])).await;
    write_is_refused(&relay, "target_unknown").await;
    let relay = platform_with_branches(200, json!("no list")).await;
    write_is_refused(&relay, "target_unknown").await;
}

#[tokio::test]
async fn what_cannot_be_proven_to_be_a_development_branch_is_production() {
    let own = "bbbbbbbbbbbbbbbbbbbb";
    for impostor in [
        branch(own, PARENT, json!({ "is_default": true })),
        branch(own, "qqqqqqqqqqqqqqqqqqqq", json!({})),
        branch(PARENT, PARENT, json!({})),
    ] {
        let relay = platform_with_branches(200, json!([impostor])).await;
        write_is_refused(&relay, "production_is_protected").await;
    }
}

#[tokio::test]
async fn a_branch_with_productions_rows_is_not_written_to() {
    let full = branch("bbbbbbbbbbbbbbbbbbbb", PARENT, json!({ "with_data": true }));
    let relay = platform_with_branches(200, json!([full])).await;
    write_is_refused(&relay, "production_data_in_branch").await;
}
