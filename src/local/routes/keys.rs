//! API keys of projects and branches.

use axum::Router;
use rand::distr::{Alphanumeric, SampleString};

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::keys::{ApiKey, CreateApiKey, GetLegacyKeys, KeyKind, LegacyKeys, ListApiKeys};
use crate::local::fault::Fault;
use crate::local::functions;
use crate::local::registry::{StoredKey, new_uuid};
use crate::redact;
use crate::sqlite::StoreError;

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
    let legacy = platform.legacy_keys(&path).await?;
    let older = [
        legacy_key("anon", Some(legacy.anon)),
        legacy_key("service_role", Some(legacy.service_role).filter(|_| reveal)),
    ];
    let keys = keys.into_iter().map(|key| shown(key, reveal));
    Ok(keys.chain(older).collect())
}

async fn create(asked: Asked<CreateApiKey>) -> Result<ApiKey, Fault> {
    let Asked {
        platform,
        path,
        query,
        body,
        ..
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

/// Functions verify them, and nothing else that is served here does.
async fn legacy(asked: Asked<GetLegacyKeys>) -> Result<LegacyKeys, Fault> {
    asked.platform.project(&asked.path).await?;
    Ok(LegacyKeys { enabled: true })
}

/// The older keys: tokens that the project has signed.
pub(in crate::local) struct LegacyPair {
    pub(in crate::local) anon: String,
    pub(in crate::local) service_role: String,
}

impl Platform {
    /// The older keys of a project or branch: tokens of ten years, the same whenever they are asked
    /// for.
    pub(in crate::local) async fn legacy_keys(
        &self,
        reference: &Ref,
    ) -> Result<LegacyPair, StoreError> {
        /// 2026-01-01, before every project here; in seconds.
        const MADE_AT: i64 = 1_767_225_600;
        let secret = self.registry().jwt_secret(reference).await?;
        let key = |role| functions::key(&secret, reference, role, MADE_AT);
        let service_role = key("service_role");
        redact::keep_secret(&service_role);
        Ok(LegacyPair {
            anon: key("anon"),
            service_role,
        })
    }
}

fn legacy_key(name: &str, api_key: Option<String>) -> ApiKey {
    ApiKey {
        api_key,
        id: None,
        kind: Some(KeyKind::Legacy),
        prefix: None,
        name: name.to_owned(),
        description: None,
        secret_jwt_template: None,
        inserted_at: None,
        updated_at: None,
    }
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
