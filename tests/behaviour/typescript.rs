//! Types for a client's code, and the buckets that it reads from. What the types say is checked by
//! TypeScript's own compiler, in `tests/clients`.

use serde_json::{Value, json};

use crate::harness::{World, texts};
use crate::policy::put;

const SHOP: &str = "
    create type public.state as enum ('open', 'paid');
    create table public.orders (id bigint primary key, state public.state not null);
    create table public.people (id bigint primary key, name text);
    create view public.paid as select id from public.orders where state = 'paid';
    create function public.total() returns bigint language sql set search_path = '' as 'select count(*) from public.orders';
    alter table public.orders enable row level security;
    alter table public.people enable row level security;";

fn types(answer: &Value) -> &str {
    answer["types"].as_str().unwrap()
}

#[tokio::test]
async fn types_are_of_the_dev_branch_unless_production_is_asked_for() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    project.migrate("shop", SHOP).await;
    let tool = "generate_typescript_types";
    let dev = project.ok(tool, json!({})).await;
    assert_eq!(dev["target"]["environment"], "dev");
    for words in [
        "      orders: {\n        Row: {\n          id: number\n          state: Database[\"public\"][\"Enums\"][\"state\"]\n",
        "      total: { Args: never; Returns: number }\n",
        "      state: \"open\" | \"paid\"\n",
    ] {
        assert!(types(&dev).contains(words), "{words} in {}", types(&dev));
    }
    let production = project
        .ok(tool, json!({ "environment": "production" }))
        .await;
    assert!(!types(&production).contains("      orders: {"));
    let storage = project.ok(tool, json!({ "schemas": ["storage"] })).await;
    assert!(types(&storage).contains("      buckets: {\n"));
    assert!(!types(&storage).contains("      orders: {"));
    project
        .refused(
            tool,
            json!({ "schemas": ["public,auth"] }),
            "invalid_arguments",
        )
        .await;

    // What the API exposes is what a client's code can name.
    project
        .migrate(
            "api",
            "create schema api; create table api.reports (id int primary key)",
        )
        .await;
    project
        .ok(
            "update_config",
            json!({ "service": "data_api", "settings": { "db_schema": "public, api" } }),
        )
        .await;
    let exposed = project.ok(tool, json!({})).await;
    for words in ["  api: {\n", "      reports: {\n", "      orders: {\n"] {
        assert!(types(&exposed).contains(words), "{words}");
    }
}

#[tokio::test]
async fn types_of_some_tables_are_those_and_what_they_need() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    project.migrate("shop", SHOP).await;
    let tool = "generate_typescript_types";
    for asked in [json!(["orders"]), json!(["public.orders"])] {
        let some = project.ok(tool, json!({ "tables": asked })).await;
        let text = types(&some);
        assert!(
            text.contains("      orders: {\n") && text.contains("      state: "),
            "{text}"
        );
        for gone in ["people", "paid: {", "total"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        // A section that lost everything still says so.
        assert_eq!(text.matches("[_ in never]: never").count(), 3, "{text}");
        assert_eq!(some["left_out"], Value::Null);
    }
    let unknown = project
        .refused(
            tool,
            json!({ "tables": ["orders", "oders"] }),
            "invalid_arguments",
        )
        .await;
    assert_eq!(unknown["next"]["tool"], "list_tables");
    assert!(unknown["message"].as_str().unwrap().contains("oders"));
}

#[tokio::test]
async fn what_of_the_types_is_too_large_is_left_out_and_named() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    project.migrate("shop", SHOP).await;
    let many = "do $$ begin for n in 1..30 loop
        execute format('create table public.t%s (%I text)', lpad(n::text, 2, '0'), repeat('x', 60));
        end loop; end $$";
    project.migrate("many", many).await;
    let tool = "generate_typescript_types";
    let whole = project.ok(tool, json!({})).await;
    assert_eq!(whole["left_out"], Value::Null);

    put(&world, "[limits]\nbytes = 8192\n");
    let bounded = world.serve().await;
    let cut = bounded.project(&project.id).ok(tool, json!({})).await;
    assert!(types(&cut).len() <= 8192);
    let left_out: Vec<&str> = cut["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    // Functions go first, then views, then tables from the last on.
    assert_eq!(left_out.last(), Some(&"public.total()"));
    for gone in ["public.paid", "public.t30"] {
        assert!(left_out.contains(&gone), "{gone} in {left_out:?}");
    }
    for (name, section) in [("orders", "      orders: {\n"), ("state", "      state: ")] {
        assert!(types(&cut).contains(section), "{name}");
    }
    assert!(types(&cut).ends_with("} as const\n"));
    // What was left out can still be had.
    let rest = json!({ "tables": ["t30", "paid"] });
    let rest = bounded.project(&project.id).ok(tool, rest).await;
    assert!(types(&rest).contains("      t30: {\n") && types(&rest).contains("      paid: {\n"));

    put(&world, "[limits]\nbytes = 1024\n");
    let tight = world.serve().await;
    let refused = tight
        .project(&project.id)
        .refused(tool, json!({}), "invalid_arguments")
        .await;
    assert!(refused["message"].as_str().unwrap().contains("1024"));
}

#[tokio::test]
async fn rows_within_rows_do_not_multiply_without_end() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Deep").await;
    // Written out, the last of these holds twenty to the power of four rows.
    let mut nested = "create schema deep; create table deep.t0 (f int);".to_owned();
    for level in 1..=4 {
        let columns: Vec<String> = (0..20)
            .map(|column| format!("c{column} deep.t{}", level - 1))
            .collect();
        nested.push_str(&format!(
            "create table deep.t{level} ({});",
            columns.join(", ")
        ));
    }
    nested.push_str("create table public.deepest (value deep.t4);");
    project.migrate("deep", &nested).await;
    let made = project
        .ok(
            "generate_typescript_types",
            json!({ "tables": ["deepest"] }),
        )
        .await;
    assert!(types(&made).contains("unknown"), "{}", types(&made).len());
}

#[tokio::test]
async fn buckets_are_listed_with_who_may_read_them() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let none = project.ok("list_storage_buckets", json!({})).await;
    assert_eq!(none["buckets"], json!([]));
    project
        .migrate(
            "buckets",
            "insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true), ('bills', 'bills', false)",
        )
        .await;
    let listed = project.ok("list_storage_buckets", json!({})).await;
    assert_eq!(texts(&listed["buckets"], "name"), ["avatars", "bills"]);
    assert_eq!(listed["buckets"][0]["public"], true);
    assert_eq!(listed["buckets"][1]["public"], false);
    let production = json!({ "environment": "production" });
    let production = project.ok("list_storage_buckets", production).await;
    assert_eq!(production["buckets"], json!([]));
}
