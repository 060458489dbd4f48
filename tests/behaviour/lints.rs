//! Every lint on the cases beside this file: it finds what it should and nothing else.
//!
//! A case's head says what is expected (`-- expect: object`, once for each finding, or
//! `-- expect key: …` where its key says more) and which schemas are exposed (`-- exposed: …`). `-- as supabase_admin` and `-- as postgres` say who runs
//! what follows; the beginning is postgres's.

use std::path::{Path, PathBuf};

use drydock::local::engine::{ClusterId, Engine, Limits, Login, Script, Settings};
use serde_json::Value;

use crate::harness::{World, chosen_postgres, templates};

const EXPOSED: &str = "public, graphql_public";

struct Case {
    name: String,
    lint: String,
    expected: Vec<String>,
    /// Whether findings are expected by key.
    by_key: bool,
    exposed: String,
    parts: Vec<(Login, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .collect();
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn read(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let name = stem(path);
    let mut case = Case {
        lint: name.split('.').next().unwrap().to_owned(),
        name,
        expected: Vec::new(),
        by_key: false,
        exposed: EXPOSED.to_owned(),
        parts: vec![(Login::User, String::new())],
    };
    for line in text.lines() {
        if let Some(object) = line.strip_prefix("-- expect: ") {
            case.expected.push(object.to_owned());
        } else if let Some(key) = line.strip_prefix("-- expect key: ") {
            case.expected.push(key.to_owned());
            case.by_key = true;
        } else if let Some(schemas) = line.strip_prefix("-- exposed:") {
            case.exposed = schemas.trim().to_owned();
        } else if line.starts_with("-- as supabase_admin") {
            case.parts.push((Login::Admin, String::new()));
        } else if line.starts_with("-- as postgres") {
            case.parts.push((Login::User, String::new()));
        } else {
            let part = &mut case.parts.last_mut().unwrap().1;
            part.push_str(line);
            part.push('\n');
        }
    }
    case.expected.sort();
    case
}

/// The lint's findings on a new cluster that holds the case.
async fn findings(engine: &Engine, cluster: ClusterId, case: &Case) -> Vec<String> {
    for (login, sql) in &case.parts {
        if sql.trim().is_empty() {
            continue;
        }
        let mut session = engine.connect(cluster, *login).await.unwrap();
        let done = session.run(sql, Limits::default()).await;
        session.close().await;
        if let Err(error) = done {
            panic!("{}: {error}", case.name);
        }
    }
    let lint = root().join(format!("src/local/advisor/{}.sql", case.lint));
    let query = std::fs::read_to_string(lint).unwrap();
    let batch = format!(
        "begin read only;\nset local search_path = '';\nset local pgrst.db_schemas = '{}';\n{query}\n;\nrollback;",
        case.exposed
    );
    let mut session = engine.connect(cluster, Login::ReadOnly).await.unwrap();
    let results = session.run(&batch, Limits::default()).await.unwrap();
    session.close().await;
    let mut found: Vec<String> = results
        .iter()
        .flat_map(|result| result.to_json())
        .map(|row| match (case.by_key, row.get("cache_key")) {
            (true, Some(Value::String(key))) => key.clone(),
            _ => object(&Value::Object(row)),
        })
        .collect();
    found.sort();
    found
}

fn object(lint: &Value) -> String {
    let metadata = &lint["metadata"];
    let word = |key: &str| metadata[key].as_str().unwrap_or_default();
    // One table may have several findings: what of it is meant comes last.
    [
        "schema",
        "name",
        "extension_name",
        "policy_name",
        "fkey_name",
        "foreign_key",
        "column",
    ]
    .map(word)
    .into_iter()
    .filter(|word| !word.is_empty())
    .collect::<Vec<_>>()
    .join(".")
}

fn scripts() -> &'static [Script] {
    // As src/local/bootstrap.rs lists them: by number, and the profile with explicit grants.
    let scripts: Vec<Script> = sorted(&root().join("src/local/bootstrap"))
        .iter()
        .filter(|path| stem(path) != "grants_legacy")
        .map(|path| Script {
            name: stem(path).leak(),
            sql: std::fs::read_to_string(path).unwrap().leak(),
        })
        .collect();
    scripts.leak()
}

#[tokio::test]
async fn every_lint_finds_what_its_cases_expect_and_nothing_else() {
    let world = World::new();
    let mut settings = Settings::new(world.dir().join("platform/postgres"), scripts());
    settings.templates = Some(templates());
    settings.postgres = chosen_postgres();
    let engine = Engine::open(settings).await.unwrap();
    let mut wrong = Vec::new();
    for path in sorted(&root().join("tests/behaviour/lint_cases")) {
        let case = read(&path);
        let cluster = engine.create().await.unwrap();
        let found = findings(&engine, cluster, &case).await;
        engine.destroy(cluster).await.unwrap();
        if found != case.expected {
            wrong.push((case.name, found, case.expected));
        }
    }
    engine.stop_all().await.unwrap();
    assert!(wrong.is_empty(), "case, found, expected: {wrong:#?}");
}

#[test]
fn every_lint_has_a_case() {
    let cases: Vec<String> = sorted(&root().join("tests/behaviour/lint_cases"))
        .iter()
        .map(|path| read(path).lint)
        .collect();
    for lint in sorted(&root().join("src/local/advisor")) {
        assert!(cases.contains(&stem(&lint)), "no case for {}", stem(&lint));
    }
}
