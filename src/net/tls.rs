//! TLS on a listener: which certificate a connection gets, and what a handshake may take.
//!
//! Both planes have it from here. Each certificate has a configuration of the library's of its own, all with the listener's
//! protocols and tickets; the client's first message chooses one (`certificates`), and the connection
//! remembers it, so that it is known which authorities it may ask for.
//!
//! Decisions
//! - Keys are agreed upon as the library prefers: X25519MLKEM768 first, which a quantum computer does not undo. Suites and groups
//!   are not settings: every one that the library has is good, and a list in a config only grows old.
//! - Resumption is by tickets alone, whose keys change every six hours and open tickets for twice that; nothing is stored for
//!   a session. There is no early data: it can be replayed.
//! - HTTP/2 comes by ALPN only (RFC 9113 section 3.3); a client without ALPN gets HTTP/1.1.
//! - A name that no certificate serves gets the first one, as in HAProxy and nginx: the client then says what is wrong.
//!
//! Invariants
//! - A listener always has every one of its certificates: a file that can't be used leaves the one before in place.
//! - A request's way takes no lock here. A handshake takes the library's, around the ticket key in force, for reading.
//!
//! Not here: sockets and deadlines (`connection`), who a client is (`identity`).

mod certificate;
mod certificates;
mod clients;
mod handshake;
mod names;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::uri::Scheme;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion};

use self::certificate::Certificate;
use self::certificates::Certificates;
use self::clients::Clients;
use self::watch::{Watched, WatchedClients};
use super::authority::Authority;
use crate::telemetry::metrics::TlsMetrics;
use crate::time::Timestamp;

pub use certificate::CertificateError;
pub use clients::{ClientCertificate, ClientError, ClientMode, ClientSettings};
pub use handshake::{Failure, PLAIN_TEXT_ANSWER};
pub use watch::{Watch, watch};

/// What a listener's TLS is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The certificates, each with its key; at least one. The first is for clients that name no host, or none of theirs.
    pub certificates: Vec<Pair>,
    /// The oldest version that is spoken.
    pub minimum_version: Version,
    /// Whether a client may resume a session by a ticket. Where clients show certificates, none may.
    pub session_tickets: bool,
    /// Certificates of clients; none: they are not asked for any.
    pub clients: Option<ClientSettings>,
}

/// A certificate and its private key, both PEM files.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Pair {
    /// The certificate, and behind it those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1, without a password.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// 1.2 (RFC 5246), with forward secrecy and authenticated encryption only.
    Tls12,
    /// 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// This version and the later ones.
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => rustls::ALL_VERSIONS,
            Self::Tls13 => TLS_1_3,
        }
    }
}

/// One listener's TLS.
#[derive(Debug)]
pub struct Tls {
    listener: Box<str>,
    certificates: ArcSwap<Certificates>,
    clients: Option<Arc<Clients>>,
    metrics: TlsMetrics,
}

/// A listener's TLS can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener}: no TLS")]
pub struct TlsError {
    /// The listener's name.
    pub listener: Box<str>,
    /// Why.
    #[source]
    pub source: Box<TlsErrorKind>,
}

