//! API keys of projects and branches.

use axum::Router;
use rand::distr::{Alphanumeric, SampleString};

use super::{Asked, Platform, serve};
use crate::api::keys::{ApiKey, CreateApiKey, GetLegacyKeys, KeyKind, LegacyKeys, ListApiKeys};
use crate::local::fault::Fault;
use crate::local::registry::{StoredKey, new_uuid};
use crate::redact;

/// How many characters of a key are drawn.
const DRAWN: usize = 31;
/// How many of them a masked key shows.
const SHOWN: usize = 5;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListApiKeys, _, _>(routes, list);
    let routes = serve::<CreateApiKey, _, _>(routes, create);
    serve::<GetLegacyKeys, _, _>(routes, legacy)
}

async fn list(asked: Asked<ListApiKeys>) -> Result<Vec<ApiKey>, Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    platform.project(&path).await?;
    let keys = platform.registry().api_keys(&path).await?;
    let reveal = query.reveal == Some(true);
    Ok(keys.into_iter().map(|key| shown(key, reveal)).collect())
}

async fn create(asked: Asked<CreateApiKey>) -> Result<ApiKey, Fault> {
    let Asked {
        platform,
        path,
        query,
        body,
    } = asked;
    platform.project(&path).await?;
    let fits = (4..=64).contains(&body.name.len())
        && body
            .name
            .starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && body
            .name
            .bytes()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == b'_');
    if !fits {
        return Err(Fault::new(
            400,
            "name is 4 to 64 lower-case letters, digits and underscores",
        ));
    }
    let begin = match body.kind {
        KeyKind::Publishable => "sb_publishable_",
        KeyKind::Secret => "sb_secret_",
        KeyKind::Legacy => return Err(Fault::new(400, "type is publishable or secret")),
    };
    let api_key = format!(
        "{begin}{}",
        Alphanumeric.sample_string(&mut rand::rng(), DRAWN)
    );
    if body.kind == KeyKind::Secret {
        redact::keep_secret(&api_key);
    }
    let key = StoredKey::new(new_uuid(), body.kind, body.name, api_key);
    if !platform.registry().add_api_key(&path, &key).await? {
        return Err(Fault::new(
            400,
            "there is a key of that type and name already",
        ));
    }
    Ok(shown(key, query.reveal == Some(true)))
}

/// The local platform never made any.
async fn legacy(asked: Asked<GetLegacyKeys>) -> Result<LegacyKeys, Fault> {
    asked.platform.project(&asked.path).await?;
    Ok(LegacyKeys { enabled: false })
}

fn shown(key: StoredKey, reveal: bool) -> ApiKey {
    let begin = match key.kind {
        KeyKind::Secret => "sb_secret_",
        KeyKind::Publishable | KeyKind::Legacy => "sb_publishable_",
    };
    let prefix: String = key.api_key.chars().skip(begin.len()).take(SHOWN).collect();
    let api_key = if key.kind == KeyKind::Secret && !reveal {
        format!("{begin}{prefix}···")
    } else {
        key.api_key
    };
    ApiKey {
        api_key: Some(api_key),
        id: Some(key.id),
        kind: Some(key.kind),
        prefix: Some(prefix),
        name: key.name,
        description: None,
        secret_jwt_template: None,
        inserted_at: Some(key.inserted_at.clone()),
        updated_at: Some(key.inserted_at),
    }
}
