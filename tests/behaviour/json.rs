//! Whatever JSON a client sends as arguments: the server lives, gives a clear answer, refuses what
//! it does not know, and production is as it was.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Map, Value, json};

use crate::harness::{Mcp, World, fingerprint};

/// How many arguments each tool is sent.
const CASES: usize = 12;

/// Words that arguments have somewhere, and words that they never have.
const NAMES: [&str; 16] = [
    "project_id",
    "query",
    "name",
    "branch",
    "environment",
    "version",
    "idempotency_key",
    "schemas",
    "verbose",
    "type",
    "wait_s",
    "discard_unmerged",
    "migration_version",
    "enviroment",
    "__proto__",
    "",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z]{20}".prop_map(Value::from),
        Just(json!("drop table public.nowhere")),
        Just(json!("production")),
        Just(json!("main")),
        Just(json!("\0")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Arguments for a tool of a project: some fit, some do not, some nobody knows.
fn arguments(project: String) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        any::<String>(),
    ];
    let more = prop::collection::vec((name, any_json()), 0..6);
    (more, any::<bool>()).prop_map(move |(members, aimed)| {
        let mut arguments: Map<String, Value> = members.into_iter().collect();
        if aimed {
            arguments.insert("project_id".to_owned(), json!(project));
        }
        arguments
    })
}

/// The seed of a run; `DRYDOCK_SEED` repeats one.
fn seed() -> u64 {
    let chosen = std::env::var("DRYDOCK_SEED").ok();
    let seed = chosen.map_or_else(rand::random, |text| text.parse().unwrap());
    eprintln!("DRYDOCK_SEED={seed}");
    seed
}

#[tokio::test]
async fn arbitrary_arguments_are_answered_and_never_reach_production() {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed()),
        ..Config::default()
    });
    let world = World::new();
    let mcp = world.serve_everything().await;
    let project = mcp.launch("P").await;
    // The gate refuses it, so that a merge that happens to be asked for well carries nothing.
    let open = "create table public.work (id int); grant select on public.work to anon;";
    project.migrate("work", open).await;
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    let strategy = arguments(project.id.clone());
    for tool in mcp.running.list_all_tools().await.unwrap() {
        // Projects of its own making are not what is asked about here.
        if tool.name == "create_project" {
            continue;
        }
        let known: Vec<String> = json!(tool.input_schema)["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for _ in 0..CASES {
            let arguments = strategy.new_tree(&mut runner).unwrap().current();
            is_answered(&mcp, &tool.name, &known, arguments).await;
        }
    }
    assert_eq!(fingerprint(&api, &project.id).await, before);
    project.ok("list_tables", json!({})).await;
}

async fn is_answered(mcp: &Mcp, tool: &str, known: &[String], arguments: Map<String, Value>) {
    let shown = Value::Object(arguments.clone()).to_string();
    let unknown = arguments
        .keys()
        .any(|name| !known.contains(name) && name != "id");
    let answer = mcp
        .try_call(tool, Value::Object(arguments))
        .await
        .unwrap_or_else(|| panic!("{tool} {shown} ended the server"));
    if !answer.refused {
        assert!(!unknown, "{tool} took {shown}");
        assert!(answer.value.is_object(), "{tool} {shown}: {answer:?}");
        return;
    }
    let error = &answer.value["error"];
    assert!(error["code"].is_string(), "{tool} {shown}: {answer:?}");
    assert_ne!(error["code"], "internal_error", "{tool} {shown}: {error}");
    assert!(
        error["next"]["tool"].is_string() || error["operator"].is_string(),
        "{tool} {shown}: nothing to do next: {error}"
    );
    if unknown {
        assert_eq!(error["code"], "invalid_arguments", "{tool} {shown}");
    }
}
