//! Recovery: returning production to a point in time, for a disaster that no migration mends.
//!
//! ```text
//! within the window ─► approved ─► a point for now ──stored──► platform told ─► restored ─► production's state recorded
//!                                                      │
//!                                                      └ this server dies: the next call follows it to its end
//! ```
//!
//! What tells that production was restored is its log, which every recovery begins anew under another
//! name: neither the project's status nor its ledger need look different afterwards.
//!
//! The way back is another recovery, to the last second of what was left, with an approval of its own.

mod following;

use std::future::ready;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::approval::Ask;
use super::backups::RecoveryWindow;
use super::ledger::{Ledger, text};
use super::points::{CONFLICT, NUMBERS_TRIED, next_number};
use super::{Code, Next, Operation, Production, Refusal};
use crate::api::ReleasePermit;
use crate::api::backups::{ListBackups, RestorePitr, RestorePitrBody};
use crate::api::projects::ProjectStatus;
use crate::api::restore_points::{CreateRestorePoint, RestorePointName};
use crate::clock;
use crate::fence::quote;
use crate::store::{PointStatus, Recovering};

/// Names production's log: eight digits that a recovery changes.
const TIMELINE: &str = "select pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) as timeline";

/// The time whose writes a recovery lost.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LostWindow {
    /// The moment that was returned to; what was committed then is kept.
    pub after: String,
    /// The moment at which the recovery began.
    pub until: String,
    /// How long that is.
    pub seconds: i64,
}

/// What a recovery did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Recovered {
    /// What was lost.
    pub lost: LostWindow,
    /// Versions that production's ledger no longer has, oldest first; null if it could not be read before.
    pub migrations_lost: Option<Vec<String>>,
    /// Versions that came back, by going back on an earlier recovery.
    pub migrations_back: Vec<String>,
    /// Those of the lost that the DEV branch has still: a merge brings them again.
    pub still_on_dev: Vec<String>,
    /// The restore point from just before, where the platform offers one.
    pub undo_point: Option<String>,
    /// The way back: asks for an approval of its own.
    pub way_back: Next,
}

impl LostWindow {
    fn between(after: i64, until: i64) -> Self {
        Self {
            after: shown(after),
            until: shown(until),
            seconds: (until - after).max(0),
        }
    }

    /// Its length in words.
    fn length(&self) -> String {
        let (hours, minutes, seconds) = (
            self.seconds / 3600,
            self.seconds / 60 % 60,
            self.seconds % 60,
        );
        match (hours, minutes) {
            (0, 0) => format!("{seconds} s"),
            (0, _) => format!("{minutes} min {seconds} s"),
            _ => format!("{hours} h {minutes} min"),
        }
    }
}

/// Production as it stands before: none of what cannot be read, for what is broken is restored too.
struct Standing {
    timeline: Option<String>,
    ledger: Option<Ledger>,
}

impl Production {
    /// Returns production to the end of a second, after an approval that names what is lost.
    pub async fn restore_to_point_in_time(self, time: &str) -> Result<Recovered, Refusal> {
        let guard = &self.call.guard;
        let target = parse(time)?;
        let _turn = guard.project_turn(&self.project).await?;
        if let Some(begun) = guard.store().recovering(&self.project).await? {
            let recovered = self.follow(&begun).await?;
            if begun.target == target {
                return Ok(recovered);
            }
        }
        let project = self.look().await?.project;
        if matches!(
            project.status,
            ProjectStatus::Inactive | ProjectStatus::Pausing
        ) {
            return Err(Refusal::new(
                Code::PlatformError,
                "the project is paused, and what is offline cannot be returned to a point in time",
            )
            .next(Next::new(
                "restore_project",
                json!({ "project_id": self.project }),
                "brings the project back as it is",
            )));
        }
        let window = self.window().await?;
        window.require(&self.project, &project.created_at, target)?;
        let standing = self.standing().await;
        let ask = self.ask_to_recover(&window, target, &standing).await?;
        let leave = self
            .call
            .leave(&[Operation::RestoreToPointInTime], ready(Ok(ask)))
            .await?;
        let permit = leave.permit();
        self.call.step("making a restore point for the way back");
        let undo_point = self.undo_point(&permit, standing.ledger.as_ref()).await;
        let begun = Recovering {
            target,
            timeline: standing.timeline,
            before: standing.ledger.map(|ledger| ledger.versions()),
            undo_point,
            latest: window.latest(),
            started_at: window.now(),
        };
        guard.store().begin_recovery(&self.project, &begun).await?;
        self.call
            .step(format!("returning production to {}", shown(target)));
        let body = RestorePitrBody {
            recovery_time_target_unix: target,
        };
        let told = guard
            .client()
            .release::<RestorePitr>(&permit, self.project.clone(), &(), &body)
            .await;
        if let Err(error) = told
            && !error.may_have_happened()
        {
            guard.store().end_recovery(&self.project).await?;
            return Err(Refusal::new(
                Code::PlatformError,
                format!(
                    "the platform refused to return production to {}: {error}; nothing was changed",
                    shown(target)
                ),
            ));
        }
        self.follow(&begun).await
    }

    async fn window(&self) -> Result<RecoveryWindow, Refusal> {
        let client = self.call.guard.client();
        let backups = client
            .look::<ListBackups>(self.project.clone(), &())
            .await?;
        Ok(RecoveryWindow::from(&backups))
    }

    async fn standing(&self) -> Standing {
        let guard = &self.call.guard;
        let ledger = guard.ledger(&self.project).await;
        Standing {
            timeline: self.timeline().await,
            ledger: ledger
                .inspect_err(|error| tracing::warn!(%error, "production's ledger cannot be read"))
                .ok(),
        }
    }

