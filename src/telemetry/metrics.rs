//! Every metric the program has: its name, its unit, its labels.
//!
//! The rule of labels: each value comes from a closed set, or from a name that the config gave (a route, a listener,
//! an upstream, the file of a certificate). No address, key, path or other text of a request is ever one, so that no client can make series.
//! Times are in seconds, sizes in bytes.
//!
//! The way of use: [`Metrics`] is made once; each worker takes [`RouteMetrics`], [`ListenerMetrics`] and
//! [`UpstreamMetrics`] for the names it serves, when it starts. Those hold resolved handles: counting is then an
//! atomic addition, without a look-up by name and without a lock.
//!
//! | metric | type | labels | what |
//! |---|---|---|---|
//! | `portcullis_requests_total` | counter | route, method, code | requests answered |
//! | `portcullis_request_duration_seconds` | histogram | route | from the head read to the answer's last byte |
//! | `portcullis_requests_in_flight` | gauge | route | requests being answered |
//! | `portcullis_access_decisions_total` | counter | route, decision, reason | requests judged |
//! | `portcullis_auth_total` | counter | scheme, outcome | credentials looked at, on both planes |
//! | `portcullis_admin_rate_limited_total` | counter | bucket | calls of the admin API refused by a rate limit |
//! | `portcullis_access_list_entries` | gauge | kind | entries in force |
//! | `portcullis_snapshot_revision` | gauge | | revision in force |
//! | `portcullis_publish_duration_seconds` | histogram | | from a commit to the new snapshot in force |
//! | `portcullis_usage_unflushed` | gauge | | entries whose usage waits for the store |
//! | `portcullis_usage_flush_failures_total` | counter | | flushes that the store did not take |
//! | `portcullis_connections` | gauge | listener | connections open |
//! | `portcullis_connections_accepted_total` | counter | listener | connections accepted |
//! | `portcullis_connections_closed_total` | counter | listener, reason | connections closed |
//! | `portcullis_accept_errors_total` | counter | listener | failures of `accept` |
//! | `portcullis_tls_handshakes_total` | counter | listener, outcome | TLS handshakes |
//! | `portcullis_tls_sessions_total` | counter | listener, version, group | TLS sessions, begun or resumed |
//! | `portcullis_tls_cert_not_after_seconds` | gauge | listener, certificate | when a certificate expires |
//! | `portcullis_tls_certificate_reloads_total` | counter | listener, outcome | changes of certificate files |
//! | `portcullis_upstream_requests_in_flight` | gauge | upstream | requests waiting for or reading an answer |
//! | `portcullis_upstream_connections` | gauge | upstream | connections open |
//! | `portcullis_upstream_connects_total` | counter | upstream, outcome | attempts to connect |
//! | `portcullis_upstream_failures_total` | counter | upstream, reason | requests that an upstream failed |
//! | `portcullis_upstream_response_head_seconds` | histogram | upstream | from the request sent to the answer's head |
//! | `portcullis_access_log_dropped_total` | counter | | access log lines that found the queue full |
//! | `portcullis_build_info` | gauge | version | always 1 |
//! | `process_*` | | | of the process, as the Prometheus client libraries name them; Linux only |
//!
//! Not here: the values of labels (`label`), who counts what (each part, where it happens), how `/metrics` is served (`admin`).

mod connection;
mod control;
mod label;
mod request;
mod tls;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

pub use connection::{ListenerMetrics, UpstreamMetrics};
pub use control::ControlMetrics;
pub use label::{
    AUTH_OUTCOMES, AUTH_SCHEMES, CloseReason, ConnectOutcome, Decision, HandshakeOutcome,
    RateBucket, RefusedReason, ReloadOutcome, TlsGroup, TlsVersion, UpstreamFailure, Verb,
};
pub use prometheus::Error as MetricsError;
pub use request::RouteMetrics;
pub use tls::TlsMetrics;

use connection::{ListenerFamilies, UpstreamFamilies};
use request::RequestFamilies;
use tls::TlsFamilies;

/// The content type of what [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route label of a request for which there was no route.
pub const NO_ROUTE: &str = "none";

/// Every metric of the process, in a registry of its own.
pub struct Metrics {
    registry: Registry,
    requests: RequestFamilies,
    listeners: ListenerFamilies,
    tls: TlsFamilies,
    upstreams: UpstreamFamilies,
    control: ControlMetrics,
    rate_limited: [IntCounter; RateBucket::ALL.len()],
    access_log_dropped: IntCounter,
}

