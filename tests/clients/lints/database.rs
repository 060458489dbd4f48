//! A project's database that can be put back as it was, and asked by both.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::case::Case;
use super::oracle::Oracle;
use crate::Failure;
use crate::platform::Platform;

/// What a database is put back from.
const PRISTINE: &str = "pristine";
/// A database is copied while nobody uses it; the platform logs in again.
const ALONE: &str = "select pg_terminate_backend(pid, 5000) from pg_stat_activity \
    where datname = current_database() and pid <> pg_backend_pid()";
/// Roles that belong to the whole server, and so are made once.
const ROLES: &str = r#"
    create role "Weird Role"; create role app_role; create role pgx_thing;
    create role bypasser bypassrls; create role "anon_like";
"#;
/// What of a finding is compared. Its sentences are each linter's own.
const COMPARED: [&str; 7] = [
    "name",
    "title",
    "level",
    "facing",
    "categories",
    "metadata",
    "cache_key",
];

/// Findings in one order, as text.
pub(super) type Findings = Vec<String>;

/// The database.
pub(super) struct Database<'a> {
    api: Api<'a>,
    /// Its path in the API.
    project: String,
    /// Logged in as the platform is, which agents cannot be: to make what only the platform makes.
    login: Config,
    admin: Client,
}

impl<'a> Database<'a> {
    pub(super) async fn make(platform: &'a Platform) -> Result<Self, Failure> {
        let api = Api {
            http: reqwest::Client::builder().tcp_nodelay(true).build()?,
            platform,
        };
        let project = json!({
            "name": "Lints", "organization_slug": "local", "region": "us-east-1", "db_pass": "a password of tests",
        });
        let made = api.call(Method::POST, "/v1/projects", project).await?;
        let project = format!(
            "/v1/projects/{}",
            made["ref"].as_str().ok_or("a project has a ref")?
        );
        while api.call(Method::GET, &project, Value::Null).await?["status"] != "ACTIVE_HEALTHY" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let login = login(&platform.folder.0.join("platform/postgres"))?;
        let first = connect(login.clone().dbname("postgres")).await?;
        first.batch_execute(ALONE).await?;
        let make = format!("create database {PRISTINE} template postgres");
        first.batch_execute(&make).await?;
        drop(first);
        let admin = connect(login.clone().dbname(PRISTINE)).await?;
        admin.batch_execute(ROLES).await?;
        Ok(Self {
            api,
            project,
            login,
            admin,
        })
    }

    /// What the platform's routes find in a case, and what its own linter does: of the lints that both know.
    pub(super) async fn both(
        &self,
        case: &Case,
        oracle: &Oracle,
    ) -> Result<(Findings, Findings), Failure> {
        self.put_back().await?;
        let client = connect(self.login.clone().dbname("postgres")).await?;
        for statement in &case.statements {
            let role = statement.role.name();
            client
                .batch_execute(&format!("set session authorization {role}"))
                .await?;
            // Not everything that is thrown together can be made: what can, both look at.
            let _ = client.batch_execute(&statement.sql).await;
        }
        // Which indexes were used is told at once, so that both are told the same.
        client
            .batch_execute("reset session authorization; select pg_stat_force_next_flush()")
            .await?;
        let theirs = self.theirs(&client, case, oracle).await?;
        drop(client);
        let ours = self.ours(case, oracle).await?;
        Ok((ours, theirs))
    }

    async fn put_back(&self) -> Result<(), Failure> {
        for statement in [
            "drop database if exists postgres with (force)".to_owned(),
            format!("create database postgres template {PRISTINE}"),
            "grant create, connect, temporary on database postgres to postgres".to_owned(),
        ] {
            self.admin.batch_execute(&statement).await?;
        }
        Ok(())
    }

    async fn theirs(
        &self,
        client: &Client,
        case: &Case,
        oracle: &Oracle,
    ) -> Result<Findings, Failure> {
        let exposed = case.exposed.replace('\'', "''");
        let batch = format!(
            "set session authorization supabase_read_only_user; begin read only; set local search_path = ''; \
             set local pgrst.db_schemas = '{exposed}'; select row_to_json(o)::text from (\n{}\n) as o; rollback",
            oracle.query
        );
        let mut found = Vec::new();
        for message in client.simple_query(&batch).await? {
            if let SimpleQueryMessage::Row(row) = message {
                found.push(serde_json::from_str(row.get(0).unwrap_or_default())?);
            }
        }
        Ok(compared(&found, oracle))
    }

    async fn ours(&self, case: &Case, oracle: &Oracle) -> Result<Findings, Failure> {
        let settings = json!({ "db_schema": case.exposed });
        let path = format!("{}/postgrest", self.project);
        self.api.call(Method::PATCH, &path, settings).await?;
        let mut found = Vec::new();
        for advisor in ["security?lint_type=sql", "performance"] {
            let path = format!("{}/advisors/{advisor}", self.project);
            let answer = self.api.call(Method::GET, &path, Value::Null).await?;
            found.extend(
                answer["lints"]
                    .as_array()
                    .ok_or("no lints")?
                    .iter()
                    .cloned(),
            );
        }
        Ok(compared(&found, oracle))
    }
}

struct Api<'a> {
    http: reqwest::Client,
    platform: &'a Platform,
}

impl Api<'_> {
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.platform.base);
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(&self.platform.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let words = response.text().await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {words}").into());
        }
        Ok(serde_json::from_str(&words)?)
    }
}

fn compared(found: &[Value], oracle: &Oracle) -> Findings {
    let mut findings: Findings = found
        .iter()
        .filter(|lint| {
            lint["name"]
                .as_str()
                .is_some_and(|name| oracle.names.contains(name))
        })
        .map(|lint| COMPARED.map(|part| lint[part].to_string()).join(" "))
        .collect();
    findings.sort();
    findings
}

async fn connect(login: &Config) -> Result<Client, Failure> {
    let (client, connection) = login.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The platform's own login on its one cluster, from the file that holds it.
fn login(postgres: &Path) -> Result<Config, Failure> {
    let mut clusters = Vec::new();
    for entry in std::fs::read_dir(postgres.join("c"))? {
        let entry = entry?;
        if entry.path().join("cluster.json").exists() {
            clusters.push(entry);
        }
    }
    let [cluster] = clusters.as_slice() else {
        return Err(format!("{} clusters for one project", clusters.len()).into());
    };
    let record: Value =
        serde_json::from_slice(&std::fs::read(cluster.path().join("cluster.json"))?)?;
    let generation = record["generation"].as_u64().ok_or("no generation")?;
    let mut login = Config::new();
    login
        .host_path(postgres.join("run").join((generation % 2).to_string()))
        .port(cluster.file_name().to_string_lossy().parse()?)
        .user("supabase_admin")
        .password(record["secrets"]["admin"].as_str().ok_or("no secret")?);
    Ok(login)
}
