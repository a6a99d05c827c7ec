//! What is counted of TLS on listeners.

use prometheus::{Error, IntCounter, IntCounterVec, IntGaugeVec};

use super::Registrar;
use super::label::{HandshakeOutcome, ReloadOutcome, TlsGroup, TlsVersion};

/// The families of TLS.
pub(super) struct TlsFamilies {
    handshakes: IntCounterVec,
    sessions: IntCounterVec,
    not_after: IntGaugeVec,
    reloads: IntCounterVec,
}

impl TlsFamilies {
    pub(super) fn register(families: &Registrar) -> Result<Self, Error> {
        Ok(Self {
            handshakes: families.counters(
                "portcullis_tls_handshakes_total",
                "TLS handshakes of downstream connections, by outcome.",
                &["listener", "outcome"],
            )?,
            sessions: families.counters(
                "portcullis_tls_sessions_total",
                "TLS sessions begun or resumed, by version and key exchange.",
                &["listener", "version", "group"],
            )?,
            not_after: families.gauges(
                "portcullis_tls_cert_not_after_seconds",
                "When a certificate that is served expires, in seconds since 1970.",
                &["listener", "certificate"],
            )?,
            reloads: families.counters(
                "portcullis_tls_certificate_reloads_total",
                "Changes of certificate files, by what became of them.",
                &["listener", "outcome"],
            )?,
        })
    }

    pub(super) fn listener(&self, name: &str) -> TlsMetrics {
        TlsMetrics {
            listener: name.into(),
            handshakes: HandshakeOutcome::ALL
                .map(|outcome| self.handshakes.with_label_values(&[name, outcome.label()])),
            sessions: TlsVersion::ALL.map(|version| {
                TlsGroup::ALL.map(|group| {
                    self.sessions.with_label_values(&[name, version.label(), group.label()])
                })
            }),
            not_after: self.not_after.clone(),
            reloads: ReloadOutcome::ALL
                .map(|outcome| self.reloads.with_label_values(&[name, outcome.label()])),
        }
    }
}

/// The handles of one listener's TLS. Clones count into the same series.
#[derive(Clone, Debug)]
pub struct TlsMetrics {
    listener: Box<str>,
    handshakes: [IntCounter; HandshakeOutcome::ALL.len()],
    sessions: [[IntCounter; TlsGroup::ALL.len()]; TlsVersion::ALL.len()],
    not_after: IntGaugeVec,
    reloads: [IntCounter; ReloadOutcome::ALL.len()],
}

impl TlsMetrics {
    /// Counts a handshake.
    pub fn handshake(&self, outcome: HandshakeOutcome) {
        self.handshakes[outcome as usize].inc();
    }

    /// Counts a session.
    pub fn session(&self, version: TlsVersion, group: TlsGroup) {
        self.sessions[version as usize][group as usize].inc();
    }

    /// Tells when the certificate of the file `path`, which the config names, expires.
    pub fn certificate(&self, path: &str, not_after_seconds: i64) {
        self.not_after.with_label_values(&[&*self.listener, path]).set(not_after_seconds);
    }

    /// Counts a change of a certificate's files.
    pub fn reload(&self, outcome: ReloadOutcome) {
        self.reloads[outcome as usize].inc();
    }
}
