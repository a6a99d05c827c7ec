//! One certificate with its key, ready to be shown to clients.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::names::Names;
use super::{Pair, Template};

/// A certificate, its key and what the library needs to use them.
#[derive(Debug)]
pub(super) struct Certificate {
    config: Arc<ServerConfig>,
    key: Arc<CertifiedKey>,
    names: Names,
    not_after: i64,
    verified_by: u64,
}

/// A certificate or its key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read, or is larger than a mebibyte.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file of certificates holds none, or something in it is no PEM.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file of the key holds none, or one with a password.
    #[error("{} holds no private key in PEM that is without a password", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate is none.
    #[error("{}: malformed certificate", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The key does not belong to the certificate, or is of a kind that is not served.
    #[error("the certificate {} and the key {} cannot be used together", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
}

impl Certificate {
    /// Reads a certificate and its key. Blocks on the files.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub(super) fn load(pair: &Pair, template: &Template) -> Result<Arc<Self>, CertificateError> {
        let chain = read_chain(&pair.certificate)?;
        let malformed = || CertificateError::Malformed { path: pair.certificate.clone() };
        let first = chain.first().ok_or_else(malformed)?;
        let (_, read) = X509Certificate::from_der(first).map_err(|_| malformed())?;
        let (names, not_after) = (Names::of(&read), read.validity().not_after.timestamp());
        let unusable = |source| CertificateError::Unusable {
            certificate: pair.certificate.clone(),
            key: pair.key.clone(),
            source,
        };
        let key = CertifiedKey::from_der(chain, read_key(&pair.key)?, &template.provider);
        let key = Arc::new(key.map_err(unusable)?);
        let config = Arc::new(template.config(&key).map_err(unusable)?);
        Ok(Arc::new(Self { config, key, names, not_after, verified_by: template.generation() }))
    }

    /// The same certificate under other settings.
    ///
    /// # Errors
    /// The library refuses them.
    pub(super) fn under(&self, template: &Template) -> Result<Arc<Self>, rustls::Error> {
        let (key, names) = (Arc::clone(&self.key), self.names.clone());
        let config = Arc::new(template.config(&key)?);
        let (not_after, verified_by) = (self.not_after, template.generation());
        Ok(Arc::new(Self { config, key, names, not_after, verified_by }))
    }

    /// What the library needs for a connection with it.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Whom it is for.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// When it ends, in seconds since 1970.
    pub(super) fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Which generation of issuers verifies the certificates of those who get this one.
    pub(super) fn verified_by(&self) -> u64 {
        self.verified_by
    }

    /// Whether its key can sign in one of the ways that a client understands.
    pub(super) fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.key.key.choose_scheme(schemes).is_some()
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.and_then(|chain| match chain.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(chain),
    });
    chain.map_err(|source| CertificateError::NoCertificate { path: path.to_owned(), source })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|source| CertificateError::NoKey { path: path.to_owned(), source })
}

/// The bytes of a file, which are wiped afterwards: one of the two is a secret.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > FILE_BYTES {
        true => Err(unreadable(io::ErrorKind::FileTooLarge.into())),
        false => Ok(bytes),
    }
}

/// Bytes that a file of certificates may have; one with its chain has about 5 KB.
const FILE_BYTES: u64 = 1 << 20;
