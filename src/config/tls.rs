//! `[….tls]` of a listener: which certificates it has and what it speaks.
//!
//! Not here: whether the files can be read and used. `portcullis check` and the start try them.

use std::path::Path;

use super::place::file;
use super::reader::{Field, Reported, Section};
use super::value::{boolean, choice};
use crate::net::tls::{ClientMode, ClientSettings, Pair, Settings, Version};

/// The table `tls` of a listener; without it, the listener speaks plain text.
pub(super) fn tls(
    section: &mut Section<'_>,
    directory: &Path,
) -> Result<Option<Settings>, Reported> {
    let Some(field) = section.take("tls") else { return Ok(None) };
    field.section(|section| settings(section, directory)).map(Some)
}

fn settings(section: &mut Section<'_>, directory: &Path) -> Result<Settings, Reported> {
    let certificates = match section.take("certificates") {
        None => Err(section.miss("certificates", CERTIFICATES)),
        Some(field) => match field.each(CERTIFICATES, |each| pair(&each, directory)) {
            Ok(pairs) if pairs.is_empty() => Err(field.refuse(CERTIFICATES)),
            pairs => pairs,
        },
    };
    let minimum_version = section.or("minimum_version", Version::Tls12, choice(VERSIONS));
    let session_tickets = section.or("session_tickets", true, boolean);
    let clients = clients(section, directory);
    Ok(Settings {
        certificates: certificates?,
        minimum_version: minimum_version?,
        session_tickets: session_tickets?,
        clients: clients?,
    })
}

/// `client_certificates`, and the files that it needs.
fn clients(
    section: &mut Section<'_>,
    directory: &Path,
) -> Result<Option<ClientSettings>, Reported> {
    let mode = section.or("client_certificates", None, choice(MODES));
    let issuers = section.take("client_ca");
    let revoked = section.take("client_crl");
    let lists = match &revoked {
        Some(field) => field.each(LISTS, |list| list.read(file(directory))),
        None => Ok(Vec::new()),
    };
    let (mode, lists) = (mode?, lists?);
    match (mode, issuers) {
        (Some(mode), Some(field)) => {
            let issuers = field.read(file(directory))?;
            Ok(Some(ClientSettings { mode, issuers, revoked: lists }))
        }
        (Some(_), None) => Err(section.miss("client_ca", ISSUERS)),
        (None, None) if revoked.is_none() => Ok(None),
        (None, _) => Err(section.miss("client_certificates", NO_MODE)),
    }
}

fn pair(field: &Field<'_>, directory: &Path) -> Result<Pair, Reported> {
    field.section(|section| {
        let certificate = section.required("cert", CERT, file(directory));
        let key = section.required("key", KEY, file(directory));
        Ok(Pair { certificate: certificate?, key: key? })
    })
}

const CERTIFICATES: &str =
    "a list of at least one pair, as in `[{ cert = \"api.pem\", key = \"api.key\" }]`";

const CERT: &str = "the PEM file of the certificate and its issuers', as in `api.pem`";

const KEY: &str = "the PEM file of the certificate's private key, as in `api.key`";

const ISSUERS: &str =
    "the PEM file of those whose certificates clients show, as in `clients-ca.pem`";

const LISTS: &str = "a list of PEM files, as in `[\"revoked.pem\"]`";

const NO_MODE: &str = "`request` or `require`: without it, clients show no certificates";

const MODES: &[(&str, Option<ClientMode>)] = &[
    ("off", None),
    ("request", Some(ClientMode::Request)),
    ("require", Some(ClientMode::Require)),
];

const VERSIONS: &[(&str, Version)] = &[("1.2", Version::Tls12), ("1.3", Version::Tls13)];
