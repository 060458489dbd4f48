//! `drydock vault`: the secrets of projects, for the operator alone. No tool can do any of this.

use serde_json::json;

use super::serve::build_guard;
use super::{open_store, print_line};
use crate::chance;
use crate::config::{VaultAction, VaultArgs};
use crate::store::{Entry, Kind, NEXT_PASSWORD, PASSWORD, Store};

pub(super) async fn run(args: VaultArgs) -> Result<(), String> {
    match args.action {
        VaultAction::List { data_dir } => list(&open_store(&data_dir.path()?)?).await,
        VaultAction::Show {
            project,
            name,
            data_dir,
        } => {
            let store = open_store(&data_dir.path()?)?;
            show(&store, &project, name.as_deref().unwrap_or(PASSWORD)).await
        }
        VaultAction::Rotate {
            project: Some(project),
            serve,
        } => {
            build_guard(&serve)?
                .rotate_password(project.as_str())
                .await
                .map_err(|refusal| refusal.to_text())?;
            print_line(&format!("the database password of {project} is changed"));
            Ok(())
        }
        VaultAction::Rotate {
            project: None,
            serve,
        } => rotate_key(&open_store(&serve.data_dir.path()?)?).await,
    }
}

async fn list(store: &Store) -> Result<(), String> {
    let records = store
        .vault_records()
        .await
        .map_err(|error| error.to_string())?;
    for record in records {
        let line = serde_json::to_string(&record).map_err(|error| error.to_string())?;
        print_line(&line);
    }
    Ok(())
}

async fn show(store: &Store, project: &str, name: &str) -> Result<(), String> {
    let records = store
        .vault_records()
        .await
        .map_err(|error| error.to_string())?;
    let has = |name: &str| {
        records
            .iter()
            .any(|record| record.project == project && record.name == name)
    };
    if !has(name) {
        return Err(format!(
            "the vault holds no {name} of {project}; `drydock vault list` shows what it holds"
        ));
    }
    // Whoever is shown a secret stands in the journal before it is shown.
    write_down(
        store,
        "vault show",
        json!({ "project_id": project, "name": name }),
    )
    .await?;
    let secret = store
        .open_sealed(project, name)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("the vault holds no {name} of {project} any more"))?;
    if name == PASSWORD && has(NEXT_PASSWORD) {
        tracing::warn!(
            "a change of this password was cut short: it is this one or {NEXT_PASSWORD}; `drydock vault rotate {project}` settles it"
        );
    }
    print_line(&secret);
    Ok(())
}

async fn rotate_key(store: &Store) -> Result<(), String> {
    let resealed = store
        .rotate_vault_key()
        .await
        .map_err(|error| error.to_string())?;
    let done = json!({ "records": resealed.records, "key_id": resealed.key_id });
    write_down(store, "vault rotate", done).await?;
    print_line(&format!(
        "{} record(s) are sealed under key {} now",
        resealed.records, resealed.key_id
    ));
    Ok(())
}

/// The journal's entry of something that the operator did.
async fn write_down(
    store: &Store,
    what: &'static str,
    mut body: serde_json::Value,
) -> Result<(), String> {
    if let Some(body) = body.as_object_mut() {
        body.insert("by".to_owned(), json!("operator"));
    }
    let entry = Entry {
        call_id: chance::hex::<8>("operator's call id", what),
        kind: Kind::Outcome,
        tool: what,
        body,
    };
    store
        .journal(entry)
        .await
        .map_err(|error| error.to_string())
}