/// Why a listener's TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsErrorKind {
    /// A certificate or its key can't be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// What is asked of clients can't be set up.
    #[error("client certificates cannot be checked")]
    Clients(#[from] ClientError),
    /// The library refuses, for lack of random bytes for one.
    #[error("the library refuses the settings")]
    Library(#[from] rustls::Error),
}

impl Tls {
    /// Reads the certificates, and says how they are renewed. Blocks on the files.
    ///
    /// # Errors
    /// A certificate or a key can't be read or used, or they don't belong together.
    pub fn load(
        listener: &str,
        settings: &Settings,
        metrics: TlsMetrics,
    ) -> Result<(Arc<Self>, Watch), TlsError> {
        let Loaded { template, pairs, clients: watched } = load_all(listener, settings)?;
        for (pair, watched) in settings.certificates.iter().zip(&pairs) {
            let not_after = watched.certificate().not_after();
            metrics.certificate(&pair.certificate.to_string_lossy(), not_after);
        }
        let all = pairs.iter().map(|watched| Arc::clone(watched.certificate())).collect();
        let certificates = ArcSwap::from_pointee(Certificates::new(all));
        let (listener, clients) = (listener.into(), template.clients.clone());
        let tls = Arc::new(Self { listener, certificates, clients, metrics });
        let watch = Watch::new(Arc::clone(&tls), template, pairs, watched);
        Ok((tls, watch))
    }
}

/// Reads the certificates of a listener, and says whether they could serve. Blocks on the files.
///
/// # Errors
/// As [`Tls::load`].
pub fn check(listener: &str, settings: &Settings) -> Result<(), TlsError> {
    load_all(listener, settings).map(drop)
}

/// Everything that the files of a listener say.
struct Loaded {
    template: Template,
    pairs: Vec<Watched>,
    clients: Option<WatchedClients>,
}

fn load_all(listener: &str, settings: &Settings) -> Result<Loaded, TlsError> {
    load_for(settings)
        .map_err(|source| TlsError { listener: listener.into(), source: Box::new(source) })
}

fn load_for(settings: &Settings) -> Result<Loaded, TlsErrorKind> {
    let clients = settings.clients.as_ref().map(WatchedClients::new);
    let template = Template::new(settings)?;
    let load = |pair| Watched::load(pair, &template);
    let pairs: Result<_, _> = settings.certificates.iter().map(load).collect();
    Ok(Loaded { template, pairs: pairs?, clients })
}

/// What the configurations of all certificates of a listener have in common.
#[derive(Debug)]
struct Template {
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    tickets: Option<Arc<dyn ProducesTickets>>,
    clients: Option<Arc<Clients>>,
}

impl Template {
    fn new(settings: &Settings) -> Result<Self, TlsErrorKind> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = settings.clients.as_ref().map(|clients| clients.load(&provider));
        let clients = clients.transpose()?.map(Clients::new);
        let has_tickets = settings.session_tickets && clients.is_none();
        Ok(Self {
            provider,
            versions: settings.minimum_version.and_later(),
            tickets: has_tickets.then(aws_lc_rs::Ticketer::new).transpose()?,
            clients,
        })
    }

    /// Which generation of [`Clients`] verifies in configurations that are made now.
    fn generation(&self) -> u64 {
        self.clients.as_ref().map_or(0, |clients| clients.generation())
    }

    fn config(&self, key: &Arc<CertifiedKey>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(clients.verifier()),
        };
        let mut config =
            builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key))));
        config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match &self.tickets {
            Some(tickets) => config.ticketer = Arc::clone(tickets),
            None => config.send_tls13_tickets = 0,
        }
        Ok(config)
    }
}

/// How a connection came to us.
#[derive(Clone, Debug)]
pub enum Transport {
    /// In plain text.
    Plain,
    /// Encrypted.
    Tls(Session),
}

impl Transport {
    /// The scheme of what is asked for.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Plain => Scheme::HTTP,
            Self::Tls(_) => Scheme::HTTPS,
        }
    }

    /// The certificate that the client has shown, if it has.
    pub fn client(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Plain => None,
            Self::Tls(session) => session.client.as_deref(),
        }
    }

    /// Whether what TLS was begun with still holds: the client's certificate, where it has shown one.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.client().is_none_or(|client| client.stands(now))
    }

    /// Whether a request for `authority` may come this way (RFC 9110 section 15.5.20): the certificate that the client got for the
    /// name it gave must serve it. A client that named no host had no certificate to choose, and may ask for any.
    pub fn serves(&self, authority: &Authority<'_>) -> bool {
        match self {
            Self::Plain => true,
            Self::Tls(session) => {
                session.named.as_ref().is_none_or(|named| named.names().serves(authority))
            }
        }
    }
}

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct Session {
    is_h2: bool,
    /// The certificate, where the client named a host.
    named: Option<Arc<Certificate>>,
    client: Option<Arc<ClientCertificate>>,
}

impl Session {
    /// Whether HTTP/2 is spoken; otherwise it is HTTP/1.1.
    pub fn is_http2(&self) -> bool {
        self.is_h2
    }
}

static TLS_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Source: RFC 9113 section 3.1.
const H2: &[u8] = b"h2";

/// Source: RFC 7301 section 6.
const HTTP_1_1: &[u8] = b"http/1.1";
