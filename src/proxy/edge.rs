//! The edge of the data plane: what every request gets whatever becomes of it.
//!
//! An id, a place among the requests in flight, and at its end a duration in the metrics and a line in the access log. The
//! steps of [`Proxy::handle`] tell what they found out to the request's [`Exchange`], which says it all once it is dropped: at
//! the last byte of the response, or when the client has gone.
//!
//! Nothing here decides anything.

use std::borrow::Cow;
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::access::Permit;
use crate::addr::{ClientIp, PeerAddr, Prefix};
use crate::identity::Principal;
use crate::net::connection::{Connection, RequestGuard};
use crate::net::tls::Transport;
use crate::net::{ConnectionLimits, client_ip};
use crate::proxy::body::{Measured, ResponseBody};
use crate::proxy::rejection::Rejection;
use crate::proxy::request_id::RequestIds;
use crate::proxy::route::{Route, Routes};
use crate::proxy::upstream::{BrokenOff, UpstreamName};
use crate::proxy::{Proxy, respond};
use crate::telemetry::log::{AccessLog, Record, RequestText};
use crate::telemetry::metrics::{Decision, Metrics, NO_ROUTE, RefusedReason, RouteMetrics};
use crate::time::{Clock, Timestamp};

/// A connection as a request sees it: where it came in, and from whom.
#[derive(Debug)]
pub struct Inbound {
    /// The listener's name.
    pub listener: Arc<str>,
    /// What a connection of the listener may take.
    pub limits: Arc<ConnectionLimits>,
    /// Where the listener's client address comes from.
    pub client_ip: Arc<client_ip::Settings>,
    /// The other end.
    pub peer: PeerAddr,
    /// How it came, and what may be asked for on it.
    pub transport: Transport,
    /// The connection.
    pub connection: Arc<Connection>,
}

/// One worker's edge, around its [`Proxy`].
#[derive(Debug)]
pub struct Edge {
    proxy: Proxy,
    routes: Vec<RouteTold>,
    no_route: RouteMetrics,
    log: AccessLog,
    clock: Clock,
    request_ids: RequestIds,
}

/// A route's name and handles.
#[derive(Debug)]
struct RouteTold {
    name: Arc<str>,
    metrics: RouteMetrics,
}

impl Edge {
    /// The edge around `proxy`, which has the routes `routes`.
    pub fn new(
        proxy: Proxy,
        routes: &Routes,
        metrics: &Metrics,
        log: AccessLog,
        clock: Clock,
        request_ids: RequestIds,
    ) -> Self {
        let told = |route: &Route| RouteTold {
            name: route.name().into(),
            metrics: metrics.route(route.name()),
        };
        Self {
            proxy,
            routes: routes.all().iter().map(told).collect(),
            no_route: metrics.route(NO_ROUTE),
            log,
            clock,
            request_ids,
        }
    }

    /// The proxy inside.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Answers a request, whatever it is.
    ///
    /// # Errors
    /// None: what goes wrong is told in the response.
    pub async fn serve(
        self: Rc<Self>,
        inbound: Rc<Inbound>,
        request: Request<Incoming>,
    ) -> Result<Response<Measured>, Infallible> {
        let mut exchange =
            Box::new(Exchange::begin(Rc::clone(&self), Rc::clone(&inbound), &request));
        let mut response = match self.proxy.handle(&inbound, request, &mut exchange).await {
            Ok(response) => response,
            Err(rejection) => {
                exchange.rejected(&rejection);
                respond::response(rejection)
            }
        };
        if exchange.method == Method::HEAD {
            response = without_own_body(response);
        }
        exchange.answered(&response);
        Ok(response.map(|body| Measured::new(body, exchange)))
    }

    fn metrics(&self, route: Option<usize>) -> &RouteMetrics {
        route
            .and_then(|index| self.routes.get(index))
            .map_or(&self.no_route, |route| &route.metrics)
    }
}

/// One request and its response, and what there is to tell of them.
#[derive(Debug)]
pub struct Exchange {
    edge: Rc<Edge>,
    inbound: Rc<Inbound>,
    busy: RequestGuard,
    started: Instant,
    time: Timestamp,
    method: Method,
    protocol: Version,
    id: HeaderValue,
    /// Made only where there is a log to write to.
    text: Option<RequestText>,
    client: Option<ClientIp>,
    route: Option<usize>,
    decision: Decision,
    principal: Option<Principal>,
    permit: Option<Admitted>,
    upstream: Option<UpstreamName>,
    upstream_status: Option<StatusCode>,
    status: Option<StatusCode>,
    /// None where the request has no body.
    received: Option<Rc<Cell<u64>>>,
    sent: u64,
    is_complete: bool,
    error: Option<Cow<'static, str>>,
}

/// The ranges of the entries that let a request pass.
#[derive(Clone, Copy, Debug)]
struct Admitted {
    entry: Option<Prefix>,
    named_entry: Option<Prefix>,
}

