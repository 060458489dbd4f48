//! Claims in the registry: begun, answered page by page, and carried out in one transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::accounts::insert_access;
use super::{Registry, word};
use crate::api::Ref;
use crate::api::oauth::ClaimQuery;
use crate::clock;
use crate::hex;
use crate::sqlite::StoreError;

/// For how long a link can be answered, in milliseconds: a day.
const LINK_LASTS: i64 = 24 * 3600 * 1000;
/// For how long a code can be exchanged, in milliseconds: ten minutes.
const CODE_LASTS: i64 = 10 * 60 * 1000;
/// The number of the last page.
pub(in crate::local) const LAST_PAGE: u8 = 5;

/// A claim that can still be answered.
#[derive(Debug, Clone)]
pub(in crate::local) struct Claim {
    pub(in crate::local) digest: String,
    pub(in crate::local) reference: Ref,
    pub(in crate::local) client_id: String,
    pub(in crate::local) redirect_uri: String,
    pub(in crate::local) state: Option<String>,
    pub(in crate::local) account: Option<String>,
    pub(in crate::local) organization: Option<String>,
    /// The last page that was answered; 0 for none.
    pub(in crate::local) answered: u8,
}

/// What comes along with a code.
pub(in crate::local) struct CodeProof<'a> {
    pub(in crate::local) code: &'a str,
    pub(in crate::local) client_id: &'a str,
    pub(in crate::local) redirect_uri: &'a str,
    /// What PKCE's challenge would be by each of its methods: `(S256, plain)`.
    pub(in crate::local) challenges: Option<(String, String)>,
}

/// How the last page was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Confirmed {
    /// The project has moved.
    Moved,
    /// Somebody has answered meanwhile, or the project is no longer the builder's to give.
    TooLate,
}

const CLAIM: &str = "select digest, ref, client_id, redirect_uri, state, account, organization, answered from claims";

