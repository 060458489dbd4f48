//! A platform that only answers: one project, from memory, over plain HTTP. It stands for the
//! cloud where Drydock's own share is measured, and answers in a fifth of a millisecond.

use std::net::Ipv4Addr;
use std::path::Path;

use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::Failure;
use super::world::drydock;

/// The one project's ref.
pub(crate) const PROJECT: &str = "abcdefghijklmnopqrst";
const BRANCH: &str = "bcdefghijklmnopqrstu";
const CREATED: &str = "2026-01-02T03:04:05.678Z";

/// A platform that answers until it is dropped.
pub(crate) struct Cloud {
    /// Where it answers.
    pub(crate) base: String,
    serving: JoinHandle<()>,
}

impl Cloud {
    pub(crate) async fn open() -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            // Without it small answers wait; the figures would show it.
            let _ = stream.set_nodelay(true);
        });
        let routes = Router::new()
            .route("/v1/projects", get(async || Json(json!([project()]))))
            .route(
                "/v1/projects/{ref}/branches",
                get(async || Json(json!([branch("main", PROJECT), branch("DEV", BRANCH)]))),
            );
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the stand-in for the cloud has ended: {error}");
            }
        });
        Ok(Self { base, serving })
    }

    /// A server in cloud mode that works on this platform, with a store in `data_dir`.
    pub(crate) fn serve(&self, arguments: &[&str], data_dir: &Path) -> Command {
        let mut command = drydock(&["serve"], data_dir);
        command
            .args(arguments)
            .env("SUPABASE_ACCESS_TOKEN", "sbp_bench")
            .env("DRYDOCK_API_URL", &self.base);
        command
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn project() -> Value {
    json!({
        "id": PROJECT, "ref": PROJECT, "organization_id": "acme", "organization_slug": "acme",
        "name": "Shop", "region": "eu-central-1", "created_at": CREATED, "status": "ACTIVE_HEALTHY",
        "database": {
            "host": "db.example.com", "version": "17.6", "postgres_engine": "17",
            "release_channel": "ga",
        },
    })
}

fn branch(name: &str, reference: &str) -> Value {
    json!({
        "id": "11111111-1111-4111-8111-111111111111", "name": name, "project_ref": reference,
        "parent_project_ref": PROJECT, "is_default": reference == PROJECT, "persistent": true,
        "status": "FUNCTIONS_DEPLOYED", "created_at": CREATED, "updated_at": CREATED,
        "with_data": false, "preview_project_status": "ACTIVE_HEALTHY",
    })
}
