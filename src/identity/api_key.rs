//! What is kept of an API key: its names, its roles, and what a digest is verified against.

use std::fmt;

use subtle::ConstantTimeEq;

use super::Roles;
use crate::id::{CredentialId, OrgId};
use crate::time::Timestamp;

/// An API key, without the private key: only what verifies one is kept.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Names the key; the API's `apiUserId`.
    pub id: CredentialId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// The user name of the digest.
    pub public_key: PublicKey,
    /// What it is for, 1 to 250 characters.
    pub description: Box<str>,
    /// What it may do on the admin API, and what a route may ask for.
    pub roles: Roles,
    /// The last twelve characters of the private key, shown ever after.
    pub private_key_tail: Box<str>,
    /// What the digest is verified against.
    pub ha1: Ha1,
    /// When it was made.
    pub created: Timestamp,
}

/// Eight lower-case letters: the public half of an API key.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey([u8; 8]);

impl PublicKey {
    /// Reads eight lower-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 8] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_lowercase).then_some(Self(letters))
    }

    /// The eight letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `H(public key:realm:private key)` by each algorithm. As good as a password for this realm, so it is stored sealed and never shown.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Ha1 {
    /// By MD5.
    pub md5: [u8; 16],
    /// By SHA-256.
    pub sha256: [u8; 32],
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        (self.md5.ct_eq(&other.md5) & self.sha256.ct_eq(&other.sha256)).into()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_never_shown() {
        let ha1 = Ha1 { md5: [7; 16], sha256: [7; 32] };
        assert_eq!(format!("{ha1:?}"), "Ha1(redacted)");
    }
}
