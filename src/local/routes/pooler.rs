//! How to connect to a database: through the one port, as `postgres.<ref>`.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::pooler::{
    DatabaseType, GetPgbouncerConfig, GetPoolerConfig, PgbouncerConfig, PoolMode, PoolerConfig,
    PoolerSettings, UpdatePoolerConfig,
};
use crate::local::engine::Login;
use crate::local::fault::Fault;
use crate::local::pooler::MAX_SESSIONS;
use crate::local::registry::StoredPooler;

/// Where databases are reached.
pub(super) const HOST: &str = "127.0.0.1";
const DATABASE: &str = "postgres";
/// The largest pool that the platform takes.
const LARGEST_POOL: u32 = 3000;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetPoolerConfig, _, _>(routes, pooler);
    let routes = serve::<UpdatePoolerConfig, _, _>(routes, update);
    serve::<GetPgbouncerConfig, _, _>(routes, pgbouncer)
}

async fn pooler(asked: Asked<GetPoolerConfig>) -> Result<Vec<PoolerConfig>, Fault> {
    let Asked { platform, path, .. } = asked;
    platform.project(&path).await?;
    let stored = platform.registry().pooler(&path).await?;
    let connection_string = connection_string(&platform, &path);
    Ok(vec![PoolerConfig {
        identifier: path.to_string(),
        database_type: DatabaseType::Primary,
        is_using_scram_auth: true,
        db_user: user(&path),
        db_host: HOST.to_owned(),
        db_port: platform.pooler_port(),
        db_name: DATABASE.to_owned(),
        older_connection_string: connection_string.clone(),
        connection_string,
        default_pool_size: stored.default_pool_size,
        max_client_conn: u32::try_from(stored.sessions()).ok(),
        pool_mode: stored.mode(),
    }])
}

async fn update(asked: Asked<UpdatePoolerConfig>) -> Result<PoolerSettings, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    platform.project(&path).await?;
    if matches!(body.default_pool_size, Some(Some(size)) if size > LARGEST_POOL) {
        return Err(Fault::new(
            400,
            format!("default_pool_size is 0 to {LARGEST_POOL}, or null"),
        ));
    }
    if body.pool_mode == Some(PoolMode::Statement) {
        return Err(Fault::new(400, "pool_mode is transaction or session"));
    }
    let registry = platform.registry();
    registry
        .set_pooler(&path, body.default_pool_size, body.pool_mode)
        .await?;
    let stored = registry.pooler(&path).await?;
    Ok(PoolerSettings {
        default_pool_size: stored.default_pool_size,
        pool_mode: stored.mode().as_str().to_owned(),
    })
}

impl StoredPooler {
    /// The mode that is answered. A session of its own serves a client of either.
    pub(in crate::local) fn mode(self) -> PoolMode {
        self.pool_mode.unwrap_or(PoolMode::Session)
    }

    /// How many sessions a database has at a time: each client has one of its own here.
    pub(in crate::local) fn sessions(self) -> usize {
        let size = self.default_pool_size.filter(|size| *size > 0);
        let size = size.and_then(|size| usize::try_from(size).ok());
        size.map_or(MAX_SESSIONS, |size| size.min(MAX_SESSIONS))
    }
}

async fn pgbouncer(asked: Asked<GetPgbouncerConfig>) -> Result<PgbouncerConfig, Fault> {
    let Asked { platform, path, .. } = asked;
    platform.project(&path).await?;
    let stored = platform.registry().pooler(&path).await?;
    Ok(PgbouncerConfig {
        pool_mode: Some(stored.mode()),
        max_client_conn: u32::try_from(stored.sessions()).ok(),
        connection_string: Some(connection_string(&platform, &path)),
    })
}

/// The user of a project or branch.
pub(super) fn user(reference: &Ref) -> String {
    format!("{}.{reference}", Login::User.role())
}

/// As the platform writes it: the password's place is shown, and the password is not.
fn connection_string(platform: &Platform, reference: &Ref) -> String {
    format!(
        "postgresql://{}:[YOUR-PASSWORD]@{HOST}:{}/{DATABASE}",
        user(reference),
        platform.pooler_port()
    )
}
