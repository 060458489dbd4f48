//! One project cannot reach another, nor the machine, whatever its own role is told to run.

use serde_json::{Value, json};

use crate::harness::{Api, World, fingerprint};

const SECRET: &str = "canary-4711";

/// Two projects on one platform; the first holds a secret row.
struct Neighbours {
    api: Api,
    victim: String,
    attacker: String,
    victims_cluster: String,
}

async fn neighbours(world: &World) -> Neighbours {
    let mcp = world.serve().await;
    let (victim, attacker) = (
        mcp.launch("Victim").await.id,
        mcp.launch("Attacker").await.id,
    );
    let api = world.api();
    api.query(
        &victim,
        &format!("create table public.secrets (body text); insert into public.secrets values ('{SECRET}')"),
    )
    .await;
    let dir = api
        .read(
            &victim,
            "select setting from pg_settings where name = 'data_directory'",
        )
        .await;
    let victims_cluster = dir[0]["setting"].as_str().unwrap_or_default().to_owned();
    Neighbours {
        api,
        victim,
        attacker,
        victims_cluster,
    }
}

/// Where a postmaster lies, read from the outside: the attacker may not ask the database.
fn sockets(world: &World) -> String {
    world
        .dir()
        .join("platform/postgres/run")
        .display()
        .to_string()
}

async fn is_denied(api: &Api, reference: &str, sql: &str) {
    let (status, body) = api.try_query(reference, sql).await;
    assert_eq!(status, 400, "{sql}: {status} {body}");
    let text = body.to_string();
    assert!(!text.contains(SECRET), "{sql}: {text}");
    assert!(!text.contains("root:"), "{sql}: {text}");
}

#[tokio::test]
async fn files_and_programs_of_the_machine_are_out_of_reach() {
    let world = World::new();
    let Neighbours {
        api,
        attacker,
        victims_cluster,
        ..
    } = neighbours(&world).await;
    let marker = world.dir().join("pwned");
    for sql in [
        format!("copy (select 1) to program 'touch {}'", marker.display()),
        format!("copy pg_class (relname) from program 'cat {victims_cluster}/PG_VERSION'"),
        "copy (select 1) to '/tmp/drydock-test-out'".to_owned(),
        "create temp table t (x text); copy t from '/etc/passwd'".to_owned(),
        "select pg_read_file('/etc/passwd')".to_owned(),
        "select pg_read_binary_file('postgresql.conf')".to_owned(),
        "select pg_ls_dir('/')".to_owned(),
        "select pg_stat_file('/etc/passwd')".to_owned(),
        "select lo_import('/etc/passwd')".to_owned(),
        "select lo_export(1, '/tmp/drydock-test-out')".to_owned(),
        "create extension file_fdw".to_owned(),
        "create extension adminpack".to_owned(),
        "create extension plpython3u".to_owned(),
        "create function public.c() returns int language c as '/lib/x86_64-linux-gnu/libc.so.6', 'getpid'".to_owned(),
        "load '/lib/x86_64-linux-gnu/libc.so.6'".to_owned(),
        "alter system set archive_command = 'id'".to_owned(),
        "set session_preload_libraries = 'x'".to_owned(),
        "select pg_reload_conf()".to_owned(),
        "select pg_logfile_rotate()".to_owned(),
    ] {
        is_denied(&api, &attacker, &sql).await;
        // The same inside a DO, where no parser sees it.
        let inside = format!("do $outer$ begin execute $inner${sql}$inner$; end $outer$");
        is_denied(&api, &attacker, &inside).await;
    }
    assert!(!marker.exists());
}

