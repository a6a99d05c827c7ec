//! Seals what may not lie in the database in plain form, and opens it again.
//!
//! A sealed value, by XChaCha20-Poly1305 (its nonce is long enough to be drawn at random for ever):
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of this form: 1 |
//! | 8 | id of the key that sealed it, as text |
//! | 24 | nonce |
//! | rest | ciphertext, with its tag of 16 bytes at the end |
//!
//! The first two parts and the value's [`Place`] are authenticated with it: a value that was altered, or moved to
//! another row or column, does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::keys::{KeyFile, SubKey};

/// Seals under the first key of a key file, opens under any.
pub(super) struct Sealer {
    sealing: Key,
    older: Vec<Key>,
}

struct Key {
    id: Box<str>,
    cipher: XChaCha20Poly1305,
}

/// Where a sealed value lies.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Table and column, as in `api_key.ha1_md5`.
    pub(super) column: &'static str,
    /// The row's primary key.
    pub(super) row: &'a [u8],
}

impl Sealer {
    /// A sealer with the keys of `keys`.
    pub(super) fn new(keys: &KeyFile) -> Self {
        Self {
            sealing: Key::new(keys.id(), keys.sealing_key()),
            older: keys.older_sealing_keys().map(|(id, key)| Key::new(id, key)).collect(),
        }
    }

    /// The id of the key that seals.
    pub(super) fn id(&self) -> &str {
        &self.sealing.id
    }

    /// Whether what was sealed with the key `id` can be opened.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.find(id.as_bytes()).is_some()
    }

    /// Seals `plain` for one place.
    ///
    /// # Errors
    /// There are no random bytes for a nonce, or `plain` is longer than the cipher takes (256 GiB).
    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(SealError::Random)?;
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(self.sealing.id.as_bytes());
        let associated = place.associated(&sealed);
        sealed.extend_from_slice(&nonce);
        let payload = Payload { msg: plain, aad: &associated };
        let ciphertext = self.sealing.cipher.encrypt(&XNonce::from(nonce), payload);
        sealed.extend_from_slice(&ciphertext.map_err(|_| SealError::TooLong)?);
        Ok(sealed)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// It is no sealed value, its key is not held, or it was altered or moved.
    pub(super) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (header, rest) = sealed.split_at_checked(HEADER_BYTES).ok_or(OpenError::Form)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(OpenError::Form)?;
        let Some((&FORM, id)) = header.split_first() else { return Err(OpenError::Form) };
        let key = self.find(id).ok_or_else(|| OpenError::UnknownKey {
            id: String::from_utf8_lossy(id).escape_default().to_string(),
        })?;
        let payload = Payload { msg: ciphertext, aad: &place.associated(header) };
        let nonce: &[u8; NONCE_BYTES] = nonce;
        let plain = key.cipher.decrypt(nonce.into(), payload).map_err(|_| OpenError::Altered)?;
        Ok(Zeroizing::new(plain))
    }

    fn find(&self, id: &[u8]) -> Option<&Key> {
        std::iter::once(&self.sealing).chain(&self.older).find(|key| key.id.as_bytes() == id)
    }
}

impl Key {
    fn new(id: &str, key: &SubKey) -> Self {
        Self { id: id.into(), cipher: XChaCha20Poly1305::new(key.as_bytes().into()) }
    }
}

impl Place<'_> {
    /// What is authenticated beside the ciphertext. No two places have the same, for no column's name holds a zero.
    fn associated(self, header: &[u8]) -> Vec<u8> {
        [header, self.column.as_bytes(), &[0], self.row].concat()
    }
}

/// Why a value was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The operating system has no random bytes to give.
    #[error("no random bytes for a nonce: {0}")]
    Random(getrandom::Error),
    /// The value is longer than the cipher takes.
    #[error("the value is too long")]
    TooLong,
}

/// Why a sealed value was not opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The bytes are no sealed value of a known form.
    #[error("no sealed value of a known form")]
    Form,
    /// The key that sealed it is not in the key file.
    #[error("sealed with key {id}, which the key file does not hold")]
    UnknownKey {
        /// The id of that key.
        id: String,
    },
    /// The value, its header or its place is not what was sealed.
    #[error("it was altered, or moved from another place")]
    Altered,
}

const FORM: u8 = 1;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { column: "api_key.ha1_md5", row: &[1; 12] };

    #[test]
    fn a_sealed_value_opens_in_its_place_and_nowhere_else() {
        let sealer = Sealer::new(&keys());
        let sealed = sealer.seal(PLACE, b"secret").unwrap();
        assert_eq!(**sealer.open(PLACE, &sealed).unwrap(), *b"secret");
        for elsewhere in [
            Place { row: &[2; 12], ..PLACE },
            Place { row: &[1; 11], ..PLACE },
            Place { column: "api_key.ha1_sha256", ..PLACE },
        ] {
            assert_eq!(sealer.open(elsewhere, &sealed), Err(OpenError::Altered));
        }
    }

    #[test]
    fn a_value_that_was_altered_anywhere_or_cut_does_not_open() {
        let sealer = Sealer::new(&keys());
        let sealed = sealer.seal(PLACE, b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(sealer.open(PLACE, &altered).is_err(), "byte {index}");
            assert!(sealer.open(PLACE, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_value_sealed_under_another_key_names_it() {
        let (ours, theirs) = (keys(), keys());
        let sealed = Sealer::new(&theirs).seal(PLACE, b"secret").unwrap();
        let refusal = Sealer::new(&ours).open(PLACE, &sealed).unwrap_err();
        assert_eq!(refusal, OpenError::UnknownKey { id: theirs.id().to_owned() });
    }

    #[test]
    fn nothing_of_the_value_is_seen_and_no_two_sealings_are_alike() {
        let sealer = Sealer::new(&keys());
        let (one, two) = (sealer.seal(PLACE, &[7; 32]), sealer.seal(PLACE, &[7; 32]));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(4).any(|bytes| bytes == [7; 4]));
    }

    #[test]
    fn after_a_rotation_the_older_key_still_opens() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        let sealed = Sealer::new(&KeyFile::create(&old).unwrap()).seal(PLACE, b"secret").unwrap();
        let newest = KeyFile::create(&new).unwrap().id().to_owned();
        let both = [std::fs::read(&new).unwrap(), std::fs::read(&old).unwrap()].concat();
        std::fs::write(&new, both).unwrap();

        let sealer = Sealer::new(&KeyFile::load(&new).unwrap());
        assert_eq!(**sealer.open(PLACE, &sealed).unwrap(), *b"secret");
        assert_eq!(sealer.id(), newest);
        assert_eq!(&sealer.seal(PLACE, b"").unwrap()[1..9], newest.as_bytes());
    }

    fn keys() -> KeyFile {
        KeyFile::create(&tempfile::tempdir().unwrap().path().join("key")).unwrap()
    }
}
