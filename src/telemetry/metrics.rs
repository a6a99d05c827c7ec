//! Every metric the program has: its name, its unit, its labels.
//!
//! The rule of labels: each value comes from a closed set, or from a name that the config gave (a route, a listener,
//! an upstream). No address, key, path or other text of a request is ever one, so that no client can make series.
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
//! | `portcullis_access_list_entries` | gauge | kind | entries in force |
//! | `portcullis_snapshot_revision` | gauge | | revision in force |
//! | `portcullis_publish_duration_seconds` | histogram | | from a commit to the new snapshot in force |
//! | `portcullis_usage_unflushed` | gauge | | entries whose usage waits for the store |
//! | `portcullis_usage_flush_failures_total` | counter | | flushes that the store did not take |
//! | `portcullis_connections` | gauge | listener | connections open |
//! | `portcullis_connections_accepted_total` | counter | listener | connections accepted |
//! | `portcullis_connections_closed_total` | counter | listener, reason | connections closed |
//! | `portcullis_accept_errors_total` | counter | listener | failures of `accept` |
//! | `portcullis_upstream_requests_in_flight` | gauge | upstream | requests waiting for or reading an answer |
//! | `portcullis_upstream_connections` | gauge | upstream | connections open |
//! | `portcullis_upstream_connects_total` | counter | upstream, outcome | attempts to connect |
//! | `portcullis_upstream_failures_total` | counter | upstream, reason | requests that an upstream failed |
//! | `portcullis_upstream_response_head_seconds` | histogram | upstream | from the request sent to the answer's head |
//! | `portcullis_access_log_dropped_total` | counter | | access log lines that found the queue full |
//! | `portcullis_build_info` | gauge | version | always 1 |
//! | `process_*` | | | of the process, as the Prometheus client libraries name them; Linux only |
//!
//! Not here: who counts what (each part, where it happens), how `/metrics` is served (`admin`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use http::{Method, StatusCode};
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The content type of what [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route label of a request for which there was no route.
pub const NO_ROUTE: &str = "none";

/// Every metric of the process, in a registry of its own.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    requests_in_flight: IntGaugeVec,
    decisions: IntCounterVec,
    auth: Vec<(&'static str, &'static str, IntCounter)>,
    connections: IntGaugeVec,
    connections_accepted: IntCounterVec,
    connections_closed: IntCounterVec,
    accept_errors: IntCounterVec,
    upstream_in_flight: IntGaugeVec,
    upstream_connections: IntGaugeVec,
    upstream_connects: IntCounterVec,
    upstream_failures: IntCounterVec,
    upstream_response_head: HistogramVec,
    control: ControlMetrics,
    access_log_dropped: IntCounter,
}

