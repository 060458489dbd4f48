//! Claim tokens in the registry: one a project, for a day, for one use.

use rusqlite::{OptionalExtension, params};

use super::claims::move_project;
use super::{Registry, word};
use crate::api::Ref;
use crate::clock;
use crate::hex;
use crate::sqlite::StoreError;

/// For how long a token can be used, in milliseconds: a day.
const TOKEN_LASTS: i64 = 24 * 3600 * 1000;

/// A claim token, without the token.
#[derive(Debug, Clone)]
pub(in crate::local) struct StoredClaimToken {
    /// Production's ref.
    pub(in crate::local) reference: Ref,
    pub(in crate::local) alias: String,
    pub(in crate::local) created_by: String,
    pub(in crate::local) created_at: String,
    /// Milliseconds since the Unix epoch.
    pub(in crate::local) expires_at: i64,
}

impl Registry {
    /// Writes a project's token down. The one before it ends.
    pub(in crate::local) async fn set_claim_token(
        &self,
        reference: &Ref,
        token: &str,
        alias: String,
        created_by: String,
    ) -> Result<StoredClaimToken, StoreError> {
        let digest = hex::sha256_text(token);
        let made = StoredClaimToken {
            reference: reference.clone(),
            alias,
            created_by,
            created_at: clock::now(),
            expires_at: clock::unix_millis().saturating_add(TOKEN_LASTS),
        };
        self.run(move |connection| {
            connection.execute(
                "insert or replace into claim_tokens (ref, digest, alias, created_by, created_at, expires_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    made.reference.as_str(),
                    digest,
                    made.alias,
                    made.created_by,
                    made.created_at,
                    made.expires_at
                ],
            )?;
            Ok(made)
        })
        .await
    }

    /// A project's token, while it can be used.
    pub(in crate::local) async fn claim_token(
        &self,
        reference: &Ref,
    ) -> Result<Option<StoredClaimToken>, StoreError> {
        self.token_by("ref", reference.to_string()).await
    }

    /// What a token is for, while it can be used.
    pub(in crate::local) async fn claim_token_of(
        &self,
        token: &str,
    ) -> Result<Option<StoredClaimToken>, StoreError> {
        self.token_by("digest", hex::sha256_text(token)).await
    }

    async fn token_by(
        &self,
        column: &'static str,
        value: String,
    ) -> Result<Option<StoredClaimToken>, StoreError> {
        self.look(move |connection| {
            Ok(connection
                .query_row(
                    &format!("select ref, alias, created_by, created_at, expires_at from claim_tokens where {column} = ?1 and expires_at > ?2"),
                    params![value, clock::unix_millis()],
                    |row| {
                        Ok(StoredClaimToken {
                            reference: word(row, 0, |text| text.parse().ok())?,
                            alias: row.get(1)?,
                            created_by: row.get(2)?,
                            created_at: row.get(3)?,
                            expires_at: row.get(4)?,
                        })
                    },
                )
                .optional()?)
        })
        .await
    }

    /// Ends a project's token. Says whether there was one.
    pub(in crate::local) async fn drop_claim_token(
        &self,
        reference: &Ref,
    ) -> Result<bool, StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            let dropped = connection.execute(
                "delete from claim_tokens where ref = ?1 and expires_at > ?2",
                params![reference, clock::unix_millis()],
            )?;
            Ok(dropped > 0)
        })
        .await
    }

    /// Takes a token and moves its project to another organization: both or neither. Says whether
    /// the token could be taken.
    pub(in crate::local) async fn claim_with_token(
        &self,
        token: &str,
        organization: &str,
    ) -> Result<bool, StoreError> {
        let digest = hex::sha256_text(token);
        let organization = organization.to_owned();
        self.run(move |connection| {
            let taken: Option<String> = connection
                .query_row(
                    "delete from claim_tokens where digest = ?1 and expires_at > ?2
                       and exists (select 1 from projects where ref = claim_tokens.ref and organization <> ?3)
                     returning ref",
                    params![digest, clock::unix_millis(), organization],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(reference) = &taken {
                move_project(connection, reference, &organization)?;
            }
            Ok(taken.is_some())
        })
        .await
    }
}
