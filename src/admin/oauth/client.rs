//! Who asks: a service account, by its client id and one of its secrets.
//!
//! Both come in the `Authorization` header by the Basic scheme, or in the form, and never in both (RFC 6749, section 2.3). In the
//! header each half is form-encoded before it is put together, and Go's library does so; a client that does not, such as
//! curl, sends the same, since neither half has a character that would be escaped.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::form::Form;
use super::refusal::Refusal;
use crate::addr::ClientIp;
use crate::admin::{AdminState, percent};
use crate::id::{CredentialId, ObjectId, SecretId};
use crate::identity::{ClientId, ServiceAccount};

/// A client whose secret is right.
#[derive(Debug)]
pub(super) struct Client {
    /// The account.
    pub(super) account: Arc<ServiceAccount>,
    /// Which of its secrets was presented.
    pub(super) secret: SecretId,
}

impl Client {
    /// The account whose secret a request presents.
    ///
    /// # Errors
    /// None is presented, or in two ways; it is not right; too many from `address` were not.
    pub(super) fn identify(
        state: &AdminState,
        headers: &HeaderMap,
        form: &Form,
        address: ClientIp,
    ) -> Result<Self, Refusal> {
        let (failures, now) = (state.authenticator.failures(), state.clock.now());
        let outcome = Presented::of(headers, form).and_then(|presented| {
            // Before anything is computed.
            failures.check(address, now)?;
            presented.verify(state)
        });
        if outcome.as_ref().is_err_and(Refusal::is_failure) {
            failures.count(address, now);
        }
        state.metrics.auth(SCHEME, outcome.as_ref().map_or_else(Refusal::label, |_| "verified"));
        outcome
    }
}

/// What a client says who it is.
struct Presented {
    id: String,
    secret: SecretString,
}

impl Presented {
    /// What the header or the form presents.
    fn of(headers: &HeaderMap, form: &Form) -> Result<Self, Refusal> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Self::of_form(form),
            (Some(_), Some(_)) => Err(Refusal::Malformed),
            (Some(_), None) if form.client_secret.is_some() => Err(Refusal::TwoWays),
            (Some(line), None) => {
                let basic = Self::of_basic(line.as_bytes()).ok_or(Refusal::Malformed)?;
                // Its name beside is no second way to authenticate, if it is the same.
                match &form.client_id {
                    Some(other) if *other != basic.id => Err(Refusal::TwoWays),
                    _ => Ok(basic),
                }
            }
        }
    }

    fn of_form(form: &Form) -> Result<Self, Refusal> {
        match (&form.client_id, &form.client_secret) {
            (None, None) => Err(Refusal::NoClient),
            (Some(id), Some(secret)) => Ok(Self { id: id.clone(), secret: secret.clone() }),
            _ => Err(Refusal::Malformed),
        }
    }

    /// `Basic`, and the Base64 of both halves with a colon between: RFC 7617, section 2.
    fn of_basic(line: &[u8]) -> Option<Self> {
        let (scheme, encoded) = line.split_at_checked("Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let pair = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).ok()?);
        let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        Some(Self { id: form_decode(id)?, secret: form_decode(secret)?.into() })
    }

    /// The account, if the secret is one of its live ones. A name that is none is looked up all the same, as one that nobody has.
    fn verify(&self, state: &AdminState) -> Result<Client, Refusal> {
        let id = self.id.parse().map_or(NOBODY, |ClientId(id)| id);
        let found = state.control.verify_secret(id, self.secret.expose_secret());
        let (account, secret) = found.ok_or(Refusal::WrongSecret)?;
        Ok(Client { account, secret })
    }
}

fn form_decode(text: &str) -> Option<String> {
    percent::decode(&text.replace('+', " "))
}

/// What metrics call a client's secret.
const SCHEME: &str = "client_secret";

/// No account has this id: the first four bytes of one are the time of its making.
const NOBODY: CredentialId = CredentialId(ObjectId::from_bytes([0; 12]));

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn presented(lines: &[&str], form: &str) -> Result<(String, String), Refusal> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        let form = Form::parse(form.as_bytes()).unwrap();
        let Presented { id, secret } = Presented::of(&headers, &form)?;
        Ok((id, secret.expose_secret().to_owned()))
    }

    #[test]
    fn a_client_presents_itself_in_the_header_or_in_the_form() {
        let pair = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
        for (lines, form, found) in [
            (vec![basic("id:secret")], "", pair("id", "secret")),
            (vec![basic("id:secret").replace("Basic", "bAsIc")], "", pair("id", "secret")),
            (vec![basic("id:a:b")], "", pair("id", "a:b")),
            (vec![basic("a%3Ab:c%25d+e")], "", pair("a:b", "c%d e")),
            (vec![basic("id:secret")], "client_id=id", pair("id", "secret")),
            (vec![basic(":")], "", pair("", "")),
            (vec![], "client_id=id&client_secret=s%2Bt", pair("id", "s+t")),
        ] {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            assert_eq!(presented(&lines, form).unwrap(), found, "{lines:?} {form}");
        }
    }

    #[test]
    fn who_presents_nothing_is_told_apart_from_who_presents_nonsense() {
        for form in ["", "grant_type=client_credentials", "client_id=&client_secret="] {
            assert!(matches!(presented(&[], form), Err(Refusal::NoClient)), "{form}");
        }
    }

    #[test]
    fn what_is_presented_in_two_ways_or_by_halves_is_refused() {
        let good = basic("id:secret");
        for (lines, form) in [
            (vec![good.as_str()], "client_secret=secret"),
            (vec![&good], "client_id=id&client_secret=secret"),
            (vec![&good], "client_id=other"),
        ] {
            let refused = presented(&lines, form);
            assert!(matches!(refused, Err(Refusal::TwoWays)), "{lines:?} {form}");
        }
        for (lines, form) in [
            (vec![good.as_str(), good.as_str()], ""),
            (vec!["Basic"], ""),
            (vec!["Basic "], ""),
            (vec!["Basic %%%"], ""),
            (vec!["Bearer abc"], ""),
            (vec!["Digest username=\"x\""], ""),
            (vec![&basic("no colon")], ""),
            (vec![&basic("id:%zz")], ""),
            (vec![&format!("Basic {}", STANDARD.encode(b"id:\xff"))], ""),
            (vec![], "client_id=id"),
            (vec![], "client_secret=secret"),
        ] {
            let refused = presented(&lines, form);
            assert!(matches!(refused, Err(Refusal::Malformed)), "{lines:?} {form}");
        }
    }

    proptest! {
        #[test]
        fn both_halves_come_through_whatever_they_hold(id in "\\PC{0,20}", secret in "\\PC{0,20}") {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let line = basic(&format!("{}:{}", encode(&id), encode(&secret)));
            prop_assert_eq!(presented(&[&line], "").unwrap(), (id, secret));
        }

        #[test]
        fn no_header_makes_reading_panic(line in "(Basic )?[ -~]{0,40}") {
            let _ = presented(&[&line], "");
        }
    }
}
