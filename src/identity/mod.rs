//! Finds out who sends a request.
//!
//! A scheme looks at what a request presents and has one of three outcomes: nothing of its kind is there, a principal is
//! verified, or the credential is refused. The schemes of a route are asked in its order; the first that finds its
//! credential presented decides, so a failed credential is never retried as something else.
//!
//! Invariants
//! - Only a scheme makes a [`Principal`] out of a request, and only from credentials of the snapshot it is handed.
//! - A refusal tells the log which half was wrong; what is answered downstream is the same for every half.
//! - While too many credentials from an address were refused (`failures`), none from there is looked at. A right one whose
//!   nonce alone was not is no failure, and neither is a request without one.
//!
//! Not here: where the principal may come from (`access`), how a refusal is answered (`proxy::respond`, `admin::error`).

mod api_key;
pub mod bearer;
pub mod client_cert;
mod credentials;
pub mod digest;
pub mod failures;
mod organization;
mod role;
mod scheme;
mod secret;
mod service_account;
mod signing_key;
pub mod text;

use std::fmt;

use http::HeaderValue;
use http::header::AUTHORIZATION;

pub use api_key::{ApiKey, Ha1, PublicKey};
pub use credentials::{Credentials, Principal};
pub use organization::Organization;
pub use role::{Role, Roles};
pub use scheme::{Presented, RefusalReason};
pub use secret::{KeyId, SecretKeys, SecretVerifier};
pub use service_account::{ClientId, Secret, ServiceAccount, Token, TokenRef};
pub use signing_key::{SigningKey, SigningSecret};

use crate::addr::ClientIp;
use crate::time::Timestamp;
use failures::{Failures, TooManyFailures};
use scheme::{Outcome, Scheme};

/// Every scheme there is, ready to judge. Shared by all worker threads and the admin plane.
#[derive(Debug)]
pub struct Authenticator {
    digest: digest::Digest,
    bearer: bearer::Bearer,
    client_cert: client_cert::ClientCert,
    failures: Failures,
}

impl Authenticator {
    /// An authenticator of these schemes, which counts in `failures` what they refuse. No certificate stands for anybody.
    pub fn new(digest: digest::Digest, bearer: bearer::Bearer, failures: Failures) -> Self {
        Self { digest, bearer, client_cert: client_cert::ClientCert::default(), failures }
    }

    /// The same, where certificates stand for whom `settings` say.
    #[must_use]
    pub fn with_certificates(self, settings: client_cert::Settings) -> Self {
        Self { client_cert: client_cert::ClientCert::new(settings), ..self }
    }

    /// Asks the schemes in order; the first that is presented decides. What `client` presents is not looked at while
    /// too much from there was refused.
    ///
    /// # Errors
    /// [`Refusal::TooManyFailures`] before anything is looked at, [`Refusal::NotPresented`] when no scheme found its
    /// credential, [`Refusal::Refused`] when the first one found does not hold.
    pub fn authenticate(
        &self,
        schemes: &[SchemeKind],
        presented: &Presented<'_>,
        client: ClientIp,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Principal, Refusal> {
        if presented.headers.contains_key(AUTHORIZATION) {
            self.failures.check(client, now)?;
        }
        for &kind in schemes {
            match self.scheme(kind).check(presented, credentials, now) {
                Outcome::NotPresented => {}
                Outcome::Verified(principal) => return Ok(principal),
                Outcome::Refused(reason) => {
                    let refusal = Refusal::Refused { scheme: kind, reason };
                    if refusal.is_failure() {
                        self.failures.count(client, now);
                    }
                    return Err(refusal);
                }
            }
        }
        Err(Refusal::NotPresented)
    }

    /// What was refused from each address, for whoever looks at credentials in another way.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// The `WWW-Authenticate` values of a 401, one header line each, in the order of [`SchemeKind::ALL`] whatever the order of
    /// trying: public clients read the first line only. None where the answer is another than 401.
    ///
    /// A refused access token gets the line of its own scheme alone: who has tokens gets a new one by no other way.
    pub fn challenges(
        &self,
        schemes: &[SchemeKind],
        refusal: &Refusal,
        now: Timestamp,
    ) -> Vec<HeaderValue> {
        if let Refusal::TooManyFailures(_) = refusal {
            return Vec::new();
        }
        let only = refusal.scheme().filter(|scheme| *scheme == SchemeKind::Bearer);
        SchemeKind::ALL
            .into_iter()
            .filter(|kind| schemes.contains(kind) && only.is_none_or(|only| only == *kind))
            .flat_map(|kind| self.scheme(kind).challenges(refusal, now))
            .collect()
    }

    fn scheme(&self, kind: SchemeKind) -> &dyn Scheme {
        match kind {
            SchemeKind::Digest => &self.digest,
            SchemeKind::Bearer => &self.bearer,
            SchemeKind::ClientCert => &self.client_cert,
        }
    }
}

/// Scheme and outcome as the metrics tell them. What no scheme was presented for counts with the first that was asked for.
pub fn labels(
    schemes: &[SchemeKind],
    outcome: &Result<Principal, Refusal>,
) -> (&'static str, &'static str) {
    let asked = schemes.first().map_or("none", |scheme| scheme.as_str());
    match outcome {
        Ok(principal) => (principal.scheme.as_str(), "verified"),
        Err(refusal) => (refusal.scheme().map_or(asked, SchemeKind::as_str), refusal.label()),
    }
}

/// A way to authenticate.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SchemeKind {
    /// HTTP Digest, RFC 7616.
    Digest,
    /// Access tokens, RFC 6750.
    Bearer,
    /// Client certificates.
    ClientCert,
}

