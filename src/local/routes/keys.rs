//! API keys of projects and branches.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::keys::{
    ApiKey, CreateApiKey, DeleteApiKey, GetApiKey, GetLegacyKeys, KeyKind, LegacyKeys, ListApiKeys,
    UpdateApiKey,
};
use crate::chance;
use crate::clock;
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
    let routes = serve::<GetApiKey, _, _>(routes, get);
    let routes = serve::<UpdateApiKey, _, _>(routes, update);
    let routes = serve::<DeleteApiKey, _, _>(routes, delete);
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

async fn get(asked: Asked<GetApiKey>) -> Result<ApiKey, Fault> {
    let (reference, id) = &asked.path;
    let key = find(&asked.platform, reference, id).await?;
    Ok(shown(key, asked.query.reveal == Some(true)))
}

/// A key of this project or branch; those of others are not there.
async fn find(platform: &Platform, reference: &Ref, id: &str) -> Result<StoredKey, Fault> {
    platform.project(reference).await?;
    if !is_uuid(id) {
        return Err(Fault::new(400, "the id of an API key is a UUID"));
    }
    let keys = platform.registry().api_keys(reference).await?;
    keys.into_iter()
        .find(|key| key.id.eq_ignore_ascii_case(id))
        .ok_or_else(not_found)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    lengths == [8, 4, 4, 4, 12] && digits == 32
}

fn not_found() -> Fault {
    Fault::new(404, "API key not found")
}

fn taken() -> Fault {
    Fault::new(400, "there is a key of that type and name already")
}

fn check_name(name: &str) -> Result<(), Fault> {
    let fits = (4..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name
            .bytes()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == b'_');
    match fits {
        true => Ok(()),
        false => Err(Fault::new(
            400,
            "name is 4 to 64 lower-case letters, digits and underscores",
        )),
    }
}

/// A key is what it is: only a secret one stands for claims.
fn check_template(kind: KeyKind, has_template: bool) -> Result<(), Fault> {
    match kind != KeyKind::Secret && has_template {
        true => Err(Fault::new(
            400,
            "secret_jwt_template is for secret keys alone",
        )),
        false => Ok(()),
    }
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
    check_name(&body.name)?;
    if body.kind == KeyKind::Legacy {
        return Err(Fault::new(400, "type is publishable or secret"));
    }
    check_template(body.kind, body.secret_jwt_template.is_some())?;
    let mut key = new_key(&path, body.kind, body.name);
    key.description = body.description;
    key.secret_jwt_template = body.secret_jwt_template;
    if !platform.registry().add_api_key(&path, &key).await? {
        return Err(taken());
    }
    Ok(shown(key, query.reveal == Some(true)))
}

/// A key of a project or branch that nobody has yet.
pub(super) fn new_key(reference: &Ref, kind: KeyKind, name: String) -> StoredKey {
    let of = format!("{reference}/{kind:?}/{name}");
    let drawn = chance::text("API key", &of, chance::ALPHANUMERICS, DRAWN);
    let api_key = format!("{}{drawn}", beginning(kind));
    if kind == KeyKind::Secret {
        redact::keep_secret(&api_key);
    }
    StoredKey::new(new_uuid("API key's id", &of), kind, name, api_key)
}

fn beginning(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Secret => "sb_secret_",
        KeyKind::Publishable | KeyKind::Legacy => "sb_publishable_",
    }
}

async fn update(asked: Asked<UpdateApiKey>) -> Result<ApiKey, Fault> {
    let Asked {
        platform,
        path: (reference, id),
        query,
        body,
        ..
    } = asked;
    let _turn = platform.turn(&reference).await;
    let mut key = find(&platform, &reference, &id).await?;
    if let Some(name) = body.name {
        check_name(&name)?;
        key.name = name;
    }
    if let Some(description) = body.description {
        key.description = description;
    }
    if let Some(template) = body.secret_jwt_template {
        check_template(key.kind, template.is_some())?;
        key.secret_jwt_template = template;
    }
    key.updated_at = clock::now();
    if !platform.registry().update_api_key(&reference, &key).await? {
        return Err(taken());
    }
    Ok(shown(key, query.reveal == Some(true)))
}

async fn delete(asked: Asked<DeleteApiKey>) -> Result<ApiKey, Fault> {
    let Asked {
        platform,
        path: (reference, id),
        query,
        ..
    } = asked;
    let _turn = platform.turn(&reference).await;
    let key = find(&platform, &reference, &id).await?;
    if !platform
        .registry()
        .remove_api_key(&reference, &key.id)
        .await?
    {
        return Err(not_found());
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
    let begin = beginning(key.kind);
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
        description: key.description,
        secret_jwt_template: key.secret_jwt_template,
        inserted_at: Some(key.inserted_at),
        updated_at: Some(key.updated_at),
    }
}