impl Exchange {
    fn begin(edge: Rc<Edge>, inbound: Rc<Inbound>, request: &Request<Incoming>) -> Self {
        let trusted = inbound.client_ip.trusts(inbound.peer.ip());
        let id = edge.request_ids.choose(request.headers(), trusted);
        let text = edge.log.is_on().then(|| {
            let authority = request.uri().authority().map(http::uri::Authority::as_str);
            let host = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let authority = authority.or_else(host).unwrap_or_default();
            RequestText::new(
                id.to_str().unwrap_or_default(),
                request.method(),
                authority,
                request.uri(),
            )
        });
        Self {
            busy: inbound.connection.begin_request(),
            started: Instant::now(),
            time: edge.clock.now(),
            method: request.method().clone(),
            protocol: request.version(),
            id,
            text,
            client: None,
            route: None,
            decision: Decision::Refused(RefusedReason::Malformed),
            principal: None,
            permit: None,
            upstream: None,
            upstream_status: None,
            status: None,
            received: None,
            sent: 0,
            is_complete: false,
            error: None,
            edge,
            inbound,
        }
    }

    /// When the request's head was read: the time that it is judged at.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// How the request came.
    pub fn transport(&self) -> &Transport {
        &self.inbound.transport
    }

    /// The request's id.
    pub fn id(&self) -> &HeaderValue {
        &self.id
    }

    /// Where the bytes of the request's body are counted.
    pub fn received(&mut self) -> Rc<Cell<u64>> {
        Rc::clone(self.received.get_or_insert_default())
    }

    /// The address that the request is judged by.
    pub fn set_client(&mut self, client: ClientIp) {
        self.client = Some(client);
    }

    /// The route that was found. The request is in flight on it from now on.
    pub fn set_route(&mut self, route: &Route) {
        self.route = Some(route.index());
        self.edge.metrics(self.route).in_flight().inc();
    }

    /// Who sent it.
    pub fn set_principal(&mut self, principal: Principal) {
        self.principal = Some(principal);
    }

    /// It may pass.
    pub fn set_permit(&mut self, permit: &Permit) {
        self.permit = Some(Admitted {
            entry: permit.entry().map(|entry| entry.prefix),
            named_entry: permit.named_entry().map(|entry| entry.prefix),
        });
        self.decided(if permit.is_unlisted() { Decision::Unlisted } else { Decision::Admitted });
    }

    /// Where it is sent.
    pub fn set_upstream(&mut self, name: &UpstreamName) {
        self.upstream = Some(name.clone());
    }

    /// What the upstream answered.
    pub fn set_upstream_status(&mut self, status: StatusCode) {
        self.upstream_status = Some(status);
    }

    /// The downstream asks for the response's next bytes: what it was given before is on its way.
    pub(super) fn asked_for_more(&mut self) {
        self.busy.asked_for_more();
    }

    /// Bytes of the response's body were handed on.
    pub(super) fn add_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.busy.handed_on();
    }

    /// The response was handed on whole.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// The response ended before its end.
    pub(super) fn broke_off(&mut self, by: BrokenOff) {
        let error = match by {
            BrokenOff::ByUpstream => "the upstream's response broke off",
            BrokenOff::ByClient => "the client took nothing of the response for too long",
        };
        self.error = Some(error.into());
        self.is_complete = true;
    }

    fn decided(&mut self, decision: Decision) {
        self.decision = decision;
        self.edge.metrics(self.route).decided(decision);
    }

    fn rejected(&mut self, rejection: &Rejection) {
        match respond::reason(rejection) {
            Some(reason) => self.decided(Decision::Refused(reason)),
            None => self.error = Some(with_causes(rejection).into()),
        }
    }

    fn answered(&mut self, response: &Response<ResponseBody>) {
        self.status = Some(response.status());
        self.is_complete = http_body::Body::is_end_stream(response.body());
    }

    fn record(&self, text: RequestText, status: StatusCode) -> Record {
        Record {
            time: self.time,
            text,
            listener: Arc::clone(&self.inbound.listener),
            peer: self.inbound.peer,
            client: self.client,
            protocol: self.protocol,
            status,
            duration: self.started.elapsed(),
            route: self
                .route
                .and_then(|index| self.edge.routes.get(index))
                .map(|route| Arc::clone(&route.name)),
            decision: self.decision,
            scheme: self.principal.map(|principal| principal.scheme.as_str()),
            principal: self.principal.map(|principal| principal.credential),
            org: self.principal.map(|principal| principal.org),
            entry: self.permit.and_then(|permit| permit.entry),
            named_entry: self.permit.and_then(|permit| permit.named_entry),
            upstream: self.upstream.as_ref().map(|name| Arc::clone(&name.0)),
            upstream_status: self.upstream_status,
            bytes_received: self.received.as_ref().map_or(0, |bytes| bytes.get()),
            bytes_sent: self.sent,
            error: self.error.clone(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (status, error) = if std::thread::panicking() {
            (StatusCode::INTERNAL_SERVER_ERROR, "a defect of the program: its log says which")
        } else {
            (CLIENT_CLOSED, "the client went away")
        };
        let status = self.status.unwrap_or(status);
        if !self.is_complete && self.error.is_none() {
            self.error = Some(error.into());
        }
        let metrics = self.edge.metrics(self.route);
        if self.route.is_some() {
            metrics.in_flight().dec();
        }
        metrics.finished(&self.method, status, self.started.elapsed());
        if let Some(text) = self.text.take() {
            self.edge.log.write(self.record(text, status));
        }
    }
}

/// The same head, which says how long the body would be (RFC 9110 section 9.3.2). An upstream's response to `HEAD` has none.
fn without_own_body(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    if let ResponseBody::Own(body) = response.body_mut()
        && let Some(bytes) = body.take()
    {
        response.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
    }
    response
}

/// The whole chain of causes, for the operator.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The client went away before there was an answer: the code that nginx logs for it.
const CLIENT_CLOSED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};