impl SchemeKind {
    /// Every scheme, in the order of their challenges.
    pub const ALL: [Self; 3] = [Self::Digest, Self::Bearer, Self::ClientCert];

    /// The schemes of a route that names none.
    pub const DEFAULT: [Self; 2] = [Self::Digest, Self::Bearer];

    /// The name in config, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Bearer => "bearer",
            Self::ClientCert => "client_cert",
        }
    }
}

impl fmt::Display for SchemeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nobody was authenticated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A credential was presented, and nobody looked at it.
    #[error(transparent)]
    TooManyFailures(#[from] TooManyFailures),
    /// No credential of any scheme that was asked for.
    #[error("no credential was presented")]
    NotPresented,
    /// A credential that does not hold.
    #[error("{scheme} credential refused: {reason}")]
    Refused {
        /// The scheme that it was of.
        scheme: SchemeKind,
        /// What was wrong with it.
        reason: RefusalReason,
    },
}

impl Refusal {
    /// Whether the credential itself was right and only its nonce was not, so that the same credential will do with a new one.
    ///
    /// A replay counts: the response was right, and `stale=false` would tell an honest client, whose library sent
    /// a request again after a lost connection, that its key is wrong (RFC 7616, section 3.3). Nothing is given away: who
    /// can present a right response has seen one.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::TooManyFailures(_) | Self::NotPresented => false,
            Self::Refused { reason, .. } => {
                matches!(reason, RefusalReason::StaleNonce | RefusalReason::Replayed)
            }
        }
    }

    /// Whether it counts against the address that it came from. What was right once does not: a stale nonce, an access token that
    /// has ended. Nobody gets there by guessing, and a busy client gets there with many requests at once.
    fn is_failure(&self) -> bool {
        match self {
            Self::TooManyFailures(_) | Self::NotPresented => false,
            // Who has the certificate of a credential that is gone has guessed nothing.
            Self::Refused { scheme: SchemeKind::ClientCert, .. } => false,
            Self::Refused { reason, .. } => !self.is_stale() && !reason.is_ended_token(),
        }
    }

    /// The label in logs and metrics: `limited`, `not_presented`, or one of [`RefusalReason::as_str`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooManyFailures(_) => "limited",
            Self::NotPresented => "not_presented",
            Self::Refused { reason, .. } => reason.as_str(),
        }
    }

    /// The scheme that refused; none when no credential was presented or looked at.
    pub fn scheme(&self) -> Option<SchemeKind> {
        match self {
            Self::TooManyFailures(_) | Self::NotPresented => None,
            Self::Refused { scheme, .. } => Some(*scheme),
        }
    }
}
