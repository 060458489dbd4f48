//! Every answer of the real local platform, against its schema in the description.

use std::collections::BTreeSet;

use drydock::api::Endpoint;
use serde_json::{Value, json};

use super::declared::{UNDESCRIBED, every_endpoint};
use super::description::Description;
use super::drive::{Drive, MIGRATE, QUERY, text};
use super::{Failure, assert_none};
use super::{config, foreign, functions};

/// Routes that are declared and answer that they are not there, yet or any more.
const NOT_THERE: [&str; 1] = ["GET /v1/projects/{ref}/analytics/endpoints/logs.all"];

/// Routes that take a browser, a form, an app's secret or another account, and are called by tests
/// of behaviour.
const ELSEWHERE: [&str; 4] = [
    "POST /v1/organizations/{slug}/project-claim/{token}",
    "GET /v1/oauth/authorize/project-claim",
    "POST /v1/oauth/token",
    "POST /v1/oauth/revoke",
];

const PROJECT: &str = "GET /v1/projects/{ref}";
const BRANCH: &str = "GET /v1/projects/{ref}/branches/{name}";
const POINT: &str = "POST /v1/projects/{ref}/database/backups/restore-point";
/// A project from its launch to the day before its end. Answers its ref.
async fn projects(drive: &mut Drive) -> Result<String, Failure> {
    drive.call("GET /v1/organizations", &[], None).await?;
    // What nobody asks for is passed over.
    drive
        .call("GET /v1/organizations?nobody=asks", &[], None)
        .await?;
    drive
        .call("GET /v1/organizations/{slug}", &["local"], None)
        .await?;
    drive
        .refused(404, "GET /v1/organizations/{slug}", &["nobody"], None)
        .await?;
    let regions = "GET /v1/projects/available-regions?organization_slug=local";
    drive.call(regions, &[], None).await?;
    let body = json!({
        "name": "Shop", "organization_slug": "local", "db_pass": "not used",
        "region_selection": { "type": "smartGroup", "code": "emea" },
    });
    let made = drive.call("POST /v1/projects", &[], Some(body)).await?;
    let project = text(&made["ref"]);
    drive
        .until(PROJECT, &[&project], "status", "ACTIVE_HEALTHY")
        .await?;
    drive.call("GET /v1/projects", &[], None).await?;
    let name = json!({ "name": "Shop 2" });
    drive
        .call("PATCH /v1/projects/{ref}", &[&project], Some(name))
        .await?;
    let health = "GET /v1/projects/{ref}/health?services=db,db_postgres_user,auth";
    drive.call(health, &[&project], None).await?;
    drive
        .call("POST /v1/projects/{ref}/pause", &[&project], None)
        .await?;
    drive
        .until(PROJECT, &[&project], "status", "INACTIVE")
        .await?;
    drive.call(health, &[&project], None).await?;
    drive
        .call("POST /v1/projects/{ref}/restore", &[&project], None)
        .await?;
    drive
        .until(PROJECT, &[&project], "status", "ACTIVE_HEALTHY")
        .await?;
    let stranger = "aaaaaaaaaaaaaaaaaaaa";
    drive.refused(404, PROJECT, &[stranger], None).await?;
    drive
        .call("GET /v1/organizations/{slug}/projects", &["local"], None)
        .await?;
    addons(drive, &project).await?;
    keys(drive, &project).await?;
    claim_tokens(drive, &project).await?;
    Ok(project)
}

async fn keys(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let make = "POST /v1/projects/{ref}/api-keys";
    for kind in ["publishable", "secret"] {
        let key = json!({ "type": kind, "name": "default" });
        drive.call(make, &[project], Some(key.clone())).await?;
        drive.refused(400, make, &[project], Some(key)).await?;
    }
    let list = "GET /v1/projects/{ref}/api-keys";
    let masked = drive.call(list, &[project], None).await?;
    let shown = drive
        .call(
            "GET /v1/projects/{ref}/api-keys?reveal=true",
            &[project],
            None,
        )
        .await?;
    assert_eq!(masked[0]["api_key"], shown[0]["api_key"]);
    assert_ne!(masked[1]["api_key"], shown[1]["api_key"]);
    drive
        .call("GET /v1/projects/{ref}/api-keys/legacy", &[project], None)
        .await?;
    Ok(())
}

async fn claim_tokens(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let path = "/v1/projects/{ref}/claim-token";
    let (get, delete) = (format!("GET {path}"), format!("DELETE {path}"));
    drive.refused(404, &get, &[project], None).await?;
    let made = drive
        .call(&format!("POST {path}"), &[project], None)
        .await?;
    drive.call(&get, &[project], None).await?;
    let preview = "GET /v1/organizations/{slug}/project-claim/{token}";
    drive
        .call(preview, &["local", &text(&made["token"])], None)
        .await?;
    drive.call(&delete, &[project], None).await?;
    drive.refused(404, &delete, &[project], None).await?;
    Ok(())
}

