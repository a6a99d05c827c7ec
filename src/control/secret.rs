//! Draws the two halves of an API key from the operating system's generator.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::identity::PublicKey;

/// A public key that `is_free` says yes to: eight letters, each of the 26 equally likely.
pub(super) fn public_key(
    is_free: impl Fn(PublicKey) -> bool,
) -> Result<PublicKey, getrandom::Error> {
    loop {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random)?;
        if let Some(candidate) = letters_of(&random)
            && is_free(candidate)
        {
            return Ok(candidate);
        }
    }
}

/// A private key: a version 4 UUID (RFC 9562, section 5.4), which has 122 random bits.
pub(super) fn private_key() -> Result<SecretString, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; 16]);
    getrandom::fill(random.as_mut())?;
    Ok(uuid_text(&random).into())
}

/// The last twelve characters, which are kept and shown ever after.
pub(super) fn tail_of(private_key: &SecretString) -> Box<str> {
    let text = private_key.expose_secret();
    text.get(text.len().saturating_sub(TAIL_CHARACTERS)..).unwrap_or_default().into()
}

/// The first eight letters that `random` yields. Bytes of the last, incomplete round of the alphabet
/// are passed over, since they would make its first letters likelier.
fn letters_of(random: &[u8]) -> Option<PublicKey> {
    let letters: String = random
        .iter()
        .filter(|byte| **byte < WHOLE_ROUNDS)
        .take(8)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    PublicKey::parse(&letters)
}

/// The text never moves while it is written, so no copy of it is left behind: the capacity is its length.
fn uuid_text(random: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in random.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = match index {
            6 => (byte & 0x0f) | 0x40, // Version 4.
            8 => (byte & 0x3f) | 0x80, // The variant of RFC 9562.
            _ => *byte,
        };
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const WHOLE_ROUNDS: u8 = 26 * 9;
const TAIL_CHARACTERS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_a_version_4_uuid() {
        for (random, text) in [
            ([0x00; 16], "00000000-0000-4000-8000-000000000000"),
            ([0xff; 16], "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ] {
            assert_eq!(uuid_text(&random), text);
        }
        assert_eq!(&*tail_of(&uuid_text(&[0x1a; 16]).into()), "1a1a1a1a1a1a");
    }

    #[test]
    fn every_letter_of_a_public_key_is_equally_likely() {
        let mut seen = [0; 26];
        for byte in 0..=u8::MAX {
            if let Some(key) = letters_of(&[byte; 8]) {
                seen[usize::from(key.as_str().as_bytes()[0] - b'a')] += 1;
            }
        }
        assert_eq!(seen, [9; 26]);
    }

    #[test]
    fn a_public_key_that_is_taken_is_drawn_again() {
        let refused = std::cell::Cell::new(None);
        let drawn = public_key(|candidate| refused.replace(Some(candidate)).is_some()).unwrap();
        assert_eq!(refused.get(), Some(drawn));
    }
}
