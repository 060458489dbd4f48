//! The vault: secrets that the operator may need and no agent ever does, sealed.
//!
//! ```text
//! seal   XChaCha20-Poly1305; a record is bound to its place
//! keys   from the environment, or vault.key in the data directory
//! ```
//!
//! A project's password is sealed before the platform is asked to make the project, and the platform
//! alone says how the project is called. So a password stands in one of these places:
//!
//! ```text
//! create:<digest of the idempotency key>         the platform may have made it, or not
//! <ref>   database_password                                  it is the project's
//! <ref>   database_password.next                             a change of it was begun
//! <ref>   oauth_tokens                               what a user granted who claimed it
//! claim:<digest of a state>   code_verifier, code    a claim that was asked for
//! ```
//!
//! Keys are read, and files of keys written, inside the store's transaction, of which there is one
//! at a time among all processes: nothing is sealed under a key that a rotation is dropping.

mod error;
mod keys;
mod seal;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use zeroize::Zeroizing;

use self::keys::Ring;
use self::seal::{Place, Sealed};
use super::projects::remember;
use super::{Store, StoreError};
use crate::api::Ref;
use crate::{clock, redact};

pub use self::error::VaultError;
pub use self::keys::VaultKeys;

/// What a project's password is called.
pub const PASSWORD: &str = "database_password";
/// What a password is called whose change was begun and is not known to be done.
pub const NEXT_PASSWORD: &str = "database_password.next";
/// What the tokens of a claimed project are called: a JSON object.
pub const OAUTH_TOKENS: &str = "oauth_tokens";

/// A record, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultRecord {
    /// The project's ref, or `create:…` while the platform has not named it.
    pub project: String,
    /// What the secret is called.
    pub name: String,
    /// When it was sealed first; RFC 3339.
    pub created_at: String,
    /// The key that it takes.
    pub key_id: String,
    /// What was asked for, while the platform has not named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_for: Option<AskedFor>,
}

/// The project that a password was made for, as far as it was known then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedFor {
    /// Its display name.
    pub project_name: String,
    /// The owner's slug.
    pub organization: String,
}

/// What a rotation did.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// How many records there are, each under the new key now.
    pub records: usize,
    /// The new key.
    pub key_id: String,
}

/// A record as it is stored.
struct Stored {
    place: Place,
    sealed: Sealed,
    created_at: String,
    asked_for: Option<AskedFor>,
}

const RECORD: &str =
    "select owner, name, key_id, nonce, sealed, created_at, project_name, organization from vault";

impl Store {
    /// Seals a secret; it is on disk when this answers. From then on it is redacted everywhere.
    pub async fn seal(
        &self,
        owner: &str,
        name: &str,
        secret: &str,
        asked_for: Option<AskedFor>,
    ) -> Result<(), StoreError> {
        redact::keep_secret(secret);
        let (place, secret) = (place(owner, name), Zeroizing::new(secret.to_owned()));
        let keys = self.keys();
        self.run(move |connection| {
            let ring = usable_ring(connection, &keys)?;
            put(connection, &ring, place, &secret, clock::now(), asked_for)
        })
        .await
    }