impl Metrics {
    /// All metrics, registered and at zero.
    ///
    /// # Errors
    /// Two metrics share a name, or a name is malformed: a mistake in this file, which every start and every test shows.
    pub fn new() -> Result<Self, Error> {
        let family = Registrar(Registry::new());
        family.process()?;
        family.build_info()?;
        Ok(Self {
            requests: family.counters(
                "portcullis_requests_total",
                "Requests answered.",
                &["route", "method", "code"],
            )?,
            request_duration: family.histograms(
                "portcullis_request_duration_seconds",
                "Time from a request's head to the last byte of its answer.",
                &["route"],
            )?,
            requests_in_flight: family.gauges(
                "portcullis_requests_in_flight",
                "Requests being answered.",
                &["route"],
            )?,
            decisions: family.counters(
                "portcullis_access_decisions_total",
                "Requests judged, by decision and, for a refusal, its reason.",
                &["route", "decision", "reason"],
            )?,
            auth: resolve_auth(&family.counters(
                "portcullis_auth_total",
                "Credentials looked at, on both planes.",
                &["scheme", "outcome"],
            )?),
            connections: family.gauges(
                "portcullis_connections",
                "Downstream connections open.",
                &["listener"],
            )?,
            connections_accepted: family.counters(
                "portcullis_connections_accepted_total",
                "Downstream connections accepted.",
                &["listener"],
            )?,
            connections_closed: family.counters(
                "portcullis_connections_closed_total",
                "Downstream connections closed, by reason.",
                &["listener", "reason"],
            )?,
            accept_errors: family.counters(
                "portcullis_accept_errors_total",
                "Failures to accept a downstream connection.",
                &["listener"],
            )?,
            upstream_in_flight: family.gauges(
                "portcullis_upstream_requests_in_flight",
                "Requests sent upstream whose answer is not read to its end.",
                &["upstream"],
            )?,
            upstream_connections: family.gauges(
                "portcullis_upstream_connections",
                "Upstream connections open.",
                &["upstream"],
            )?,
            upstream_connects: family.counters(
                "portcullis_upstream_connects_total",
                "Attempts to open an upstream connection, by outcome.",
                &["upstream", "outcome"],
            )?,
            upstream_failures: family.counters(
                "portcullis_upstream_failures_total",
                "Requests that an upstream failed, by reason.",
                &["upstream", "reason"],
            )?,
            upstream_response_head: family.histograms(
                "portcullis_upstream_response_head_seconds",
                "Time from sending a request upstream to the head of its answer.",
                &["upstream"],
            )?,
            control: ControlMetrics::register(&family)?,
            access_log_dropped: family.counter(
                "portcullis_access_log_dropped_total",
                "Access log lines dropped because the queue was full or the log could not be written.",
            )?,
            registry: family.0,
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
        RouteMetrics {
            route: name.into(),
            requests: self.requests.clone(),
            by_method_and_code: RefCell::default(),
            duration: self.request_duration.with_label_values(&[name]),
            in_flight: self.requests_in_flight.with_label_values(&[name]),
            decisions: Decision::ALL.map(|decision| {
                self.decisions.with_label_values(&[name, decision.label(), decision.reason()])
            }),
        }
    }

    /// Handles for one listener's connections.
    pub fn listener(&self, name: &str) -> ListenerMetrics {
        ListenerMetrics {
            connections: self.connections.with_label_values(&[name]),
            accepted: self.connections_accepted.with_label_values(&[name]),
            closed: CloseReason::ALL
                .map(|reason| self.connections_closed.with_label_values(&[name, reason.label()])),
            accept_errors: self.accept_errors.with_label_values(&[name]),
        }
    }

    /// Handles for one upstream.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            in_flight: self.upstream_in_flight.with_label_values(&[name]),
            connections: self.upstream_connections.with_label_values(&[name]),
            connects: ConnectOutcome::ALL
                .map(|outcome| self.upstream_connects.with_label_values(&[name, outcome.label()])),
            failures: UpstreamFailure::ALL
                .map(|reason| self.upstream_failures.with_label_values(&[name, reason.label()])),
            response_head: self.upstream_response_head.with_label_values(&[name]),
        }
    }

    /// Handles for the control plane.
    pub fn control(&self) -> ControlMetrics {
        self.control.clone()
    }