    async fn timeline(&self) -> Option<String> {
        let client = self.call.guard.client();
        let rows = client
            .query_read_only(&self.project, TIMELINE, None)
            .await
            .inspect_err(|error| tracing::debug!(%error, "production's log cannot be named"))
            .ok()?;
        text(rows.first()?, "timeline")
    }

    async fn ask_to_recover(
        &self,
        window: &RecoveryWindow,
        target: i64,
        standing: &Standing,
    ) -> Result<Ask, Refusal> {
        let lost = LostWindow::between(target, window.now());
        let migrations = match &standing.ledger {
            Some(ledger) => self.surely_lost(ledger, target).await?,
            None => Vec::new(),
        };
        let ledger_hash = standing.ledger.as_ref().map(Ledger::hash);
        let unknown = || "unknown".to_owned();
        Ok(Ask {
            what: format!(
                "return production of {} from {} to {}: everything that was written in the {} since then, and is written until this is done, is lost, rows and users as well, with at least {} migration(s)",
                self.project,
                lost.until,
                lost.after,
                lost.length(),
                migrations.len()
            ),
            subject: Some((self.project.clone(), None)),
            state: vec![
                self.project.to_string(),
                target.to_string(),
                standing.timeline.clone().unwrap_or_else(unknown),
                ledger_hash.unwrap_or_else(unknown),
            ],
            facts: json!({
                "from": lost.until,
                "to": lost.after,
                "lost_seconds_when_asked": lost.seconds,
                "migrations_lost_at_least": migrations,
                "window": window,
            }),
            for_a_while: false,
        })
    }

    /// Migrations that are certain to be lost: younger than the moment by their version, or merged
    /// after it as far as Drydock remembers.
    async fn surely_lost(&self, ledger: &Ledger, target: i64) -> Result<Vec<String>, Refusal> {
        let points = self.call.guard.store().points(&self.project).await?;
        let merged_later = |version: &str| {
            points.iter().any(|point| {
                let name = point.name.strip_prefix("pm-");
                let of = name.map(|name| name.split_once('~').map_or(name, |(of, _)| of));
                of == Some(version)
                    && clock::seconds_of(&point.created_at).is_some_and(|at| at > target)
            })
        };
        let lost = |version: &String| {
            clock::seconds_of_version(version).is_some_and(|at| at > target)
                || merged_later(version)
        };
        Ok(ledger.versions().into_iter().filter(lost).collect())
    }

    /// A point on production for the moment before, where the platform offers one.
    async fn undo_point(&self, permit: &ReleasePermit, ledger: Option<&Ledger>) -> Option<String> {
        let guard = &self.call.guard;
        let points = guard.store().points(&self.project).await.ok()?;
        let first = next_number(&points, "undo");
        let ledger = ledger.map(Ledger::versions).unwrap_or_default();
        for number in first..first + NUMBERS_TRIED {
            let name = format!("undo-{number}");
            let body = RestorePointName { name: name.clone() };
            let made = guard
                .client()
                .release::<CreateRestorePoint>(permit, self.project.clone(), &(), &body)
                .await;
            match made {
                Ok(_) => {
                    let (project, available) = (&self.project, PointStatus::Available);
                    let stored = guard
                        .store()
                        .put_point(project, project, &name, None, available, &ledger)
                        .await;
                    if let Err(error) = stored {
                        tracing::warn!(%error, "production's restore point is made but not remembered");
                    }
                    return Some(name);
                }
                Err(error) if error.status() == Some(CONFLICT) => {}
                Err(error) => {
                    tracing::warn!(%error, "production has no restore point from before the recovery");
                    return None;
                }
            }
        }
        None
    }
}

/// Seconds since 1970, for people.
fn shown(seconds: i64) -> String {
    clock::at(seconds.saturating_mul(1000)).replace(".000Z", "Z")
}

/// A moment as it was given: RFC 3339, or seconds since 1970.
fn parse(time: &str) -> Result<i64, Refusal> {
    let time = time.trim();
    if let Ok(seconds) = time.parse::<i64>() {
        // Nobody means the year 5138: milliseconds are thirteen digits for centuries to come.
        if seconds >= 100_000_000_000 {
            return Err(Refusal::invalid(format!(
                "time is in seconds since 1970, and {seconds} looks like milliseconds: {} is {}",
                seconds / 1000,
                shown(seconds / 1000)
            )));
        }
        return Ok(seconds);
    }
    clock::seconds_of(time).ok_or_else(|| {
        Refusal::invalid(format!(
            "time is a moment with its offset, such as {}, or seconds since 1970, and {} is neither",
            shown(clock::unix_millis() / 1000),
            quote(time.chars().take(64).collect::<String>())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{LostWindow, parse};

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        assert_eq!(parse("1").ok(), Some(1));
        assert_eq!(parse("-5").ok(), Some(-5));
        assert_eq!(parse(" 1700000000 ").ok(), Some(1_700_000_000));
        assert_eq!(parse("1970-01-01T00:00:09.9Z").ok(), Some(9));
        assert_eq!(parse("1970-01-01T01:00:00+01:00").ok(), Some(0));
        for bad in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-11-23T10:00:00",
            "1700000000000",
            "99999999999999999999",
            "1e9",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_length_of_what_is_lost_is_said_in_words() {
        let length = |seconds: i64| LostWindow::between(1000, 1000 + seconds).length();
        assert_eq!(length(-3), "0 s");
        assert_eq!(length(59), "59 s");
        assert_eq!(length(61), "1 min 1 s");
        assert_eq!(length(7_260), "2 h 1 min");
    }
}
