//! What the policy's keys do to calls.

use serde_json::json;

use crate::harness::{Http, World, exchange};
use crate::policy::put;

const OPEN_TABLE: &str = "create table public.posts (id int primary key);
grant select on public.posts to anon;";

#[tokio::test]
async fn a_policy_in_the_data_directory_is_the_policy() {
    let world = World::new();
    put(
        &world,
        "[dev_branch]\nname = \"work\"\n[limits]\nrows = 2\n",
    );
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    assert_eq!(project.branches().await, ["work"]);
    let rows = project
        .sql("select * from generate_series(1, 5) as n")
        .await;
    assert_eq!(rows["rows"].as_array().unwrap().len(), 2);
    assert_eq!(rows["row_count"], 5);
}

#[tokio::test]
async fn a_waiver_lets_one_finding_pass_until_it_expires() {
    let world = World::new();
    let waiver = |object: &str, expires: &str| {
        format!(
            "[[gate.waivers]]\nlint = \"rls_disabled_in_public\"\nobject = \"{object}\"\nreason = \"a price list\"\nexpires = {expires}\n"
        )
    };
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("posts", OPEN_TABLE).await;
    for (object, expires) in [
        ("public.posts", "2020-01-01"),
        ("public.other", "2999-01-01"),
    ] {
        put(&world, &waiver(object, expires));
        let strict = world.serve().await;
        strict
            .project(&project.id)
            .refused("merge_branch", json!({}), "advisor_failed")
            .await;
    }
    put(&world, &waiver("public.posts", "2999-01-01"));
    let waiving = world.serve().await;
    let waiving = waiving.project(&project.id);
    let verdict = waiving.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
    let advisor = &verdict["checks"][3];
    let said = advisor["message"].as_str().unwrap();
    assert!(said.contains("a price list"), "{said}");
    waiving.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn a_public_table_may_go_without_row_security_while_nobody_can_write_it() {
    let world = World::new();
    put(&world, "[gate]\npublic_tables = [\"public.posts\"]\n");
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let open = format!("{OPEN_TABLE} grant insert (id) on public.posts to authenticated;");
    project.migrate("posts", &open).await;
    project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    project
        .migrate(
            "close",
            "revoke insert, update, delete, truncate on public.posts from anon, authenticated;
             revoke insert (id) on public.posts from authenticated;",
        )
        .await;
    project.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn the_advisors_threshold_decides_which_warnings_stop_a_merge() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    // A function without a search path is a WARN.
    project
        .migrate(
            "f",
            "create function public.f() returns int language sql as 'select 1'; revoke execute on function public.f() from public, anon, authenticated;",
        )
        .await;
    project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    put(&world, "[gate]\nadvisor = \"error\"\n");
    let lenient = world.serve().await;
    lenient
        .project(&project.id)
        .ok("merge_branch", json!({}))
        .await;
    put(&world, "[gate]\nadvisor = \"warning\"\n");
    let strict = world.serve().await;
    let strict = strict.project(&project.id);
    strict
        .migrate("t", "create table public.t (id int primary key); alter table public.t enable row level security;")
        .await;
    // Production has that warning by now, and here it stops a merge all the same.
    strict
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
}

#[tokio::test]
async fn a_freeze_stops_what_it_names_and_ends_by_itself() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("t", "create table public.t (id int primary key); alter table public.t enable row level security;")
        .await;
    let freeze = |stops: &str, until: &str| {
        format!("[freeze]\nstops = \"{stops}\"\nreason = \"the fair\"\nuntil = {until}\n")
    };
    put(&world, &freeze("production", "2999-01-01"));
    let frozen = world.serve().await;
    let frozen = frozen.project(&project.id);
    let refusal = frozen.refused("merge_branch", json!({}), "frozen").await;
    assert!(refusal["message"].as_str().unwrap().contains("the fair"));
    assert!(refusal["operator"].is_string());
    frozen.sql("insert into public.t values (1)").await;
    put(&world, &freeze("writes", "2999-01-01"));
    let still = world.serve().await;
    let still = still.project(&project.id);
    still
        .no_sql("insert into public.t values (2)", "frozen")
        .await;
    still
        .refused(
            "delete_branch",
            json!({ "discard_unmerged": true }),
            "frozen",
        )
        .await;
    assert_eq!(
        still.sql("select id from public.t").await["rows"],
        json!([{ "id": 1 }])
    );
    put(&world, &freeze("writes", "2020-01-01"));
    let over = world.serve().await;
    over.project(&project.id)
        .ok("merge_branch", json!({}))
        .await;
}

