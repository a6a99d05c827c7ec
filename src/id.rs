//! Names of things: every identifier is a type of its own, so that two kinds can't be confused.
//!
//! Identifiers of stored things are 12 bytes, written as 24 lower-case hexadecimal digits, the form the
//! published API prescribes (`^([a-f0-9]{24})$`). Generated ones begin with the second of their making,
//! so that sorting by identifier sorts by age.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::time::Timestamp;

/// Twelve bytes that name a stored thing.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectId([u8; 12]);

impl ObjectId {
    /// The identifier with exactly these bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The 24 digits, as ASCII.
    pub fn to_hex(self) -> [u8; 24] {
        let mut text = [0_u8; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 0x0f)];
        }
        text
    }

    /// The twelve bytes.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: &[u8; 24] = text.as_bytes().try_into().map_err(|_| IdError)?;
        let mut bytes = [0_u8; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// The text is not 24 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected 24 lower-case hexadecimal digits")]
pub struct IdError;

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub ObjectId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self)
            }
        }
    };
}

object_id!(
    /// Names an organization.
    OrgId
);
object_id!(
    /// Names a credential: an API key or a service account. Each credential has one access list of its own.
    CredentialId
);
object_id!(
    /// Names an access-list entry, and with it the usage that the entry gathers.
    EntryId
);
object_id!(
    /// Names a secret of a service account.
    SecretId
);
object_id!(
    /// Names an access token: the `jti` of its claims.
    TokenId
);
object_id!(
    /// Names a key that signs access tokens: the `kid` of their header.
    SigningKeyId
);

/// A version of everything stored. Grows by one with each accepted change.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes identifiers that sort by age and that two processes never share.
///
/// Four bytes of Unix seconds, five random bytes drawn once per generator, three bytes of a counter with a random start.
#[derive(Debug)]
pub struct IdGenerator {
    process: [u8; 5],
    counter: AtomicU32,
}

impl IdGenerator {
    /// A generator with fresh random parts.
    ///
    /// # Errors
    /// The operating system has no random bytes to give.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut seed = [0_u8; 8];
        getrandom::fill(&mut seed)?;
        let [a, b, c, d, e, x, y, z] = seed;
        Ok(Self {
            process: [a, b, c, d, e],
            counter: AtomicU32::new(u32::from_be_bytes([0, x, y, z])),
        })
    }

    /// The next identifier.
    pub fn next(&self, now: Timestamp) -> ObjectId {
        let seconds = u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX).to_be_bytes();
        let [_, x, y, z] = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bytes = [0_u8; 12];
        bytes[..4].copy_from_slice(&seconds);
        bytes[4..9].copy_from_slice(&self.process);
        bytes[9..].copy_from_slice(&[x, y, z]);
        ObjectId(bytes)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex_digit(digit: u8) -> Result<u8, IdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(IdError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_back_from_its_text() {
        let text = "32b6e34b3d91647abb20e7b8";
        assert_eq!(text.parse::<OrgId>().unwrap().to_string(), text);
    }

    #[test]
    fn anything_but_24_lower_case_digits_is_no_identifier() {
        for text in [
            "",
            "32b6",
            "32B6e34b3d91647abb20e7b8",
            "32b6e34b3d91647abb20e7bg",
            "32b6e34b3d91647abb20e7b8a",
        ] {
            assert_eq!(text.parse::<OrgId>(), Err(IdError), "{text}");
        }
    }

    #[test]
    fn identifiers_sort_by_the_second_of_their_making() {
        let ids = IdGenerator::new().unwrap();
        let early = ids.next(Timestamp::from_millis(1_000));
        let late = ids.next(Timestamp::from_millis(2_000));
        assert!(early < late);
    }
}