impl Registry {
    /// Begins a claim under a token that only the link holds.
    pub(in crate::local) async fn begin_claim(
        &self,
        token: &str,
        asked: ClaimQuery,
    ) -> Result<(), StoreError> {
        let digest = hex::sha256_text(token);
        self.run(move |connection| {
            let now = clock::unix_millis();
            connection.execute(
                "delete from claims where expires_at <= ?1 and account is null",
                params![now],
            )?;
            connection.execute(
                "insert into claims (digest, ref, client_id, redirect_uri, state, code_challenge, code_challenge_method, expires_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    digest,
                    asked.project_ref.as_str(),
                    asked.client_id.to_ascii_lowercase(),
                    asked.redirect_uri,
                    asked.state,
                    asked.code_challenge,
                    asked.code_challenge_method,
                    now + LINK_LASTS
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// The claim of a link, unless it is over.
    pub(in crate::local) async fn claim(&self, token: &str) -> Result<Option<Claim>, StoreError> {
        let digest = hex::sha256_text(token);
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(&format!(
                    "{CLAIM} where digest = ?1 and expires_at > ?2 and answered < ?3"
                ))?
                .query_row(params![digest, clock::unix_millis(), LAST_PAGE], claim)
                .optional()?)
        })
        .await
    }

    /// Writes down that an account has answered a page, and on the second page with which of its
    /// organizations. Says whether it could: another account may have begun.
    pub(in crate::local) async fn answer_page(
        &self,
        claim: &Claim,
        page: u8,
        account: &str,
        organization: Option<String>,
    ) -> Result<bool, StoreError> {
        let (digest, account) = (claim.digest.clone(), account.to_owned());
        self.run(move |connection| {
            let changed = connection.execute(
                "update claims set account = ?3, organization = coalesce(?4, organization), answered = max(answered, ?2)
                 where digest = ?1 and (account is null or account = ?3)
                   and answered >= ?2 - 1 and answered < ?5 and expires_at > ?6",
                params![digest, page, account, organization, LAST_PAGE, clock::unix_millis()],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    /// The user has said no: the link is over.
    pub(in crate::local) async fn refuse_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        let digest = claim.digest.clone();
        self.run(move |connection| {
            connection.execute(
                "update claims set answered = ?2 where digest = ?1",
                params![digest, LAST_PAGE],
            )?;
            Ok(())
        })
        .await
    }

    /// Moves the project with its branches to the organization, ends every other claim of it, and
    /// gives `code` out: all of it or nothing.
    pub(in crate::local) async fn confirm_claim(
        &self,
        claim: &Claim,
        account: &str,
        code: &str,
    ) -> Result<Confirmed, StoreError> {
        let (claim, account, code) = (claim.clone(), account.to_owned(), hex::sha256_text(code));
        self.run(move |connection| {
            let now = clock::unix_millis();
            let changed = connection.execute(
                "update claims set answered = ?3
                 where digest = ?1 and account = ?2 and answered = ?3 - 1 and expires_at > ?4
                   and exists (select 1 from projects where ref = claims.ref and organization = ?5)",
                params![
                    claim.digest,
                    account,
                    LAST_PAGE,
                    now,
                    crate::local::routes::ORGANIZATION
                ],
            )?;
            if changed != 1 {
                return Ok(Confirmed::TooLate);
            }
            let organization = claim.organization.as_deref().unwrap_or_default();
            move_project(connection, claim.reference.as_str(), organization)?;
            connection.execute(
                "update claims set code = ?2, code_expires_at = ?3 where digest = ?1",
                params![claim.digest, code, now + CODE_LASTS],
            )?;
            Ok(Confirmed::Moved)
        })
        .await
    }

    /// Takes a code, once, and writes down the tokens that are given for it. Answers their project.
    /// A second taking ends what the first was given: one of the two who have the code must not
    /// have it.
    pub(in crate::local) async fn take_code(
        &self,
        proof: CodeProof<'_>,
        refresh_token: &str,
        access_token: &str,
    ) -> Result<Option<Ref>, StoreError> {
        let code = hex::sha256_text(proof.code);
        let client_id = proof.client_id.to_ascii_lowercase();
        let redirect_uri = proof.redirect_uri.to_owned();
        let (s256, plain) = proof.challenges.unzip();
        let tokens = [refresh_token, access_token].map(hex::sha256_text);
        self.run(move |connection| {
            let used: Option<String> = connection
                .query_row(
                    "select digest from claims where code = ?1 and client_id = ?2 and code_used = 1",
                    params![code, client_id],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(claim) = used {
                end_authorizations(connection, "claim", &claim)?;
                return Ok(None);
            }
            let now = clock::unix_millis();
            let taken: Option<(String, Ref, String)> = connection
                .query_row(
                    include_str!("take_code.sql"),
                    params![code, client_id, redirect_uri, s256, plain, now],
                    |row| Ok((row.get(0)?, word(row, 1, |text| text.parse().ok())?, row.get(2)?)),
                )
                .optional()?;
            let Some((claim, reference, account)) = taken else {
                return Ok(None);
            };
            let [refresh, access] = tokens;
            connection.execute(
                "insert into authorizations (refresh_token, client_id, account, ref, claim) values (?1, ?2, ?3, ?4, ?5)",
                params![refresh, client_id, account, reference.as_str(), claim],
            )?;
            insert_access(connection, &access, &refresh)?;
            Ok(Some(reference))
        })
        .await
    }
}

/// Moves a project with its branches. Whatever was offered or granted for it by who had it before
/// ends: links, codes, claim tokens and authorizations.
pub(super) fn move_project(
    connection: &Connection,
    reference: &str,
    organization: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "update projects set organization = ?2 where ref = ?1 or parent = ?1",
        params![reference, organization],
    )?;
    connection.execute(
        "update claims set answered = ?2, code = null where ref = ?1",
        params![reference, LAST_PAGE],
    )?;
    connection.execute(
        "delete from claim_tokens where ref = ?1",
        params![reference],
    )?;
    end_authorizations(connection, "ref", reference)?;
    Ok(())
}

/// Ends authorizations, by one of their columns, with their access tokens.
pub(super) fn end_authorizations(
    connection: &Connection,
    column: &'static str,
    value: &str,
) -> Result<usize, StoreError> {
    connection.execute(
        &format!("delete from access_tokens where refresh_token in (select refresh_token from authorizations where {column} = ?1)"),
        params![value],
    )?;
    Ok(connection.execute(
        &format!("delete from authorizations where {column} = ?1"),
        params![value],
    )?)
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
    Ok(Claim {
        digest: row.get(0)?,
        reference: word(row, 1, |text| text.parse().ok())?,
        client_id: row.get(2)?,
        redirect_uri: row.get(3)?,
        state: row.get(4)?,
        account: row.get(5)?,
        organization: row.get(6)?,
        answered: row.get(7)?,
    })
}
