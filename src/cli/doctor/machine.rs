//! This machine: the data directory, the policy, the vault and, for the local platform, PostgreSQL and Deno.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::cli::open_store;
use crate::config::{DoctorArgs, FunctionArgs, ServeArgs};
use crate::local::DenoSearch;
use crate::local::engine::discover::Search;
use crate::store::Store;

/// Bytes below which a disk is said to be nearly full: a handful of local projects.
pub(super) const LITTLE: u64 = 1 << 30;

pub(super) async fn look(args: &DoctorArgs) -> Vec<Finding> {
    let mut findings = vec![policy(&args.serve)];
    match args.serve.data_dir.path() {
        Ok(data_dir) => {
            findings.push(directory(&data_dir));
            match open_store(&data_dir) {
                Ok(store) => findings.push(vault(&store).await),
                Err(error) => findings.push(Finding::missing(
                    "store",
                    error,
                    "give Drydock a data directory that it can write to, with --data-dir",
                )),
            }
        }
        Err(error) => findings.push(Finding::missing(
            "data directory",
            error,
            "name one with --data-dir or DRYDOCK_DATA_DIR",
        )),
    }
    findings.push(handing_over(&args.serve));
    if args.serve.access_token.is_none() {
        findings.push(postgres(args).await);
        findings.push(deno(args).await);
    }
    findings
}

fn policy(serve: &ServeArgs) -> Finding {
    match serve.policy() {
        Ok(effective) => {
            let given = effective
                .policy
                .keys()
                .iter()
                .filter(|key| effective.origin(key) != "default")
                .count();
            Finding::good(
                "policy",
                format!("{given} key(s) differ from the defaults; drydock policy show lists them"),
            )
        }
        Err(error) => Finding::missing(
            "policy",
            error,
            "mend it: no server starts with it; drydock policy check says what a file means",
        ),
    }
}

/// Bytes that are free where the data directory lies.
pub(super) fn free(data_dir: &Path) -> Option<u64> {
    // The nearest directory that is there: the data directory itself is made when it is needed.
    let there = data_dir.ancestors().find(|path| path.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn directory(data_dir: &Path) -> Finding {
    let shown = data_dir.display();
    match free(data_dir) {
        Some(free) if free < LITTLE => Finding::weaker(
            "data directory",
            format!("{shown}, with {} MB free", free >> 20),
            "free some space: a write that cannot be journalled is refused",
        ),
        Some(free) => Finding::good(
            "data directory",
            format!("{shown}, with {} GB free", free >> 30),
        ),
        None => Finding::good("data directory", shown.to_string()),
    }
}

/// Whether what is sealed can be opened with the key that there is.
async fn vault(store: &Store) -> Finding {
    let records = match store.vault_records().await {
        Ok(records) => records,
        Err(error) => return unusable(error.to_string()),
    };
    if let Some(first) = records.first() {
        match store.open_sealed(&first.project, &first.name).await {
            Ok(_) => {}
            Err(error) => return unusable(error.to_string()),
        }
    }
    Finding::good("vault", format!("{} password(s), sealed", records.len()))
}

fn unusable(error: String) -> Finding {
    Finding::missing(
        "vault",
        error,
        "give Drydock the key that the vault is sealed under, in DRYDOCK_VAULT_KEY or vault.key of the data directory",
    )
}

/// Whether projects can be handed over to users: the OAuth app, and where users come back to.
fn handing_over(serve: &ServeArgs) -> Finding {
    let what = "handing over";
    let unset: Vec<&str> = [
        ("DRYDOCK_OAUTH_CLIENT_ID", serve.oauth_client_id.is_none()),
        (
            "DRYDOCK_OAUTH_CLIENT_SECRET",
            serve.oauth_client_secret.is_none(),
        ),
        (
            "DRYDOCK_OAUTH_REDIRECT_URI",
            serve.oauth_redirect_uri.is_empty(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, is_unset)| is_unset.then_some(name))
    .collect();
    let app = match serve.access_token {
        Some(_) => {
            "register an OAuth app in the organization's settings, with the redirect URI; the claim flow itself is open to selected customers"
        }
        None => "register an OAuth app with drydock claim app NAME --redirect-uri URI",
    };
    if serve.oauth_client_id.is_some() != serve.oauth_client_secret.is_some() {
        return Finding::missing(
            what,
            format!("{} not set, and no server starts so", unset.join(", ")),
            "set DRYDOCK_OAUTH_CLIENT_ID and DRYDOCK_OAUTH_CLIENT_SECRET both, or neither",
        );
    }
    if !unset.is_empty() {
        return Finding::weaker(
            what,
            format!("{} not set: create_claim_link is refused", unset.join(", ")),
            format!("to hand projects over to users: {app}, and set what is missing"),
        );
    }
    Finding::good(
        what,
        format!(
            "OAuth app {}; users come back to {}",
            serve.oauth_client_id.as_deref().unwrap_or_default(),
            serve.oauth_redirect_uri.join(", ")
        ),
    )
}

async fn postgres(args: &DoctorArgs) -> Finding {
    let search = Search {
        setting: args.engine.postgres_bin.as_deref(),
        fetch_into: None,
    };
    match search.run().await {
        Ok(found) => Finding::good(
            "PostgreSQL",
            format!("{} in {}", found.version, found.bin.display()),
        ),
        Err(_) if args.engine.postgres_bin.is_none() && has_npm() => Finding::weaker(
            "PostgreSQL",
            "none on this machine; npm fetches it at the first start",
            "install it to be rid of the wait",
        ),
        Err(error) => Finding::missing(
            "PostgreSQL",
            error.to_string(),
            "install it, or npm, or work on a cloud with SUPABASE_ACCESS_TOKEN",
        ),
    }
}

async fn deno(args: &DoctorArgs) -> Finding {
    let search = match args.serve.data_dir.path() {
        Ok(data_dir) => {
            let FunctionArgs { deno, tools, .. } = args.functions.clone();
            DenoSearch::of(&data_dir, deno, tools)
        }
        Err(error) => {
            return Finding::missing("Deno", error, "name a data directory with --data-dir");
        }
    };
    match search.find().await {
        Ok(Some(found)) => {
            Finding::good("Deno", format!("for Edge Functions, {}", found.display()))
        }
        Ok(None) if has_npm() => Finding::weaker(
            "Deno",
            "none on this machine; npm fetches it when the first function is deployed",
            "install it to be rid of the wait",
        ),
        Ok(None) => Finding::weaker(
            "Deno",
            "none on this machine, and no npm to fetch it with: no function can be deployed",
            "install Deno, or npm",
        ),
        Err(reason) => Finding::missing("Deno", reason, "name another with --deno, or none"),
    }
}

fn has_npm() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| fs::metadata(dir.join("npm")).is_ok())
}
