//! Accounts, their browsers and organizations, the builder's OAuth apps and what was granted to them.

use rusqlite::{OptionalExtension, params};

use super::claims::end_authorizations;
use super::{Registry, collect, new_uuid, word};
use crate::api::Ref;
use crate::clock;
use crate::hex;
use crate::sqlite::StoreError;

/// For how long a browser stays signed in, in milliseconds: a day.
const SESSION_LASTS: i64 = 24 * 3600 * 1000;
/// For how long an access token holds, in seconds.
pub(in crate::local) const ACCESS_LASTS: u64 = 3600;

/// An account.
#[derive(Debug, Clone)]
pub(in crate::local) struct Account {
    pub(in crate::local) id: String,
    pub(in crate::local) email: String,
}

/// An account with what its password is checked by. Has no `Debug`.
pub(in crate::local) struct Login {
    pub(in crate::local) id: String,
    pub(in crate::local) salt: String,
    pub(in crate::local) password: String,
}

/// An organization of an account.
#[derive(Debug, Clone)]
pub(in crate::local) struct StoredOrganization {
    pub(in crate::local) slug: String,
    pub(in crate::local) name: String,
}

/// An OAuth app, without its secret.
#[derive(Debug, Clone)]
pub(in crate::local) struct StoredApp {
    pub(in crate::local) name: String,
    pub(in crate::local) redirect_uris: Vec<String>,
}

/// Whom an access token stands for, and for which project.
#[derive(Debug, Clone)]
pub(in crate::local) struct Granted {
    pub(in crate::local) account: String,
    pub(in crate::local) reference: Ref,
}

impl Registry {
    /// A browser's session: whether there is one, and who has signed in.
    pub(in crate::local) async fn session(
        &self,
        cookie: &str,
    ) -> Result<Option<Option<Account>>, StoreError> {
        let digest = hex::sha256_text(cookie);
        self.look(move |connection| {
            Ok(connection
                .query_row(
                    "select accounts.id, accounts.email from sessions
                     left join accounts on accounts.id = sessions.account
                     where digest = ?1 and expires_at > ?2",
                    params![digest, clock::unix_millis()],
                    |row| {
                        let (id, email): (Option<String>, Option<String>) =
                            (row.get(0)?, row.get(1)?);
                        Ok(id.zip(email).map(|(id, email)| Account { id, email }))
                    },
                )
                .optional()?)
        })
        .await
    }

    /// A session under a new cookie, instead of `before`.
    pub(in crate::local) async fn begin_session(
        &self,
        cookie: &str,
        before: Option<&str>,
        account: Option<&str>,
    ) -> Result<(), StoreError> {
        let digest = hex::sha256_text(cookie);
        let before = before.map(hex::sha256_text);
        let account = account.map(str::to_owned);
        self.run(move |connection| {
            let now = clock::unix_millis();
            connection.execute(
                "delete from sessions where expires_at <= ?1 or digest = ?2",
                params![now, before],
            )?;
            connection.execute(
                "insert into sessions (digest, account, expires_at) values (?1, ?2, ?3)",
                params![digest, account, now + SESSION_LASTS],
            )?;
            Ok(())
        })
        .await
    }

    /// Makes an account. Nothing if there is one with that address.
    pub(in crate::local) async fn add_account(
        &self,
        email: &str,
        salt: String,
        password: String,
    ) -> Result<Option<String>, StoreError> {
        let (id, email) = (new_uuid("account", email), email.to_owned());
        self.run(move |connection| {
            let added = connection.execute(
                "insert into accounts (id, email, salt, password, created_at) values (?1, ?2, ?3, ?4, ?5)
                 on conflict do nothing",
                params![id, email, salt, password, clock::now()],
            )?;
            Ok((added == 1).then_some(id))
        })
        .await
    }

    /// What an address's password is checked by.
    pub(in crate::local) async fn login(&self, email: &str) -> Result<Option<Login>, StoreError> {
        let email = email.to_owned();
        self.look(move |connection| {
            Ok(connection
                .query_row(
                    "select id, salt, password from accounts where email = ?1",
                    params![email],
                    |row| {
                        Ok(Login {
                            id: row.get(0)?,
                            salt: row.get(1)?,
                            password: row.get(2)?,
                        })
                    },
                )
                .optional()?)
        })
        .await
    }