    /// Counts a credential that a scheme looked at. Neither text comes from a request.
    ///
    /// The sets are [`AUTH_SCHEMES`] and [`AUTH_OUTCOMES`]; anything else counts as `other`.
    pub fn auth(&self, scheme: &'static str, outcome: &'static str) {
        let find =
            |scheme, outcome| self.auth.iter().find(|(s, o, _)| (*s, *o) == (scheme, outcome));
        let counter =
            find(scheme, outcome).or_else(|| find(scheme, OTHER)).or_else(|| find(OTHER, OTHER));
        if let Some((.., counter)) = counter {
            counter.inc();
        }
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

/// One route's handles, for one worker: not to be shared between threads.
#[derive(Debug)]
pub struct RouteMetrics {
    route: Box<str>,
    requests: IntCounterVec,
    by_method_and_code: RefCell<HashMap<(&'static str, u16), IntCounter, RandomState>>,
    duration: Histogram,
    in_flight: IntGauge,
    decisions: [IntCounter; Decision::ALL.len()],
}

impl RouteMetrics {
    /// Counts an answered request.
    pub fn finished(&self, method: &Method, status: StatusCode, duration: Duration) {
        self.duration.observe(duration.as_secs_f64());
        let key = (method_label(method), status.as_u16());
        let mut counters = self.by_method_and_code.borrow_mut();
        counters.entry(key).or_insert_with(|| self.resolve(key)).inc();
    }

    /// Counts a judged request.
    pub fn decided(&self, decision: Decision) {
        self.decisions[decision.index()].inc();
    }

    /// Requests being answered: [`inc`](IntGauge::inc) at a request's start, [`dec`](IntGauge::dec) at its end, however it ends.
    pub fn in_flight(&self) -> &IntGauge {
        &self.in_flight
    }

    fn resolve(&self, (method, code): (&'static str, u16)) -> IntCounter {
        // Codes past the registered classes are legal on the wire (RFC 9110, section 15); they share one series.
        if code < 600 {
            let mut digits = itoa::Buffer::new();
            self.requests.with_label_values(&[&self.route, method, digits.format(code)])
        } else {
            self.requests.with_label_values(&[&self.route, method, OTHER])
        }
    }
}

/// How a request was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// An entry of a list admitted it.
    Admitted,
    /// The credential has no list, and its organization does not require one.
    Unlisted,
    /// It went no further.
    Refused(RefusedReason),
}

impl Decision {
    /// Every decision, in the order of [`index`](Self::index).
    const ALL: [Self; 2 + RefusedReason::ALL.len()] = {
        let mut all = [Self::Admitted; 2 + RefusedReason::ALL.len()];
        all[1] = Self::Unlisted;
        let mut i = 0;
        while i < RefusedReason::ALL.len() {
            all[2 + i] = Self::Refused(RefusedReason::ALL[i]);
            i += 1;
        }
        all
    };

    fn index(self) -> usize {
        match self {
            Self::Admitted => 0,
            Self::Unlisted => 1,
            Self::Refused(reason) => 2 + reason as usize,
        }
    }

    /// The value of the label `decision`: `admitted`, `unlisted` or `refused`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Unlisted => "unlisted",
            Self::Refused(_) => "refused",
        }
    }

    /// The value of the label `reason`; `none` where nothing was refused.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Admitted | Self::Unlisted => "none",
            Self::Refused(reason) => reason.label(),
        }
    }
}

/// Declares an enum whose variants are the closed set of values of one label.
macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the variants.
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant),+];

            /// The label's value.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

label_values! {
    /// Why a request went no further than the checks.
    RefusedReason {
        /// The client address could not be told from what a trusted proxy sent.
        ClientAddress => "client_address",
        /// The request is not clear: authority, path or framing can be read in more than one way.
        Malformed => "malformed",
        /// The method is not served: `TRACE`, or `CONNECT` outside RFC 8441.
        Method => "method",
        /// No route serves its authority and path.
        NoRoute => "no_route",
        /// No credential was presented, and the route asks for one.
        CredentialMissing => "credential_missing",
        /// A credential was presented and is not good.
        CredentialRefused => "credential_refused",
        /// The route serves other organizations.
        Organization => "organization",
        /// The principal has none of the route's roles.
        Role => "role",
        /// The address is on no live entry of the credential's list.
        NotListed => "not_listed",
        /// The list is empty, and the organization requires one.
        ListRequired => "list_required",
        /// The address is on no live entry of the list that the route names.
        NotOnNamedList => "not_on_named_list",
    }
}

label_values! {
    /// Why a downstream connection ended.
    CloseReason {
        /// Either side ended it between requests.
        Finished => "finished",
        /// The listener had as many connections as it may have.
        Limit => "limit",
        /// A request's head took too long.
        HeaderTimeout => "header_timeout",
        /// No request came for too long.
        IdleTimeout => "idle_timeout",
        /// A body made no progress for too long.
        StallTimeout => "stall_timeout",
        /// What was sent is not HTTP.
        Malformed => "malformed",
        /// The connection broke.
        Error => "error",
        /// The program stops.
        Drain => "drain",
    }
}

label_values! {
    /// How an attempt to connect to an upstream ended.
    ConnectOutcome {
        /// The connection is open.
        Ok => "ok",
        /// The upstream refused it.
        Refused => "refused",
        /// It took too long.
        Timeout => "timeout",
        /// The upstream's name has no address.
        Resolve => "resolve",
        /// Anything else.
        Error => "error",
    }
}

