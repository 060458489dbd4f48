//! Claims that users were asked to make, and how far each has come.
//!
//! ```text
//! waiting ── a code has come, and is sealed ── exchanging ── tokens are sealed ── done
//!                                                  └─ the platform says that the code is used ── lost
//! ```

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

/// How far a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimStatus {
    /// Nobody has answered yet.
    Waiting,
    /// A code has come; whether it was exchanged is not known.
    Exchanging,
    /// The tokens are sealed.
    Done,
    /// The code was exchanged, and its tokens have reached nobody.
    Lost,
}

impl ClaimStatus {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Waiting, "waiting"),
        (Self::Exchanging, "exchanging"),
        (Self::Done, "done"),
        (Self::Lost, "lost"),
    ];

    fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(status, _)| *status == self);
        found.map_or("", |(_, word)| word)
    }
}

/// A claim that a user was asked to make.
#[derive(Debug, Clone)]
pub struct AskedClaim {
    /// Production's ref.
    pub project: Ref,
    /// Where the code comes to.
    pub redirect_uri: String,
    /// How far it has come.
    pub status: ClaimStatus,
    /// Whether it is too late for an answer.
    pub expired: bool,
}

impl Store {
    /// Writes a claim down, before the platform is asked.
    pub async fn ask_claim(
        &self,
        digest: &str,
        project: &Ref,
        redirect_uri: &str,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let values = [digest, project.as_str(), redirect_uri].map(str::to_owned);
        self.run(move |connection| {
            let [digest, project, redirect_uri] = values;
            connection.execute(
                "insert into claims (digest, project, redirect_uri, status, expires_at) values (?1, ?2, ?3, ?4, ?5)",
                params![digest, project, redirect_uri, ClaimStatus::Waiting.as_str(), expires_at],
            )?;
            Ok(())
        })
        .await
    }

    /// The claim of a state's digest.
    pub async fn asked_claim(&self, digest: &str) -> Result<Option<AskedClaim>, StoreError> {
        let digest = digest.to_owned();
        self.look(move |connection| {
            let found: Option<(String, String, String, i64)> = connection
                .query_row(
                    "select project, redirect_uri, status, expires_at from claims where digest = ?1",
                    params![digest],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
                .optional()?;
            let Some((project, redirect_uri, word, expires_at)) = found else {
                return Ok(None);
            };
            let status = ClaimStatus::ALL.iter().find(|(_, known)| *known == word);
            Ok(project.parse().ok().map(|project| AskedClaim {
                project,
                redirect_uri,
                // What cannot be read is not exchanged.
                status: status.map_or(ClaimStatus::Lost, |(status, _)| *status),
                expired: expires_at <= clock::unix_millis(),
            }))
        })
        .await
    }

    /// Writes down how far a claim has come.
    pub async fn set_claim(&self, digest: &str, status: ClaimStatus) -> Result<(), StoreError> {
        let digest = digest.to_owned();
        self.run(move |connection| {
            connection.execute(
                "update claims set status = ?2 where digest = ?1",
                params![digest, status.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a claim that the platform did not begin.
    pub async fn drop_claim(&self, digest: &str) -> Result<(), StoreError> {
        let digest = digest.to_owned();
        self.run(move |connection| {
            connection.execute("delete from claims where digest = ?1", params![digest])?;
            Ok(())
        })
        .await
    }
}