#[tokio::test]
async fn another_projects_cluster_is_out_of_reach() {
    let world = World::new();
    let Neighbours {
        api,
        victim,
        attacker,
        ..
    } = neighbours(&world).await;
    let before = fingerprint(&api, &victim).await;
    let sockets = sockets(&world);
    let mut ports: Vec<String> = std::fs::read_dir(world.dir().join("platform/postgres/c"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    ports.sort();
    assert!(ports.len() >= 2);
    for extension in ["dblink", "postgres_fdw"] {
        let sql = format!("create extension {extension} with schema extensions");
        let (status, body) = api.try_query(&attacker, &sql).await;
        if status != 201 && status != 200 {
            continue;
        }
        // It may be there; a connection by it may not.
        let _ = body;
        for port in &ports {
            for role in ["supabase_admin", "postgres", "supabase_read_only_user"] {
                for host in [
                    format!("{sockets}/0"),
                    format!("{sockets}/1"),
                    "127.0.0.1".to_owned(),
                ] {
                    let connection = format!(
                        "host={host} port={port} user={role} dbname=postgres password=postgres"
                    );
                    is_denied(
                        &api,
                        &attacker,
                        &format!("select * from extensions.dblink('{connection}', 'select body from public.secrets') as t(body text)"),
                    )
                    .await;
                }
            }
        }
    }
    is_denied(
        &api,
        &attacker,
        "create subscription s connection 'host=/tmp dbname=postgres' publication p",
    )
    .await;
    assert_eq!(fingerprint(&api, &victim).await, before);
}

#[tokio::test]
async fn a_projects_own_role_cannot_become_more() {
    let world = World::new();
    let Neighbours { api, attacker, .. } = neighbours(&world).await;
    let roles = "select string_agg(format('%s %s %s %s', rolname, rolsuper, rolcreaterole, rolbypassrls), ',' order by rolname) as roles from pg_roles";
    // Whole rows: since 16 a membership is to be had in several ways.
    let members =
        "select jsonb_agg(m order by member, roleid, grantor) as members from pg_auth_members as m";
    let before = (
        api.read(&attacker, roles).await,
        api.read(&attacker, members).await,
    );
    for sql in [
        "alter role postgres superuser",
        "alter role postgres createrole",
        "create role mallory",
        "grant anon to postgres with admin option",
        "grant supabase_shared_tables_admin to postgres with admin option",
        "set role supabase_auth_admin",
        "alter role supabase_admin password 'x'",
        "set role supabase_admin",
        "set session authorization supabase_admin",
        "grant supabase_admin to postgres",
        "grant pg_execute_server_program to postgres",
        "grant pg_read_server_files to postgres",
        "grant pg_write_server_files to anon",
        "create role mallory superuser login",
        "alter role anon bypassrls",
        "alter database postgres owner to anon",
        "create database other",
        "update pg_authid set rolsuper = true",
        "select * from pg_authid",
        "select rolpassword from pg_shadow",
        "alter function pg_read_file(text) owner to postgres",
        "create or replace function pg_catalog.now() returns timestamptz language sql as 'select null::timestamptz'",
        "drop schema auth cascade",
        "alter table auth.users disable row level security",
        "create event trigger e on ddl_command_end execute function pg_catalog.now()",
    ] {
        is_denied(&api, &attacker, sql).await;
        is_denied(
            &api,
            &attacker,
            &format!("do $outer$ begin execute $inner${sql}$inner$; end $outer$"),
        )
        .await;
    }
    assert_eq!(api.read(&attacker, roles).await, before.0);
    assert_eq!(api.read(&attacker, members).await, before.1);
}

#[tokio::test]
async fn the_read_only_road_writes_nothing() {
    let world = World::new();
    let Neighbours { api, victim, .. } = neighbours(&world).await;
    let before = fingerprint(&api, &victim).await;
    let path = format!("/v1/projects/{victim}/database/query");
    for sql in [
        "insert into public.secrets values ('x')",
        "commit; insert into public.secrets values ('x')",
        "set transaction read write",
        "set role postgres",
        "reset role; insert into public.secrets values ('x')",
        "do $$ begin insert into public.secrets values ('x'); end $$",
        "select set_config('transaction_read_only', 'off', true)",
        "create temp table t (x int)",
        "copy public.secrets to program 'id'",
    ] {
        let (status, body) = api
            .send(
                reqwest::Method::POST,
                &path,
                json!({ "query": sql, "read_only": true }),
            )
            .await;
        assert_eq!(status, 400, "{sql}: {body}");
    }
    assert_eq!(fingerprint(&api, &victim).await, before);
}

#[tokio::test]
async fn migrations_through_the_server_are_walled_the_same() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Attacker").await;
    project.ok("create_branch", json!({})).await;
    let marker = world.dir().join("pwned");
    for statement in [
        format!("copy (select 1) to program 'touch {}'", marker.display()),
        "grant pg_execute_server_program to postgres".to_owned(),
        "alter role postgres superuser".to_owned(),
        "set role supabase_admin".to_owned(),
        "perform pg_read_file('/etc/passwd')".to_owned(),
    ] {
        let split: Vec<String> = statement
            .replace('\'', "''")
            .chars()
            .collect::<Vec<_>>()
            .chunks(3)
            .map(|part| format!("'{}'", part.iter().collect::<String>()))
            .collect();
        // A literal may not be cut inside a doubled quote: such statements are sent whole.
        let text = if statement.contains('\'') {
            format!("'{}'", statement.replace('\'', "''"))
        } else {
            split.join(" || ")
        };
        let query = format!("do $$ begin execute {text}; end $$");
        let answer: Value = project
            .call("apply_migration", json!({ "name": "x", "query": query }))
            .await
            .value;
        assert!(answer["error"]["code"].is_string(), "{statement}: {answer}");
        assert!(!answer.to_string().contains("root:"));
    }
    assert!(!marker.exists());
    assert!(project.ledger("dev").await.is_empty());
}

#[tokio::test]
async fn the_platform_answers_nobody_without_its_token_or_from_elsewhere() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.launch("P").await;
    let api = world.api();
    let http = crate::harness::http_client();
    let url = format!("{}/v1/projects", api.base());
    let status = |request: reqwest::RequestBuilder| async {
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(http.get(&url)).await, 401);
    assert_eq!(status(http.get(&url).bearer_auth("wrong")).await, 401);
    assert_eq!(status(http.get(&url).bearer_auth(api.token())).await, 200);
    let foreign = http
        .get(&url)
        .bearer_auth(api.token())
        .header("host", "evil.example");
    assert_eq!(status(foreign).await, 403);
    use std::os::unix::fs::PermissionsExt;
    for file in ["platform/ready.json", "drydock.sqlite"] {
        let mode = std::fs::metadata(world.dir().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file} is readable by others: {mode:o}");
    }
}
