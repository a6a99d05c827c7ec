//! A worker: one thread, one current-thread runtime, its own listening sockets and upstream connections.
//!
//! A request never crosses threads, and a worker does no disk or store I/O. How a worker stops: it takes what its backlogs
//! still hold, asks its connections to end after the requests they carry, and cuts what is left when the drain's time is over.
//!
//! A panic in a request ends that request's connection. Whatever else ends a worker unasked is told through [`Plan::ended`]: a
//! program that has lost one is to be ended, not to go on by halves.

use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval};

use crate::addr::PeerAddr;
use crate::identity::Authenticator;
use crate::net::connection::{
    CoarseClock, Connections, Entrance, Established, establish, http_builder, serve,
};
use crate::net::listener::{Slot, Slots, accept};
use crate::net::{ConnectionLimits, client_ip};
use crate::proxy::Proxy;
use crate::proxy::edge::{Edge, Inbound};
use crate::proxy::request_id::RequestIds;
use crate::proxy::route::Routes;
use crate::proxy::upstream::{Upstream, UpstreamSettings};
use crate::snapshot::SnapshotCell;
use crate::telemetry::log::AccessLog;
use crate::telemetry::metrics::Metrics;
use crate::time::Clock;

/// What a worker needs. Everything in it is immutable or made to be shared.
#[derive(Debug)]
pub struct Plan {
    /// Tells the workers apart in thread names.
    pub index: usize,
    /// This worker's socket of each listener.
    pub sockets: Vec<(StdListener, Arc<Listener>)>,
    /// The routes.
    pub routes: Arc<Routes>,
    /// The upstreams that routes name.
    pub upstreams: Vec<UpstreamSettings>,
    /// The schemes.
    pub authenticator: Arc<Authenticator>,
    /// Where the newest snapshot is.
    pub snapshots: Arc<SnapshotCell>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Where finished requests are told of.
    pub log: AccessLog,
    /// The time.
    pub clock: Clock,
    /// Becomes true when the worker shall stop.
    pub stop: watch::Receiver<bool>,
    /// How long requests in flight may take to finish then.
    pub drain: Duration,
    /// Told when the worker has ended, for whatever reason.
    pub ended: Ended,
}

/// Tells, when it is dropped, that a worker has ended.
#[derive(Clone, Debug)]
pub struct Ended(Arc<watch::Sender<bool>>);

impl Ended {
    /// A pair: for the workers, and for whoever watches them.
    pub fn new() -> (Self, watch::Receiver<bool>) {
        let (tell, told) = watch::channel(false);
        (Self(Arc::new(tell)), told)
    }
}

/// Lives as long as the worker's thread does, whether that returns or panics.
struct Alive(Ended);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.send_replace(true);
    }
}

/// What the workers' sockets of one listener have in common.
#[derive(Debug)]
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// What a connection may take.
    pub limits: Arc<ConnectionLimits>,
    /// Where the client address comes from.
    pub client_ip: Arc<client_ip::Settings>,
    /// What comes before HTTP.
    pub entrance: Entrance,
    /// The connections open, against the limit.
    pub slots: Arc<Slots>,
}

/// Starts a worker.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn(plan: Plan) -> io::Result<JoinHandle<io::Result<()>>> {
    std::thread::Builder::new().name(format!("worker-{}", plan.index)).spawn(move || {
        let _alive = Alive(plan.ended.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, run(plan))
    })
}

async fn run(mut plan: Plan) -> io::Result<()> {
    let clock = CoarseClock::new();
    let connections = Connections::new(Arc::clone(&clock));
    let upstreams: Vec<_> = plan
        .upstreams
        .drain(..)
        .map(|settings| {
            let metrics = plan.metrics.upstream(&settings.name.0);
            Upstream::new(settings, Arc::clone(&clock), metrics)
        })
        .collect();
    let request_ids = RequestIds::new().map_err(io::Error::other)?;
    let edge = Rc::new(build_edge(&plan, &upstreams, request_ids));
    let mut ticker =
        spawn_local(tick(clock, Arc::clone(&connections), upstreams, Rc::clone(&edge)));
    let mut accepting = JoinSet::new();
    for (socket, listener) in plan.sockets {
        let socket = TcpListener::from_std(socket)?;
        let serving = Serving::new(listener, Arc::clone(&connections), Rc::clone(&edge));
        accepting.spawn_local(serving.accept(socket, plan.stop.clone()));
    }
    tokio::select! {
        // Without it no deadline is kept.
        ticked = &mut ticker => ticked.map_err(io::Error::other)?,
        accepted = all(&mut accepting) => accepted?,
    }
    connections.drain_within(plan.drain).await;
    ticker.abort();
    Ok(())
}

/// Waits for every listener to have stopped accepting.
async fn all(accepting: &mut JoinSet<()>) -> io::Result<()> {
    while let Some(accepted) = accepting.join_next().await {
        accepted.map_err(io::Error::other)?;
    }
    Ok(())
}

