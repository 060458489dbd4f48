//! How to connect to a database: through the one port, as `postgres.<ref>`.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::pooler::{
    DatabaseType, GetPgbouncerConfig, GetPoolerConfig, PgbouncerConfig, PoolMode, PoolerConfig,
};
use crate::local::engine::Login;
use crate::local::fault::Fault;
use crate::local::pooler::MAX_SESSIONS;

/// Where databases are reached.
pub(super) const HOST: &str = "127.0.0.1";
const DATABASE: &str = "postgres";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetPoolerConfig, _, _>(routes, pooler);
    serve::<GetPgbouncerConfig, _, _>(routes, pgbouncer)
}

async fn pooler(asked: Asked<GetPoolerConfig>) -> Result<Vec<PoolerConfig>, Fault> {
    let Asked { platform, path, .. } = asked;
    platform.project(&path).await?;
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
        default_pool_size: None,
        max_client_conn: u32::try_from(MAX_SESSIONS).ok(),
        pool_mode: PoolMode::Session,
    }])
}

async fn pgbouncer(asked: Asked<GetPgbouncerConfig>) -> Result<PgbouncerConfig, Fault> {
    let Asked { platform, path, .. } = asked;
    platform.project(&path).await?;
    Ok(PgbouncerConfig {
        pool_mode: Some(PoolMode::Session),
        max_client_conn: u32::try_from(MAX_SESSIONS).ok(),
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
