//! The key file of a deployment: the one secret from which every other key is derived.
//!
//! A text file. Lines that are empty or begin with `#` say nothing; each other line is one key:
//!
//! ```text
//! portcullis-key-1 <id> <32 random bytes in Base64>
//! ```
//!
//! The first key seals, and all of them open, so that a key is changed by putting a new line on top. The id is
//! derived from the bytes: a key that was copied wrongly is found out by it.
//!
//! Invariants
//! - Nobody but the owner can read a file that was made, or loaded, here.
//! - The random bytes are used for nothing but HKDF-SHA256 (RFC 5869); each purpose has a key of its own.
//! - No key is shown by `Debug` or told by an error, and each is wiped from memory when it is dropped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::private_file::{self, OWNER_ONLY};

/// The keys of a deployment.
#[derive(Debug)]
pub struct KeyFile {
    newest: Keys,
    older: Vec<Keys>,
}

impl KeyFile {
    /// Makes a key file with one new key, readable by its owner only. The file is durable when this returns.
    ///
    /// # Errors
    /// [`Exists`](KeyFileError::Exists): a key file is never replaced, for what it sealed would be lost with it.
    /// [`Random`](KeyFileError::Random), [`Io`](KeyFileError::Io).
    pub fn create(path: &Path) -> Result<Self, KeyFileError> {
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        getrandom::fill(secret.as_mut()).map_err(KeyFileError::Random)?;
        let newest = Keys::derive(&secret)?;
        let encoded = Zeroizing::new(STANDARD.encode(secret.as_slice()));
        let text =
            Zeroizing::new(format!("{PREAMBLE}{KEY_WORD} {} {}\n", newest.id, encoded.as_str()));
        let mut file = private_file::create(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
            _ => io_error(path, "can't be made")(source),
        })?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| private_file::sync_name(path));
        if let Err(source) = written {
            // Half a key file would only stand in the way of the next attempt.
            let _ = std::fs::remove_file(path);
            return Err(io_error(path, "can't be written")(source));
        }
        Ok(Self { newest, older: Vec::new() })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`Missing`](KeyFileError::Missing), [`Exposed`](KeyFileError::Exposed), [`Malformed`](KeyFileError::Malformed),
    /// [`Io`](KeyFileError::Io).
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_private(path)?;
        let mut keys = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let malformed = |expected| malformed(path, index + 1, expected);
            let line = std::str::from_utf8(line).map_err(|_| malformed("text"))?.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, secret) = parse_line(line).map_err(malformed)?;
            let derived = Keys::derive(&secret)?;
            if *derived.id != *id {
                return Err(malformed("the key that belongs to its id: one of them is altered"));
            }
            if keys.iter().any(|earlier: &Keys| earlier.id == derived.id) {
                return Err(malformed("each key once"));
            }
            keys.push(derived);
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or_else(|| {
            malformed(path, 1, "a line `portcullis-key-1 <id> <32 bytes in Base64>`")
        })?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// The short name of the key that seals: eight hexadecimal digits. Not secret.
    pub fn id(&self) -> &str {
        &self.newest.id
    }

    /// The key that seals stored columns; its id is [`id`](Self::id).
    pub fn sealing_key(&self) -> &SubKey {
        &self.newest.sealing
    }

    /// Keys that sealed columns before a rotation, each with its id: they open what they sealed.
    pub fn older_sealing_keys(&self) -> impl Iterator<Item = (&str, &SubKey)> {
        self.older.iter().map(|keys| (&*keys.id, &keys.sealing))
    }

    /// The key that keeps the secrets of service accounts, and its id.
    pub fn secrets_key(&self) -> (&str, &SubKey) {
        (&self.newest.id, &self.newest.secrets)
    }

    /// Keys that kept secrets before a rotation, each with its id: they verify what was kept under them.
    pub fn older_secrets_keys(&self) -> impl Iterator<Item = (&str, &SubKey)> {
        self.older.iter().map(|keys| (&*keys.id, &keys.secrets))
    }

    /// The key for authenticating digest nonces.
    pub fn nonce_key(&self) -> &SubKey {
        &self.newest.nonce
    }
}

