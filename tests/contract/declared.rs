//! Every endpoint that is declared, against its operation in the description.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use drydock::api::Endpoint;
use drydock::api::actions::RunsQuery;
use drydock::api::advisors::AdvisorQuery;
use drydock::api::backups::RestorePitrBody;
use drydock::api::billing::ApplyAddonBody;
use drydock::api::branches::{
    CreateBranchBody, DeleteBranchQuery, DiffQuery, UpdateBranchBody, WorkflowBody,
};
use drydock::api::database::{PasswordBody, QueryBody};
use drydock::api::functions::{
    CreateFunctionBody, DeployMetadata, DeployQuery, Deployment, SourceFile, UpdateFunctionBody,
};
use drydock::api::keys::{CreateKeyBody, DeleteKeyQuery, KeyKind, RevealQuery, UpdateKeyBody};
use drydock::api::logs::LogsQuery;
use drydock::api::migrations::{ApplyMigrationBody, PatchMigrationBody, RollbackQuery};
use drydock::api::oauth::{ClaimQuery, RevokeBody, S256, TokenBody};
use drydock::api::organizations::PageQuery;
use drydock::api::pooler::{PoolMode, UpdatePoolerBody};
use drydock::api::projects::{CreateProjectBody, RegionSelection, RegionsQuery, UpdateProjectBody};
use drydock::api::restore_points::{RestorePointName, RestorePointQuery};
use drydock::api::secrets::NewSecret;
use drydock::api::typescript::TypescriptQuery;
use drydock::api::usage::{UsageInterval, UsageQuery};
use serde::Serialize;
use serde_json::{Value, json};

use super::description::{Description, Reply};
use super::sample::samples;
use super::schema::misfits;
use super::{Failure, assert_none};

/// Hands every endpoint to `$visit::<E>(…)`, or to `$visit::<E>(…)?`: THE list of these tests.
macro_rules! every_endpoint {
    ($visit:ident($($argument:expr),*) $($after:tt)?) => {{
        use drydock::api::{
            actions::*,
            advisors::*,
            backups::*,
            billing::*,
            branches::*,
            claim_tokens::*,
            config::*,
            database::*,
            functions::*,
            keys::*,
            logs::*,
            migrations::*,
            pooler::*,
            oauth::*,
            organizations::*,
            project_config::*,
            projects::*,
            restore_points::*,
            secrets::*,
            storage::*,
            typescript::*,
            usage::*,
        };
        every_endpoint!(@each $visit($($argument),*) [$($after)?]
            GetSecurityAdvisor GetPerformanceAdvisor
            ListActionRuns CountActionRuns GetActionRun GetActionRunLogs
            QueryLogs QueryLogsAll GetApiCounts GetRequestCount
            ListBranches CreateBranch GetBranch GetBranchConfig UpdateBranch DeleteBranch
            PushBranch MergeBranch ResetBranch DiffBranch
            RunQuery RunReadOnlyQuery GetDatabaseContext UpdatePassword
            ListMigrations GetMigration ApplyMigration UpsertMigration PatchMigration
            RollbackMigrations
            ListOrganizations GetOrganization ListOrganizationProjects
            GetAddons ApplyAddon RemoveAddon
            ListApiKeys CreateApiKey GetApiKey UpdateApiKey DeleteApiKey GetLegacyKeys
            ListProjects CreateProject GetProject UpdateProject DeleteProject PauseProject
            RestoreProject GetRestoreVersions GetRegions GetHealth
            CreateRestorePoint GetRestorePoint Undo ListBackups RestorePitr
            GetPoolerConfig UpdatePoolerConfig GetPgbouncerConfig
            ListFunctions GetFunction GetFunctionBody DeployFunction CreateFunction UpdateFunction
            UpdateFunctions DeleteFunction
            ListSecrets SetSecrets DeleteSecrets
            GenerateTypescriptTypes ListBuckets
            GetAuthConfig UpdateAuthConfig GetDataApiConfig UpdateDataApiConfig
            GetStorageConfig UpdateStorageConfig GetRealtimeConfig UpdateRealtimeConfig
            GetPostgresConfig UpdatePostgresConfig GetProjectConfig
            AuthorizeProjectClaim ExchangeToken RevokeToken
            GetClaimToken CreateClaimToken DeleteClaimToken PreviewClaim ClaimProject
        );
    }};
    (@each $visit:ident $arguments:tt $after:tt $($name:ident)*) => {
        $(every_endpoint!(@one $visit $arguments $after $name);)*
    };
    (@one $visit:ident($($argument:expr),*) [$($after:tt)?] $name:ident) => {
        $visit::<$name>($($argument),*) $($after)?
    };
}
pub(crate) use every_endpoint;

