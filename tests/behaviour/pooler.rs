//! The pooler's port: psql and an ordinary driver, as `postgres.<ref>` with its password, and nobody else.

use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use crate::approvals::{answer, id};
use crate::harness::{Mcp, Project, World, is_alive, kill, until};
use crate::vault::show;

fn port(world: &World) -> u16 {
    let port = world.ready().unwrap()["pooler_port"].as_u64().unwrap();
    u16::try_from(port).unwrap()
}

/// Who connects, and with which password.
#[derive(Clone)]
struct Login {
    user: String,
    password: String,
}

impl Login {
    /// Production's, from the vault, as the operator has it.
    fn production(world: &World, project: &Project<'_>) -> Self {
        Self {
            user: format!("postgres.{}", project.id),
            password: show(world, &[&project.id]),
        }
    }

    /// A branch's, from the platform's own API.
    async fn branch(world: &World, reference: &str) -> Self {
        let config = world.api().get(&format!("/v1/branches/{reference}")).await;
        assert_eq!(config["db_port"], port(world));
        Self {
            user: config["db_user"].as_str().unwrap().to_owned(),
            password: config["db_pass"].as_str().unwrap().to_owned(),
        }
    }

    async fn connect(&self, world: &World) -> Result<Session, Error> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(port(world))
            .user(&self.user)
            .password(&self.password)
            .dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        let served = tokio::spawn(connection);
        Ok(Session { client, served })
    }

    fn psql(&self, world: &World, sql: &str) -> Output {
        Command::new("psql")
            .args(["-h", "127.0.0.1", "-p", &port(world).to_string()])
            .args(["-U", &self.user, "-d", "postgres", "-XAtc", sql])
            .env("PGPASSWORD", &self.password)
            .output()
            .unwrap()
    }
}

/// A session of an ordinary driver.
struct Session {
    client: Client,
    served: JoinHandle<Result<(), Error>>,
}

impl Session {
    async fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until the server has ended it.
    async fn ended(self) {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.served).await;
        drop(ended.expect("the session goes on"));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn code(error: &Error) -> &str {
    error.code().map_or("", SqlState::code)
}

async fn launch<'a>(world: &World, mcp: &'a Mcp) -> (Project<'a>, Login, Login) {
    let project = mcp.launch("shop").await;
    project
        .migrate(
            "notes",
            "create table public.notes (id int primary key); alter table public.notes enable row level security;",
        )
        .await;
    let production = Login::production(world, &project);
    let dev = Login::branch(world, &project.dev().await).await;
    (project, production, dev)
}

#[tokio::test]
async fn psql_and_a_driver_reach_the_database_whose_password_they_have() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, production, dev) = launch(&world, &mcp).await;
    let second = world.api().branch(&project.id, "second").await;
    let second = Login::branch(&world, &second).await;

    // Each its own database: production has nothing yet, and each branch its own rows.
    let output = production.psql(&world, "select to_regclass('public.notes') is null");
    assert_eq!(said(&output).trim(), "t");
    let (one, two) = (
        dev.connect(&world).await.unwrap(),
        second.connect(&world).await.unwrap(),
    );
    one.run("insert into public.notes select generate_series(1, 3)")
        .await
        .unwrap();
    two.run("create table public.mine (id int)").await.unwrap();
    assert_eq!(one.number("select count(*) from public.notes").await, 3);
    assert_eq!(two.number("select count(*) from public.mine").await, 0);
    assert_eq!(project.value("select count(*) from public.notes").await, 3);
    let large = "select repeat('x', 3000000)";
    let row = one.client.query_one(large, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0).len(), 3_000_000);
    let copied = dev.psql(
        &world,
        "copy (select id from public.notes order by id) to stdout",
    );
    assert_eq!(said(&copied), "1\n2\n3\n");

    // The wall stands on this road too.
    for sql in [
        "create role other",
        "alter role postgres superuser",
        "set role supabase_admin",
        "copy public.notes to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "alter table auth.users add column x int",
        "drop table auth.users cascade",
    ] {
        let refused = one.run(sql).await.unwrap_err();
        assert_eq!(code(&refused), "42501", "{sql}: {refused:?}");
    }

    let health = project.ok("get_project_health", json!({})).await;
    assert!(health.to_string().contains("pooler"), "{health}");

    // How to get here stands in the routes, without the password; and nowhere in what an agent is told.
    let path = format!("/v1/projects/{}/config/database/pooler", project.id);
    let config = world.api().get(&path).await;
    assert_eq!(config[0]["db_port"], port(&world));
    assert_eq!(config[0]["db_user"], production.user.as_str());
    for tool in ["get_project", "get_project_url", "list_branches"] {
        let answer = project.call(tool, json!({})).await;
        let told = format!("{}{}", answer.value, answer.text);
        assert!(!told.contains(&port(&world).to_string()), "{told}");
        assert!(!told.contains(&production.password) && !told.contains(&dev.password));
    }
}