impl Metrics {
    /// All metrics, registered and at zero.
    ///
    /// # Errors
    /// Two metrics share a name, or a name is malformed: a mistake in this module, which every start and every test shows.
    pub fn new() -> Result<Self, MetricsError> {
        let families = Registrar(Registry::new());
        families.process()?;
        families.build_info()?;
        Ok(Self {
            requests: RequestFamilies::register(&families)?,
            listeners: ListenerFamilies::register(&families)?,
            tls: TlsFamilies::register(&families)?,
            upstreams: UpstreamFamilies::register(&families)?,
            control: ControlMetrics::register(&families)?,
            rate_limited: families.rate_limited()?,
            access_log_dropped: families.counter(
                "portcullis_access_log_dropped_total",
                "Access log lines dropped: the queue was full, or the log could not be written.",
            )?,
            registry: families.0,
        })
    }

    /// Every metric in the text exposition format, version 0.0.4 ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails for nothing but a family without samples, and `gather` leaves those out.
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be rendered");
        }
        text
    }

    /// Handles for one route's requests; one set for each worker. A request without a route has [`NO_ROUTE`].
    pub fn route(&self, name: &str) -> RouteMetrics {
        self.requests.route(name)
    }

    /// Handles for one listener's connections.
    pub fn listener(&self, name: &str) -> ListenerMetrics {
        self.listeners.listener(name)
    }

    /// Handles for one listener's TLS; a listener without has no such series.
    pub fn tls(&self, listener: &str) -> TlsMetrics {
        self.tls.listener(listener)
    }

    /// Handles for one upstream.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        self.upstreams.upstream(name)
    }

    /// Handles for the control plane.
    pub fn control(&self) -> ControlMetrics {
        self.control.clone()
    }

    /// Counts a credential that a scheme looked at. Neither text comes from a request.
    ///
    /// The sets are [`AUTH_SCHEMES`] and [`AUTH_OUTCOMES`]; anything else counts as `other`.
    pub fn auth(&self, scheme: &'static str, outcome: &'static str) {
        self.requests.auth(scheme, outcome);
    }

    /// Counts a call of the admin API that found its bucket empty.
    pub fn rate_limited(&self, bucket: RateBucket) {
        self.rate_limited[bucket as usize].inc();
    }

    /// Counts access log lines that were dropped.
    pub fn access_log_dropped(&self) -> IntCounter {
        self.access_log_dropped.clone()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Makes metrics and registers them.
struct Registrar(Registry);

impl Registrar {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.keep(IntCounter::new(name, help)?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, MetricsError> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        self.keep(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricsError> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(REQUEST_BUCKETS.to_vec());
        self.keep(HistogramVec::new(options, labels)?)
    }

    fn publish_duration(&self) -> Result<Histogram, MetricsError> {
        let options = HistogramOpts::new(
            "portcullis_publish_duration_seconds",
            "Time from a committed change to the snapshot that has it.",
        );
        self.keep(Histogram::with_opts(options.buckets(PUBLISH_BUCKETS.to_vec()))?)
    }

    fn rate_limited(&self) -> Result<[IntCounter; RateBucket::ALL.len()], MetricsError> {
        let help = "Calls of the admin API refused by a rate limit.";
        let counters = self.counters("portcullis_admin_rate_limited_total", help, &["bucket"])?;
        Ok(RateBucket::ALL.map(|bucket| counters.with_label_values(&[bucket.label()])))
    }

    fn build_info(&self) -> Result<(), MetricsError> {
        let help = "Always 1; the label says which build is running.";
        let info = self.gauges("portcullis_build_info", help, &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn process(&self) -> Result<(), MetricsError> {
        self.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
    }

    #[cfg(not(target_os = "linux"))]
    fn process(&self) -> Result<(), MetricsError> {
        Ok(())
    }

    fn keep<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> Result<C, MetricsError> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

/// Upper bounds in seconds for requests, 100 µs to 60 s.
///
/// The proxy adds some tens of microseconds to an upstream next door, so the scale begins at 100 µs; it ends at the
/// default idle timeout of an upstream, after which a request has failed. Steps of 2 to 2.5 keep a quantile that
/// Prometheus interpolates within about a factor of two at 18 series a route; above 10 s only the order matters.
const REQUEST_BUCKETS: [f64; 18] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];

/// Upper bounds in seconds for publishing, 50 µs to 1 s.
///
/// The budget of a change with 200 entries and 100,000 credentials is 1 ms at most, of one with 1,000,000 entries
/// 20 ms; the scale shows on which side of either a publication falls.
const PUBLISH_BUCKETS: [f64; 12] =
    [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1.0];

#[cfg(test)]
mod tests;
