//! What is counted of connections: downstream by listener, upstream by upstream.

use prometheus::{
    Error, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};

use super::Registrar;
use super::label::{CloseReason, ConnectOutcome, UpstreamFailure};

/// The families of listeners.
pub(super) struct ListenerFamilies {
    connections: IntGaugeVec,
    accepted: IntCounterVec,
    closed: IntCounterVec,
    accept_errors: IntCounterVec,
}

impl ListenerFamilies {
    pub(super) fn register(families: &Registrar) -> Result<Self, Error> {
        Ok(Self {
            connections: families.gauges(
                "portcullis_connections",
                "Downstream connections open.",
                &["listener"],
            )?,
            accepted: families.counters(
                "portcullis_connections_accepted_total",
                "Downstream connections accepted.",
                &["listener"],
            )?,
            closed: families.counters(
                "portcullis_connections_closed_total",
                "Downstream connections closed, by reason.",
                &["listener", "reason"],
            )?,
            accept_errors: families.counters(
                "portcullis_accept_errors_total",
                "Failures to accept a downstream connection.",
                &["listener"],
            )?,
        })
    }

    pub(super) fn listener(&self, name: &str) -> ListenerMetrics {
        ListenerMetrics {
            connections: self.connections.with_label_values(&[name]),
            accepted: self.accepted.with_label_values(&[name]),
            accept_errors: self.accept_errors.with_label_values(&[name]),
            closed: CloseReason::ALL
                .map(|reason| self.closed.with_label_values(&[name, reason.label()])),
        }
    }
}

/// One listener's handles. Clones count into the same series.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    /// Connections open.
    pub connections: IntGauge,
    /// Connections accepted.
    pub accepted: IntCounter,
    /// Failures of `accept`, out of file descriptors for one.
    pub accept_errors: IntCounter,
    closed: [IntCounter; CloseReason::ALL.len()],
}

impl ListenerMetrics {
    /// Counts a closed connection. The gauge is the caller's to lower.
    pub fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].inc();
    }
}

/// The families of upstreams.
pub(super) struct UpstreamFamilies {
    in_flight: IntGaugeVec,
    connections: IntGaugeVec,
    response_head: HistogramVec,
    connects: IntCounterVec,
    failures: IntCounterVec,
}

impl UpstreamFamilies {
    pub(super) fn register(families: &Registrar) -> Result<Self, Error> {
        Ok(Self {
            in_flight: families.gauges(
                "portcullis_upstream_requests_in_flight",
                "Requests sent upstream whose answer is not read to its end.",
                &["upstream"],
            )?,
            connections: families.gauges(
                "portcullis_upstream_connections",
                "Upstream connections open.",
                &["upstream"],
            )?,
            response_head: families.histograms(
                "portcullis_upstream_response_head_seconds",
                "Time from sending a request upstream to the head of its answer.",
                &["upstream"],
            )?,
            connects: families.counters(
                "portcullis_upstream_connects_total",
                "Attempts to open an upstream connection, by outcome.",
                &["upstream", "outcome"],
            )?,
            failures: families.counters(
                "portcullis_upstream_failures_total",
                "Requests that an upstream failed, by reason.",
                &["upstream", "reason"],
            )?,
        })
    }

    pub(super) fn upstream(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            in_flight: self.in_flight.with_label_values(&[name]),
            connections: self.connections.with_label_values(&[name]),
            response_head: self.response_head.with_label_values(&[name]),
            connects: ConnectOutcome::ALL
                .map(|outcome| self.connects.with_label_values(&[name, outcome.label()])),
            failures: UpstreamFailure::ALL
                .map(|reason| self.failures.with_label_values(&[name, reason.label()])),
        }
    }
}

/// One upstream's handles. Clones count into the same series.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    /// Requests sent whose answer is not read to its end.
    pub in_flight: IntGauge,
    /// Connections open, in use or kept for later.
    pub connections: IntGauge,
    /// Seconds from a request sent to the head of its answer.
    pub response_head: Histogram,
    connects: [IntCounter; ConnectOutcome::ALL.len()],
    failures: [IntCounter; UpstreamFailure::ALL.len()],
}

impl UpstreamMetrics {
    /// Counts an attempt to connect.
    pub fn connected(&self, outcome: ConnectOutcome) {
        self.connects[outcome as usize].inc();
    }

    /// Counts a request that the upstream failed.
    pub fn failed(&self, reason: UpstreamFailure) {
        self.failures[reason as usize].inc();
    }
}
