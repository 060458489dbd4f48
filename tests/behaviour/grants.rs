//! Grants profiles: what the API's roles may do with a new table of which no migration says anything.

use serde_json::{Value, json};

use crate::harness::{Project, World, codes};

const PLAIN: &str = "create table public.notes (id int primary key, body text);";

/// What the security advisor says of the table.
async fn lints(project: &Project<'_>) -> Vec<(String, String)> {
    let found = project
        .ok("get_advisors", json!({ "type": "security" }))
        .await;
    let word = |lint: &Value, member: &str| lint[member].as_str().unwrap().to_owned();
    let of_the_table = |lint: &&Value| lint.to_string().contains("notes");
    found["lints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(of_the_table)
        .map(|lint| (word(lint, "level"), word(lint, "name")))
        .collect()
}

/// `(anonymous, signed in)` of the table.
async fn access(project: &Project<'_>) -> (Value, Value) {
    let matrix = project
        .ok("get_access_matrix", json!({ "object": "public.notes" }))
        .await;
    let group = &matrix["access"][0];
    (group["anonymous"].clone(), group["signed_in"].clone())
}

/// A table that nobody is granted: it is nobody's business but the owner's, and merges.
async fn nothing_is_open(project: &Project<'_>) {
    project.migrate("notes", PLAIN).await;
    assert_eq!(lints(project).await, []);
    assert_eq!(access(project).await, (Value::Null, Value::Null));
    assert_eq!(project.check().await["passes"], true);
}

/// The same table is open to everybody, the gate says so, and its own fix leads through.
async fn everything_is_open(project: &Project<'_>) {
    project.migrate("notes", PLAIN).await;
    let open = ("ERROR".to_owned(), "rls_disabled_in_public".to_owned());
    assert_eq!(lints(project).await, [open]);
    let everything = json!({
        "read": "every row (no row came)", "insert": "every row", "update": "every row", "delete": "every row",
    });
    assert_eq!(
        access(project).await,
        (everything.clone(), everything.clone())
    );
    let verdict = project.check().await;
    let failed: Vec<_> = codes(&verdict)
        .into_iter()
        .filter(|(_, status)| status == "failed")
        .collect();
    assert_eq!(failed, [("advisor".to_owned(), "failed".to_owned())]);
    let fix = verdict["fix_migration"]["query"].as_str().unwrap();
    project.migrate("fix", fix).await;
    assert_eq!(project.check().await["passes"], true, "after {fix}");
    project.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn a_project_keeps_the_grants_profile_that_it_was_created_under() {
    let old = World::with(&[("DRYDOCK_GRANTS", "legacy")]);
    let mcp = old.serve().await;
    let legacy = mcp.launch("older").await;
    everything_is_open(&legacy).await;
    let id = legacy.id.clone();
    drop(mcp);
    assert!(old.run(&["platform", "--stop"]).status.success());

    // The default, from here on.
    let world = old.and(&[("DRYDOCK_GRANTS", "explicit".to_owned())]);
    let mcp = world.serve().await;
    nothing_is_open(&mcp.launch("newer").await).await;
    // Another branch of the older one is like it: what is replayed there is what production has.
    let older = mcp.project(&id);
    older.ok("delete_branch", json!({ "branch": "DEV" })).await;
    older
        .migrate("more", "create table public.more (id int primary key)")
        .await;
    let verdict = older.check().await;
    let drifted: Vec<_> = codes(&verdict)
        .into_iter()
        .filter(|(name, status)| status == "failed" && name != "advisor")
        .collect();
    assert_eq!(drifted, [], "{verdict}");
    let dev = older.dev().await;
    let granted = "select has_table_privilege('anon', 'public.more', 'select') as may";
    assert_eq!(world.api().query(&dev, granted).await[0]["may"], true);
}

#[tokio::test]
async fn without_a_setting_a_new_table_is_open_to_nobody() {
    let world = World::new();
    let mcp = world.serve().await;
    nothing_is_open(&mcp.launch("P").await).await;
    let output = world.run(&["platform", "--grants", "liberal"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for profile in ["explicit", "legacy"] {
        assert!(said.contains(profile), "{said}");
    }
}
