//! Restore points: names in the write-ahead log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::ClusterId;
use super::cluster::{Cluster, State};
use super::error::EngineError;
use super::postmaster::Postmaster;
use super::timeline::{self, Lsn};
use super::traffic::Closed;
use super::wire::WireError;
use crate::chance;

const RESTORE_POINT: &str = include_str!("restore_point.sql");
const END_CLIENTS: &str = include_str!("end_clients.sql");

/// A point in a cluster's history that can be returned to. Keep all of it: the engine remembers no points but those
/// at which it left a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The cluster whose history it belongs to.
    pub cluster: ClusterId,
    /// The name in the write-ahead log; never used twice.
    pub wal_name: String,
    /// The position after the point's record.
    pub lsn: Lsn,
    /// The timeline that the record is on.
    pub timeline: u32,
    /// When it was made: milliseconds since 1970, by the server's clock.
    pub at: i64,
}

impl Cluster {
    /// Makes a restore point after everything that was acknowledged so far. It is on disk when this answers.
    pub(super) async fn create_restore_point(&self) -> Result<Point, EngineError> {
        let mut state = self.lock().await?;
        self.make_point(&mut state).await
    }

    async fn make_point(&self, state: &mut State) -> Result<Point, EngineError> {
        let prefix = new_name(self.id);
        let row = self.admin(state, RESTORE_POINT, &[prefix.into()]).await?;
        let cell = |column| row.text(0, column).unwrap_or_default();
        let (lsn, file, at) = (
            cell(0).parse(),
            timeline::timeline_of(&cell(1)),
            cell(2).parse(),
        );
        match (lsn, file, at) {
            (Ok(lsn), Some(timeline), Ok(at)) => Ok(Point {
                cluster: self.id,
                wal_name: cell(3),
                lsn,
                timeline,
                at,
            }),
            _ => Err(WireError::Protocol("a restore point without a position".into()).into()),
        }
    }

    /// The point at which the present timeline is left: after it nothing is acknowledged, because every session but
    /// the engine's own is ended before. `None` where the server cannot be brought to make one: a database that does
    /// not start any more is a reason to leave it, not a reason to stay.
    pub(super) async fn last_point(&self, state: &mut State, closed: &Closed) -> Option<Point> {
        if state.server.as_mut().is_some_and(Postmaster::is_alive) {
            let admin = state.admin.take();
            self.drain(closed, admin).await;
        }
        let made = match self.admin(state, END_CLIENTS, &[]).await {
            Ok(_) => self.make_point(state).await,
            Err(error) => Err(error),
        };
        made.inspect_err(|error| {
            tracing::warn!(%error, cluster = %self.id, "what is being left cannot be returned to by its time");
        })
        .ok()
    }
}

fn new_name(id: ClusterId) -> String {
    // A replay stops at the first point of a name: no seed may bring one again.
    format!("{id}-{}", URL_SAFE_NO_PAD.encode(chance::unseen::<15>()))
}