/// An OAuth app.
const CLIENT: &str = "66666666-6666-4666-8666-666666666666";
/// Operations that the platform has and its description leaves out: their shapes are those of its
/// published clients.
pub(crate) const UNDESCRIBED: [&str; 1] = ["GET /v1/projects/{ref}/database/context"];

/// What a call of an operation can send, in our own types: bodies, and query strings as objects.
fn sent(endpoint: &str) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    fn all<T: Serialize>(values: &[T]) -> Result<Vec<Value>, Failure> {
        Ok(values
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()?)
    }
    let text = |text: &str| Some(text.to_owned());
    let project = CreateProjectBody {
        db_pass: "secret".to_owned(),
        name: "Shop".to_owned(),
        organization_slug: "acme".to_owned(),
        region_selection: None,
        region: None,
        desired_instance_size: None,
    };
    let name = RestorePointName {
        name: "rp-20260102030405~2".to_owned(),
    };
    let query = |parameters, read_only| QueryBody {
        query: "select $1".to_owned(),
        parameters,
        read_only,
    };
    let parameters = Some(vec![json!(1), Value::Null, json!({ "a": [] })]);
    let none = Vec::new;
    Ok(match endpoint {
        "GetSecurityAdvisor" => {
            let lint_type = text("sql");
            (
                none(),
                all(&[AdvisorQuery::default(), AdvisorQuery { lint_type }])?,
            )
        }
        "ListActionRuns" => {
            let most = RunsQuery {
                offset: Some(10),
                limit: Some(20),
            };
            (none(), all(&[RunsQuery::default(), most])?)
        }
        "QueryLogs" => {
            let most = LogsQuery {
                sql: text("select id from logs limit 1"),
                iso_timestamp_start: text("2025-03-01T00:00:00Z"),
                iso_timestamp_end: text("2025-03-01T23:59:00Z"),
            };
            (none(), all(&[LogsQuery::default(), most])?)
        }
        "CreateBranch" => {
            let least = CreateBranchBody {
                branch_name: "DEV".to_owned(),
                ..CreateBranchBody::default()
            };
            let most = CreateBranchBody {
                persistent: Some(true),
                with_data: Some(false),
                desired_instance_size: text("micro"),
                secrets: Some([("KEY".to_owned(), "value".to_owned())].into()),
                git_branch: text("dev"),
                ..least.clone()
            };
            (all(&[least, most])?, none())
        }
        "UpdateBranch" => {
            let most = UpdateBranchBody {
                branch_name: text("next"),
                persistent: Some(false),
                git_branch: text("next"),
            };
            (all(&[UpdateBranchBody::default(), most])?, none())
        }
        "PushBranch" | "MergeBranch" | "ResetBranch" => {
            let most = WorkflowBody {
                migration_version: text("20260102030405"),
            };
            (all(&[WorkflowBody::default(), most])?, none())
        }
        "DeleteBranch" => (none(), all(&[DeleteBranchQuery { force: Some(true) }])?),
        "DiffBranch" => {
            let most = DiffQuery {
                included_schemas: text("public,auth"),
                pgdelta: Some(true),
            };
            (none(), all(&[DiffQuery::default(), most])?)
        }
        "RunQuery" => (
            all(&[query(None, None), query(parameters, Some(true))])?,
            none(),
        ),
        "RunReadOnlyQuery" => (all(&[query(None, None), query(parameters, None)])?, none()),
        "UpdatePassword" => {
            let password = "secret".to_owned();
            (all(&[PasswordBody { password }])?, none())
        }
        "ApplyMigration" | "UpsertMigration" => {
            let least = ApplyMigrationBody {
                query: "select 1".to_owned(),
                name: None,
                rollback: None,
            };
            let most = ApplyMigrationBody {
                name: text("create_todos"),
                rollback: text("select 2"),
                ..least.clone()
            };
            (all(&[least, most])?, none())
        }
        "CreateProject" => {
            let specific = CreateProjectBody {
                region_selection: Some(RegionSelection::Specific {
                    code: "eu-central-1".to_owned(),
                }),
                desired_instance_size: text("micro"),
                ..project.clone()
            };
            let group = CreateProjectBody {
                region_selection: Some(RegionSelection::SmartGroup {
                    code: "emea".to_owned(),
                }),
                ..project.clone()
            };
            let older = CreateProjectBody {
                region: text("us-east-1"),
                ..project.clone()
            };
            (all(&[project, specific, group, older])?, none())
        }
        "UpdateProject" => {
            let name = "Shop".to_owned();
            (all(&[UpdateProjectBody { name }])?, none())
        }
        "ListOrganizationProjects" => {
            let page = PageQuery {
                offset: 100,
                limit: PageQuery::LONGEST,
            };
            (none(), all(&[page])?)
        }
        "ListApiKeys" | "GetApiKey" => (
            none(),
            all(&[RevealQuery {
                reveal: Some(false),
            }])?,
        ),
        "CreateApiKey" => {
            let body = CreateKeyBody {
                kind: KeyKind::Secret,
                name: "default".to_owned(),
                description: None,
                secret_jwt_template: None,
            };
            let query = RevealQuery { reveal: Some(true) };
            (all(&[body])?, all(&[query])?)
        }
        "UpdateApiKey" => {
            let least = UpdateKeyBody {
                name: text("shop_server"),
                ..UpdateKeyBody::default()
            };
            let most = UpdateKeyBody {
                name: text("shop_server"),
                description: Some(None),
                secret_jwt_template: Some(None),
            };
            let query = RevealQuery { reveal: Some(true) };
            (all(&[least, most])?, all(&[query])?)
        }
        "DeleteApiKey" => {
            let query = DeleteKeyQuery {
                reveal: Some(false),
                was_compromised: Some(true),
                reason: text("it was in a chat"),
            };
            (none(), all(&[query])?)
        }
        "PatchMigration" => {
            let body = PatchMigrationBody {
                name: text("create_todos"),
                rollback: text("select 2"),
            };
            (all(&[body])?, none())
        }
        "RollbackMigrations" => {
            let gte = "20260102030405".to_owned();
            (none(), all(&[RollbackQuery { gte }])?)
        }
        "UpdatePoolerConfig" => {
            let body = UpdatePoolerBody {
                default_pool_size: Some(Some(25)),
                pool_mode: Some(PoolMode::Transaction),
            };
            (all(&[body, UpdatePoolerBody::default()])?, none())
        }
        "GetApiCounts" => {
            let interval = Some(UsageInterval::QuarterOfAnHour);
            (none(), all(&[UsageQuery { interval }])?)
        }
        "ApplyAddon" => {
            let body = ApplyAddonBody {
                addon_type: "compute_instance".to_owned(),
                addon_variant: "ci_small".to_owned(),
            };
            (all(&[body])?, none())
        }
        "GetRegions" => {
            let most = RegionsQuery {
                organization_slug: "acme".to_owned(),
                continent: text("EU"),
                desired_instance_size: text("micro"),
            };
            (none(), all(&[most])?)
        }
        // Pairs: one value of a list, as it stands in the query string.
        "GetHealth" => (none(), vec![json!({ "services": ["db"] })]),
        "DeployFunction" => {
            let least = Deployment {
                metadata: DeployMetadata {
                    entrypoint_path: "index.ts".to_owned(),
                    ..DeployMetadata::default()
                },
                file: vec![SourceFile::from(
                    "Deno.serve(() => new Response())".to_owned(),
                )],
            };
            let mut most = least.clone();
            most.metadata.import_map_path = text("deno.json");
            most.metadata.static_patterns = Some(vec!["assets/*".to_owned()]);
            most.metadata.verify_jwt = Some(true);
            most.metadata.name = text("Hello");
            let query = DeployQuery {
                slug: text("hello"),
                bundle_only: Some(false),
            };
            (all(&[least, most])?, all(&[query])?)
        }
        "CreateFunction" => {
            let body = CreateFunctionBody {
                slug: "hello".to_owned(),
                name: "Hello".to_owned(),
                body: "Deno.serve(() => new Response())".to_owned(),
                verify_jwt: Some(true),
            };
            (all(&[body])?, none())
        }
        "UpdateFunction" => {
            let body = UpdateFunctionBody {
                name: text("Hello"),
                body: text("Deno.serve(() => new Response())"),
                verify_jwt: Some(false),
            };
            (all(&[body])?, none())
        }
        "UpdateFunctions" => {
            let function = json!({
                "id": "1", "slug": "hello", "name": "Hello", "status": "ACTIVE", "version": 2,
                "verify_jwt": true, "import_map": false, "entrypoint_path": "index.ts",
                "ezbr_sha256": "00",
            });
            (vec![json!([function])], none())
        }
        "CreateRestorePoint" | "Undo" => (all(&[name])?, none()),
        "GenerateTypescriptTypes" => {
            let most = TypescriptQuery {
                included_schemas: text("public,auth"),
            };
            (none(), all(&[TypescriptQuery::default(), most])?)
        }
        "RestorePitr" => {
            let body = RestorePitrBody {
                recovery_time_target_unix: 1_764_000_000,
            };
            (all(&[body])?, none())
        }
        "GetRestorePoint" => {
            let most = RestorePointQuery {
                name: text("baseline"),
            };
            (none(), all(&[RestorePointQuery::default(), most])?)
        }
        "SetSecrets" => {
            let secret = NewSecret {
                name: "KEY".to_owned(),
                value: "value".to_owned(),
            };
            (all(&[vec![], vec![secret]])?, none())
        }
        // Every field has a test of its own, in `config`.
        "UpdateAuthConfig" => (
            vec![json!({ "site_url": "https://example.com", "sms_provider": null })],
            none(),
        ),
        "UpdateDataApiConfig" => (vec![json!({ "db_schema": "public" })], none()),
        "UpdateStorageConfig" => {
            let features = json!({ "s3Protocol": { "enabled": true } });
            (vec![json!({ "features": features })], none())
        }
        "UpdateRealtimeConfig" => (vec![json!({ "private_only": true })], none()),
        "UpdatePostgresConfig" => {
            let most = json!({ "work_mem": "8MB", "restart_database": true });
            (vec![json!({}), most], none())
        }
        "AuthorizeProjectClaim" => {
            let query = ClaimQuery {
                project_ref: "abcdefghijklmnopqrst".parse()?,
                client_id: CLIENT.to_owned(),
                response_type: "code".to_owned(),
                redirect_uri: "https://builder.example/claimed".to_owned(),
                state: text("state"),
                response_mode: text("query"),
                code_challenge: text("challenge"),
                code_challenge_method: text(S256),
            };
            (none(), all(&[query])?)
        }
        "ExchangeToken" => {
            let code = TokenBody {
                grant_type: text("authorization_code"),
                client_id: text(CLIENT),
                client_secret: text("secret"),
                code: text("code"),
                code_verifier: text("verifier"),
                redirect_uri: text("https://builder.example/claimed"),
                refresh_token: None,
            };
            let refresh = TokenBody {
                grant_type: text("refresh_token"),
                refresh_token: text("token"),
                ..TokenBody::default()
            };
            (all(&[code, refresh])?, none())
        }
        "RevokeToken" => {
            let body = RevokeBody {
                client_id: CLIENT.to_owned(),
                client_secret: "secret".to_owned(),
                refresh_token: "token".to_owned(),
            };
            (all(&[body])?, none())
        }
        "DeleteSecrets" => (all(&[vec!["KEY"]])?, none()),
        _ => (none(), none()),
    })
}