async fn addons(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let (list, apply) = (
        "GET /v1/projects/{ref}/billing/addons",
        "PATCH /v1/projects/{ref}/billing/addons",
    );
    let small = json!({ "addon_type": "compute_instance", "addon_variant": "ci_small" });
    drive.call(apply, &[project], Some(small)).await?;
    drive
        .until(PROJECT, &[project], "status", "ACTIVE_HEALTHY")
        .await?;
    let chosen = drive.call(list, &[project], None).await?;
    assert_eq!(chosen["selected_addons"][0]["variant"]["id"], "ci_small");
    let remove = "DELETE /v1/projects/{ref}/billing/addons/{addon_variant}";
    drive.call(remove, &[project, "pitr_7"], None).await?;
    drive
        .refused(404, remove, &[project, "pitr_7"], None)
        .await?;
    // The size goes back to the one before.
    drive.call(remove, &[project, "ci_small"], None).await?;
    let chosen = drive.call(list, &[project], None).await?;
    assert_eq!(chosen["selected_addons"][0]["variant"]["id"], "ci_micro");
    let back = json!({ "addon_type": "pitr", "addon_variant": "pitr_7" });
    drive.call(apply, &[project], Some(back)).await?;
    Ok(())
}

async fn database(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let migration = json!({
        "query": "create table public.notes (id bigint primary key, body text); \
                  grant select on public.notes to anon",
        "name": "create_notes", "rollback": "drop table public.notes",
    });
    drive.call(MIGRATE, &[project], Some(migration)).await?;
    drive
        .call(MIGRATE, &[project], Some(json!({ "query": "select 1" })))
        .await?;
    let ledger = "GET /v1/projects/{ref}/database/migrations";
    let listed = drive.call(ledger, &[project], None).await?;
    for migration in listed.as_array().into_iter().flatten() {
        let one = "GET /v1/projects/{ref}/database/migrations/{version}";
        drive
            .call(one, &[project, &text(&migration["version"])], None)
            .await?;
    }
    let query = json!({ "query": "select $1::int8 as n, now() as at", "parameters": [1] });
    drive.call(QUERY, &[project], Some(query.clone())).await?;
    drive
        .call(&format!("{QUERY}/read-only"), &[project], Some(query))
        .await?;
    let password = "PATCH /v1/projects/{ref}/database/password";
    let new = json!({ "password": "long enough" });
    drive.call(password, &[project], Some(new)).await?;
    // The database answers under the new one.
    let query = json!({ "query": "select current_user" });
    drive.call(QUERY, &[project], Some(query)).await?;
    let short = json!({ "password": "abc" });
    drive
        .refused(400, password, &[project], Some(short))
        .await?;
    let wrong = json!({ "query": "select * from nothing" });
    drive.refused(400, QUERY, &[project], Some(wrong)).await?;
    let logs = "GET /v1/projects/{ref}/analytics/endpoints/logs";
    for sql in [
        "select%20id,%20timestamp,%20log_attributes%20from%20logs",
        "nonsense",
    ] {
        drive
            .call(&format!("{logs}?sql={sql}"), &[project], None)
            .await?;
    }
    drive
        .refused(410, &format!("{logs}.all"), &[project], None)
        .await?;
    drive
        .refused(
            400,
            &format!("{logs}?iso_timestamp_start=now"),
            &[project],
            None,
        )
        .await?;
    drive
        .call("GET /v1/projects/{ref}/advisors/security", &[project], None)
        .await?;
    drive
        .call(
            "GET /v1/projects/{ref}/advisors/performance",
            &[project],
            None,
        )
        .await?;
    drive
        .refused(
            400,
            "GET /v1/projects/{ref}/advisors/security?lint_type=config",
            &[project],
            None,
        )
        .await?;

    let types = "GET /v1/projects/{ref}/types/typescript";
    drive.call(types, &[project], None).await?;
    let buckets =
        json!({ "query": "insert into storage.buckets (id, name) values ('avatars', 'avatars')" });
    drive.call(QUERY, &[project], Some(buckets)).await?;
    drive
        .call("GET /v1/projects/{ref}/storage/buckets", &[project], None)
        .await?;

    let made = drive
        .call(POINT, &[project], Some(json!({ "name": "before" })))
        .await?;
    drive
        .refused(
            409,
            POINT,
            &[project],
            Some(json!({ "name": text(&made["name"]) })),
        )
        .await?;
    let point = "GET /v1/projects/{ref}/database/backups/restore-point";
    drive
        .call(&format!("{point}?name=before"), &[project], None)
        .await?;
    drive.call(point, &[project], None).await?;
    drive
        .refused(404, &format!("{point}?name=nowhere"), &[project], None)
        .await?;
    let undo = "POST /v1/projects/{ref}/database/backups/undo";
    drive
        .call(undo, &[project], Some(json!({ "name": "before" })))
        .await?;
    drive
        .until(PROJECT, &[project], "status", "ACTIVE_HEALTHY")
        .await?;
    for pooler in ["pooler", "pgbouncer"] {
        let path = format!("GET /v1/projects/{{ref}}/config/database/{pooler}");
        drive.call(&path, &[project], None).await?;
    }
    backups(drive, project).await
}

