//! What a way to authenticate has to do, and the three outcomes that it may have.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use super::client_cert::Shown;
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
    /// The certificate that the client has shown in the connection's handshake, good as of now.
    pub certificate: Option<Shown<'a>>,
}

impl<'a> Presented<'a> {
    /// What follows the name of `scheme`, in any case, in the `Authorization` header; none where it is another scheme's.
    ///
    /// # Errors
    /// The scheme's is one of several lines. The field is one value (RFC 9110, section 11.6.2): which of them another reader would
    /// obey is anyone's guess.
    pub(super) fn authorization(&self, scheme: &str) -> Result<Option<&'a [u8]>, RefusalReason> {
        let lines = self.headers.get_all(AUTHORIZATION).iter();
        let mut values = lines.map(|line| strip_scheme(line.as_bytes(), scheme));
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(value),
            (Some(None), Some(None)) if values.all(|value| value.is_none()) => Ok(None),
            (Some(_), Some(_)) => Err(RefusalReason::Malformed),
        }
    }
}

/// What follows the scheme's name, when `value` is of `scheme`.
fn strip_scheme<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let end = value.iter().position(is_space).unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    name.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
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
    /// The token has no form that is issued here: it is no JWT, or one of another algorithm, issuer or audience.
    ForeignToken,
    /// No signing key has the name that the token gives; it may have been replaced long ago.
    UnknownSigningKey,
    /// The token's signature is not that of the key it names.
    WrongSignature,
    /// The token is right, and its service account is gone.
    UnknownAccount,
    /// The token is right, and its time is over.
    ExpiredToken,
    /// The token is right, and its holder has given it back.
    RevokedToken,
    /// The token is right, and the secret it was given for is gone or has expired.
    SecretGone,
}

impl RefusalReason {
    /// Every reason, so that a metric handle can be made for each.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unsupported,
        Self::WrongRealm,
        Self::WrongTarget,
        Self::UnknownKey,
        Self::WrongResponse,
        Self::StaleNonce,
        Self::Replayed,
        Self::ForeignToken,
        Self::UnknownSigningKey,
        Self::WrongSignature,
        Self::UnknownAccount,
        Self::ExpiredToken,
        Self::RevokedToken,
        Self::SecretGone,
    ];

    /// Whether it is an access token that was issued here, and holds no more.
    pub(super) const fn is_ended_token(self) -> bool {
        matches!(
            self,
            Self::UnknownAccount | Self::ExpiredToken | Self::RevokedToken | Self::SecretGone
        )
    }

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
            Self::ForeignToken => "foreign_token",
            Self::UnknownSigningKey => "unknown_signing_key",
            Self::WrongSignature => "wrong_signature",
            Self::UnknownAccount => "unknown_account",
            Self::ExpiredToken => "expired_token",
            Self::RevokedToken => "revoked_token",
            Self::SecretGone => "secret_gone",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str], scheme: &str) -> Result<Option<String>, RefusalReason> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        let presented =
            Presented { method: &Method::GET, target: "/", headers: &headers, certificate: None };
        let value = presented.authorization(scheme)?;
        Ok(value.map(|value| String::from_utf8(value.to_vec()).unwrap()))
    }

    #[test]
    fn a_scheme_is_known_by_its_whole_name_in_any_case() {
        for (line, rest) in [
            ("Digest a=b", Some(" a=b")),
            ("dIGEST\ta=b", Some("\ta=b")),
            ("Digest", Some("")),
            ("Digester a=b", None),
            ("Bearer a=b", None),
            ("Basic Digest", None),
            ("", None),
        ] {
            assert_eq!(found(&[line], "Digest"), Ok(rest.map(str::to_owned)), "{line}");
        }
        assert_eq!(found(&[], "Digest"), Ok(None));
    }

    #[test]
    fn of_several_lines_none_may_be_the_scheme_s() {
        for (lines, is_refused) in [
            (&["Digest a", "Digest a"][..], true),
            (&["Digest a", "Basic a"], true),
            (&["Basic a", "digest a"], true),
            (&["Basic a", "Basic b", "Digest a"], true),
            (&["Basic a", "Bearer a"], false),
        ] {
            let expected = if is_refused { Err(RefusalReason::Malformed) } else { Ok(None) };
            assert_eq!(found(lines, "Digest"), expected, "{lines:?}");
        }
    }
}