/// A key for one purpose. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SubKey([u8; 32]);

impl SubKey {
    /// The key itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubKey(redacted)")
    }
}

/// Why a key file was not made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("key file {path} does not exist")]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// A new key file was asked for where something is already.
    #[error("key file {path} exists already and is not replaced")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// Others than the owner may read, write or run the file.
    #[error(
        "key file {path} has mode {mode:04o}, expected {OWNER_ONLY:04o}: it is open to others than its owner"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// The permission bits found.
        mode: u32,
    },
    /// A line is not what it has to be.
    #[error("key file {path}, line {line}: expected {expected}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// The file or its directory can't be read or written.
    #[error("key file {path} {action}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The operating system has no random bytes to give.
    #[error("no random bytes for a key")]
    Random(#[source] getrandom::Error),
    /// A key could not be derived.
    #[error("key derivation failed")]
    Derivation(#[from] hkdf::InvalidLength),
}

/// What is derived from one line of the file.
#[derive(Debug)]
struct Keys {
    id: Box<str>,
    sealing: SubKey,
    nonce: SubKey,
    secrets: SubKey,
}

impl Keys {
    fn derive(secret: &[u8; SECRET_BYTES]) -> Result<Self, hkdf::InvalidLength> {
        // The secret is uniformly random already, so that no salt is needed (RFC 5869, section 3.1).
        let source = Hkdf::<Sha256>::new(None, secret);
        let derive = |purpose: &str| {
            let mut key = SubKey([0; 32]);
            source.expand(purpose.as_bytes(), &mut key.0).map(|()| key)
        };
        let [a, b, c, d, ..] = derive("portcullis key 1: id")?.0;
        Ok(Self {
            id: format!("{:08x}", u32::from_be_bytes([a, b, c, d])).into(),
            sealing: derive("portcullis key 1: sealing")?,
            nonce: derive("portcullis key 1: digest nonces")?,
            secrets: derive("portcullis key 1: service account secrets")?,
        })
    }
}

/// The id and the secret of a line that holds a key; what was expected when it does not.
fn parse_line(line: &str) -> Result<(&str, Zeroizing<[u8; SECRET_BYTES]>), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (word, id, encoded) = (words.next(), words.next(), words.next());
    if word != Some(KEY_WORD) {
        return Err("`portcullis-key-1` at its start");
    }
    let (Some(id), Some(encoded), None) = (id, encoded, words.next()) else {
        return Err("`portcullis-key-1 <id> <32 bytes in Base64>`");
    };
    // One byte more than fits: the decoder asks for room by the length of the text, its padding included.
    let mut decoded = Zeroizing::new([0_u8; SECRET_BYTES + 1]);
    let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
    match STANDARD.decode_slice(encoded, decoded.as_mut()) {
        Ok(SECRET_BYTES) => secret.copy_from_slice(&decoded[..SECRET_BYTES]),
        _ => return Err("32 bytes in Base64 as the key"),
    }
    Ok((id, secret))
}

/// The content of a file that only its owner may touch.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
        _ => io_error(path, "can't be opened")(source),
    })?;
    // Asked of the open file, so that it can't be another one by now.
    let mode = file.metadata().map_err(io_error(path, "can't be examined"))?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    // Room for everything from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
    file.take(FILE_BYTES as u64 + 1)
        .read_to_end(&mut text)
        .map_err(io_error(path, "can't be read"))?;
    if text.len() > FILE_BYTES {
        return Err(malformed(path, 1, "a key file, which has at most 16 KiB"));
    }
    Ok(text)
}

fn malformed(path: &Path, line: usize, expected: &'static str) -> KeyFileError {
    KeyFileError::Malformed { path: path.to_owned(), line, expected }
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io { path: path.to_owned(), action, source }
}

const KEY_WORD: &str = "portcullis-key-1";
const SECRET_BYTES: usize = 32;
/// Far more than any number of rotations leaves behind.
const FILE_BYTES: usize = 16 * 1024;
const PREAMBLE: &str = "\
# The key of a Portcullis deployment. What the database keeps secret can't be opened without it:
# keep a copy in a safe place, and let nobody else read it.
";

#[cfg(test)]
mod tests;
