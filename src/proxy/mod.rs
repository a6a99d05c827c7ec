//! The data plane: what happens to a request, in the order in which it happens.
//!
//! [`Proxy::handle`] is the whole way on one screen: client address, route, identity, access, forward. Each worker has a
//! `Proxy` of its own, so nothing here is shared between threads except what is immutable.
//!
//! Invariants
//! - Nothing is forwarded without a [`Permit`](crate::access::Permit), which only the access check makes.
//! - One snapshot is read per request, so credentials and lists agree; it is never held across an `.await`.
//! - The address that is judged, logged and told to the upstream is the same.
//!
//! Not here: changes (`control`), sockets (`net`), threads (`worker`).

pub mod body;
pub mod edge;
mod forward;
mod framing;
pub mod headers;
pub mod path;
pub mod rejection;
pub mod request_id;
mod respond;
pub mod route;
mod tunnel;
pub mod upload;
pub mod upstream;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;

use crate::access::{Admission, EmptyList, admit};
use crate::addr::ClientIp;
use crate::identity::client_cert::Shown;
use crate::identity::{self, Authenticator, Credentials, Presented, Principal};
use crate::net::authority::authority;
use crate::net::client_ip;
use crate::net::target::raw_target;
use crate::proxy::body::ResponseBody;
use crate::proxy::edge::{Exchange, Inbound};
use crate::proxy::forward::{Passed, Way};
use crate::proxy::framing::Coding;
use crate::proxy::rejection::Rejection;
use crate::proxy::route::{Route, Routes, TargetError};
use crate::proxy::upload::RequestBody;
use crate::proxy::upstream::Upstream;
use crate::snapshot::SnapshotReader;
use crate::telemetry::metrics::Metrics;

/// What the data plane is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One listener each.
    pub listeners: Vec<ProxyListener>,
    /// The routes, in any order: the most specific one is taken.
    pub routes: Vec<route::RouteSettings>,
    /// Where requests go.
    pub upstreams: Vec<upstream::UpstreamSettings>,
    /// Worker threads.
    pub workers: usize,
    /// How long requests in flight may take to finish at a stop.
    pub drain: Duration,
}

/// A listener of the data plane.
#[derive(Clone, Debug)]
pub struct ProxyListener {
    /// The socket and its limits.
    pub listener: crate::net::ListenerSettings,
    /// Where a request's client address comes from.
    pub client_ip: client_ip::Settings,
}

/// One worker's data plane.
#[derive(Debug)]
pub struct Proxy {
    routes: Arc<Routes>,
    /// The upstream of each route, by the route's index.
    upstreams: Vec<Rc<Upstream>>,
    authenticator: Arc<Authenticator>,
    snapshots: SnapshotReader,
    metrics: Arc<Metrics>,
}

impl Proxy {
    /// The data plane of one worker. `upstreams` has one element for each route, in the order of the routes' indices.
    pub fn new(
        routes: Arc<Routes>,
        upstreams: Vec<Rc<Upstream>>,
        authenticator: Arc<Authenticator>,
        snapshots: SnapshotReader,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { routes, upstreams, authenticator, snapshots, metrics }
    }

    /// Judges a request and, when it passes, forwards it.
    ///
    /// # Errors
    /// The first step that refuses; nothing was sent upstream then, unless it is [`Rejection::Upstream`].
    pub async fn handle(
        &self,
        inbound: &Inbound,
        request: Request<Incoming>,
        exchange: &mut Exchange,
    ) -> Result<Response<ResponseBody>, Rejection> {
        let (parts, body) = request.into_parts();
        let body = RequestBody::new(body, &parts, inbound, exchange);
        check_form(&parts, inbound.limits.headers)?;
        let client = inbound.client_ip.resolve(inbound.peer, &parts.headers)?;
        exchange.set_client(client.ip);
        let authority = authority(&parts).map_err(TargetError::from)?;
        if !inbound.transport.stands(exchange.time()) {
            return Err(Rejection::ClientCertificate);
        }
        if !inbound.transport.serves(&authority) {
            return Err(Rejection::Misdirected);
        }
        let route = self.routes.find(&authority, parts.uri.path())?;
        exchange.set_route(route);
        let passed = self.judge(route, &parts, client.ip, exchange)?;
        let way = Way { inbound, client, route, upstream: &self.upstreams[route.index()] };
        forward::forward(passed, way, parts, body, exchange).await
    }

    /// Identity, what the route asks of it, and access: everything that reads the snapshot.
    fn judge(
        &self,
        route: &Route,
        parts: &Parts,
        client: ClientIp,
        exchange: &mut Exchange,
    ) -> Result<Passed, Rejection> {
        let now = exchange.time();
        self.snapshots.with(|snapshot| {
            let principal = self.identify(route, parts, client, &snapshot.credentials, exchange)?;
            if let Some(principal) = &principal {
                route.check_principal(principal)?;
            }
            let admission = Admission {
                credential: principal
                    .map(|who| (who.credential, empty_list(&snapshot.credentials, &who))),
                named: route.list(),
            };
            let permit = admit(&snapshot.lists, admission, client, now)
                .map_err(|denial| Rejection::Access { client, denial })?;
            exchange.set_permit(&permit);
            Ok(Passed { principal, permit })
        })
    }

    fn identify(
        &self,
        route: &Route,
        parts: &Parts,
        client: ClientIp,
        credentials: &Credentials,
        exchange: &mut Exchange,
    ) -> Result<Option<Principal>, Rejection> {
        if route.schemes().is_empty() {
            return Ok(None);
        }
        let now = exchange.time();
        let target = raw_target(parts);
        let certificate = exchange.transport().client();
        let presented = Presented {
            method: &parts.method,
            target: &target,
            headers: &parts.headers,
            certificate: certificate.map(|it| Shown { subject: it.subject(), names: it.names() }),
        };
        let outcome =
            self.authenticator.authenticate(route.schemes(), &presented, client, credentials, now);
        let (scheme, label) = identity::labels(route.schemes(), &outcome);
        self.metrics.auth(scheme, label);
        let principal = outcome.map_err(|refusal| {
            let challenges = self.authenticator.challenges(route.schemes(), &refusal, now);
            Rejection::Identity { refusal, challenges }
        })?;
        exchange.set_principal(principal);
        Ok(Some(principal))
    }

    /// Lets go of a snapshot that was replaced while no request came; called on the worker's tick.
    pub fn refresh(&self) {
        self.snapshots.refresh();
    }
}

/// Refuses what is no request to forward, whoever sends it.
fn check_form(parts: &Parts, limit: usize) -> Result<(), Rejection> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Rejection::Method);
    }
    if parts.headers.len() > limit {
        return Err(Rejection::TooManyHeaders { limit });
    }
    if framing::coding(&parts.headers) == Coding::Other {
        return Err(Rejection::TransferEncoding);
    }
    Ok(())
}

/// What an empty list means to the principal's organization. One that is gone requires lists: closed by default.
fn empty_list(credentials: &Credentials, principal: &Principal) -> EmptyList {
    let organization = credentials.organization(principal.org);
    EmptyList::of(organization.is_none_or(|organization| organization.access_list_required))
}