label_values! {
    /// Why an upstream failed a request.
    UpstreamFailure {
        /// No connection could be opened.
        Connect => "connect",
        /// The answer's head took too long.
        FirstByteTimeout => "first_byte_timeout",
        /// A body made no progress for too long.
        IdleTimeout => "idle_timeout",
        /// The connection broke in the middle.
        Reset => "reset",
        /// What was sent is not HTTP.
        Protocol => "protocol",
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

/// The control plane's handles. Clones count into the same series.
#[derive(Clone, Debug)]
pub struct ControlMetrics {
    /// The revision in force.
    pub snapshot_revision: IntGauge,
    /// Seconds from a commit to the new snapshot in force.
    pub publish_duration: Histogram,
    /// Entries in force of credentials' lists (`kind="credential"`).
    pub credential_entries: IntGauge,
    /// Entries in force of named lists (`kind="named"`).
    pub named_entries: IntGauge,
    /// Entries whose usage waits for the store.
    pub usage_unflushed: IntGauge,
    /// Flushes of usage that the store did not take.
    pub usage_flush_failures: IntCounter,
}

impl ControlMetrics {
    fn register(family: &Registrar) -> Result<Self, Error> {
        let entries = family.gauges(
            "portcullis_access_list_entries",
            "Entries in force, by the kind of list that holds them.",
            &["kind"],
        )?;
        Ok(Self {
            snapshot_revision: family
                .gauge("portcullis_snapshot_revision", "The revision in force.")?,
            publish_duration: family.publish_duration()?,
            credential_entries: entries.with_label_values(&["credential"]),
            named_entries: entries.with_label_values(&["named"]),
            usage_unflushed: family.gauge(
                "portcullis_usage_unflushed",
                "Entries whose usage waits to be written to the store.",
            )?,
            usage_flush_failures: family.counter(
                "portcullis_usage_flush_failures_total",
                "Flushes of usage that the store did not take; they are sent again.",
            )?,
        })
    }
}

/// Makes metrics and registers them.
struct Registrar(Registry);

impl Registrar {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.keep(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(REQUEST_BUCKETS.to_vec());
        self.keep(HistogramVec::new(options, labels)?)
    }

    fn publish_duration(&self) -> Result<Histogram, Error> {
        let options = HistogramOpts::new(
            "portcullis_publish_duration_seconds",
            "Time from a committed change to the snapshot that has it.",
        );
        self.keep(Histogram::with_opts(options.buckets(PUBLISH_BUCKETS.to_vec()))?)
    }

    fn build_info(&self) -> Result<(), Error> {
        let help = "Always 1; the label says which build is running.";
        let info = self.gauges("portcullis_build_info", help, &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn process(&self) -> Result<(), Error> {
        self.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
    }

    #[cfg(not(target_os = "linux"))]
    fn process(&self) -> Result<(), Error> {
        Ok(())
    }

    fn keep<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> Result<C, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn resolve_auth(counters: &IntCounterVec) -> Vec<(&'static str, &'static str, IntCounter)> {
    let pairs =
        |scheme| AUTH_OUTCOMES.iter().chain([&OTHER]).map(move |outcome| (scheme, *outcome));
    AUTH_SCHEMES
        .iter()
        .flat_map(|scheme| pairs(*scheme))
        .chain([(OTHER, OTHER)])
        .map(|(scheme, outcome)| (scheme, outcome, counters.with_label_values(&[scheme, outcome])))
        .collect()
}

/// The value of the label `method`: one of the methods that HTTP defines for resources, or `other`.
/// A method is any token that the client likes, so it can't be a label as it is.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}

const OTHER: &str = "other";

/// Values of the label `scheme`, without `other`.
pub const AUTH_SCHEMES: &[&str] = &["digest"];

/// Values of the label `outcome`, without `other`.
///
/// `verified`: good; `not_presented`: none of this scheme; `malformed`: could not be read; `unknown`: no such
/// credential; `wrong`: the secret is not right; `stale`: the nonce is too old; `replayed`: used before;
/// `limited`: too many failures from there.
pub const AUTH_OUTCOMES: &[&str] =
    &["verified", "not_presented", "malformed", "unknown", "wrong", "stale", "replayed", "limited"];

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
