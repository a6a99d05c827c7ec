//! Serves the control plane's HTTP: the admin API and the operational endpoints, under the same limits as the data plane.
//!
//! A request finds its peer in an extension of type [`PeerAddr`], and how it came in one of type [`Transport`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tower::ServiceExt;

use super::body::Patient;
use crate::addr::PeerAddr;
use crate::net::ConnectionLimits;
use crate::net::connection::{
    self, CoarseClock, Connection, Connections, Entrance, Established, establish, http_builder,
};
use crate::net::linger::Lingering;
use crate::net::listener::{Slot, Slots, accept};
use crate::net::tls::Transport;

/// What the sockets of a listener have in common.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The connections open, against the limit.
    pub slots: Arc<Slots>,
    /// What a connection may take.
    pub limits: Arc<ConnectionLimits>,
    /// What comes before HTTP.
    pub entrance: Entrance,
}

/// Serves `router` on `sockets` until `stop` becomes true, then lets requests in flight finish within `drain`.
pub async fn serve(
    sockets: Vec<TcpListener>,
    listener: Listener,
    router: Router,
    stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let clock = CoarseClock::new();
    let connections = Connections::new(Arc::clone(&clock));
    let ticker = tokio::spawn(tick(clock, Arc::clone(&connections)));
    let mut accepting = JoinSet::new();
    for socket in sockets {
        let serving = Serving {
            listener: listener.clone(),
            router: router.clone(),
            connections: Arc::clone(&connections),
        };
        let stop = stop.clone();
        accepting.spawn(async move {
            accept(socket, Arc::clone(&serving.listener.slots), stop, |stream, peer, slot| {
                serving.serve(stream, peer, slot)
            })
            .await;
        });
    }
    while accepting.join_next().await.is_some() {}
    connections.drain_within(drain).await;
    ticker.abort();
}

async fn tick(clock: Arc<CoarseClock>, connections: Arc<Connections>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        clock.tick();
        connections.sweep();
    }
}

struct Serving {
    listener: Listener,
    router: Router,
    connections: Arc<Connections>,
}

impl Serving {
    fn serve(&self, stream: TcpStream, peer: PeerAddr, slot: Slot) {
        let limits = Arc::clone(&self.listener.limits);
        let (socket, connection) = self.connections.open(stream, slot, limits);
        let (router, listener) = (self.router.clone(), self.listener.clone());
        tokio::spawn(async move {
            let Listener { slots, limits, entrance } = listener;
            let established = establish(socket, peer, &connection, &slots, &entrance).await;
            let Some(Established { stream, transport, peer }) = established else { return };
            let http = http_builder(TokioExecutor::new(), &limits);
            let busy = Arc::clone(&connection);
            let patience = limits.stall_timeout;
            let service = service_fn(move |request: Request<Incoming>| {
                let guard = busy.begin_request();
                let transport = transport.clone();
                let answer = answer(router.clone(), peer, transport, &busy, patience, request);
                async move {
                    let response = answer.await;
                    drop(guard);
                    response
                }
            });
            connection::serve(&http, stream, &connection, &slots, service).await;
        });
    }
}

fn answer(
    router: Router,
    peer: PeerAddr,
    transport: Transport,
    connection: &Arc<Connection>,
    patience: Duration,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
    let (mut head, body) = request.into_parts();
    head.extensions.insert(peer);
    head.extensions.insert(transport);
    // Credentials come before the body, so a client that signs its second request has sent this one's for nothing.
    let body = Lingering::new(body, &head, connection);
    router.oneshot(Request::from_parts(head, Body::new(Patient::new(body, patience))))
}

/// How exact the deadlines of admin connections are.
const TICK: Duration = Duration::from_millis(250);
