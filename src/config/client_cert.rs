//! `[client_cert]`: which certificates stand for whom.

use std::net::IpAddr;

use super::expected::Expected;
use super::reader::{Field, Reported, Section};
use super::tree::Node;
use crate::identity::client_cert::{Credential, Holder, Name, Settings};
use crate::identity::{ClientId, PublicKey};

/// `[client_cert]`
pub(super) fn client_cert(section: &mut Section<'_>) -> Result<Settings, Reported> {
    let Some(field) = section.take("holders") else { return Ok(Settings::default()) };
    let holders = field.each_once(HOLDERS, holder, |holder| holder.name.clone())?;
    Ok(Settings { holders: holders.into_iter().map(|(holder, _)| holder).collect() })
}

fn holder(field: &Field<'_>) -> Result<Holder, Reported> {
    field.section(|section| {
        let subject = section.optional("subject", subject);
        let name = match (subject, section.optional("san", alternative)) {
            (Ok(Some(subject)), Ok(None)) => Ok(Name::Subject(subject)),
            (Ok(None), Ok(Some(name))) => Ok(Name::Alternative(name)),
            (Ok(Some(_)), Ok(Some(_))) => Err(section.refuse("`subject` or `san`, not both")),
            (Ok(None), Ok(None)) => Err(section.miss("san", SAN)),
            (Err(reported), _) | (_, Err(reported)) => Err(reported),
        };
        let credential = section.required("credential", CREDENTIAL, credential);
        Ok(Holder { name: name?, credential: credential? })
    })
}

fn subject(node: &Node) -> Result<Box<str>, Expected> {
    node.as_str().filter(|text| text.contains('=')).map(Into::into).ok_or_else(|| SUBJECT.into())
}

/// An alternative name, in the one spelling that certificates' are compared in.
fn alternative(node: &Node) -> Result<Box<str>, Expected> {
    let read = |text: &str| {
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        match kind {
            "dns" => Some(text.to_ascii_lowercase().into()),
            "uri" | "email" => Some(text.into()),
            "ip" => name.parse().ok().map(|address: IpAddr| format!("ip:{address}").into()),
            _ => None,
        }
    };
    node.as_str().and_then(read).ok_or_else(|| SAN.into())
}

fn credential(node: &Node) -> Result<Credential, Expected> {
    let read = |text: &str| {
        let account = || text.parse().ok().map(|id: ClientId| Credential::Account(id));
        PublicKey::parse(text).map(Credential::Key).or_else(account)
    };
    node.as_str().and_then(read).ok_or_else(|| CREDENTIAL.into())
}

const HOLDERS: &str =
    "a list, as in `[{ san = \"dns:ci.example.com\", credential = \"abcdefgh\" }]`";

const SUBJECT: &str = "a subject as RFC 4514 writes it, as in `CN=ci,O=Example`";

const SAN: &str = "an alternative name, as in `dns:ci.example.com`, `uri:spiffe://example.com/ci`, `email:ci@example.com` or `ip:192.0.2.7`";

const CREDENTIAL: &str = "an API key's public key of 8 letters, or a service account's client id, `mdb_sa_id_` and 24 digits";
