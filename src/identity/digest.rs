//! HTTP Digest, server side.

use std::time::Duration;

/// What the digest scheme is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The algorithms offered, in the order of their challenges. Default MD5, SHA-256.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good for. Default 5 min.
    pub nonce_lifetime: Duration,
    /// Nonces whose use is remembered. Default 65,536.
    pub nonces_remembered: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            nonce_lifetime: Duration::from_secs(300),
            nonces_remembered: 65_536,
        }
    }
}

/// A digest algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `SHA-256`
    Sha256,
}
