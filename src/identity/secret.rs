//! How a service account's secret is kept: as a keyed MAC, by which one that is presented can be told, and no other way.
//!
//! Invariants
//! - The MAC covers the account too, so that a verifier that was moved to another account verifies nothing there.
//! - Comparison takes the same time whatever was presented; secret and MAC are shown by no `Debug`.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::id::CredentialId;
use crate::keys::{KeyFile, SubKey};

/// The keys under which secrets are kept: the deployment's newest, and those from before its rotations.
#[derive(Clone, Debug)]
pub struct SecretKeys {
    newest: Key,
    older: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    id: KeyId,
    key: SubKey,
}

/// The short name of a key file's key: eight hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl SecretKeys {
    /// The keys that `keys` has for secrets.
    pub fn new(keys: &KeyFile) -> Self {
        let (id, key) = keys.secrets_key();
        let older = keys.older_secrets_keys().map(|(id, key)| Key::new(id, key));
        Self { newest: Key::new(id, key), older: older.collect() }
    }

    /// What is to be kept of a secret of `account`.
    pub fn verifier(&self, account: CredentialId, secret: &str) -> SecretVerifier {
        SecretVerifier { key: self.newest.id.clone(), mac: self.newest.mac(account, secret) }
    }

    /// Whether `secret` is the one that `verifier` was made of, for `account`. A verifier under a key that the key file
    /// holds no more verifies nothing.
    pub fn verify(&self, verifier: &SecretVerifier, account: CredentialId, secret: &str) -> bool {
        let keys = std::iter::once(&self.newest).chain(&self.older);
        let found = keys.into_iter().find(|key| key.id == verifier.key);
        let mac = found.unwrap_or(&self.newest).mac(account, secret);
        let same: bool = mac.ct_eq(&verifier.mac).into();
        same && found.is_some()
    }

    /// Takes the time of [`verify`](Self::verify) and verifies nothing: for an account that there is not.
    pub fn verify_nothing(&self, account: CredentialId, secret: &str) {
        let mac = self.newest.mac(account, secret);
        std::hint::black_box(bool::from(mac.ct_eq(&[0; 32])));
    }

    /// Keys of a key file that is forgotten at once.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::new(&KeyFile::create(&directory.path().join("key")).unwrap())
    }
}

impl Key {
    fn new(id: &str, key: &SubKey) -> Self {
        Self { id: id.into(), key: key.clone() }
    }

    fn mac(&self, account: CredentialId, secret: &str) -> [u8; 32] {
        // HMAC pads a key shorter than a block with zeros (RFC 2104, section 2).
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.key.as_bytes());
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(account.0.as_bytes());
        mac.update(secret.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// What a presented secret is verified against.
#[derive(Clone)]
pub struct SecretVerifier {
    /// Which key of the key file made it.
    pub key: KeyId,
    /// HMAC-SHA256 over the account's id and the secret.
    pub mac: [u8; 32],
}

impl PartialEq for SecretVerifier {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && bool::from(self.mac.ct_eq(&other.mac))
    }
}

impl fmt::Debug for SecretVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretVerifier(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectId;

    const ONE: CredentialId = CredentialId(ObjectId::from_bytes([1; 12]));
    const OTHER: CredentialId = CredentialId(ObjectId::from_bytes([2; 12]));

    #[test]
    fn a_secret_is_verified_for_its_own_account_only() {
        let keys = SecretKeys::for_tests();
        let verifier = keys.verifier(ONE, "mdb_sa_sk_abc");
        assert!(keys.verify(&verifier, ONE, "mdb_sa_sk_abc"));
        assert!(!keys.verify(&verifier, ONE, "mdb_sa_sk_abd"));
        assert!(!keys.verify(&verifier, ONE, ""));
        assert!(!keys.verify(&verifier, OTHER, "mdb_sa_sk_abc"));
    }

    #[test]
    fn a_verifier_of_another_key_file_verifies_nothing() {
        let verifier = SecretKeys::for_tests().verifier(ONE, "secret");
        assert!(!SecretKeys::for_tests().verify(&verifier, ONE, "secret"));
    }

    #[test]
    fn after_a_rotation_of_the_key_file_older_secrets_are_still_verified() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        let before = SecretKeys::new(&KeyFile::create(&old).unwrap()).verifier(ONE, "secret");
        KeyFile::create(&new).unwrap();
        let both = [std::fs::read(&new).unwrap(), std::fs::read(&old).unwrap()].concat();
        std::fs::write(&new, both).unwrap();
        let keys = SecretKeys::new(&KeyFile::load(&new).unwrap());
        assert!(keys.verify(&before, ONE, "secret"));
        assert_ne!(keys.verifier(ONE, "secret").key, before.key);
    }

    #[test]
    fn a_verifier_is_never_shown() {
        let verifier = SecretKeys::for_tests().verifier(ONE, "secret");
        assert_eq!(format!("{verifier:?}"), "SecretVerifier(redacted)");
    }
}
