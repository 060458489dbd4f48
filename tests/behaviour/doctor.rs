//! `drydock doctor`: what works, what is weaker, what is missing.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Heard, Reaction, Relay, World};
use crate::policy::put;
use crate::vault::show;

/// What doctor says, by what it looked at; and whether something is missing.
pub(crate) fn doctor(world: &World, flags: &[&str]) -> (Vec<Value>, bool) {
    let arguments: Vec<&str> = ["doctor", "--json"].iter().chain(flags).copied().collect();
    let output = world.run(&arguments);
    let said = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (said, !output.status.success())
}

/// What it says of one thing.
pub(crate) fn of<'a>(said: &'a [Value], what: &str) -> &'a Value {
    said.iter()
        .find(|finding| finding["what"] == what)
        .unwrap_or_else(|| panic!("nothing is said of {what}: {said:?}"))
}

#[tokio::test]
async fn on_a_machine_that_works_nothing_is_missing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    project.migrate("t", "create table public.t (id int)").await;
    let (said, missing) = doctor(&world, &[]);
    assert!(!missing, "{said:?}");
    for what in [
        "policy",
        "data directory",
        "vault",
        "PostgreSQL",
        "Deno",
        "local platform",
        "projects",
        "branches",
        "migrations",
        "restore points",
        "security advisor",
        "API keys",
        "prices",
        "point-in-time recovery",
        "database connections",
    ] {
        assert_eq!(of(&said, what)["state"], "good", "{said:?}");
    }
    // Where the database is, and never its password.
    let connections = of(&said, "database connections")["found"].as_str().unwrap();
    let user = format!("postgres.{}", project.id);
    assert!(connections.contains(&user) && connections.contains("127.0.0.1"));
    assert!(!connections.contains(&show(&world, &[&project.id])));
    // The same for a person, and nothing was changed by it.
    let output = world.run(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("good     PostgreSQL: 1"), "{text}");
    assert_eq!(project.ledger("dev").await.len(), 1);
}

#[tokio::test]
async fn what_is_missing_on_the_machine_is_named_with_its_remedy() {
    let world = World::new();
    let (said, missing) = doctor(&world, &["--postgres-bin", "/nowhere"]);
    assert!(missing);
    assert_eq!(of(&said, "PostgreSQL")["state"], "missing");
    let (said, missing) = doctor(&world, &["--deno", "/nowhere"]);
    assert!(missing);
    assert_eq!(of(&said, "Deno")["state"], "missing");
    assert_eq!(of(&said, "platform")["state"], "weaker");
    put(&world, "[limit]\nrows = 1\n");
    let (said, missing) = doctor(&world, &[]);
    assert!(missing);
    let found = of(&said, "policy")["found"].as_str().unwrap();
    assert!(found.contains("limits"), "{found}");
    put(&world, "");
    fs::write(world.dir().join("file"), "").unwrap();
    let file = world.dir().join("file");
    let (said, missing) = doctor(&world, &["--data-dir", file.to_str().unwrap()]);
    assert!(missing);
    assert_eq!(of(&said, "store")["state"], "missing");
}

// The program is waited for while the platform in the middle answers it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cloud_does_not_offer_is_named_with_what_the_operator_can_do() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    project.ok("create_branch", json!({})).await;
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            let withheld = ["/restore-point", "/billing/addons"];
            match withheld.iter().any(|part| heard.path.contains(part)) {
                true => Reaction::Answer(403, json!({ "message": "Forbidden action" })),
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let token = world.api().token().to_owned();
    let cloud = ["--api-url", relay.url(), "--access-token", &token];
    let (said, missing) = doctor(&world, &cloud);
    assert!(!missing, "{said:?}");
    let points = of(&said, "restore points");
    assert_eq!(points["state"], "weaker");
    for words in ["selected customers", "approvals.weaker_restore_points"] {
        assert!(points["remedy"].as_str().unwrap().contains(words));
    }
    let prices = of(&said, "prices");
    assert_eq!(prices["state"], "weaker");
    assert!(
        prices["remedy"]
            .as_str()
            .unwrap()
            .contains("infra_add_ons_read")
    );
    assert!(relay.heard().iter().all(|heard| heard.method == "GET"));
    let all = json!(said).to_string();
    assert!(!all.contains(&token), "{all}");

    let stranger = Relay::start(None, |_| {
        Box::pin(async { Reaction::Answer(401, json!({ "message": "Unauthorized" })) })
    })
    .await;
    let (said, missing) = doctor(
        &world,
        &["--api-url", stranger.url(), "--access-token", "x"],
    );
    assert!(missing);
    let remedy = of(&said, "platform")["remedy"].as_str().unwrap();
    assert!(remedy.contains("SUPABASE_ACCESS_TOKEN"), "{remedy}");
}

