//! Certificates of a test's own, and what a client of TLS brings along.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SanType,
    date_time_ymd,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

/// An issuer of certificates, and the directory in which they are written.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Without a name of its own, openssl takes what it issues for self-signed.
        parameters.distinguished_name.push(DnType::CommonName, "the tests' issuer");
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let ca = Self { issuer: issuer.unwrap(), directory };
        ca.write("ca.pem", &ca.issuer.pem());
        ca
    }

    /// Makes a certificate for `names`, in `file`.pem and `file`.key.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> CertificateDer<'static> {
        self.issue_with(file, names, |_| ())
    }

    /// As [`issue`](Self::issue), with more to be said of the certificate.
    pub(crate) fn issue_with(
        &self,
        file: &str,
        names: &[&str],
        more: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let (certificate, key, der) = self.make(names, more);
        self.write(&format!("{file}.key"), &key);
        self.write(&format!("{file}.pem"), &certificate);
        der
    }

    /// A certificate for `names` and its key in PEM, and the certificate as it is sent.
    pub(crate) fn make(
        &self,
        names: &[&str],
        more: impl FnOnce(&mut CertificateParams),
    ) -> (String, String, CertificateDer<'static>) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "a test's certificate");
        more(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let made = parameters.signed_by(&key, &self.issuer).unwrap();
        (made.pem(), key.serialize_pem(), made.der().clone())
    }

    /// Puts a file in its place at once, as who renews certificates does.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(file)).unwrap();
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// The table `tls` of `[listeners.main]` or `[admin]`, with the certificates of `files`.
    pub(crate) fn table(&self, section: &str, files: &[&str]) -> String {
        let pair = |file: &&str| {
            let [cert, key] = ["pem", "key"].map(|kind| self.path(&format!("{file}.{kind}")));
            format!("{{ cert = {cert:?}, key = {key:?} }}")
        };
        let pairs: Vec<_> = files.iter().map(pair).collect();
        format!("[{section}.tls]\ncertificates = [{}]\n", pairs.join(", "))
    }

    /// A client that trusts this issuer and offers `protocols`.
    pub(crate) fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        self.client_of(rustls::ALL_VERSIONS, protocols)
    }

    /// As [`client`](Self::client), with a certificate and key of its own.
    pub(crate) fn client_with(&self, identity: &Identity) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).unwrap();
        let builder = builder.with_root_certificates(self.roots());
        let chain = vec![identity.certificate.clone()];
        Arc::new(builder.with_client_auth_cert(chain, identity.key.clone_key()).unwrap())
    }

    /// A client's certificate: number `serial`, with `common` in its subject, and `names`.
    pub(crate) fn identity(&self, serial: u64, common: &str, names: &[SanType]) -> Identity {
        let (_, key, certificate) = self.make(&[], |certificate| {
            certificate.serial_number = Some(serial.into());
            certificate.distinguished_name = DistinguishedName::new();
            certificate.distinguished_name.push(DnType::CommonName, common);
            certificate.subject_alt_names = names.to_vec();
        });
        Identity { certificate, key: PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap() }
    }

    /// A list, until `year`, of the certificates with the numbers `revoked`.
    pub(crate) fn revoke(&self, revoked: &[u64], year: i32) -> String {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    /// As [`client`](Self::client), of some versions only.
    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider());
        let config = builder.with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// What a client shows of itself.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// A client that takes any certificate, to see which one it gets.
pub(crate) fn credulous() -> Arc<ClientConfig> {
    credulous_of(|_| true)
}

/// As [`credulous`], for one that checks only some kinds of signatures.
pub(crate) fn credulous_of(knows: fn(&SignatureScheme) -> bool) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).unwrap().dangerous();
    let verifier = Arc::new(Anyone { provider: provider(), knows });
    Arc::new(builder.with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The name that a client expects of whom it speaks to.
pub(crate) fn name_of(text: &str) -> ServerName<'static> {
    ServerName::try_from(text.to_owned()).unwrap()
}

/// What a client's bytes go over.
#[derive(Debug)]
pub(crate) enum Line {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Line {
    /// Has the handshake on a connected socket; `name` may be an address, which is no name to send.
    pub(crate) fn secure(
        mut socket: TcpStream,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let mut tls = ClientConnection::new(Arc::clone(config), name_of(name)).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(tls, socket))))
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref(),
        }
    }

    pub(crate) fn tls(&self) -> &ClientConnection {
        match self {
            Self::Plain(_) => panic!("a connection in plain text"),
            Self::Tls(stream) => &stream.conn,
        }
    }
}

impl Read for Line {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Line {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Trusts anyone who has the key of the certificate shown.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
    knows: fn(&SignatureScheme) -> bool,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let all = self.provider.signature_verification_algorithms.supported_schemes();
        all.into_iter().filter(self.knows).collect()
    }
}
