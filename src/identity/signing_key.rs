//! Keys that sign access tokens. Kept in the store, so that a token outlives a restart and any node can verify it.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::SigningKeyId;
use crate::time::Timestamp;

/// A key for HMAC-SHA256 over tokens. Who has it can make any token: stored sealed, never shown, wiped when dropped.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Names it in the header of a token.
    pub id: SigningKeyId,
    /// The key itself.
    pub key: SigningSecret,
    /// When it was made; the newest key signs, and all of them verify.
    pub created: Timestamp,
}

/// The 32 bytes of a [`SigningKey`].
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningSecret([u8; 32]);

impl SigningSecret {
    /// The key with exactly these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(redacted)")
    }
}