fn compare<E: Endpoint>(description: &Description, found: &mut Vec<String>) -> Result<(), Failure> {
    let report = |found: &mut Vec<String>, what: String| {
        found.push(format!("{} ({} {}): {what}", E::NAME, E::METHOD, E::PATH));
    };
    let place = format!("{} {}", E::METHOD, E::PATH);
    if UNDESCRIBED.contains(&place.as_str()) {
        return Ok(());
    }
    let Some(operation) = description.operation(E::METHOD.as_str(), E::PATH) else {
        report(found, "there is no such operation".to_owned());
        return Ok(());
    };
    let needed: Vec<&str> = operation["x-fga-permissions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|all| all.get(0)?.as_str())
        .collect();
    if needed.is_empty() != E::PERMISSION.is_empty()
        || !(needed.is_empty() || needed.contains(&E::PERMISSION))
    {
        report(
            found,
            format!("needs \"{}\", and {needed:?} is described", E::PERMISSION),
        );
    }
    let (bodies, queries) = sent(E::NAME)?;

    let described = description.body(operation);
    let ours = TypeId::of::<E::Body>() != TypeId::of::<()>();
    if described.is_some() != ours || ours == bodies.is_empty() {
        report(
            found,
            "only one side has a body, or no sample shows it".to_owned(),
        );
    }
    if let Some(schema) = described {
        for body in &bodies {
            for misfit in misfits(description, schema, body) {
                report(found, format!("we send {misfit}"));
            }
        }
        for body in samples(description, schema) {
            if let Err(error) = serde_json::from_value::<E::Body>(body.clone()) {
                report(
                    found,
                    format!("our platform cannot read the body {body}: {error}"),
                );
            }
        }
    }

    let parameters: Vec<_> = description.query(operation).collect();
    for query in &queries {
        for (name, value) in query.as_object().into_iter().flatten() {
            match parameters.iter().find(|(known, ..)| known == name) {
                Some((_, schema, _)) => {
                    for misfit in misfits(description, schema, value) {
                        report(found, format!("we ask {name} {misfit}"));
                    }
                }
                None => report(found, format!("we ask {name}, which is not described")),
            }
        }
        for (name, _, required) in &parameters {
            if *required && query.get(*name).is_none() {
                report(found, format!("we do not ask {name}, which is required"));
            }
        }
    }
    if queries.is_empty() && TypeId::of::<E::Query>() != TypeId::of::<()>() {
        report(found, "no sample shows the query".to_owned());
    }

    match description.reply(operation, E::STATUS) {
        None => report(found, format!("a success is not {}", E::STATUS)),
        Some(Reply::Text) if TypeId::of::<E::Reply>() != TypeId::of::<String>() => {
            report(found, "the reply is plain text".to_owned());
        }
        Some(Reply::Text | Reply::Open) => {}
        // Its description says JSON, and it sends a form.
        Some(Reply::Json(_)) if E::REPLY_FORM.is_some() => {}
        Some(Reply::Json(schema)) => {
            for reply in samples(description, schema) {
                let read = serde_json::from_value::<E::Reply>(reply.clone());
                let again = read.and_then(|reply| serde_json::to_value(&reply));
                match again {
                    Err(error) => report(found, format!("we cannot read {reply}: {error}")),
                    Ok(again) => {
                        for misfit in misfits(description, schema, &again) {
                            report(found, format!("we would answer {misfit}"));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_endpoint_is_declared_as_it_is_described() -> Result<(), Failure> {
    let Some(description) = Description::open("every_endpoint_is_declared_as_it_is_described")?
    else {
        return Ok(());
    };
    let mut found = Vec::new();
    every_endpoint!(compare(&description, &mut found)?);
    assert_none("endpoints and description differ", &found);
    Ok(())
}

/// The endpoints that the source declares: `Name: Access METHOD "path" …` in `src/api`.
#[test]
fn no_endpoint_is_left_out_here() -> Result<(), Failure> {
    let mut declared = BTreeSet::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"))? {
        let file = file?.path();
        // What lies in a directory belongs to the file of the same name, where endpoints stand.
        if file.is_dir() {
            continue;
        }
        // By words and not by lines, which nothing keeps a declaration on one of.
        let text = fs::read_to_string(file)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        for words in words.windows(4) {
            if let [name, "Looks" | "WritesBranch" | "Releases", _, path] = words
                && path.starts_with("\"/v")
            {
                declared.insert(name.trim_end_matches(':').to_owned());
            }
        }
    }
    let mut listed = BTreeSet::new();
    fn name<E: Endpoint>(listed: &mut BTreeSet<String>) {
        listed.insert(E::NAME.to_owned());
    }
    every_endpoint!(name(&mut listed));
    assert_eq!(declared, listed);
    Ok(())
}

/// A route of the API that is no endpoint would be served and never be compared.
#[test]
fn the_local_platform_serves_nothing_of_the_api_but_endpoints() -> Result<(), Failure> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/local")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text: String = fs::read_to_string(&path)?.split_whitespace().collect();
            if text.contains(".route(\"/v") {
                found.push(path.display().to_string());
            }
        }
    }
    assert_none("routes beside the endpoints", &found);
    Ok(())
}
