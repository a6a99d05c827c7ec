//! Nonces that carry their own proof: nothing is kept of one until it is used.
//!
//! A nonce is 24 bytes, written as 32 characters of base64url:
//!
//! ```text
//! 0        6        12                   24
//! ├ time ──┼ random ┼ MAC, first 12 bytes ┤   time: milliseconds since 1970, big-endian
//! ```
//!
//! The MAC is HMAC-SHA256 over time and randomness under a key that the nodes of a fleet share, so each verifies what any
//! other issued. 24 bytes fill their 32 characters to the last bit: a nonce has one spelling only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The key that nonces are made and verified with; one for a deployment.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// The key of these bytes, which nobody outside the deployment may know.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey(redacted)")
    }
}

/// A nonce as it is written.
pub(super) type NonceText = [u8; 32];

/// A nonce whose MAC was right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Nonce {
    /// When it was issued, in milliseconds since 1970; below 2^48.
    pub(super) issued_ms: u64,
    /// What tells it from others of its millisecond; below 2^48.
    pub(super) random: u64,
    /// Evenly spread bits that no client can know, out of the part of the MAC that is not in the text.
    pub(super) spread: u64,
}

/// Issues nonces and recognises them.
pub(super) struct Nonces {
    /// The MAC with its key worked in, to be cloned for each nonce: two compressions instead of four.
    keyed: Hmac<Sha256>,
}

impl Nonces {
    pub(super) fn new(key: &NonceKey) -> Self {
        // HMAC fills a short key up with zeros to a block; done here, making it cannot fail.
        let mut block = Zeroizing::new([0_u8; 64]);
        block[..32].copy_from_slice(&key.0);
        Self { keyed: Hmac::new((&*block).into()) }
    }

    /// A nonce of that time.
    ///
    /// `random` is none when the operating system had no random bytes. Nothing weaker takes their place: the nonce is
    /// then one that this and every other node refuses as stale, so nobody gets in and clients ask again.
    pub(super) fn issue(&self, issued_ms: u64, random: Option<[u8; 6]>) -> NonceText {
        let mut bytes = [0_u8; 24];
        bytes[..6].copy_from_slice(&issued_ms.min(LAST_MS).to_be_bytes()[2..]);
        if let Some(random) = random {
            bytes[6..12].copy_from_slice(&random);
            let mac = self.mac(&bytes[..12]);
            bytes[12..].copy_from_slice(&mac[..12]);
        }
        let mut text = NonceText::default();
        // Cannot fail, the room is exact; if it did, the text would be no nonce and be refused.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        text
    }

    /// The nonce that `text` spells, if it was issued under this key.
    pub(super) fn verify(&self, text: &[u8]) -> Option<Nonce> {
        let text: &NonceText = text.try_into().ok()?;
        let mut bytes = [0_u8; 24];
        URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let mac = self.mac(&bytes[..12]);
        let genuine: bool = mac[..12].ct_eq(&bytes[12..]).into();
        genuine.then(|| Nonce {
            issued_ms: be_u64(&bytes[..6]),
            random: be_u64(&bytes[6..12]),
            spread: be_u64(&mac[12..20]),
        })
    }

    fn mac(&self, body: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(PURPOSE);
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

fn be_u64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// Keeps these MACs apart from any other made with a key of the deployment.
const PURPOSE: &[u8] = b"portcullis digest nonce 1\0";

/// The last millisecond that a nonce can tell, in the year 10889.
const LAST_MS: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nonces(key: u8) -> Nonces {
        Nonces::new(&NonceKey::from_bytes([key; 32]))
    }

    #[test]
    fn a_nonce_is_recognised_under_its_key_only() {
        let text = nonces(1).issue(1_785_000_000_000, Some([9; 6]));
        let nonce = nonces(1).verify(&text).unwrap();
        assert_eq!(nonce.issued_ms, 1_785_000_000_000);
        assert_eq!(nonce.random, 0x0909_0909_0909);
        assert_eq!(nonces(2).verify(&text), None);
    }

    #[test]
    fn a_nonce_is_32_characters_that_need_no_quoting() {
        let text = nonces(1).issue(1_785_000_000_000, Some([0xff; 6]));
        assert!(text.iter().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(c)), "{text:?}");
    }

    #[test]
    fn without_random_bytes_a_nonce_is_issued_that_nobody_accepts() {
        let text = nonces(1).issue(1_785_000_000_000, None);
        assert_eq!(text.len(), 32);
        assert_eq!(nonces(1).verify(&text), None);
    }

    #[test]
    fn the_key_is_the_one_of_the_standard_mac() {
        let mut standard = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        standard.update(PURPOSE);
        standard.update(b"body");
        let expected: [u8; 32] = standard.finalize().into_bytes().into();
        assert_eq!(nonces(7).mac(b"body"), expected);
    }

    #[test]
    fn a_nonce_key_is_never_shown() {
        assert_eq!(format!("{:?}", NonceKey::from_bytes([7; 32])), "NonceKey(redacted)");
    }

    proptest! {
        #[test]
        fn what_is_issued_reads_back(key: u8, issued_ms in 0..=LAST_MS, random: [u8; 6]) {
            let nonce = nonces(key).verify(&nonces(key).issue(issued_ms, Some(random))).unwrap();
            prop_assert_eq!(nonce.issued_ms, issued_ms);
            prop_assert_eq!(nonce.random, be_u64(&random));
        }

        #[test]
        fn a_changed_character_makes_it_foreign(random: [u8; 6], at in 0_usize..32, to in "[A-Za-z0-9_-]") {
            let text = nonces(1).issue(1_785_000_000_000, Some(random));
            let mut changed = text;
            changed[at] = to.as_bytes()[0];
            prop_assert_eq!(nonces(1).verify(&changed).is_some(), changed == text);
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(nonces(1).verify(&text), None);
        }
    }
}
