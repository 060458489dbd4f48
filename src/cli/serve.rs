//! `drydock serve`: MCP over stdio or HTTP.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{open_store, print_line};
use crate::api::{Client, Locator, Place};
use crate::config::ServeArgs;
use crate::guard::{Guard, OauthApp, Policy, Principal};
use crate::local::LocalPlatform;
use crate::mcp::{HttpSettings, Server, serve_http, serve_stdio};
use crate::redact;
use crate::webhook::Webhook;

/// Cancelled when the process is told to end.
pub struct Stop(pub(super) CancellationToken);

impl Stop {
    /// Listens to SIGTERM and SIGINT.
    pub fn on_signals() -> Result<Self, String> {
        let token = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let stop = token.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.cancel();
        });
        Ok(Self(token))
    }
}

/// The server that the settings describe. Nothing is sent to the platform yet.
pub fn build_server(args: &ServeArgs) -> Result<Server, String> {
    let principal = match args.http {
        Some(_) => Principal::loopback(),
        None => Principal::os_user(),
    };
    Ok(Server::new(build_guard(args)?, principal))
}

/// The guard that the settings describe.
pub(super) fn build_guard(args: &ServeArgs) -> Result<Guard, String> {
    let policy = args.policy()?.policy;
    let store = open_store(&args.data_dir.path()?)?;
    let webhook = webhook(args, &policy)?;
    let oauth = oauth(args)?;
    Ok(Guard::new(client(args)?, store, policy, webhook, oauth))
}

/// The client of the platform that the settings name.
pub(super) fn client(args: &ServeArgs) -> Result<Client, String> {
    if let Some(token) = &args.access_token {
        redact::keep_secret(token);
    }
    let locator: Arc<dyn Locator> = match &args.access_token {
        Some(token) => Arc::new(Place {
            base: args.api_url.trim_end_matches('/').to_owned(),
            token: token.clone(),
            is_local: false,
        }),
        None => {
            let program = std::env::current_exe().map_err(|error| error.to_string())?;
            Arc::new(LocalPlatform::new(args.data_dir.path()?, program))
        }
    };
    Ok(Client::new(locator))
}

/// The operator's backend, if there is a secret to know it by.
fn webhook(args: &ServeArgs, policy: &Policy) -> Result<Option<Webhook>, String> {
    match (&args.webhook_secret, policy.approvals.webhook()) {
        (Some(secret), url) => Webhook::new(secret.parse()?, url).map(Some),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err("the policy names a webhook_url, and DRYDOCK_WEBHOOK_SECRET is not set".to_owned())
        }
    }
}

/// The app through which projects are handed over, if there is one.
fn oauth(args: &ServeArgs) -> Result<Option<OauthApp>, String> {
    match (&args.oauth_client_id, &args.oauth_client_secret) {
        (Some(client_id), Some(client_secret)) => {
            redact::keep_secret(client_secret);
            Ok(Some(OauthApp {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                redirect_uris: args.oauth_redirect_uri.clone(),
            }))
        }
        (None, None) => Ok(None),
        _ => Err(
            "DRYDOCK_OAUTH_CLIENT_ID and DRYDOCK_OAUTH_CLIENT_SECRET are set both or not at all"
                .to_owned(),
        ),
    }
}

pub(super) async fn run(args: ServeArgs) -> Result<(), String> {
    let server = build_server(&args)?;
    let Stop(stop) = Stop::on_signals()?;
    let journal = server.clone();
    let served = match args.http {
        Some(address) => {
            let settings = HttpSettings {
                address,
                allowed_hosts: args.allowed_host,
                allowed_origins: args.allowed_origin,
                sessions: args.http_sessions,
            };
            serve_http(server, settings, stop, |address| {
                print_line(&format!(
                    "{{\"ready\":true,\"url\":\"http://{address}/mcp\"}}"
                ));
            })
            .await
        }
        None => serve_stdio(server, stop).await,
    };
    let settled = journal.settle().await;
    served.and(settled)
}
