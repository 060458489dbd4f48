//! What the operator allows: reading only, one project, some tools. No argument loosens it.

use serde_json::json;

use crate::harness::{World, fingerprint, names};

#[tokio::test]
async fn a_read_only_server_offers_and_does_nothing_that_writes() {
    let world = World::new();
    let writer = world.serve().await;
    let project = writer.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let dev = project.dev().await;
    let api = world.api();
    let before = (
        fingerprint(&api, &project.id).await,
        fingerprint(&api, &dev).await,
    );
    let reader = world.serve_with(&["--read-only"]).await;
    let offered = reader.running.list_all_tools().await.unwrap();
    for tool in &offered {
        let annotations = tool.annotations.as_ref().unwrap();
        assert_eq!(annotations.read_only_hint, Some(true), "{}", tool.name);
    }
    let all = writer.running.list_all_tools().await.unwrap();
    let hidden: Vec<_> = all
        .iter()
        .filter(|tool| offered.iter().all(|other| other.name != tool.name))
        .collect();
    assert!(hidden.len() >= 10, "{}", hidden.len());
    for tool in hidden {
        reader
            .refused(&tool.name, json!({ "project_id": project.id }), "read_only")
            .await;
    }
    // Reading works, and an argument that says otherwise is no argument.
    reader
        .ok("list_tables", json!({ "project_id": project.id }))
        .await;
    reader
        .refused(
            "list_tables",
            json!({ "project_id": project.id, "read_only": false }),
            "invalid_arguments",
        )
        .await;
    assert_eq!(fingerprint(&api, &project.id).await, before.0);
    assert_eq!(fingerprint(&api, &dev).await, before.1);
}

#[tokio::test]
async fn a_pinned_server_touches_one_project_alone() {
    let world = World::new();
    let free = world.serve().await;
    let (mine, other) = (free.launch("Mine").await, free.launch("Other").await);
    other.migrate("t", "create table public.t (id int)").await;
    let other_dev = other.dev().await;
    let api = world.api();
    let before = (
        fingerprint(&api, &other.id).await,
        fingerprint(&api, &other_dev).await,
    );
    let pinned = world.serve_with(&["--project-ref", &mine.id]).await;
    for reference in [&other.id, &other_dev] {
        for (tool, arguments) in [
            ("list_tables", json!({})),
            ("execute_sql", json!({ "query": "select 1" })),
            (
                "execute_sql",
                json!({ "query": "insert into public.t values (1)" }),
            ),
            (
                "apply_migration",
                json!({ "name": "u", "query": "create table public.u (id int)" }),
            ),
            ("delete_branch", json!({ "discard_unmerged": true })),
            ("merge_branch", json!({})),
        ] {
            let mut arguments = arguments;
            arguments["project_id"] = json!(reference);
            pinned.refused(tool, arguments, "out_of_scope").await;
        }
    }
    assert_eq!(fingerprint(&api, &other.id).await, before.0);
    assert_eq!(fingerprint(&api, &other_dev).await, before.1);
    let listed = pinned.ok("list_projects", json!({})).await;
    assert_eq!(names(&listed["projects"]), ["Mine"]);
    pinned
        .project(&mine.id)
        .migrate("t", "create table public.t (id int)")
        .await;
}

#[tokio::test]
async fn a_pinned_server_creates_no_project() {
    let world = World::new();
    let free = world.serve().await;
    let mine = free.launch("Mine").await;
    let pinned = world.serve_with(&["--project-ref", &mine.id]).await;
    pinned
        .refused(
            "create_project",
            json!({ "name": "Another" }),
            "out_of_scope",
        )
        .await;
    let listed = free.ok("list_projects", json!({})).await;
    assert_eq!(names(&listed["projects"]), ["Mine"]);
}

#[tokio::test]
async fn only_the_chosen_groups_of_tools_are_offered() {
    let world = World::new();
    let mcp = world.serve_with(&["--features", "projects,advisors"]).await;
    let offered: Vec<String> = mcp
        .running
        .list_all_tools()
        .await
        .unwrap()
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    assert!(offered.contains(&"create_project".to_owned()));
    assert!(offered.contains(&"get_advisors".to_owned()));
    assert!(!offered.contains(&"apply_migration".to_owned()));
    let project = mcp.launch("P").await;
    project
        .refused(
            "apply_migration",
            json!({ "name": "t", "query": "create table t (id int)" }),
            "unknown_tool",
        )
        .await;
    // Both limits together: a tool that is neither chosen nor reading is not there.
    let narrow = world
        .serve_with(&["--features", "projects", "--read-only"])
        .await;
    narrow
        .refused("apply_migration", json!({}), "unknown_tool")
        .await;
    narrow
        .refused("create_project", json!({ "name": "x" }), "read_only")
        .await;
}

#[test]
fn a_misspelt_flag_stops_the_start_and_is_named() {
    let world = World::new();
    for wrong in [
        ["--readonly", ""],
        ["--read_only", ""],
        ["--project-ref", "NOT-A-REF"],
        ["--project-reff", "abcdefghijklmnopqrst"],
        ["--features", "databse"],
        ["--production-rows", "maybe"],
        ["--replay", "sometimes"],
    ] {
        let flags: Vec<&str> = ["serve"]
            .into_iter()
            .chain(wrong)
            .filter(|word| !word.is_empty())
            .collect();
        let output = world.run(&flags);
        assert!(!output.status.success(), "{flags:?} was taken");
        let said = String::from_utf8_lossy(&output.stderr);
        let offender = if wrong[0].starts_with("--project-ref") && wrong[0].len() == 13 {
            wrong[1]
        } else {
            wrong[0].split('=').next().unwrap()
        };
        assert!(said.contains(offender), "{flags:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_misspelt_value_of_a_variable_stops_the_start_and_is_named() {
    for (variable, value) in [
        ("DRYDOCK_READ_ONLY", "yess"),
        ("DRYDOCK_PROJECT_REF", "PROD"),
        ("DRYDOCK_FEATURES", "databse"),
    ] {
        let world = World::with(&[(variable, value)]);
        let output = world.run(&["serve"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{variable}={value} was taken");
        assert!(said.contains(value), "{variable}: {said}");
    }
}

#[tokio::test]
async fn productions_rows_are_read_only_where_the_operator_allows_it() {
    let world = World::new();
    let mcp = world.serve_with(&["--production-rows", "deny"]).await;
    let project = mcp.launch("P").await;
    world
        .api()
        .query(&project.id, "create table public.people (name text)")
        .await;
    let ask = |query: &str| json!({ "query": query, "environment": "production" });
    let refusal = project
        .refused(
            "execute_sql",
            ask("select name from public.people"),
            "production_rows",
        )
        .await;
    assert_eq!(refusal["next"]["tool"], "create_branch");
    // What a name of the catalogue stands for, or an operator, is the database's to decide.
    project
        .refused(
            "execute_sql",
            ask("select relname from pg_catalog.pg_class limit 1"),
            "production_rows",
        )
        .await;
    let tables = project
        .ok("list_tables", json!({ "environment": "production" }))
        .await;
    assert_eq!(tables["tables"][0]["name"], "people");
    let refused = project
        .call("execute_sql", ask("insert into public.people values ('x')"))
        .await;
    assert!(refused.refused, "{refused:?}");
    let allowed = world.serve_with(&["--production-rows", "read"]).await;
    let rows = allowed
        .project(&project.id)
        .ok("execute_sql", ask("select name from public.people"))
        .await;
    assert_eq!(rows["rows"], json!([]));
    assert_eq!(rows["target"]["environment"], "production");
}