    /// Opens a secret, if there is one of that name.
    pub async fn open_sealed(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<Zeroizing<String>>, StoreError> {
        let place = place(owner, name);
        let keys = self.keys();
        let opened = self
            .run(move |connection| {
                let Some(stored) = get(connection, &place)? else {
                    return Ok(None);
                };
                Ok(Some(stored.open(&keys.ring()?)?))
            })
            .await?;
        if let Some(secret) = &opened {
            redact::keep_secret(secret);
        }
        Ok(opened)
    }

    /// The records, without their secrets; no key is needed for that.
    pub async fn vault_records(&self) -> Result<Vec<VaultRecord>, StoreError> {
        self.look(|connection| {
            let records = all(connection)?;
            Ok(records
                .into_iter()
                .map(|stored| VaultRecord {
                    project: stored.place.owner,
                    name: stored.place.name,
                    created_at: stored.created_at,
                    key_id: stored.sealed.key_id,
                    asked_for: stored.asked_for,
                })
                .collect())
        })
        .await
    }

    /// Forgets a secret that turned out to be nobody's.
    pub async fn drop_sealed(&self, owner: &str, name: &str) -> Result<(), StoreError> {
        let place = place(owner, name);
        self.run(move |connection| remove(connection, &place)).await
    }

    /// The platform has named the project that a password was sealed for: the password becomes the
    /// project's, and the project is remembered with the key under which it was created.
    pub async fn adopt_created(
        &self,
        handle: &str,
        reference: &Ref,
        project_name: &str,
        idempotency_key: &str,
    ) -> Result<(), StoreError> {
        let (from, to) = (place(handle, PASSWORD), place(reference.as_str(), PASSWORD));
        let project = (reference.clone(), project_name.to_owned());
        let key = idempotency_key.to_owned();
        let keys = self.keys();
        self.run(move |connection| {
            rename(connection, &usable_ring(connection, &keys)?, &from, to)?;
            remember(connection, &project.0, &project.1, &key)
        })
        .await
    }

    /// The change of a project's password is done: the next one is the one.
    pub async fn settle_next_password(&self, reference: &Ref) -> Result<(), StoreError> {
        let owner = reference.as_str();
        let (from, to) = (place(owner, NEXT_PASSWORD), place(owner, PASSWORD));
        let keys = self.keys();
        self.run(move |connection| rename(connection, &usable_ring(connection, &keys)?, &from, to))
            .await
    }

    /// Seals every record anew: under the key of the environment if there is one, else under a new
    /// one in the file. Cut short at any moment, every record opens, and the next rotation goes on.
    pub async fn rotate_vault_key(&self) -> Result<Resealed, StoreError> {
        let keys = self.keys();
        let resealed = self
            .run(move |connection| {
                let ring = usable_ring(connection, &keys)?;
                for stored in all(connection)? {
                    // Whatever does not open is found before any key changes.
                    stored.open(&ring)?;
                }
                if !keys.are_given() && keys.count_in_file()? < 2 {
                    keys.add_to_file()?;
                }
                let ring = keys.ring()?;
                let records = all(connection)?;
                let count = records.len();
                for stored in records {
                    let secret = stored.open(&ring)?;
                    put(
                        connection,
                        &ring,
                        stored.place,
                        &secret,
                        stored.created_at,
                        stored.asked_for,
                    )?;
                }
                Ok(Resealed {
                    records: count,
                    key_id: ring.first().map(seal::Key::id).unwrap_or_default(),
                })
            })
            .await?;
        // Only what is committed lets go of the old key; and whoever sealed in between has seen
        // the new one.
        let keys = self.keys();
        self.run(move |connection| {
            if keys.are_given() {
                return Ok(());
            }
            let first = keys.ring()?.first().map(seal::Key::id);
            let all_follow = all(connection)?
                .iter()
                .all(|stored| Some(&stored.sealed.key_id) == first.as_ref());
            if all_follow {
                keys.keep_first_of_file()?;
            }
            Ok(())
        })
        .await?;
        Ok(resealed)
    }
}

impl Stored {
    fn open(&self, ring: &Ring) -> Result<Zeroizing<String>, VaultError> {
        ring.find(&self.sealed.key_id)?
            .open(&self.place, &self.sealed)
    }
}

fn place(owner: &str, name: &str) -> Place {
    Place {
        owner: owner.to_owned(),
        name: name.to_owned(),
    }
}

/// The keys to seal with. A key is made only for an empty vault: where records are and no key is,
/// the key is lost or elsewhere, and a second one would hide that.
fn usable_ring(connection: &Connection, keys: &VaultKeys) -> Result<Ring, StoreError> {
    let ring = keys.ring()?;
    if ring.first().is_some() {
        return Ok(ring);
    }
    let needed: Option<String> = connection
        .query_row("select key_id from vault limit 1", [], |row| row.get(0))
        .optional()?;
    match needed {
        None => Ok(keys.ring_or_new()?),
        Some(needed) => Err(VaultError::OtherKey {
            needed,
            there: Vec::new(),
        }
        .into()),
    }
}

fn put(
    connection: &Connection,
    ring: &Ring,
    place: Place,
    secret: &str,
    created_at: String,
    asked_for: Option<AskedFor>,
) -> Result<(), StoreError> {
    let key = ring.first().ok_or(VaultError::OldKeyAlone)?;
    let sealed = key.seal(&place, secret)?;
    let (project_name, organization) = asked_for
        .map(|asked| (asked.project_name, asked.organization))
        .unzip();
    connection.execute(
        "insert or replace into vault
         (owner, name, key_id, nonce, sealed, created_at, project_name, organization)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            place.owner,
            place.name,
            sealed.key_id,
            sealed.nonce,
            sealed.bytes,
            created_at,
            project_name,
            organization
        ],
    )?;
    Ok(())
}

/// Seals a record for another place; whatever stood there before is gone.
fn rename(connection: &Connection, ring: &Ring, from: &Place, to: Place) -> Result<(), StoreError> {
    let stored = get(connection, from)?.ok_or_else(|| VaultError::NotFound(from.to_string()))?;
    let secret = stored.open(ring)?;
    put(connection, ring, to, &secret, stored.created_at, None)?;
    remove(connection, from)
}

fn remove(connection: &Connection, place: &Place) -> Result<(), StoreError> {
    connection.execute(
        "delete from vault where owner = ?1 and name = ?2",
        params![place.owner, place.name],
    )?;
    Ok(())
}

fn get(connection: &Connection, place: &Place) -> Result<Option<Stored>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("{RECORD} where owner = ?1 and name = ?2"))?
        .query_row(params![place.owner, place.name], stored)
        .optional()?)
}

fn all(connection: &Connection) -> Result<Vec<Stored>, StoreError> {
    let mut statement =
        connection.prepare(&format!("{RECORD} order by created_at, owner, name"))?;
    let records = statement.query_map([], stored)?;
    Ok(records.collect::<Result<_, _>>()?)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let asked: (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    Ok(Stored {
        place: Place {
            owner: row.get(0)?,
            name: row.get(1)?,
        },
        sealed: Sealed {
            key_id: row.get(2)?,
            nonce: row.get(3)?,
            bytes: row.get(4)?,
        },
        created_at: row.get(5)?,
        asked_for: asked
            .0
            .zip(asked.1)
            .map(|(project_name, organization)| AskedFor {
                project_name,
                organization,
            }),
    })
}
