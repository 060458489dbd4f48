//! The vault's cryptography: XChaCha20-Poly1305, a fresh random nonce for each record, and the
//! record's place as associated data, so that a record put in another's place does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::VaultError;
use crate::chance;
use crate::hex;

/// The length of a key, in bytes.
pub(super) const KEY_BYTES: usize = 32;
/// The length of a nonce, in bytes.
const NONCE_BYTES: usize = 24;
/// What a key's id is a digest of, beside the key: no other digest of a key equals it.
const KEY_ID: &[u8] = b"drydock vault key id 1";
/// What associated data begins with; a record of another form does not open as one of this.
const RECORD: &str = "drydock vault record 1";

/// A key. Never shown, and wiped from memory when dropped.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Whose secret it is.
    pub(super) owner: String,
    /// What it is called.
    pub(super) name: String,
}

/// What is stored of a secret.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) key_id: String,
    pub(super) nonce: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

impl Key {
    pub(super) fn generate() -> Self {
        Self(Zeroizing::new(chance::unseen()))
    }

    pub(super) fn of(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Names the key without telling anything of it: 16 hexadecimal digits.
    pub(super) fn id(&self) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new()
            .chain_update(KEY_ID)
            .chain_update(self.bytes());
        let mut id = hex::encode(&digest.finalize());
        id.truncate(16);
        id
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }

    /// Seals `secret` for one place.
    pub(super) fn seal(&self, place: &Place, secret: &str) -> Result<Sealed, VaultError> {
        let nonce = chance::unseen::<NONCE_BYTES>();
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: &place.associated(),
        };
        let bytes = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Damaged(place.to_string()))?;
        Ok(Sealed {
            key_id: self.id(),
            nonce: nonce.to_vec(),
            bytes,
        })
    }

    /// Opens what was sealed for this place, and only that.
    pub(super) fn open(
        &self,
        place: &Place,
        sealed: &Sealed,
    ) -> Result<Zeroizing<String>, VaultError> {
        let damaged = || VaultError::Damaged(place.to_string());
        let nonce =
            <[u8; NONCE_BYTES]>::try_from(sealed.nonce.as_slice()).map_err(|_| damaged())?;
        let payload = Payload {
            msg: &sealed.bytes,
            aad: &place.associated(),
        };
        let bytes = self
            .cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| damaged())?;
        // The bytes become the text, and are wiped with it.
        String::from_utf8(bytes)
            .map(Zeroizing::new)
            .map_err(|_| damaged())
    }
}

impl Place {
    /// Each part is preceded by its length, so that no two places read alike.
    fn associated(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for part in [RECORD, &self.owner, &self.name] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Place, VaultError};

    fn place(owner: &str, name: &str) -> Place {
        Place {
            owner: owner.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_record_opens_in_its_own_place_and_in_no_other() -> Result<(), VaultError> {
        let key = Key::generate();
        let sealed = key.seal(&place("ab", "c"), "secret")?;
        assert_eq!(*key.open(&place("ab", "c"), &sealed)?, "secret");
        for other in [place("ab", "d"), place("a", "bc"), place("x", "c")] {
            assert!(key.open(&other, &sealed).is_err(), "{other}");
        }
        Ok(())
    }

    #[test]
    fn a_changed_record_does_not_open() -> Result<(), VaultError> {
        let (key, here) = (Key::generate(), place("a", "b"));
        let sealed = key.seal(&here, "secret")?;
        for bit in 0..sealed.bytes.len() * 8 {
            let mut changed = sealed.clone();
            changed.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&here, &changed).is_err());
        }
        let mut changed = sealed.clone();
        changed.nonce[0] ^= 1;
        assert!(key.open(&here, &changed).is_err());
        assert!(Key::generate().open(&here, &sealed).is_err());
        Ok(())
    }

    #[test]
    fn no_two_records_are_sealed_alike() -> Result<(), VaultError> {
        let (key, here) = (Key::generate(), place("a", "b"));
        let (one, two) = (key.seal(&here, "secret")?, key.seal(&here, "secret")?);
        assert!(one.nonce != two.nonce && one.bytes != two.bytes);
        assert_eq!(one.key_id, key.id());
        assert_ne!(key.id(), Key::generate().id());
        Ok(())
    }
}
