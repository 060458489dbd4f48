//! Canaries: secrets go in through every way that there is, and are looked for wherever anything
//! comes out: results (text and data), progress, prompts, logs at their most talkative, the journal,
//! the store's own file.

use std::fs;

use rmcp::model::GetPromptRequestParams;
use serde_json::{Value, json};

use crate::harness::{Mcp, Project, Reaction, Relay, World};

/// Known by the server from its environment alone: it looks like nothing.
const GIVEN: &str = "tweet-chirp-39-warble";
/// Known by their looks; what must not come out again is the part with the bird in it.
const SHAPED: [&str; 6] = [
    "sb_secret_canary0123456789abcd",
    "sbp_canary0123456789abcdef0123456789abcdef01",
    "sk_live_canary0123456789",
    "postgres://postgres:canarypass01@db.example.com:5432/postgres",
    "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiY2FuYXJ5In0.canarysignature0123456789",
    "-----BEGIN PRIVATE KEY-----\ncanaryMIIEvQIBADAN\n-----END PRIVATE KEY-----",
];

/// Everything that came out, and where.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn add(&mut self, place: &str, text: impl Into<String>) {
        self.0.push((place.to_owned(), text.into()));
    }

    /// Calls a tool, whatever it answers, and keeps what it answered.
    async fn call(&mut self, mcp: &Mcp, tool: &str, arguments: Value) -> Value {
        let answer = mcp.call(tool, arguments.clone()).await;
        self.add(&format!("{tool} {arguments}: text"), answer.text);
        self.add(
            &format!("{tool} {arguments}: data"),
            answer.value.to_string(),
        );
        answer.value
    }

    /// The files of a world that hold more than databases, once nobody writes to them.
    fn files(&mut self, world: &World) {
        for file in [
            "servers.log",
            "platform/platform.log",
            "drydock.sqlite",
            "drydock.sqlite-wal",
        ] {
            if let Ok(bytes) = fs::read(world.dir().join(file)) {
                self.add(file, String::from_utf8_lossy(&bytes));
            }
        }
        for entry in world.journal() {
            self.add("journal", entry.to_string());
        }
    }

    fn must_not_hold(&self, canary: &str) {
        for (place, text) in &self.0 {
            if let Some(at) = text.find(canary) {
                let from = (0..=at.saturating_sub(120))
                    .rev()
                    .find(|from| text.is_char_boundary(*from))
                    .unwrap();
                panic!(
                    "{canary} got out in {place}: {}",
                    &text[from..at + canary.len()]
                );
            }
        }
    }

    /// That this test could fail: what is harmless does arrive in that place.
    fn must_hold(&self, place: &str, text: &str) {
        assert!(
            self.0
                .iter()
                .any(|(heard, said)| heard.contains(place) && said.contains(text)),
            "nothing in {place} holds {text}"
        );
    }
}

/// Puts a secret into rows, names, comments, errors and arguments, and reads them again.
async fn everywhere(heard: &mut Heard, project: &Project<'_>, secret: &str) {
    let (mcp, id) = (project.mcp, project.id.as_str());
    let text = secret.replace('\'', "''");
    let name = secret.replace('"', "").replace('\n', " ");
    let sql = |query: String| json!({ "project_id": id, "query": query });
    // A type name is cut by the database at 63 bytes; a name that is longer says so in a notice.
    let migration = format!(
        "create table public.\"{name}\" (id bigint primary key, \"{name}\" text);
         comment on table public.\"{name}\" is '{text}';
         create function public.\"f {name}\"() returns text language sql set search_path = '' as $$ select '{text}'::text $$;
         create policy \"{name}\" on public.\"{name}\" for select using (true);"
    );
    heard
        .call(
            mcp,
            "apply_migration",
            json!({ "project_id": id, "name": "canary", "query": migration }),
        )
        .await;
    heard
        .call(mcp, "apply_migration", json!({
            "project_id": id, "name": name, "query": "create table public.x ()", "idempotency_key": name,
        }))
        .await;
    for query in [
        format!("insert into public.kept values ('{text}')"),
        format!("insert into public.kept values ('one\nline {text} and more')"),
        "select s, s as \"a b\", jsonb_build_object(s, s) as j, to_jsonb(s)::text as t from public.kept".to_owned(),
        format!("select 1 as \"{name}\""),
        format!("select '{text}'::int"),
        format!("select * from public.\"{name} missing\""),
        format!("select public.fail('{text}')"),
        format!("select '{text}"),
        "select encode(convert_to(s, 'UTF8'), 'base64') from public.kept where s like 'tweet%'".to_owned(),
    ] {
        heard.call(mcp, "execute_sql", sql(query)).await;
    }
    heard
        .call(mcp, "apply_migration", json!({
            "project_id": id, "name": "fails",
            "query": format!("do $do$ begin raise exception '%', '{text}' using detail = '{text}', hint = '{text}'; end $do$"),
        }))
        .await;
    for (tool, arguments) in [
        ("create_branch", json!({ "project_id": id, "name": name })),
        (
            "create_restore_point",
            json!({ "project_id": id, "name": name }),
        ),
        (
            "revert_to_restore_point",
            json!({ "project_id": id, "name": name }),
        ),
        (
            "create_project",
            json!({ "name": name, "idempotency_key": name }),
        ),
        (
            "create_project",
            json!({ "name": "P", "organization_id": name }),
        ),
        ("get_organization", json!({ "id": name })),
        ("list_tables", json!({ "project_id": name })),
        ("list_tables", json!({ "project_id": id, "branch": name })),
        (
            "list_tables",
            json!({ "project_id": id, name.as_str(): name }),
        ),
        ("list_tables", json!({ "project_id": id, "verbose": true })),
        ("list_migrations", json!({ "project_id": id })),
        ("get_branch_diff", json!({ "project_id": id })),
        (
            "get_advisors",
            json!({ "project_id": id, "type": "security", "detail": "full" }),
        ),
        ("check_merge", json!({ "project_id": id })),
        ("merge_branch", json!({ "project_id": id })),
        ("delete_branch", json!({ "project_id": id })),
        ("list_branches", json!({ "project_id": id })),
        ("list_projects", json!({})),
        (name.as_str(), json!({})),
    ] {
        heard.call(mcp, tool, arguments).await;
    }
    for (prompt, argument) in [
        ("launch_project", "name"),
        ("launch_project", name.as_str()),
    ] {
        let Value::Object(arguments) = json!({ "name": name, argument: name }) else {
            unreachable!();
        };
        let params = GetPromptRequestParams::new(prompt).with_arguments(arguments);
        match mcp.running.get_prompt(params).await {
            Ok(filled) => heard.add("prompt", serde_json::to_string(&filled).unwrap()),
            Err(error) => heard.add("prompt", error.to_string()),
        }
    }
}