#[tokio::test]
async fn whoever_is_not_postgres_of_a_database_here_is_turned_away_in_words() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, production, dev) = launch(&world, &mcp).await;
    let login = |user: &str, password: &str| Login {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    for (wrong, sqlstate) in [
        (login(&production.user, "nonsense"), "28P01"),
        (login(&production.user, ""), "28P01"),
        // A branch's password is not production's.
        (login(&production.user, &dev.password), "28P01"),
        (
            login("postgres.zzzzzzzzzzzzzzzzzzzz", &production.password),
            "28000",
        ),
        (login("postgres", &production.password), "28000"),
        (login("postgres.", &production.password), "28000"),
        (login(&project.id, &production.password), "28000"),
        (
            login(
                &format!("supabase_admin.{}", project.id),
                &production.password,
            ),
            "28000",
        ),
        (
            login(
                &format!("supabase_read_only_user.{}", project.id),
                &production.password,
            ),
            "28000",
        ),
    ] {
        let Err(refused) = wrong.connect(&world).await else {
            panic!("{} came in", wrong.user);
        };
        assert_eq!(code(&refused), sqlstate, "{}: {refused:?}", wrong.user);
    }
    let unknown = login("postgres.zzzzzzzzzzzzzzzzzzzz", "x").psql(&world, "select 1");
    assert!(said(&unknown).contains("there is no project and no branch"));
    let bare = login("postgres", "x").psql(&world, "select 1");
    assert!(said(&bare).contains("postgres.<ref>"), "{}", said(&bare));
    // Another database is none, and replication is not this role's.
    let elsewhere = Command::new("psql")
        .args(["-h", "127.0.0.1", "-p", &port(&world).to_string()])
        .args(["-U", &production.user, "-d", "template1", "-c", "select 1"])
        .env("PGPASSWORD", &production.password)
        .output()
        .unwrap();
    assert!(said(&elsewhere).contains("does not exist"));

    // What is no protocol, or no login, ends without an effect on those that are.
    let address = ("127.0.0.1", port(&world));
    let mut silent = Vec::new();
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &[0, 0, 0, 8, 4, 210, 22, 47],
        &[0xff; 64],
        &[0, 0, 0, 200, 0, 3, 0, 0],
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        silent.push(stream);
    }
    let mut refused = String::new();
    let read = silent[0].read_to_string(&mut refused).await;
    assert!(
        read.is_ok() && refused.contains("is not spoken here"),
        "{refused:?}"
    );
    assert_eq!(said(&production.psql(&world, "select 1")).trim(), "1");

    // A project that is paused is not woken by a connection.
    let path = format!("/v1/projects/{}/pause", project.id);
    world.api().post(&path, Value::Null).await;
    let paused = production.connect(&world).await.err().unwrap();
    assert_eq!(code(&paused), "57P03", "{paused:?}");
}

