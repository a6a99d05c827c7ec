//! Certificates of clients: whether one is asked for, whose are good, and which are no longer.
//!
//! Sessions are not resumed where they are asked for, so that every connection shows its certificate anew. On a connection that is
//! open, the certificate is checked again for the first request after the issuers or the lists of revoked ones have changed.

mod subject;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::{CertificateError, read};
use crate::time::Timestamp;

/// What is asked of clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientSettings {
    /// Whether a client has to have a certificate.
    pub mode: ClientMode,
    /// A PEM file of the certificates of those who may issue them.
    pub issuers: PathBuf,
    /// PEM files of lists of those that are revoked; with one, there has to be one of each issuer.
    pub revoked: Vec<PathBuf>,
}

/// Whether a client has to have a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientMode {
    /// It may do without. One that it shows has to be good.
    Request,
    /// Without one there is no connection.
    Require,
}

/// What is asked of clients can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] CertificateError),
    /// A file has nothing of what it should have.
    #[error("{} holds no {} in PEM", path.display(), what)]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A certificate of an issuer that can't be used.
    #[error("{} holds a malformed certificate", path.display())]
    Issuer {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
    /// A list of revoked certificates that can't be used.
    #[error("a list of revoked certificates cannot be used")]
    List(#[from] VerifierBuilderError),
}

impl ClientSettings {
    /// Every file that is read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        [&self.issuers].into_iter().chain(&self.revoked).cloned().collect()
    }

    /// Reads the files.
    pub(super) fn load(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, ClientError> {
        let mut issuers = RootCertStore::empty();
        for issuer in items::<CertificateDer<'static>>(&self.issuers, "certificate")? {
            let failed = |source| ClientError::Issuer { path: self.issuers.clone(), source };
            issuers.add(issuer).map_err(failed)?;
        }
        let mut lists = Vec::new();
        for path in &self.revoked {
            lists.extend(items::<CertificateRevocationListDer<'static>>(
                path,
                "list of revoked certificates",
            )?);
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(issuers), Arc::clone(provider))
                .with_crls(lists)
                // A list that is past its date may lack what was revoked since. So do OpenSSL and nginx.
                .enforce_revocation_expiration();
        let builder = match self.mode {
            ClientMode::Request => builder.allow_unauthenticated(),
            ClientMode::Require => builder,
        };
        Ok(builder.build()?)
    }
}

/// Says whether a client's certificate is good.
pub(super) type Verifier = Arc<dyn ClientCertVerifier>;

fn items<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, ClientError> {
    let bytes = read(path)?;
    let items: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    let items = items.and_then(|items| match items.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(items),
    });
    items.map_err(|source| ClientError::Nothing { path: path.to_owned(), what, source })
}

/// Whom a listener takes certificates from, as of now.
#[derive(Debug)]
pub(super) struct Clients(ArcSwap<Generation>);

#[derive(Debug)]
struct Generation {
    number: u64,
    verifier: Verifier,
}

impl Clients {
    pub(super) fn new(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(Generation { number: 0, verifier })))
    }

    /// The verifier for a new connection.
    pub(super) fn verifier(&self) -> Verifier {
        Arc::clone(&self.0.load().verifier)
    }

    /// Takes another one from now on. Called by one task only.
    pub(super) fn replace(&self, verifier: Verifier) {
        let number = self.0.load().number + 1;
        self.0.store(Arc::new(Generation { number, verifier }));
    }
}

/// A client's certificate, which was good when the connection began.
#[derive(Debug)]
pub struct ClientCertificate {
    subject: Box<str>,
    names: Box<[Box<str>]>,
    chain: Vec<CertificateDer<'static>>,
    not_after: i64,
    clients: Arc<Clients>,
    /// The generation that has found it good.
    good_by: AtomicU64,
}

impl ClientCertificate {
    /// What was shown in a handshake that began under generation `good_by`. None: it can't be read, though the library could.
    pub(super) fn new(
        chain: &[CertificateDer<'_>],
        clients: &Arc<Clients>,
        good_by: u64,
    ) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(chain.first()?).ok()?;
        let names = match read.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.iter().filter_map(written).collect(),
            _ => Box::default(),
        };
        Some(Self {
            subject: subject::written(read.subject()).into(),
            names,
            not_after: read.validity().not_after.timestamp(),
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            clients: Arc::clone(clients),
            good_by: AtomicU64::new(good_by),
        })
    }

    /// Its subject, as in `CN=ci,O=Example` (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its alternative names, as in `dns:ci.example.com`, `uri:spiffe://example.com/ci`, `email:ci@example.com`, `ip:192.0.2.7`.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Whether it is still good: not past its end, and neither its issuer gone nor itself revoked since the connection began.
    pub fn stands(&self, now: Timestamp) -> bool {
        let seconds = now.as_millis() / 1000;
        if seconds > self.not_after {
            return false;
        }
        let current = self.clients.0.load();
        if self.good_by.load(Relaxed) == current.number {
            return true;
        }
        let Some((first, issuers)) = self.chain.split_first() else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap_or(0)));
        let is_good = current.verifier.verify_client_cert(first, issuers, now).is_ok();
        if is_good {
            self.good_by.store(current.number, Relaxed);
        }
        is_good
    }
}

impl Clients {
    /// The number of what verifies now.
    pub(super) fn generation(&self) -> u64 {
        self.0.load().number
    }
}

/// A name as the config writes it. None: of a kind that is not used.
fn written(name: &GeneralName<'_>) -> Option<Box<str>> {
    match name {
        GeneralName::DNSName(name) => Some(format!("dns:{}", name.to_ascii_lowercase()).into()),
        GeneralName::URI(uri) => Some(format!("uri:{uri}").into()),
        GeneralName::RFC822Name(address) => Some(format!("email:{address}").into()),
        GeneralName::IPAddress(octets) => {
            super::names::address(octets).map(|address| format!("ip:{address}").into())
        }
        _ => None,
    }
}
