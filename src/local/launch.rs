//! Finding the local platform from a server, and starting it in the background if nobody serves.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::API_VERSION;
use super::process::home;
use super::ready::{Ready, is_locked, serving};
use crate::api::{ApiError, Locator, Place};

/// How long a start may take: PostgreSQL may have to be fetched first.
const PATIENCE: Duration = Duration::from_secs(300);

/// The local platform of one data directory, as a server reaches it.
#[derive(Debug)]
pub struct LocalPlatform {
    data_dir: PathBuf,
    /// The program to start: this one.
    program: PathBuf,
    known: Mutex<Option<Place>>,
    starting: tokio::sync::Mutex<()>,
}

impl LocalPlatform {
    /// The platform of `data_dir`, started as `program platform` if need be.
    pub fn new(data_dir: PathBuf, program: PathBuf) -> Self {
        Self {
            data_dir,
            program,
            known: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    /// The place from before, if its platform still holds its lock: the port of one that has died
    /// may be somebody else's by now, and the token is not for him.
    fn known(&self) -> Option<Place> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() && !is_locked(&home(&self.data_dir)).unwrap_or(false) {
            *known = None;
        }
        known.clone()
    }

    async fn find(&self) -> Result<Place, ApiError> {
        // One start at a time from this process; between processes the platform's lock decides.
        let _starting = self.starting.lock().await;
        if let Some(place) = self.known() {
            return Ok(place);
        }
        let found = serving(&self.data_dir).map_err(not_started)?;
        let ready = match found {
            Some(ready) => ready,
            None => tokio::time::timeout(PATIENCE, self.start())
                .await
                .map_err(|_| not_started("it did not become ready in five minutes"))??,
        };
        if ready.api_version != API_VERSION {
            return Err(not_started(
                "the one that is running is of another version of Drydock; end it by `drydock platform --stop`",
            ));
        }
        let place = Place {
            base: ready.api_url,
            token: ready.access_token,
            is_local: true,
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.clone());
        Ok(place)
    }

    /// Starts the platform and waits for the line in which it says that it is ready, or why not.
    async fn start(&self) -> Result<Ready, ApiError> {
        tracing::info!(data_dir = %self.data_dir.display(), "starting the local platform");
        let mut command = Command::new(&self.program);
        // What the operator has put there for agents to place is no business of a database's or a
        // function's.
        for (name, _) in std::env::vars_os() {
            let placed = ["DRYDOCK_DEV_SECRET_", "DRYDOCK_PRODUCTION_SECRET_"];
            if placed
                .iter()
                .any(|start| name.to_string_lossy().starts_with(start))
            {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("platform")
            .arg("--background")
            .arg("--data-dir")
            .arg(&self.data_dir)
            // It signs nothing, and outlives the server.
            .env_remove("DRYDOCK_WEBHOOK_SECRET")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(not_started)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(not_started("its output cannot be read"));
        };
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await
            .map_err(not_started)?
            .unwrap_or_default();
        if let Ok(ready) = serde_json::from_str::<Ready>(&line) {
            return Ok(ready);
        }
        let reason = serde_json::from_str::<Value>(&line)
            .ok()
            .and_then(|line| line.get("error")?.as_str().map(str::to_owned));
        let log = home(&self.data_dir).join("platform.log");
        Err(not_started(reason.unwrap_or_else(|| {
            format!("it ended at once; {} may say why", log.display())
        })))
    }
}

impl Locator for LocalPlatform {
    fn locate(&self) -> BoxFuture<'_, Result<Place, ApiError>> {
        if let Some(place) = self.known() {
            return Box::pin(std::future::ready(Ok(place)));
        }
        Box::pin(self.find())
    }

    fn lost(&self, place: &Place) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| known.base == place.base) {
            *known = None;
        }
    }
}

fn not_started(reason: impl ToString) -> ApiError {
    ApiError::NotStarted(reason.to_string())
}
