//! HTTP Digest, server side: RFC 7616 with `qop=auth`, MD5 and SHA-256.
//!
//! An answer is judged in this order: its form, its realm and target; the nonce's MAC; the key; the response; and
//! only when that is right the nonce's age and whether its count was used before. So a wrong response is
//! told nothing about the nonce, and only who holds the key makes the replay table remember anything.
//!
//! Invariants
//! - A (nonce, count) passes once on one node, whatever the interleaving (`replay`).
//! - An unknown key is hashed and compared like a known one, and refused whatever the comparison says.
//! - Verifying takes no lock and allocates nothing; secrets are compared in constant time.
//!
//! A nonce that this node did not issue under the key of its deployment is never accepted, but a right response to it gets
//! `stale=true`: after a change of the key file clients come again by themselves. The same happens to nonces that are
//! older than the node's start: they may have been used before it (`replay::ReplayTable::begin`).
//!
//! Not here: which keys there are (`credential`), the answer's status and body (`proxy::respond`, `admin::error`).

mod header;
mod nonce;
mod replay;

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use md5::Md5;
use sha2::digest::Output;
use sha2::{Digest as Hash, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::header::{Answer, Response};
pub use self::nonce::NonceKey;
use self::nonce::{NonceText, Nonces};
use self::replay::{ReplayTable, Verdict};
use super::scheme::{Outcome, Presented, RefusalReason, Scheme};
use super::{ApiKey, Credentials, Ha1, Principal, PublicKey, Refusal, SchemeKind};
use crate::time::Timestamp;

/// The protection space of every key. Part of what is stored of a key: another realm would void them all.
pub const REALM: &str = "MMS Public API";

/// What the digest scheme is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The algorithms offered, in the order of their challenges; others are refused. Default MD5, SHA-256.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good for. Default 5 min.
    pub nonce_lifetime: Duration,
    /// Nonces whose use is remembered, at most 2^24. Each takes 80 bytes of memory from the start. Default 65,536.
    pub nonces_remembered: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            nonce_lifetime: Duration::from_secs(300),
            nonces_remembered: 65_536,
        }
    }
}

/// A digest algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `SHA-256`
    Sha256,
}

impl Algorithm {
    /// The name in a challenge and in the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// The digest scheme: issues challenges and judges the answers.
pub struct Digest {
    settings: Settings,
    lifetime_ms: u64,
    nonces: Nonces,
    replays: ReplayTable,
}

impl Digest {
    /// A scheme that makes its nonces with `nonce_key`, and has seen none used.
    pub fn new(settings: Settings, nonce_key: NonceKey) -> Self {
        Self {
            lifetime_ms: millis(settings.nonce_lifetime),
            nonces: Nonces::new(&nonce_key),
            replays: ReplayTable::new(settings.nonces_remembered),
            settings,
        }
    }

    fn judge(
        &self,
        value: &[u8],
        presented: &Presented<'_>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Principal, RefusalReason> {
        if value.len() > MOST_HEADER_BYTES + presented.target.len() {
            return Err(RefusalReason::Malformed);
        }
        let answer = Answer::parse(value)?;
        self.check_scope(&answer, presented)?;
        let nonce = self.nonces.verify(answer.nonce);
        let key = verify_response(&answer, presented, credentials)?;
        let nonce = nonce.ok_or(RefusalReason::StaleNonce)?;
        if !self.is_fresh(nonce.issued_ms, now) {
            return Err(RefusalReason::StaleNonce);
        }
        match self.replays.spend(&nonce, answer.count.value) {
            Verdict::First => Ok(Principal {
                scheme: SchemeKind::Digest,
                credential: key.id,
                org: key.org,
                roles: key.roles,
                token: None,
            }),
            Verdict::Repeated => Err(RefusalReason::Replayed),
            Verdict::Forgotten => Err(RefusalReason::StaleNonce),
        }
    }

    /// Whether the answer is meant for this realm, this request and an algorithm that is offered.
    fn check_scope(
        &self,
        answer: &Answer<'_>,
        presented: &Presented<'_>,
    ) -> Result<(), RefusalReason> {
        let algorithm = match answer.response {
            Response::Md5(_) => Algorithm::Md5,
            Response::Sha256(_) => Algorithm::Sha256,
        };
        if !self.settings.algorithms.contains(&algorithm) {
            Err(RefusalReason::Unsupported)
        } else if !answer.realm.equals(REALM.as_bytes()) {
            Err(RefusalReason::WrongRealm)
        } else if !answer.uri.equals(presented.target.as_bytes()) {
            Err(RefusalReason::WrongTarget)
        } else {
            Ok(())
        }
    }

    /// Whether a nonce of that time is neither expired nor from the future.
    ///
    /// Nodes' clocks may differ a little. Where this node's clock was set back, it issues nonces just above the replay
    /// table's watermark until the time has caught up, and so accepts them.
    fn is_fresh(&self, issued_ms: u64, now: Timestamp) -> bool {
        let now_ms = unix_ms(now);
        let newest = now_ms.max(self.replays.watermark_ms()).saturating_add(MOST_SKEW_MS);
        issued_ms <= newest && now_ms.saturating_sub(issued_ms) < self.lifetime_ms
    }