fn build_edge(plan: &Plan, upstreams: &[Rc<Upstream>], request_ids: RequestIds) -> Edge {
    // Every route names an upstream of the config: the config's check and `Routes` see to it.
    let by_route = plan.routes.all().iter().filter_map(|route| {
        upstreams.iter().find(|upstream| upstream.name() == route.upstream()).map(Rc::clone)
    });
    let proxy = Proxy::new(
        Arc::clone(&plan.routes),
        by_route.collect(),
        Arc::clone(&plan.authenticator),
        plan.snapshots.reader(),
        Arc::clone(&plan.metrics),
    );
    Edge::new(proxy, &plan.routes, &plan.metrics, plan.log.clone(), plan.clock.clone(), request_ids)
}

/// Moves the coarse clock on, lets go of replaced snapshots and, now and then, looks for deadlines that have passed.
async fn tick(
    clock: Arc<CoarseClock>,
    connections: Arc<Connections>,
    upstreams: Vec<Rc<Upstream>>,
    edge: Rc<Edge>,
) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0_u64.. {
        ticks.tick().await;
        clock.tick();
        edge.proxy().refresh();
        if count % TICKS_PER_SWEEP == 0 {
            connections.sweep();
            upstreams.iter().for_each(|upstream| upstream.sweep());
        }
    }
}

/// What the connections of one listener share on this worker.
struct Serving {
    listener: Arc<Listener>,
    connections: Arc<Connections>,
    edge: Rc<Edge>,
    http: Rc<auto::Builder<LocalExecutor>>,
}

impl Serving {
    fn new(listener: Arc<Listener>, connections: Arc<Connections>, edge: Rc<Edge>) -> Self {
        let http = Rc::new(http_builder(LocalExecutor, &listener.limits));
        Self { listener, connections, edge, http }
    }

    async fn accept(self, socket: TcpListener, stop: watch::Receiver<bool>) {
        let slots = Arc::clone(&self.listener.slots);
        accept(socket, slots, stop, |stream, peer, slot| self.serve(stream, peer, slot)).await;
    }

    fn serve(&self, stream: TcpStream, peer: PeerAddr, slot: Slot) {
        let (socket, connection) =
            self.connections.open(stream, slot, Arc::clone(&self.listener.limits));
        let listener = Arc::clone(&self.listener);
        let edge = Rc::clone(&self.edge);
        let http = Rc::clone(&self.http);
        spawn_local(async move {
            let slots = &listener.slots;
            let established = establish(socket, peer, &connection, slots, &listener.entrance).await;
            let Some(Established { stream, transport, peer }) = established else { return };
            let inbound = Rc::new(Inbound {
                listener: Arc::clone(&listener.name),
                limits: Arc::clone(&listener.limits),
                client_ip: Arc::clone(&listener.client_ip),
                peer,
                transport,
                connection: Arc::clone(&connection),
            });
            let service = service_fn(|request| {
                let (edge, inbound) = (Rc::clone(&edge), Rc::clone(&inbound));
                async move { edge.serve(inbound, request).await }
            });
            serve(&http, stream, &connection, slots, service).await;
        });
    }
}

/// Runs the streams of an HTTP/2 connection on the worker's own thread.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
}

/// How exact the coarse clock is, and how long an idle worker may hold on to a replaced snapshot.
const TICK: Duration = Duration::from_millis(100);

/// Deadlines are whole seconds; looking twice a second is soon enough.
const TICKS_PER_SWEEP: u64 = 5;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::identity::bearer::{self, Bearer};
    use crate::identity::digest::{self, Digest, NonceKey};
    use crate::identity::failures::{self, Failures};
    use crate::snapshot::Snapshot;
    use crate::telemetry::{AccessLogTarget, LogFormat, LogSettings};

    fn listener(metrics: &Metrics) -> Arc<Listener> {
        Arc::new(Listener {
            name: "main".into(),
            limits: Arc::default(),
            client_ip: Arc::new(client_ip::Settings::default()),
            entrance: Entrance::default(),
            slots: Slots::new(1, metrics.listener("main")),
        })
    }

    #[tokio::test]
    async fn a_worker_that_cannot_go_on_is_missed() {
        // Nothing that can be waited on: the worker fails where it would begin to accept.
        let socket = StdListener::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        let metrics = Arc::new(Metrics::new().unwrap());
        let settings = LogSettings {
            access_log: AccessLogTarget::Off,
            access_log_queue: 1,
            level: "off".into(),
            format: LogFormat::Text,
        };
        let (log, _open) = AccessLog::start(&settings, metrics.access_log_dropped()).unwrap();
        let (ended, mut told) = Ended::new();
        let (_stop, stopping) = watch::channel(false);
        let worker = spawn(Plan {
            index: 0,
            sockets: vec![(socket, listener(&metrics))],
            routes: Arc::new(Routes::new(Vec::new())),
            upstreams: Vec::new(),
            authenticator: Arc::new(Authenticator::new(
                Digest::new(digest::Settings::default(), NonceKey::from_bytes([0; 32])),
                Bearer::new(bearer::Settings::default()),
                Failures::new(failures::Settings::default()),
            )),
            snapshots: Arc::new(SnapshotCell::new(Snapshot::default())),
            log,
            metrics,
            clock: Clock::system(),
            stop: stopping,
            drain: Duration::from_secs(1),
            ended,
        });
        told.wait_for(|ended| *ended).await.unwrap();
        assert!(!matches!(worker.unwrap().join(), Ok(Ok(()))));
    }
}
