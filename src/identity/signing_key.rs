//! Keys that sign access tokens. Kept in the store, so that a token outlives a restart and any node can verify it.

use std::fmt;
use std::time::Duration;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Token;
use crate::id::SigningKeyId;
use crate::time::Timestamp;

/// A key for HMAC-SHA256 over tokens. Who has it can make any token: stored sealed, never shown, wiped when dropped.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Names it in the header of a token.
    pub id: SigningKeyId,
    /// The key itself.
    pub key: SigningSecret,
    /// When it was made, later than those before it. The newest key signs.
    pub created: Timestamp,
}

impl SigningKey {
    /// How long a key verifies once another has taken its place: as long as its last token lives, by the clock of any node.
    pub const OUTLIVES_SUCCESSION: Duration = Token::LIFETIME.saturating_add(CLOCK_SKEW);
}

/// How far the clocks of two nodes may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

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