#[tokio::test]
async fn a_project_goes_where_the_policy_lets_it() {
    let world = World::new();
    put(
        &world,
        "[launch]\nregions = [\"emea\", \"eu-west-1\"]\ninstance_sizes = [\"micro\"]\n",
    );
    let mcp = world.serve().await;
    for asked in [
        json!({ "name": "P" }),
        json!({ "name": "P", "region": "us-east-1" }),
        json!({ "name": "P", "region": "eu-west-1", "instance_size": "16xlarge" }),
    ] {
        let refusal = mcp.refused("create_project", asked, "outside_policy").await;
        assert_eq!(refusal["next"]["tool"], "create_project");
        let next = refusal["next"]["arguments"].clone();
        mcp.ok("create_project", next).await;
    }
}

#[tokio::test]
async fn a_read_only_server_runs_sql_that_reads() {
    let world = World::new();
    let writer = world.serve().await;
    let project = writer.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let reader = world.serve_with(&["--read-only"]).await;
    let reader = reader.project(&project.id);
    assert_eq!(
        reader.sql("select count(*) as n from public.t").await["rows"],
        json!([{ "n": 0 }])
    );
    reader
        .no_sql("insert into public.t values (1)", "read_only")
        .await;
    reader
        .no_sql("create table public.u (id int)", "read_only")
        .await;
}

#[tokio::test]
async fn a_request_over_http_tightens_the_policy_and_cannot_loosen_it() {
    let world = World::new();
    let mut http = Http::start(&world, &["--max-rows", "3"]);
    let launched = http
        .call("create_project", json!({ "name": "P" }))
        .await
        .accepted();
    let id = launched["project"]["id"].as_str().unwrap().to_owned();
    let sql = |query: &str| json!({ "project_id": id, "query": query });
    let write = sql("create table public.t (id int)");
    http.call("execute_sql", write.clone()).await.accepted();
    http.ask_with("?read_only=true");
    http.call("execute_sql", write.clone())
        .await
        .refused_as("read_only");
    http.ask_with("?project_ref=abcdefghijklmnopqrst");
    http.call("execute_sql", sql("select 1"))
        .await
        .refused_as("out_of_scope");
    http.ask_with("?features=projects");
    http.call("execute_sql", sql("select 1"))
        .await
        .refused_as("unknown_tool");
    http.ask_with("?max_rows=1000000");
    let many = sql("select * from generate_series(1, 9) as n");
    let cut = http.call("execute_sql", many).await.accepted();
    assert_eq!(cut["rows"].as_array().unwrap().len(), 3, "{cut}");
    let bare = |http: &Http| {
        let params = json!({ "name": "execute_sql", "arguments": write });
        http.modern("tools/call", Some("execute_sql"), params)
    };
    http.ask_with("");
    for (name, value, expected) in [
        ("drydock-read-only", "true", 200),
        ("drydock-readonly", "true", 400),
        ("drydock-read-only", "yes", 400),
    ] {
        let (status, _, answer) = exchange(bare(&http).header(name, value)).await;
        assert_eq!(status, expected, "{name}: {value}: {answer}");
        if status == 200 {
            let error = &answer["result"]["structuredContent"]["error"];
            assert_eq!(error["code"], "read_only", "{answer}");
        }
    }
    for query in [
        "?readonly=true",
        "?read_only=yes",
        "?features=databse",
        "?project_ref=X",
    ] {
        http.ask_with(query);
        assert_eq!(exchange(bare(&http)).await.0, 400, "{query}");
    }
    drop(http);
    let mut reading = Http::start(&world, &["--read-only", "--features", "database"]);
    reading.ask_with("?read_only=false");
    reading
        .call("execute_sql", write.clone())
        .await
        .refused_as("read_only");
    reading.ask_with("?features=branches");
    assert_eq!(exchange(bare(&reading)).await.0, 403);
}
