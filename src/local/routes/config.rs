//! Configuration of services.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::config::{
    GetAuthConfig, GetDataApiConfig, GetPostgresConfig, GetRealtimeConfig, GetStorageConfig,
    Service, Settings, UpdateAuthConfig, UpdateDataApiConfig, UpdatePostgresConfig,
    UpdateRealtimeConfig, UpdateStorageConfig,
};
use crate::api::{Endpoint, Ref};
use crate::local::fault::Fault;
use crate::redact;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = read::<GetAuthConfig>(routes, Service::Auth);
    let routes = read::<GetDataApiConfig>(routes, Service::DataApi);
    let routes = read::<GetStorageConfig>(routes, Service::Storage);
    let routes = read::<GetRealtimeConfig>(routes, Service::Realtime);
    let routes = read::<GetPostgresConfig>(routes, Service::Database);
    let routes = write::<UpdateAuthConfig>(routes, Service::Auth, Ok);
    let routes = write::<UpdateDataApiConfig>(routes, Service::DataApi, Ok);
    let routes = write::<UpdateStorageConfig>(routes, Service::Storage, |_| Ok(()));
    let routes = write::<UpdateRealtimeConfig>(routes, Service::Realtime, |_| Ok(()));
    write::<UpdatePostgresConfig>(routes, Service::Database, Ok)
}

fn read<E>(routes: Router<Platform>, service: Service) -> Router<Platform>
where
    E: Endpoint<Path = Ref, Reply = Settings>,
{
    serve::<E, _, _>(routes, move |asked: Asked<E>| async move {
        asked.platform.configuration(&asked.path, service).await
    })
}

fn write<E>(
    routes: Router<Platform>,
    service: Service,
    reply: fn(Settings) -> Result<E::Reply, Fault>,
) -> Router<Platform>
where
    E: Endpoint<Path = Ref, Body = Settings>,
{
    serve::<E, _, _>(routes, move |asked: Asked<E>| async move {
        for (name, value) in &asked.body {
            let is_secret = service.holds_secret(name);
            if let (true, Some(secret)) = (is_secret, value.as_str()) {
                redact::keep_given(secret);
            }
        }
        let Asked {
            platform,
            path,
            body,
            ..
        } = asked;
        platform.configure(&path, service, &body).await?;
        reply(platform.configuration(&path, service).await?)
    })
}
