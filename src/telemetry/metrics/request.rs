//! What is counted of requests: answers, judgements, credentials.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use http::{Method, StatusCode};
use prometheus::{
    Error, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};

use super::Registrar;
use super::label::{AUTH_OUTCOMES, AUTH_SCHEMES, Decision, OTHER, Verb};

/// The families of requests.
pub(super) struct RequestFamilies {
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGaugeVec,
    decisions: IntCounterVec,
    auth: Vec<(&'static str, Outcomes)>,
}

/// The outcomes of one scheme. The one that is counted most comes first.
type Outcomes = Vec<(&'static str, IntCounter)>;

impl RequestFamilies {
    pub(super) fn register(families: &Registrar) -> Result<Self, Error> {
        Ok(Self {
            requests: families.counters(
                "portcullis_requests_total",
                "Requests answered.",
                &["route", "method", "code"],
            )?,
            duration: families.histograms(
                "portcullis_request_duration_seconds",
                "Time from a request's head to the last byte of its answer.",
                &["route"],
            )?,
            in_flight: families.gauges(
                "portcullis_requests_in_flight",
                "Requests being answered.",
                &["route"],
            )?,
            decisions: families.counters(
                "portcullis_access_decisions_total",
                "Requests judged, by decision and, for a refusal, its reason.",
                &["route", "decision", "reason"],
            )?,
            auth: resolve_auth(&families.counters(
                "portcullis_auth_total",
                "Credentials looked at, on both planes.",
                &["scheme", "outcome"],
            )?),
        })
    }

    pub(super) fn route(&self, name: &str) -> RouteMetrics {
        RouteMetrics {
            route: name.into(),
            requests: self.requests.clone(),
            by_method_and_code: RefCell::default(),
            duration: self.duration.with_label_values(&[name]),
            in_flight: self.in_flight.with_label_values(&[name]),
            decisions: Decision::ALL.map(|decision| {
                self.decisions.with_label_values(&[name, decision.label(), decision.reason()])
            }),
        }
    }

    pub(super) fn auth(&self, scheme: &'static str, outcome: &'static str) {
        let scheme = find(&self.auth, scheme).or_else(|| find(&self.auth, OTHER));
        let Some(outcomes) = scheme else { return };
        if let Some(counter) = find(outcomes, outcome).or_else(|| find(outcomes, OTHER)) {
            counter.inc();
        }
    }
}

fn find<'a, T>(named: &'a [(&'static str, T)], name: &str) -> Option<&'a T> {
    named.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// One route's handles, for one worker: not to be shared between threads.
#[derive(Debug)]
pub struct RouteMetrics {
    route: Box<str>,
    requests: IntCounterVec,
    by_method_and_code: RefCell<HashMap<(Verb, u16), IntCounter, RandomState>>,
    duration: Histogram,
    in_flight: IntGauge,
    decisions: [IntCounter; Decision::ALL.len()],
}

impl RouteMetrics {
    /// Counts an answered request.
    pub fn finished(&self, method: &Method, status: StatusCode, duration: Duration) {
        self.duration.observe(duration.as_secs_f64());
        let key = (Verb::from(method), status.as_u16());
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

    fn resolve(&self, (verb, code): (Verb, u16)) -> IntCounter {
        // Codes past the registered classes are legal on the wire (RFC 9110, section 15); they share one series.
        if code < 600 {
            let mut digits = itoa::Buffer::new();
            self.requests.with_label_values(&[&self.route, verb.label(), digits.format(code)])
        } else {
            self.requests.with_label_values(&[&self.route, verb.label(), OTHER])
        }
    }
}

fn resolve_auth(counters: &IntCounterVec) -> Vec<(&'static str, Outcomes)> {
    let outcomes = |scheme, names: &mut dyn Iterator<Item = &'static str>| {
        let resolve = |outcome| (outcome, counters.with_label_values(&[scheme, outcome]));
        (scheme, names.map(resolve).collect())
    };
    let named = || AUTH_OUTCOMES.iter().copied().chain([OTHER]);
    let schemes = AUTH_SCHEMES.iter().map(|scheme| outcomes(*scheme, &mut named()));
    schemes.chain([outcomes(OTHER, &mut [OTHER].into_iter())]).collect()
}