#[tokio::test]
async fn a_connection_wakes_its_database_and_can_cancel_what_it_runs() {
    let world = World::new();
    let mcp = world.serve().await;
    let (_, _, dev) = launch(&world, &mcp).await;
    for server in world.postmasters() {
        kill(server, Signal::INT);
        until("the database to stop", async || {
            (!is_alive(server)).then_some(())
        })
        .await;
    }
    assert!(world.postmasters().is_empty());
    let session = dev.connect(&world).await.unwrap();
    assert_eq!(session.number("select count(*) from public.notes").await, 0);
    // One is cancelled and the other is not.
    let other = dev.connect(&world).await.unwrap();
    other.run("begin").await.unwrap();
    let token = session.client.cancel_token();
    let cancelled = async {
        until("the statement to run", async || {
            // Within a transaction activity is looked up once.
            other.run("select pg_stat_clear_snapshot()").await.unwrap();
            let sql = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and pid <> pg_backend_pid()";
            (other.number(sql).await == 1).then_some(())
        })
        .await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (refused, ()) = tokio::join!(session.run("select pg_sleep(600)"), cancelled);
    assert_eq!(code(&refused.unwrap_err()), "57014");
    assert_eq!(session.number("select 7::bigint").await, 7);
    other.run("commit").await.unwrap();
}

#[tokio::test]
async fn a_revert_and_a_recovery_end_sessions_and_the_next_ones_meet_what_was_restored() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, production, dev) = launch(&world, &mcp).await;
    let point = project.point_names().await.pop().unwrap();
    let session = dev.connect(&world).await.unwrap();
    for sql in [
        "insert into public.notes values (1)",
        "begin; insert into public.notes values (2)",
    ] {
        session.run(sql).await.unwrap();
    }
    project.revert(&point).await;
    session.ended().await;
    let again = dev.connect(&world).await.unwrap();
    assert_eq!(again.number("select count(*) from public.notes").await, 0);

    project.ok("merge_branch", json!({})).await;
    let session = production.connect(&world).await.unwrap();
    session
        .run("insert into public.notes values (1)")
        .await
        .unwrap();
    let before: i64 = session
        .number("select ceil(extract(epoch from clock_timestamp()))::bigint")
        .await;
    session.run("select pg_sleep(1.1)").await.unwrap();
    for sql in [
        "insert into public.notes values (2)",
        "begin; insert into public.notes values (3)",
    ] {
        session.run(sql).await.unwrap();
    }
    let call = json!({ "time": before });
    let tool = "restore_to_point_in_time";
    let refusal = project
        .refused(tool, call.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    let done = project.ok(tool, call).await;
    session.ended().await;
    // The same password as before opens what was restored.
    let restored = production.connect(&world).await.unwrap();
    assert_eq!(
        restored.number("select count(*) from public.notes").await,
        1
    );
    let way_back = done["way_back"]["arguments"].clone();
    let refusal = mcp
        .refused(tool, way_back.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    mcp.ok(tool, way_back).await;
    restored.ended().await;
    let back = production.connect(&world).await.unwrap();
    assert_eq!(back.number("select sum(id) from public.notes").await, 3);
}

#[tokio::test]
async fn a_crowd_of_sessions_leaves_the_platform_its_own() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, production, dev) = launch(&world, &mcp).await;
    let mut crowd = Vec::new();
    let refused = loop {
        match dev.connect(&world).await {
            Ok(session) => crowd.push(session),
            Err(refused) => break refused,
        }
        assert!(crowd.len() < 20);
    };
    assert_eq!(code(&refused), "53300", "{refused:?}");
    assert_eq!(project.value("select count(*) from public.notes").await, 0);
    assert_eq!(said(&production.psql(&world, "select 1")).trim(), "1");
    // A place that is given back is taken by the next.
    drop(crowd.pop());
    until("a place", async || dev.connect(&world).await.ok()).await;
}

#[tokio::test]
async fn the_port_stays_the_same_when_the_platform_starts_again() {
    let world = World::new();
    let mcp = world.serve().await;
    let (_, _, dev) = launch(&world, &mcp).await;
    let before = port(&world);
    let session = dev.connect(&world).await.unwrap();
    assert!(world.run(&["platform", "--stop"]).status.success());
    session.ended().await;
    mcp.ok("list_projects", json!({})).await;
    assert_eq!(port(&world), before);
    let session = dev.connect(&world).await.unwrap();
    assert_eq!(session.number("select count(*) from public.notes").await, 0);
}
