//! Bearer access tokens (RFC 6750), sent in the `Authorization` header and nowhere else.
//!
//! A token is judged in this order: the header's form; the token's form, its signing key and its signature (`token`); then
//! whether the account, the secret and the token itself hold in the snapshot that is handed in. What the second step found
//! is remembered (`cache`), the third is asked of every request: a token ends with the snapshot that ends it.
//!
//! Invariants
//! - Nothing is computed over a header that is longer than a token can be.
//! - Only what a signing key has signed that verifies still is remembered, and only while that key verifies does it count.
//! - A token that is remembered costs no lock and no allocation, and is compared whole, in constant time.
//!
//! An unknown signing key is refused before anything is computed: its name is in every token, and so is no secret.
//!
//! Not here: which accounts there are (`credentials`), when a token holds (`service_account`), who issues and revokes them.

mod cache;
pub mod token;

use std::fmt;

use http::HeaderValue;

use self::cache::TokenCache;
use self::token::Verified;
use super::scheme::{Outcome, Presented, RefusalReason, Scheme};
use super::{Credentials, Principal, Refusal, SchemeKind, ServiceAccount, TokenRef};
use crate::time::Timestamp;

/// What the bearer scheme is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Verified tokens that are remembered at most. Each takes 8 bytes from the start, and about 600 once it is used.
    /// Default 65,536.
    pub tokens_cached: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tokens_cached: 65_536 }
    }
}

/// The bearer scheme: judges access tokens.
pub struct Bearer {
    settings: Settings,
    cache: TokenCache,
}

impl Bearer {
    /// A scheme that remembers no token yet.
    pub fn new(settings: Settings) -> Self {
        Self { cache: TokenCache::new(settings.tokens_cached), settings }
    }

    fn judge(
        &self,
        value: &[u8],
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Principal, RefusalReason> {
        let token = strip_spaces(value)?;
        // What is remembered was well formed: reading its letters again would take longer than all the rest.
        if let Some(verified) = self.cache.find(token) {
            return principal(&verified, credentials, now);
        }
        check_form(token)?;
        let verified = token::verify(token, credentials.verifying_keys(now))?;
        let principal = principal(&verified, credentials, now)?;
        self.cache.put(token, verified);
        Ok(principal)
    }
}

impl Scheme for Bearer {
    fn check(
        &self,
        presented: &Presented<'_>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Outcome {
        let value = match presented.authorization("Bearer") {
            Ok(Some(value)) => value,
            Ok(None) => return Outcome::NotPresented,
            Err(reason) => return Outcome::Refused(reason),
        };
        match self.judge(value, credentials, now) {
            Ok(principal) => Outcome::Verified(principal),
            Err(reason) => Outcome::Refused(reason),
        }
    }

    /// One line. It names nothing but the realm where no token was refused: there is nothing to tell (RFC 6750, section 3),
    /// and Python's `requests` reads all lines as one.
    fn challenges(&self, refusal: &Refusal, _now: Timestamp) -> Vec<HeaderValue> {
        let line = match refusal {
            Refusal::Refused { scheme: SchemeKind::Bearer, reason: RefusalReason::Malformed } => {
                r#"Bearer realm="MMS Public API", error="invalid_request""#
            }
            Refusal::Refused { scheme: SchemeKind::Bearer, .. } => {
                r#"Bearer realm="MMS Public API", error="invalid_token""#
            }
            _ => r#"Bearer realm="MMS Public API""#,
        };
        vec![HeaderValue::from_static(line)]
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What stands after the spaces that follow the scheme's name, if it is not longer than a token can be.
fn strip_spaces(value: &[u8]) -> Result<&[u8], RefusalReason> {
    let start = value.iter().position(|byte| *byte != b' ').unwrap_or(value.len());
    let token = &value[start..];
    let fits = start > 0 && token.len() <= MOST_TOKEN_BYTES;
    if fits { Ok(token) } else { Err(RefusalReason::Malformed) }
}

/// Whether it is a `b64token` to its end: RFC 6750, section 2.1.
fn check_form(token: &[u8]) -> Result<(), RefusalReason> {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    let is_token = !body.is_empty() && body.iter().all(|byte| is_token_byte(*byte));
    if is_token { Ok(()) } else { Err(RefusalReason::Malformed) }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// Who presents the token, as the snapshot has it now.
fn principal(
    verified: &Verified,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Principal, RefusalReason> {
    if !credentials.verifying_keys(now).iter().any(|key| key.id == verified.signed_by) {
        return Err(RefusalReason::UnknownSigningKey);
    }
    let account = credentials.account_by_id(verified.account);
    let account = account.ok_or(RefusalReason::UnknownAccount)?;
    if !account.holds(&verified.token, now) {
        return Err(why_void(account, &verified.token, now));
    }
    Ok(Principal {
        scheme: SchemeKind::Bearer,
        credential: account.id,
        org: account.org,
        roles: account.roles,
        token: Some(verified.token),
    })
}

/// Why a token of `account` does not hold.
fn why_void(account: &ServiceAccount, token: &TokenRef, now: Timestamp) -> RefusalReason {
    let secret = account.secret(token.secret);
    if now >= token.expires {
        RefusalReason::ExpiredToken
    } else if secret.is_none_or(|secret| !secret.is_live(now)) {
        RefusalReason::SecretGone
    } else {
        RefusalReason::RevokedToken
    }
}

/// Bytes that a token may have. Ours have under 500.
const MOST_TOKEN_BYTES: usize = 4096;

#[cfg(test)]
mod tests;
