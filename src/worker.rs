//! A worker: one thread, one current-thread runtime, its own listening sockets and upstream connections.
//!
//! A request never crosses threads, and a worker does no disk or store I/O. How a worker stops: it takes what its backlogs
//! still hold, asks its connections to end after the requests they carry, and cuts what is left when the drain's time is over.

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
use crate::net::connection::{CoarseClock, Connections, http_builder, serve};
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
    /// The connections open, against the limit.
    pub slots: Arc<Slots>,
}

/// Starts a worker.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn(plan: Plan) -> io::Result<JoinHandle<io::Result<()>>> {
    std::thread::Builder::new().name(format!("worker-{}", plan.index)).spawn(move || {
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
    let ticker = spawn_local(tick(clock, Arc::clone(&connections), upstreams, Rc::clone(&edge)));
    let mut accepting = JoinSet::new();
    for (socket, listener) in plan.sockets {
        let socket = TcpListener::from_std(socket)?;
        let serving = Serving::new(listener, Arc::clone(&connections), Rc::clone(&edge));
        accepting.spawn_local(serving.accept(socket, plan.stop.clone()));
    }
    while accepting.join_next().await.is_some() {}
    connections.drain_within(plan.drain).await;
    ticker.abort();
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
        let (stream, connection) =
            self.connections.open(stream, slot, Arc::clone(&self.listener.limits));
        let inbound = Rc::new(Inbound {
            listener: Arc::clone(&self.listener.name),
            limits: Arc::clone(&self.listener.limits),
            client_ip: Arc::clone(&self.listener.client_ip),
            peer,
            connection: Arc::clone(&connection),
        });
        let edge = Rc::clone(&self.edge);
        let http = Rc::clone(&self.http);
        let slots = Arc::clone(&self.listener.slots);
        spawn_local(async move {
            let service = service_fn(|request| {
                let (edge, inbound) = (Rc::clone(&edge), Rc::clone(&inbound));
                async move { edge.serve(inbound, request).await }
            });
            serve(&http, stream, &connection, &slots, service).await;
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
