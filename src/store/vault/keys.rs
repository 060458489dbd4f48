//! Where the vault's keys come from.
//!
//! `DRYDOCK_VAULT_KEY` holds 32 bytes in base64 or hexadecimal; without it the file `vault.key` in
//! the data directory does, made when a secret is first sealed. The file has one key a line, in
//! hexadecimal; the first seals, each opens. It has two only while a rotation is under way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::VaultError;
use super::seal::{KEY_BYTES, Key};
use crate::chance;
use crate::{hex, redact};

/// The keys that the operator gave, and the file that stands in for them.
pub struct VaultKeys {
    given: Option<Key>,
    given_before: Option<Key>,
    file: PathBuf,
}

impl std::fmt::Debug for VaultKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultKeys")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The keys of one moment: the first seals, each opens.
pub(super) struct Ring(Vec<Key>);

impl Ring {
    /// The key that seals, if there is one.
    pub(super) fn first(&self) -> Option<&Key> {
        self.0.first()
    }

    /// The key of that id.
    pub(super) fn find(&self, id: &str) -> Result<&Key, VaultError> {
        self.0
            .iter()
            .find(|key| key.id() == id)
            .ok_or_else(|| VaultError::OtherKey {
                needed: id.to_owned(),
                there: self.0.iter().map(Key::id).collect(),
            })
    }
}

impl VaultKeys {
    /// The keys from the environment, each in base64 or hexadecimal, and the file beside the store.
    pub fn new(
        file: PathBuf,
        given: Option<&str>,
        given_before: Option<&str>,
    ) -> Result<Self, VaultError> {
        let read = |name: &'static str, text: Option<&str>| {
            text.map(|text| {
                redact::keep_secret(text.trim());
                decode(text).ok_or(VaultError::BadKey {
                    place: name.to_owned(),
                })
            })
            .transpose()
        };
        Ok(Self {
            given: read("DRYDOCK_VAULT_KEY", given)?,
            given_before: read("DRYDOCK_VAULT_KEY_OLD", given_before)?,
            file,
        })
    }

    /// Whether the operator keeps the key: then the file's only opens.
    pub(super) fn are_given(&self) -> bool {
        self.given.is_some()
    }

    /// The keys as they are now. The file's come after the environment's.
    pub(super) fn ring(&self) -> Result<Ring, VaultError> {
        let given = [&self.given, &self.given_before];
        let mut keys: Vec<Key> = given.into_iter().flatten().cloned().collect();
        // The old key alone never seals: it is there to be left behind.
        if self.given.is_none() && self.given_before.is_some() {
            return Err(VaultError::OldKeyAlone);
        }
        keys.extend(read_file(&self.file)?);
        Ok(Ring(keys))
    }

    /// The same, and the file is made if there is no key at all.
    pub(super) fn ring_or_new(&self) -> Result<Ring, VaultError> {
        let ring = self.ring()?;
        if ring.first().is_some() {
            return Ok(ring);
        }
        make_file(&self.file)?;
        self.ring()
    }

    /// Puts a new key before those of the file, and makes it the one that seals.
    pub(super) fn add_to_file(&self) -> Result<(), VaultError> {
        let mut keys = vec![Key::generate()];
        keys.extend(read_file(&self.file)?);
        replace_file(&self.file, &keys)
    }

    /// Drops every key of the file but the first.
    pub(super) fn keep_first_of_file(&self) -> Result<(), VaultError> {
        let mut keys = read_file(&self.file)?;
        if keys.len() > 1 {
            keys.truncate(1);
            replace_file(&self.file, &keys)?;
        }
        Ok(())
    }

    /// How many keys the file has: two after a rotation that did not come to its end.
    pub(super) fn count_in_file(&self) -> Result<usize, VaultError> {
        Ok(read_file(&self.file)?.len())
    }
}

/// A key from its text; `None` if it is not 32 bytes in base64 or hexadecimal.
fn decode(text: &str) -> Option<Key> {
    let text = text.trim();
    let bytes = if text.len() == 2 * KEY_BYTES {
        from_hex(text)?
    } else {
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|form| form.decode(text).ok())
            .map(Zeroizing::new)?
    };
    let bytes = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()?;
    // A place holder of zeros, or of one letter, is no key.
    let first = bytes.first()?;
    bytes
        .iter()
        .any(|byte| byte != first)
        .then(|| Key::of(bytes))
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        })
        .collect();
    let digits = Zeroizing::new(digits?);
    Some(Zeroizing::new(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    ))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    move |source| VaultError::File { path, source }
}

/// The file's keys; none if there is no file.
fn read_file(path: &Path) -> Result<Vec<Key>, VaultError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(path)(error)),
    };
    let mode = file.metadata().map_err(failed(path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed(path))?;
    let keys: Option<Vec<Key>> = text.lines().map(decode).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(VaultError::BadKey {
            place: path.display().to_string(),
        }),
    }
}

/// Makes the file with a new key, unless another process has made it meanwhile.
fn make_file(path: &Path) -> Result<(), VaultError> {
    let fresh = write_fresh(path, &[Key::generate()])?;
    // Unlike a rename, a link replaces nothing.
    let made = match fs::hard_link(&fresh, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    fs::remove_file(&fresh).map_err(failed(&fresh))?;
    made.and_then(|()| sync_folder(path)).map_err(failed(path))
}

fn replace_file(path: &Path, keys: &[Key]) -> Result<(), VaultError> {
    let fresh = write_fresh(path, keys)?;
    fs::rename(&fresh, path)
        .and_then(|()| sync_folder(path))
        .map_err(failed(path))
}

/// Writes the keys to a file beside `path`, on disk when this answers.
fn write_fresh(path: &Path, keys: &[Key]) -> Result<PathBuf, VaultError> {
    let fresh = path.with_extension(format!("key.{}", chance::unseen_hex::<8>()));
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        let line = Zeroizing::new(hex::encode(key.bytes()));
        text.push_str(&line);
        text.push('\n');
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(failed(&fresh))?;
    Ok(fresh)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::decode;

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hexadecimal() {
        let bytes: Vec<u8> = (0..32).map(|byte| byte * 7).collect();
        let forms = [
            crate::hex::encode(&bytes),
            crate::hex::encode(&bytes).to_uppercase(),
            base64::engine::general_purpose::STANDARD.encode(&bytes),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes),
            format!(" {}\n", crate::hex::encode(&bytes)),
        ];
        for form in forms {
            assert!(
                decode(&form).is_some_and(|key| key.bytes() == bytes),
                "{form}"
            );
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let zeros = "0".repeat(64);
        for text in [
            "",
            "secret",
            "abcd",
            &zeros,
            &"é".repeat(32),
            &"zz".repeat(32),
        ] {
            assert!(decode(text).is_none(), "{text}");
        }
    }
}
