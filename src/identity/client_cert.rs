//! Client certificates: for whom a certificate stands that TLS has found good.
//!
//! The config says which subject or alternative name stands for which API key or service account; its access list and its roles are
//! then the ones that count. A certificate that stands for nobody is none of this scheme's: the next one may look.
//!
//! Not here: whether a certificate is good and still is (`net::tls`).

use std::collections::HashMap;

use http::HeaderValue;

use super::scheme::{Outcome, Presented, RefusalReason, Scheme};
use super::{ClientId, Credentials, Principal, PublicKey, Refusal, SchemeKind};
use crate::time::Timestamp;

/// What a certificate says of its holder.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its subject, as RFC 4514 writes it: `CN=ci,O=Example`.
    pub subject: &'a str,
    /// Its alternative names: `dns:ci.example.com`, `uri:spiffe://example.com/ci`.
    pub names: &'a [Box<str>],
}

/// Which certificates stand for whom. Where two names of a certificate stand for two, the earlier line counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Each name once.
    pub holders: Vec<Holder>,
}

/// Whom a name stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// The name.
    pub name: Name,
    /// The credential.
    pub credential: Credential,
}

/// A name in a certificate.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Name {
    /// The whole subject, as RFC 4514 writes it.
    Subject(Box<str>),
    /// An alternative name with its kind before it.
    Alternative(Box<str>),
}

/// A credential, by the name that its owner knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credential {
    /// An API key.
    Key(PublicKey),
    /// A service account.
    Account(ClientId),
}

/// The scheme.
#[derive(Debug, Default)]
pub(super) struct ClientCert {
    subjects: Index,
    alternatives: Index,
}

/// The credential of each name, and the place of its line.
type Index = HashMap<Box<str>, (usize, Credential)>;

impl ClientCert {
    pub(super) fn new(settings: Settings) -> Self {
        let mut scheme = Self::default();
        for (at, Holder { name, credential }) in settings.holders.into_iter().enumerate() {
            let (index, name) = match name {
                Name::Subject(name) => (&mut scheme.subjects, name),
                Name::Alternative(name) => (&mut scheme.alternatives, name),
            };
            index.insert(name, (at, credential));
        }
        scheme
    }

    fn find(&self, shown: &Shown<'_>) -> Option<Credential> {
        let alternatives = shown.names.iter().filter_map(|name| self.alternatives.get(name));
        let found = alternatives.chain(self.subjects.get(shown.subject));
        found.min_by_key(|(at, _)| *at).map(|(_, credential)| *credential)
    }
}

impl Scheme for ClientCert {
    fn check(&self, presented: &Presented<'_>, credentials: &Credentials, _: Timestamp) -> Outcome {
        let credential = presented.certificate.as_ref().and_then(|shown| self.find(shown));
        let Some(credential) = credential else { return Outcome::NotPresented };
        let (id, org, roles) = match credential {
            Credential::Key(name) => match credentials.key_by_public_key(name) {
                Some(key) => (key.id, key.org, key.roles),
                None => return Outcome::Refused(RefusalReason::UnknownKey),
            },
            Credential::Account(ClientId(id)) => match credentials.account_by_id(id) {
                Some(account) => (account.id, account.org, account.roles),
                None => return Outcome::Refused(RefusalReason::UnknownAccount),
            },
        };
        let scheme = SchemeKind::ClientCert;
        Outcome::Verified(Principal { scheme, credential: id, org, roles, token: None })
    }

    /// None: a certificate is asked for before HTTP is spoken.
    fn challenges(&self, _: &Refusal, _: Timestamp) -> Vec<HeaderValue> {
        Vec::new()
    }
}
