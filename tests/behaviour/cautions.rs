//! Words of caution, where a seed could reach real people.

use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn seeds_with_addresses_that_somebody_could_have_are_cautioned_about() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Mail").await;
    let people = "create table public.people (email text); alter table public.people enable row level security;";
    project.migrate("people", people).await;

    let made_up = "insert into public.people values ('ann@example.com'), ('ben@shop.test')";
    let seeded = project
        .call("execute_sql", json!({ "query": made_up }))
        .await;
    assert!(!seeded.text.contains("real people"), "{}", seeded.text);

    let real = "insert into public.people values ('ann@gmail.com')";
    let seeded = project.call("execute_sql", json!({ "query": real })).await;
    assert!(seeded.text.contains("real people"), "{}", seeded.text);
    assert_eq!(seeded.value["notes"].as_array().unwrap().len(), 1);
    assert_eq!(seeded.value["changed"]["inserted"], 1);

    // A migration takes its rows to production as well.
    let migrated =
        json!({ "name": "staff", "query": "insert into public.people values ('cy@firm.io')" });
    let migrated = project.ok("apply_migration", migrated).await;
    assert!(
        migrated["notes"].to_string().contains("real people"),
        "{migrated}"
    );
}