    fn issue_nonce(&self, now: Timestamp) -> NonceText {
        // Above the watermark, or it would be stale before it is used.
        let issued_ms = unix_ms(now).max(self.replays.watermark_ms().saturating_add(1));
        let mut random = [0_u8; 6];
        match getrandom::fill(&mut random) {
            Ok(()) => self.nonces.issue(issued_ms, Some(random)),
            Err(error) => {
                tracing::error!(%error, "no random bytes for a digest nonce; nobody can authenticate by digest");
                self.nonces.issue(issued_ms, None)
            }
        }
    }
}

impl Scheme for Digest {
    fn check(
        &self,
        presented: &Presented<'_>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Outcome {
        self.replays.begin(unix_ms(now));
        let value = match presented.authorization("Digest") {
            Ok(Some(value)) => value,
            Ok(None) => return Outcome::NotPresented,
            Err(reason) => return Outcome::Refused(reason),
        };
        match self.judge(value, presented, credentials, now) {
            Ok(principal) => Outcome::Verified(principal),
            Err(reason) => Outcome::Refused(reason),
        }
    }

    /// One line per algorithm offered, all with one nonce, in the spelling of the public API: its clients take the
    /// first line only, want comma and space between parameters, and fail on a parameter that they don't know.
    fn challenges(&self, refusal: &Refusal, now: Timestamp) -> Vec<HeaderValue> {
        self.replays.begin(unix_ms(now));
        let nonce = self.issue_nonce(now);
        let nonce = std::str::from_utf8(&nonce).unwrap_or_default();
        let stale = refusal.is_stale() && refusal.scheme() == Some(SchemeKind::Digest);
        self.settings
            .algorithms
            .iter()
            .filter_map(|algorithm| {
                let algorithm = algorithm.as_str();
                HeaderValue::try_from(format!(
                    r#"Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm={algorithm}, qop="auth", stale={stale}"#
                ))
                .ok()
            })
            .collect()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Ha1 {
    /// What is kept of a key pair: `H(public key:realm:private key)` by each algorithm.
    pub fn new(public_key: PublicKey, private_key: &str) -> Self {
        Self {
            md5: ha1::<Md5>(public_key, private_key).into(),
            sha256: ha1::<Sha256>(public_key, private_key).into(),
        }
    }
}

fn ha1<H: Hash>(public_key: PublicKey, private_key: &str) -> Output<H> {
    H::new()
        .chain_update(public_key.as_str())
        .chain_update(":")
        .chain_update(REALM)
        .chain_update(":")
        .chain_update(private_key)
        .finalize()
}

/// The key whose holder made the response. Does the same work whether or not there is such a key.
fn verify_response<'a>(
    answer: &Answer<'_>,
    presented: &Presented<'_>,
    credentials: &'a Credentials,
) -> Result<&'a ApiKey, RefusalReason> {
    let key = std::str::from_utf8(answer.username)
        .ok()
        .and_then(PublicKey::parse)
        .and_then(|public_key| credentials.key_by_public_key(public_key));
    let ha1 = key.map_or(&NOBODY, |key| &key.ha1);
    let right: bool = match &answer.response {
        Response::Md5(sent) => expected::<Md5>(&ha1.md5, answer, presented).ct_eq(sent),
        Response::Sha256(sent) => expected::<Sha256>(&ha1.sha256, answer, presented).ct_eq(sent),
    }
    .into();
    match key {
        None => Err(RefusalReason::UnknownKey),
        Some(_) if !right => Err(RefusalReason::WrongResponse),
        Some(key) => Ok(key),
    }
}

/// The response that the holder of `ha1` makes: RFC 7616, sections 3.4.1 to 3.4.3.
///
/// The target takes the place of the answer's `uri`, which is equal to it.
fn expected<H: Hash>(ha1: &[u8], answer: &Answer<'_>, presented: &Presented<'_>) -> Output<H> {
    let ha2 = H::new()
        .chain_update(presented.method.as_str())
        .chain_update(":")
        .chain_update(presented.target)
        .finalize();
    H::new()
        .chain_update(Hex::of(ha1).digits())
        .chain_update(":")
        .chain_update(answer.nonce)
        .chain_update(":")
        .chain_update(answer.count.digits)
        .chain_update(":")
        .chain_update(answer.cnonce)
        .chain_update(":auth:")
        .chain_update(Hex::of(&ha2).digits())
        .finalize()
}

/// Up to 32 bytes in lower-case hexadecimal, on the stack, wiped when it goes: an HA1 is as good as a password.
struct Hex {
    digits: Zeroizing<[u8; 64]>,
    length: usize,
}

impl Hex {
    fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = Zeroizing::new([0; 64]);
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0x0f)];
        }
        Self { digits, length: 2 * bytes.len().min(32) }
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Stands in for a key that there is not, so that looking for one takes as long.
static NOBODY: Ha1 = Ha1 { md5: [0x5a; 16], sha256: [0x5a; 32] };

/// What an answer may take besides the request target, which it repeats. The longest seen of a public client is under 400 bytes.
const MOST_HEADER_BYTES: usize = 4096;

/// How far ahead the clock of the node that issued a nonce may be.
const MOST_SKEW_MS: u64 = 30_000;

#[cfg(test)]
mod tests;
