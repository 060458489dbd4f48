//! The one place where anything is drawn by chance.
//!
//! Everywhere but in the worlds of eval harnesses every draw comes from the generator of the process,
//! which the operating system seeds. A world is [`seed`]ed once, at its start, and from then on the
//! same calls draw the same:
//!
//! ```text
//!   seed ── purpose ── of what ── how often that was drawn before ──► bytes
//!           "API key"  "ref/secret/default"  0
//! ```
//!
//! A draw depends on nothing else: not on what is drawn for other purposes, and where draws of one
//! purpose could come in either order, what they are for tells them apart. So work in the background
//! and the order in which threads come by change nothing.
//!
//! What nobody can see in a result is [`unseen`], and never seeded: names of temporary files and
//! sockets, holders of leases, jitter, the vault's keys and nonces. A nonce that came again, because
//! two processes were given one seed, would open the vault; a file's name that came again would find
//! the file there.
//!
//! Whoever knows a seed knows every key and token of its world. They guard nothing there.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use rand::Rng;
use sha2::{Digest, Sha256};

/// Letters as refs are made of.
pub(crate) const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// Letters and digits.
pub(crate) const ALPHANUMERICS: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What every draw of a process follows from.
#[derive(Clone)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// From the harness's number and a label. The label must be another one at each start of a
    /// process on the same data: counting begins anew with the process, and refs and ids that were
    /// given before would be given again.
    pub(crate) fn of(number: u64, label: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(b"drydock seed\n")
            .chain_update(number.to_be_bytes())
            .chain_update(label);
        Self(digest.finalize().into())
    }
}

/// Draws that follow from a seed.
struct Source {
    seed: Seed,
    /// How often each stream was drawn from, by its name.
    drawn: Mutex<HashMap<[u8; 32], u64>>,
}

impl Source {
    fn new(seed: Seed) -> Self {
        Self {
            seed,
            drawn: Mutex::default(),
        }
    }

    fn fill(&self, purpose: &str, of: &str, bytes: &mut [u8]) {
        // The length keeps one's end from being the other's beginning.
        let name: [u8; 32] = Sha256::new()
            .chain_update(self.seed.0)
            .chain_update((purpose.len() as u64).to_be_bytes())
            .chain_update(purpose)
            .chain_update(of)
            .finalize()
            .into();
        let before = {
            let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
            let count = drawn.entry(name).or_default();
            *count += 1;
            *count - 1
        };
        for (number, chunk) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let block = Sha256::new()
                .chain_update(name)
                .chain_update(before.to_be_bytes())
                .chain_update(number.to_be_bytes())
                .finalize();
            for (byte, drawn) in chunk.iter_mut().zip(block) {
                *byte = drawn;
            }
        }
    }
}

/// The seeded draws of this process, if it was seeded.
static SOURCE: OnceLock<Source> = OnceLock::new();

/// The process was seeded before.
#[derive(Debug, thiserror::Error)]
#[error("this process draws from a seed already")]
pub(crate) struct SeededBefore;

/// From now on every draw of this process that anybody can see follows from the seed. For a world,
/// before anything of it is made; nothing that serves real projects may call it.
pub(crate) fn seed(seed: Seed) -> Result<(), SeededBefore> {
    SOURCE.set(Source::new(seed)).map_err(|_| SeededBefore)
}

fn fill(purpose: &str, of: &str, bytes: &mut [u8]) {
    match SOURCE.get() {
        Some(source) => source.fill(purpose, of, bytes),
        None => rand::rng().fill_bytes(bytes),
    }
}

/// Random bytes for a purpose, such as `call id`. `of` is what they are for, such as a ref, where
/// others are drawn for the same purpose meanwhile; else it is empty.
pub(crate) fn draw<const N: usize>(purpose: &str, of: &str) -> [u8; N] {
    let mut bytes = [0; N];
    fill(purpose, of, &mut bytes);
    bytes
}

