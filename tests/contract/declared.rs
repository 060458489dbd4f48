//! Every endpoint that is declared, against its operation in the description.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use drydock::api::Endpoint;

use super::description::{Description, Reply};
use super::sample::samples;
use super::schema::misfits;
use super::sent::sent;
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

/// Operations that the platform has and its description leaves out: their shapes are those of its
/// published clients.
pub(crate) const UNDESCRIBED: [&str; 1] = ["GET /v1/projects/{ref}/database/context"];

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
