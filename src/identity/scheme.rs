//! What a way to authenticate has to do, and the three outcomes that it may have.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method};

use super::{Credentials, Principal, Refusal};
use crate::time::Timestamp;

/// What a request presents to the schemes. No `Debug`: the headers hold credentials.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The method, as received.
    pub method: &'a Method,
    /// The raw request target as received: path and query, or the absolute form.
    pub target: &'a str,
    /// Every header of the request.
    pub headers: &'a HeaderMap,
}

/// One way to authenticate.
pub(super) trait Scheme {
    /// Looks for this scheme's credential in a request and judges it.
    ///
    /// Takes no lock and does no I/O. The time it takes tells nothing about which half of a credential was wrong.
    fn check(
        &self,
        presented: &Presented<'_>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Outcome;

    /// The `WWW-Authenticate` values that ask for this scheme's credential after `refusal`, one line each.
    fn challenges(&self, refusal: &Refusal, now: Timestamp) -> Vec<HeaderValue>;
}

/// What a scheme found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// No credential of this scheme: the next one may look.
    NotPresented,
    /// A good credential.
    Verified(Principal),
    /// A credential of this scheme that does not hold. The search ends here.
    Refused(RefusalReason),
}

/// Why a presented credential was refused: for logs and metrics, never for the downstream.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusalReason {
    /// The header breaks its grammar, lacks a part, has one twice, is too long, or is not alone.
    Malformed,
    /// An algorithm, a quality of protection or an extension that is not offered.
    Unsupported,
    /// The answer is for another realm.
    WrongRealm,
    /// The answer is for another request target.
    WrongTarget,
    /// No key has this name.
    UnknownKey,
    /// The private key was another one.
    WrongResponse,
    /// The answer is right, and its nonce is expired, forgotten, or none that was issued under this key.
    StaleNonce,
    /// The answer is right, and its nonce count was used before or is too far behind the latest to tell.
    Replayed,
}

impl RefusalReason {
    /// Every reason, so that a metric handle can be made for each.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Unsupported,
        Self::WrongRealm,
        Self::WrongTarget,
        Self::UnknownKey,
        Self::WrongResponse,
        Self::StaleNonce,
        Self::Replayed,
    ];

    /// The label in logs and metrics: one of a closed set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::WrongRealm => "wrong_realm",
            Self::WrongTarget => "wrong_target",
            Self::UnknownKey => "unknown_key",
            Self::WrongResponse => "wrong_response",
            Self::StaleNonce => "stale_nonce",
            Self::Replayed => "replayed",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
