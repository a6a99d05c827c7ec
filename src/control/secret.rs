//! Draws what nobody may guess from the operating system's generator: the halves of an API key, secrets of service accounts,
//! keys that sign tokens.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::identity::{PublicKey, Secret, SigningSecret};

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

/// The last characters of a secret text, which are kept and shown ever after.
pub(super) fn tail_of(secret: &SecretString, characters: usize) -> Box<str> {
    let text = secret.expose_secret();
    text.get(text.len().saturating_sub(characters)..).unwrap_or_default().into()
}

/// A secret of a service account: its prefix and 40 characters of 6 random bits each. Source: contract, section 9.
pub(super) fn account_secret() -> Result<SecretString, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(random.as_mut())?;
    let mut text = String::with_capacity(Secret::PREFIX.len() + SECRET_BYTES / 3 * 4);
    text.push_str(Secret::PREFIX);
    // The alphabet of Base64 for URLs is the one that the contract gives; the capacity is enough, so that no copy stays behind.
    URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
    Ok(text.into())
}

/// A key to sign tokens with.
pub(super) fn signing_key() -> Result<SigningSecret, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; 32]);
    getrandom::fill(random.as_mut())?;
    Ok(SigningSecret::from_bytes(*random))
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
/// 40 characters in Base64.
const SECRET_BYTES: usize = 30;

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
        assert_eq!(&*tail_of(&uuid_text(&[0x1a; 16]).into(), 12), "1a1a1a1a1a1a");
    }

    #[test]
    fn a_secret_has_its_prefix_and_forty_characters_of_the_published_alphabet() {
        let secret = account_secret().unwrap();
        let random = secret.expose_secret().strip_prefix("mdb_sa_sk_").unwrap();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!(random.len() == 40 && random.bytes().all(known), "{random}");
        assert_ne!(random, &account_secret().unwrap().expose_secret()["mdb_sa_sk_".len()..]);
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
