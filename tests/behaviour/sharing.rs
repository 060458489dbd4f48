//! Several servers on one data directory share one platform; two data directories are two worlds.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{World, is_alive, kill, names, until};

#[tokio::test]
async fn servers_that_start_at_once_share_one_platform() {
    let world = World::new();
    let (one, two, three) = tokio::join!(world.serve(), world.serve(), world.serve());
    let list =
        |name: &'static str, mcp| async move { crate::harness::Mcp::launch(mcp, name).await.id };
    let (a, b, c) = tokio::join!(list("A", &one), list("B", &two), list("C", &three));
    for mcp in [&one, &two, &three] {
        let mut seen = names(&mcp.ok("list_projects", json!({})).await["projects"]);
        seen.sort();
        assert_eq!(seen, ["A", "B", "C"]);
    }
    // What one does, the others see: the ledger, and the restore points that the store remembers.
    let version = one
        .project(&a)
        .migrate("t", "create table public.t (id int)")
        .await;
    assert_eq!(
        two.project(&a).ledger("dev").await,
        std::slice::from_ref(&version)
    );
    assert_eq!(
        three.project(&a).point_names().await,
        ["baseline".to_owned(), format!("rp-{version}")]
    );
    three.project(&a).revert("baseline").await;
    assert!(one.project(&a).ledger("dev").await.is_empty());
    assert_ne!(b, c);
}

#[tokio::test]
async fn servers_that_make_the_store_at_once_all_start() {
    for _ in 0..10 {
        let world = World::new();
        let servers = futures_util::future::join_all((0..6).map(|_| world.serve())).await;
        for mcp in servers {
            mcp.refused("nothing", json!({}), "unknown_tool").await;
        }
        assert!(world.run(&["journal", "verify"]).status.success());
    }
}

#[tokio::test]
async fn a_server_that_is_killed_harms_nobody() {
    let world = World::new();
    let victim = world.serve().await;
    let other = world.serve().await;
    let project = victim.launch("P").await;
    let id = project.id.clone();
    let version = project.migrate("a", "create table public.a (id int)").await;
    let platform = world.platform_pid();
    let there = other.project(&id);
    assert_eq!(there.ledger("dev").await, std::slice::from_ref(&version));
    victim.kill().await;
    assert!(
        is_alive(platform),
        "the platform died with the server that started it"
    );
    let next = there.migrate("b", "create table public.b (id int)").await;
    assert_eq!(there.ledger("dev").await, [version, next]);
    let third = world.serve().await;
    assert_eq!(third.project(&id).tables("dev").await, ["a", "b"]);
}

#[tokio::test]
async fn a_lease_of_a_killed_server_does_not_hold_others_up() {
    let world = World::new();
    let victim = world.serve().await;
    let other = world.serve().await;
    let project = victim.launch("P").await;
    let id = project.id.clone();
    project.migrate("a", "create table public.a (id int)").await;
    let api = world.api();
    let dev = project.dev().await;
    // The victim dies in the middle of a migration: it holds the branch's turn.
    let pid = victim.pid();
    let dying = tokio::spawn(async move {
        victim
            .try_call(
                "apply_migration",
                json!({ "project_id": id, "name": "slow",
                        "query": "create table public.slow (id int); do $$ begin perform pg_sleep(2); end $$" }),
            )
            .await
    });
    until("the migration to run", async || {
        let running = api
            .query(
                &dev,
                "select 1 from pg_stat_activity where state = 'active' and query like '%public.slow%' and pid <> pg_backend_pid()",
            )
            .await;
        (running != json!([])).then_some(())
    })
    .await;
    kill(pid, Signal::KILL);
    assert!(dying.await.unwrap().is_none());
    let there = other.project(&project_id(&other).await).clone();
    there.migrate("b", "create table public.b (id int)").await;
    // Whatever became of the slow one, ledger, tables and points agree.
    let ledger = there.ledger("dev").await;
    let tables = there.tables("dev").await;
    assert_eq!(tables.len(), ledger.len(), "{tables:?} {ledger:?}");
    for point in there.points().await {
        assert_eq!(point["status"], "available", "{point}");
    }
}

async fn project_id(mcp: &crate::harness::Mcp) -> String {
    let listed = mcp.ok("list_projects", json!({})).await;
    listed["projects"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_data_directories_are_two_worlds() {
    let (here, there) = (World::new(), World::new());
    let (one, two) = (here.serve().await, there.serve().await);
    let mine = one.launch("Mine").await;
    two.launch("Yours").await;
    assert_eq!(
        names(&one.ok("list_projects", json!({})).await["projects"]),
        ["Mine"]
    );
    assert_eq!(
        names(&two.ok("list_projects", json!({})).await["projects"]),
        ["Yours"]
    );
    two.refused(
        "list_tables",
        json!({ "project_id": mine.id }),
        "target_unknown",
    )
    .await;
    // One's token opens nothing of the other's.
    let http = crate::harness::http_client();
    let answer = http
        .get(format!("{}/v1/projects", there.api().base()))
        .bearer_auth(here.api().token())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    // Ending one leaves the other alone.
    let output = here.run(&["platform", "--stop"]);
    assert!(output.status.success());
    two.ok("list_projects", json!({})).await;
}

#[tokio::test]
async fn a_platform_that_was_stopped_starts_again_with_everything() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project.migrate("a", "create table public.a (id int)").await;
    let before = world.ready().unwrap();
    let output = world.run(&["platform", "--stop"]);
    assert!(output.status.success(), "{output:?}");
    let pid = u32::try_from(before["pid"].as_u64().unwrap()).unwrap();
    until("the platform's end", async || {
        (!is_alive(pid)).then_some(())
    })
    .await;
    assert!(world.postmasters().is_empty(), "servers are still running");
    // The same server notices, and starts another.
    assert_eq!(project.ledger("dev").await, std::slice::from_ref(&version));
    assert_ne!(world.ready().unwrap()["pid"], before["pid"]);
    project.revert("baseline").await;
    project.revert("undo-1").await;
    assert_eq!(project.ledger("dev").await, [version]);
}

#[test]
fn an_ephemeral_platform_leaves_nothing() {
    let world = World::new();
    let mut child = world
        .command(&["platform", "--ephemeral"])
        .stdout(std::process::Stdio::piped())
        .stderr(world.log())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["ready"], true);
    for member in ["api_url", "access_token"] {
        assert!(ready[member].is_string(), "{ready}");
    }
    // A second one says who serves.
    let second = world.run(&["platform"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success());
    assert!(said.contains(ready["api_url"].as_str().unwrap()), "{said}");
    kill(child.id(), Signal::TERM);
    assert!(child.wait().unwrap().success());
    assert!(!world.dir().join("platform").exists());
}