#[tokio::test]
async fn what_handing_projects_over_takes_is_named_as_far_as_it_is_missing() {
    let world = World::new();
    let (said, missing) = doctor(&world, &[]);
    assert!(!missing, "{said:?}");
    let found = of(&said, "handing over");
    assert_eq!(found["state"], "weaker");
    for name in ["CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI"] {
        let name = format!("DRYDOCK_OAUTH_{name}");
        assert!(found["found"].as_str().unwrap().contains(&name), "{found}");
    }
    let remedy = found["remedy"].as_str().unwrap();
    assert!(remedy.contains("drydock claim app"), "{remedy}");
    let half = ["--oauth-client-id", "an-id"];
    let (said, missing) = doctor(&world, &half);
    assert!(missing);
    assert_eq!(of(&said, "handing over")["state"], "missing");
    let both = [&half[..], &["--oauth-client-secret", "canary-of-an-app"]].concat();
    let (said, _) = doctor(&world, &both);
    let found = of(&said, "handing over");
    assert_eq!(found["state"], "weaker");
    assert!(
        !found["found"].as_str().unwrap().contains("CLIENT_ID"),
        "{found}"
    );
    let uri = "https://builder.example/claim/callback";
    let all = [&both[..], &["--oauth-redirect-uri", uri]].concat();
    let (said, _) = doctor(&world, &all);
    let found = of(&said, "handing over");
    assert_eq!(found["state"], "good");
    assert!(found["found"].as_str().unwrap().contains(uri), "{found}");
    assert!(!json!(said).to_string().contains("canary-of-an-app"));
}

#[tokio::test]
async fn what_the_platform_takes_of_the_machine_is_told_and_nothing_is_woken_for_it() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.launch("small").await;
    let large = mcp.launch("large").await;
    large
        .migrate("t", "create table public.t (id int, words text)")
        .await;
    let figures = |what: &str| {
        let (said, missing) = doctor(&world, &[]);
        assert!(!missing, "{said:?}");
        of(&said, what)["figures"].clone()
    };
    let number = |of: &Value, name: &str| of[name].as_u64().unwrap();

    let before = figures("disk");
    large
        .sql("insert into public.t select n, repeat(md5(n::text), 20) from generate_series(1, 20000) as n")
        .await;
    let after = figures("disk");
    // Rows are in the table and, until history ends, in the log.
    for kind in ["databases_bytes", "history_bytes", "bytes"] {
        let grown = number(&after, kind) - number(&before, kind);
        assert!(grown > 10_000_000, "{kind}: {before} {after}");
    }
    let kinds = [
        "databases",
        "history",
        "templates",
        "programs",
        "functions",
        "logs",
        "other",
    ];
    let sum: u64 = kinds
        .map(|kind| number(&after, &format!("{kind}_bytes")))
        .iter()
        .sum();
    assert_eq!(sum, number(&after, "bytes"));
    assert_eq!(after["is_partial"], false);
    assert!(number(&after, "free_bytes") > 0);
    assert_eq!(after["projects"], 2);
    let [first, second] = [0, 1].map(|place| after["largest"][place].clone());
    assert_eq!(
        (&first["ref"], &first["name"]),
        (&json!(large.id), &json!("large"))
    );
    assert_eq!(
        (&first["branches"], &second["branches"]),
        (&json!(1), &json!(0))
    );
    assert!(number(&first, "databases_bytes") > number(&second, "databases_bytes"));

    let running = figures("memory");
    assert_eq!(running["awake"], world.postmasters().len());
    assert_eq!(
        (&running["awake"], &running["asleep"]),
        (&json!(3), &json!(0))
    );
    for process in ["platform_bytes", "postgres_bytes"] {
        assert!(number(&running, process) > 1_000_000, "{running}");
    }
    drop(mcp);
    assert!(world.run(&["platform", "--stop"]).status.success());
    // For a person, and of a platform that does not run.
    let output = world.run(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("memory: no platform is running; 0 database(s) awake"),
        "{text}"
    );
    assert!(text.contains("3 asleep"), "{text}");
    let disk = text.lines().find(|line| line.contains("disk: ")).unwrap();
    for words in [
        "databases",
        "history",
        "templates",
        "largest: large",
        "free",
    ] {
        assert!(disk.contains(words), "{disk}");
    }
}

#[test]
fn where_there_is_no_platform_yet_little_is_taken() {
    let world = World::new();
    let (said, _) = doctor(&world, &["--postgres-bin", "/nowhere"]);
    let disk = of(&said, "disk");
    assert_eq!(
        (
            &disk["figures"]["databases_bytes"],
            &disk["figures"]["projects"]
        ),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        of(&said, "memory")["figures"]["platform_bytes"],
        Value::Null
    );
}
