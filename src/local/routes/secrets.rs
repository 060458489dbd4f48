//! Secrets of functions: list by digest, set, delete.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::secrets::{
    DeleteSecrets, ListSecrets, ListedSecret, NAME_CHARACTERS, NewSecret, RESERVED_PREFIX,
    SetSecrets, VALUE_CHARACTERS,
};
use crate::hex;
use crate::local::fault::Fault;
use crate::redact;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListSecrets, _, _>(routes, list);
    let routes = serve::<SetSecrets, _, _>(routes, set);
    serve::<DeleteSecrets, _, _>(routes, delete)
}

async fn list(asked: Asked<ListSecrets>) -> Result<Vec<ListedSecret>, Fault> {
    exists(&asked.platform, &asked.path).await?;
    let stored = asked.platform.registry().secrets(&asked.path).await?;
    Ok(stored
        .into_iter()
        .map(|secret| ListedSecret {
            name: secret.name,
            value: hex::sha256_text(&secret.value),
            updated_at: Some(secret.updated_at),
        })
        .collect())
}

async fn set(asked: Asked<SetSecrets>) -> Result<(), Fault> {
    exists(&asked.platform, &asked.path).await?;
    check(&asked.body)?;
    Ok(asked
        .platform
        .registry()
        .set_secrets(&asked.path, asked.body)
        .await?)
}

async fn delete(asked: Asked<DeleteSecrets>) -> Result<(), Fault> {
    exists(&asked.platform, &asked.path).await?;
    Ok(asked
        .platform
        .registry()
        .delete_secrets(&asked.path, asked.body)
        .await?)
}

async fn exists(platform: &Platform, reference: &Ref) -> Result<(), Fault> {
    let project = platform.registry().project(reference).await?;
    project.map(drop).ok_or_else(Fault::no_project)
}

/// Refuses what no function could be handed. The values are kept out of the log from here on.
pub(super) fn check(secrets: &[NewSecret]) -> Result<(), Fault> {
    for NewSecret { name, value } in secrets {
        redact::keep_given(value);
        if name.starts_with(RESERVED_PREFIX) {
            return Err(Fault::new(
                400,
                "Secret name must not start with the SUPABASE_ prefix.",
            ));
        }
        // The last two cannot stand in an environment.
        if !(1..=NAME_CHARACTERS).contains(&name.chars().count()) || name.contains(['=', '\0']) {
            return Err(Fault::new(
                400,
                format!("a secret's name is 1 to {NAME_CHARACTERS} characters, without `=`"),
            ));
        }
        if value.chars().count() > VALUE_CHARACTERS || value.contains('\0') {
            return Err(Fault::new(
                400,
                format!("a secret's value is at most {VALUE_CHARACTERS} characters"),
            ));
        }
    }
    Ok(())
}