/// The same as hexadecimal digits, two a byte.
pub(crate) fn hex<const N: usize>(purpose: &str, of: &str) -> String {
    crate::hex::encode(&draw::<N>(purpose, of))
}

/// So many characters out of an alphabet.
pub(crate) fn text(purpose: &str, of: &str, alphabet: &[u8], length: usize) -> String {
    let mut bytes = vec![0; length * 8];
    fill(purpose, of, &mut bytes);
    spell(&bytes, alphabet)
}

/// A UUID of version 4.
pub(crate) fn uuid(purpose: &str, of: &str) -> String {
    uuid_of(draw(purpose, of))
}

/// Random bytes that nobody can see in a result, and that no seed decides.
pub(crate) fn unseen<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// The same as hexadecimal digits, for names of what is passing.
pub(crate) fn unseen_hex<const N: usize>() -> String {
    crate::hex::encode(&unseen::<N>())
}

/// A number from 0 to 1 that no seed decides, for pauses.
pub(crate) fn jitter() -> f64 {
    f64::from(u32::from_be_bytes(unseen())) / f64::from(u32::MAX)
}

/// Eight bytes a character: whatever the alphabet's length, none is likelier than another by more
/// than a part in 10^17.
fn spell(bytes: &[u8], alphabet: &[u8]) -> String {
    let (eights, _) = bytes.as_chunks::<8>();
    let letter = |eight: &[u8; 8]| {
        let place = u64::from_be_bytes(*eight).checked_rem(alphabet.len() as u64)?;
        alphabet.get(usize::try_from(place).ok()?)
    };
    eights
        .iter()
        .filter_map(letter)
        .map(|letter| char::from(*letter))
        .collect()
}

fn uuid_of(bytes: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(bytes);
    let bits = (bits & !(0xf_u128 << 76) & !(0x3_u128 << 62)) | (0x4_u128 << 76) | (0x2_u128 << 62);
    let digits = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default().to_owned();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u64, label: &str) -> Source {
        Source::new(Seed::of(number, label))
    }

    fn drawn(source: &Source, purpose: &str, of: &str) -> [u8; 40] {
        let mut bytes = [0; 40];
        source.fill(purpose, of, &mut bytes);
        bytes
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_number_or_label_something_else() {
        let first = drawn(&source(7, "start 1"), "ref", "");
        assert_eq!(first, drawn(&source(7, "start 1"), "ref", ""));
        assert_ne!(first, drawn(&source(8, "start 1"), "ref", ""));
        assert_ne!(first, drawn(&source(7, "start 2"), "ref", ""));
    }

    #[test]
    fn draws_of_one_purpose_differ_and_leave_other_purposes_and_subjects_alone() {
        let (quiet, busy) = (source(7, ""), source(7, ""));
        let expected = [drawn(&quiet, "key", "a"), drawn(&quiet, "key", "b")];
        let noise = [drawn(&busy, "ref", ""), drawn(&busy, "ref", "")];
        assert_ne!(noise[0], noise[1]);
        let (second, first) = (drawn(&busy, "key", "b"), drawn(&busy, "key", "a"));
        assert_eq!([first, second], expected);
        assert_ne!(first, drawn(&busy, "key", "a"));
        assert_ne!(drawn(&busy, "ke", "yc"), drawn(&busy, "key", "c"));
    }

    #[test]
    fn no_block_of_a_long_draw_comes_again() {
        let mut bytes = [0; 96];
        source(7, "").fill("key", "", &mut bytes);
        assert_ne!(bytes[..32], bytes[32..64]);
        assert_ne!(bytes[32..64], bytes[64..]);
    }

    #[test]
    fn a_text_is_made_of_its_alphabet_and_a_uuid_is_of_version_4() {
        assert_eq!(
            spell(&[0, 0, 0, 0, 0, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0, 2], LETTERS),
            "bc"
        );
        assert_eq!(text("name", "", ALPHANUMERICS, 22).len(), 22);
        assert_eq!(uuid_of([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid_of([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