#[tokio::test]
async fn no_secret_that_goes_in_comes_out_anywhere() {
    let world = World::with(&[("DRYDOCK_LOG", "trace"), ("MY_APP_SECRET", GIVEN)]);
    let mcp = world.serve().await;
    let mut heard = Heard::default();
    let project = mcp.launch("Aviary").await;
    project
        .migrate(
            "kept",
            "create table public.kept (s text);
             create function public.fail(s text) returns text language plpgsql set search_path = ''
                 as $$ begin raise exception 'no: %', s using hint = s; end $$;",
        )
        .await;
    heard
        .call(&mcp, "execute_sql", json!({
            "project_id": project.id, "query": "insert into public.kept values ('harmless feather') returning s",
        }))
        .await;
    for secret in SHAPED.iter().chain([&GIVEN]) {
        everywhere(&mut heard, &project, secret).await;
    }
    for step in mcp.steps() {
        heard.add("progress", step);
    }
    let password = world.run(&["vault", "show", &project.id]);
    let password = String::from_utf8(password.stdout)
        .unwrap()
        .trim()
        .to_owned();
    let token = world.api().token().to_owned();
    let key = fs::read_to_string(world.dir().join("vault.key")).unwrap();
    assert!(mcp.end().await.success());
    assert!(world.run(&["platform", "--stop"]).status.success());
    heard.files(&world);
    for canary in [
        "canary0123",
        "canarypass",
        "canarysig",
        "canaryMII",
        GIVEN,
        &password,
        &token,
        key.trim(),
    ] {
        heard.must_not_hold(canary);
    }
    // Base64 of the one that is known by its value, as the database encoded it.
    heard.must_not_hold("dHdlZXQtY2hpcnAt");
    for (place, text) in [
        ("execute_sql", "harmless feather"),
        ("execute_sql", "[redacted]"),
        ("list_tables", "[redacted]"),
        ("prompt", "[redacted]"),
        ("servers.log", "TRACE"),
        ("servers.log", "[redacted]"),
        ("platform.log", "INFO"),
        ("journal", "create_restore_point"),
        ("drydock.sqlite", "Aviary"),
    ] {
        heard.must_hold(place, text);
    }
}

#[tokio::test]
async fn what_the_platform_gives_away_goes_no_further() {
    let world = World::with(&[("DRYDOCK_LOG", "trace")]);
    let local = world.serve().await;
    let project = local.launch("P").await;
    let api = world.api();
    let token = api.token().to_owned();
    // A platform that repeats whatever it was sent, its caller's token included.
    let echoed = token.clone();
    let relay = Relay::start(Some(api), move |request| {
        let echoed = echoed.clone();
        Box::pin(async move {
            if request.writes() {
                let words = format!("token {echoed} may not send {}", request.body);
                return Reaction::Answer(403, json!({ "message": words }));
            }
            Reaction::Pass
        })
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let mut heard = Heard::default();
    let refused = heard
        .call(&mcp, "create_project", json!({ "name": "Echo" }))
        .await;
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("may not send"),
        "{refused}"
    );
    let mut rotation = world.command(&["vault", "rotate", &project.id, "--api-url", relay.url()]);
    rotation.env("SUPABASE_ACCESS_TOKEN", &token);
    let rotated = tokio::process::Command::from(rotation)
        .output()
        .await
        .unwrap();
    assert!(!rotated.status.success());
    heard.add("stderr", String::from_utf8_lossy(&rotated.stderr));
    heard.must_hold("stderr", "may not send");
    let sent: Vec<String> = relay
        .heard()
        .iter()
        .filter_map(|request| {
            let body = &request.body;
            let password = body["db_pass"].as_str().or(body["password"].as_str());
            password.map(str::to_owned)
        })
        .collect();
    assert_eq!(sent.len(), 2, "a password for the project, and a new one");
    assert!(mcp.end().await.success());
    heard.files(&world);
    for canary in sent.iter().chain([&token]) {
        heard.must_not_hold(canary);
    }
}