async fn backups(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let list = "GET /v1/projects/{ref}/database/backups";
    let restore = "POST /v1/projects/{ref}/database/backups/restore-pitr";
    // In the first second of a project there is no whole one to return to.
    let window = |listed: &Value, end: &str| {
        listed["physical_backup_data"][format!("{end}_physical_backup_date_unix")].clone()
    };
    let has_one =
        |listed: &Value| window(listed, "earliest").as_i64() <= window(listed, "latest").as_i64();
    let listed = drive
        .once(list, &[project], "nothing can be returned to", has_one)
        .await?;
    let latest = &window(&listed, "latest");
    let to = |second: &Value| json!({ "recovery_time_target_unix": second });
    drive
        .refused(400, restore, &[project], Some(to(&json!(1))))
        .await?;
    drive.call(restore, &[project], Some(to(latest))).await?;
    drive
        .until(PROJECT, &[project], "status", "ACTIVE_HEALTHY")
        .await?;
    drive.call(list, &[project], None).await.map(drop)
}

async fn branches(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let all = "GET /v1/projects/{ref}/branches";
    drive.call(all, &[project], None).await?;
    let body = json!({
        "branch_name": "DEV", "persistent": true, "git_branch": "dev", "secrets": { "KEY": "value" },
    });
    let made = drive
        .call("POST /v1/projects/{ref}/branches", &[project], Some(body))
        .await?;
    let (id, reference) = (text(&made["id"]), text(&made["project_ref"]));
    let settled = "FUNCTIONS_DEPLOYED";
    drive
        .until(BRANCH, &[project, "DEV"], "status", settled)
        .await?;
    drive.call(all, &[project], None).await?;
    for name in [&id, &reference] {
        drive
            .call("GET /v1/branches/{branch_id_or_ref}", &[name], None)
            .await?;
    }
    let own = drive
        .call("GET /v1/projects/{ref}/secrets", &[&reference], None)
        .await?;
    assert_eq!(own[0]["name"], "KEY");
    assert_eq!(own.as_array().map(Vec::len), Some(1));
    let one = "/v1/branches/{branch_id_or_ref}";
    let table = json!({ "query": "create table public.more (id bigint primary key)" });
    drive.call(MIGRATE, &[&reference], Some(table)).await?;
    drive
        .call(&format!("GET {one}/diff"), &[&reference], None)
        .await?;
    for workflow in ["push", "reset", "merge"] {
        drive
            .call(
                &format!("POST {one}/{workflow}"),
                &[&reference],
                Some(json!({})),
            )
            .await?;
        // A merge's subject is production, and so is its status.
        let subject = if workflow == "merge" { "main" } else { "DEV" };
        drive
            .until(BRANCH, &[project, subject], "status", settled)
            .await?;
    }
    let runs = "GET /v1/projects/{ref}/actions";
    let listed = drive
        .call(&format!("{runs}?limit=10"), &[project], None)
        .await?;
    let run = text(&listed[0]["id"]);
    let run = [reference.as_str(), run.as_str()];
    drive
        .call(&format!("{runs}/{{run_id}}"), &run, None)
        .await?;
    drive
        .call(&format!("{runs}/{{run_id}}/logs"), &run, None)
        .await?;
    drive
        .refused(422, &format!("DELETE {one}"), &[&reference], None)
        .await?;
    let body = json!({ "persistent": false, "branch_name": "NEXT" });
    drive
        .call(&format!("PATCH {one}"), &[&reference], Some(body))
        .await?;
    drive
        .call(&format!("DELETE {one}?force=true"), &[&reference], None)
        .await?;
    drive.refused(404, BRANCH, &[project, "NEXT"], None).await
}

#[tokio::test]
async fn every_answer_of_the_local_platform_is_as_described() -> Result<(), Failure> {
    let test = "every_answer_of_the_local_platform_is_as_described";
    let Some(description) = Description::open(test)? else {
        return Ok(());
    };
    // Fails only when another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut drive = Drive::start(description)?;
    let project = projects(&mut drive).await?;
    database(&mut drive, &project).await?;
    foreign::ledger(&mut drive, &project).await?;
    foreign::key(&mut drive, &project).await?;
    foreign::rest(&mut drive, &project).await?;
    foreign::nowhere(&mut drive).await?;
    config::secrets(&mut drive, &project).await?;
    config::settings(&mut drive, &project).await?;
    functions::functions(&mut drive, &project).await?;
    branches(&mut drive, &project).await?;
    drive
        .call("DELETE /v1/projects/{ref}", &[&project], None)
        .await?;
    drive.refused(404, PROJECT, &[&project], None).await?;

    let mut undriven = Vec::new();
    fn was_driven<E: Endpoint>(driven: &BTreeSet<String>, undriven: &mut Vec<String>) {
        let route = format!("{} {}", E::METHOD, E::PATH);
        let mut excused = NOT_THERE.iter().chain(&ELSEWHERE).chain(&UNDESCRIBED);
        if !driven.contains(&route) && excused.all(|one| *one != route) {
            undriven.push(route);
        }
    }
    every_endpoint!(was_driven(&drive.driven, &mut undriven));
    assert_none("routes that this test leaves out", &undriven);
    assert_none("answers and description differ", &drive.found);
    Ok(())
}