    /// An account's organizations, by name.
    pub(in crate::local) async fn organizations(
        &self,
        account: &str,
    ) -> Result<Vec<StoredOrganization>, StoreError> {
        let account = account.to_owned();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select slug, name from organizations where account = ?1 order by name, slug",
            )?;
            collect(statement.query_map(params![account], |row| {
                Ok(StoredOrganization {
                    slug: row.get(0)?,
                    name: row.get(1)?,
                })
            })?)
        })
        .await
    }

    /// Makes an organization of an account.
    pub(in crate::local) async fn add_organization(
        &self,
        account: &str,
        slug: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        let values = [slug, name, account].map(str::to_owned);
        self.run(move |connection| {
            let [slug, name, account] = values;
            connection.execute(
                "insert into organizations (slug, name, account, created_at) values (?1, ?2, ?3, ?4)",
                params![slug, name, account, clock::now()],
            )?;
            Ok(())
        })
        .await
    }

    /// Registers an OAuth app.
    pub(in crate::local) async fn add_app(
        &self,
        client_id: &str,
        client_secret: &str,
        name: &str,
        redirect_uris: &[String],
    ) -> Result<(), StoreError> {
        let secret = hex::sha256_text(client_secret);
        let values = [client_id.to_owned(), secret, name.to_owned()];
        let redirect_uris = serde_json::to_string(redirect_uris)?;
        self.run(move |connection| {
            let [client_id, secret, name] = values;
            connection.execute(
                "insert into oauth_apps (client_id, client_secret, name, redirect_uris) values (?1, ?2, ?3, ?4)",
                params![client_id, secret, name, redirect_uris],
            )?;
            Ok(())
        })
        .await
    }

    /// An OAuth app; with a secret, only if it is the app's.
    pub(in crate::local) async fn app(
        &self,
        client_id: &str,
        client_secret: Option<&str>,
    ) -> Result<Option<StoredApp>, StoreError> {
        let client_id = client_id.to_ascii_lowercase();
        let secret = client_secret.map(hex::sha256_text);
        self.look(move |connection| {
            let found: Option<(String, String)> = connection
                .query_row(
                    "select name, redirect_uris from oauth_apps
                     where client_id = ?1 and client_secret = coalesce(?2, client_secret)",
                    params![client_id, secret],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let Some((name, uris)) = found else {
                return Ok(None);
            };
            Ok(Some(StoredApp {
                name,
                redirect_uris: serde_json::from_str(&uris)?,
            }))
        })
        .await
    }

    /// Another access token for a refresh token of the app. Answers the project.
    pub(in crate::local) async fn refresh(
        &self,
        client_id: &str,
        refresh_token: &str,
        access_token: &str,
    ) -> Result<Option<Ref>, StoreError> {
        let digests = [refresh_token, access_token].map(hex::sha256_text);
        let client_id = client_id.to_ascii_lowercase();
        self.run(move |connection| {
            let [refresh, access] = digests;
            let found = connection
                .query_row(
                    "select ref from authorizations where refresh_token = ?1 and client_id = ?2",
                    params![refresh, client_id],
                    |row| word(row, 0, |text| text.parse().ok()),
                )
                .optional()?;
            if found.is_some() {
                insert_access(connection, &access, &refresh)?;
            }
            Ok(found)
        })
        .await
    }

    /// Ends an authorization of the app with its access tokens. Says whether there was one.
    pub(in crate::local) async fn revoke(
        &self,
        client_id: &str,
        refresh_token: &str,
    ) -> Result<bool, StoreError> {
        let refresh = hex::sha256_text(refresh_token);
        let client_id = client_id.to_ascii_lowercase();
        self.run(move |connection| {
            let owner = connection
                .query_row(
                    "select 1 from authorizations where refresh_token = ?1 and client_id = ?2",
                    params![refresh, client_id],
                    |_| Ok(()),
                )
                .optional()?;
            if owner.is_none() {
                return Ok(false);
            }
            Ok(end_authorizations(connection, "refresh_token", &refresh)? > 0)
        })
        .await
    }

    /// Writes an account's personal access token down.
    pub(in crate::local) async fn add_account_token(
        &self,
        account: &str,
        token: &str,
    ) -> Result<(), StoreError> {
        let values = [hex::sha256_text(token), account.to_owned()];
        self.run(move |connection| {
            let [digest, account] = values;
            connection.execute(
                "insert into account_tokens (digest, account) values (?1, ?2)",
                params![digest, account],
            )?;
            Ok(())
        })
        .await
    }

    /// Whose personal access token it is.
    pub(in crate::local) async fn account_of(
        &self,
        token: &str,
    ) -> Result<Option<String>, StoreError> {
        let digest = hex::sha256_text(token);
        self.look(move |connection| {
            Ok(connection
                .query_row(
                    "select account from account_tokens where digest = ?1",
                    params![digest],
                    |row| row.get(0),
                )
                .optional()?)
        })
        .await
    }

    /// Whom an access token stands for, while it holds.
    pub(in crate::local) async fn granted(
        &self,
        access_token: &str,
    ) -> Result<Option<Granted>, StoreError> {
        let digest = hex::sha256_text(access_token);
        self.look(move |connection| {
            Ok(connection
                .query_row(
                    "select account, ref from access_tokens join authorizations using (refresh_token)
                     where digest = ?1 and expires_at > ?2",
                    params![digest, clock::unix_millis()],
                    |row| {
                        Ok(Granted {
                            account: row.get(0)?,
                            reference: word(row, 1, |text| text.parse().ok())?,
                        })
                    },
                )
                .optional()?)
        })
        .await
    }
}

pub(super) fn insert_access(
    connection: &rusqlite::Connection,
    access: &str,
    refresh: &str,
) -> Result<(), StoreError> {
    let now = clock::unix_millis();
    let lasts = i64::try_from(ACCESS_LASTS)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    connection.execute(
        "delete from access_tokens where expires_at <= ?1",
        params![now],
    )?;
    connection.execute(
        "insert into access_tokens (digest, refresh_token, expires_at) values (?1, ?2, ?3)",
        params![access, refresh, now.saturating_add(lasts)],
    )?;
    Ok(())
}
