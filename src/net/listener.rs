//! Binding and accepting.
//!
//! Each worker has a socket of its own on the same address (`SO_REUSEPORT`), so that the kernel spreads connections and no
//! thread hands one to another. `SO_REUSEPORT` hides a port that another program of the same user holds; so each address
//! is bound once without it first.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::ListenerSettings;
use crate::addr::PeerAddr;
use crate::telemetry::metrics::{CloseReason, ListenerMetrics};

/// The sockets of one listener, one for each worker.
#[derive(Debug)]
pub struct Bound {
    /// Where they are bound; the port is a real one also where zero was asked for.
    pub address: SocketAddr,
    /// One socket a worker, not blocking.
    pub sockets: Vec<StdListener>,
}

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listener {name}: cannot listen on {address}")]
pub struct BindError {
    /// The listener's name.
    pub name: Box<str>,
    /// The address asked for.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

/// Binds `copies` sockets to the listener's address.
///
/// # Errors
/// The address is in use, is not this machine's, or needs a privilege.
pub fn bind(settings: &ListenerSettings, copies: usize) -> Result<Bound, BindError> {
    let failed =
        |source| BindError { name: settings.name.clone(), address: settings.listen, source };
    drop(socket(settings.listen, Sharing::Alone).map_err(failed)?);
    let first = socket(settings.listen, Sharing::WithWorkers).map_err(failed)?;
    let address = first.local_addr().map_err(failed)?;
    let mut sockets = vec![first];
    for _ in 1..copies {
        sockets.push(socket(address, Sharing::WithWorkers).map_err(failed)?);
    }
    for socket in &sockets {
        socket.listen_on(BACKLOG).map_err(failed)?;
    }
    Ok(Bound { address, sockets: sockets.into_iter().map(|socket| socket.0.into()).collect() })
}

/// The open connections of one listener, over all workers, against its limit.
#[derive(Debug)]
pub struct Slots {
    open: AtomicUsize,
    limit: usize,
    metrics: ListenerMetrics,
}

impl Slots {
    /// No connection open yet, `limit` at most.
    pub fn new(limit: usize, metrics: ListenerMetrics) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), limit, metrics })
    }

    /// A place for one more connection, unless all are taken.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.metrics.closed(CloseReason::Limit);
            return None;
        }
        self.metrics.accepted.inc();
        self.metrics.connections.inc();
        Some(Slot(Arc::clone(self)))
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts why a connection ended.
    pub fn closed(&self, reason: CloseReason) {
        self.metrics.closed(reason);
    }
}

/// The place of one open connection; given back on drop.
#[derive(Debug)]
pub struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.dec();
    }
}

/// Accepts connections and hands each to `serve`, until `stop` says so; then takes what the backlog still holds and returns.
pub async fn accept(
    listener: TcpListener,
    slots: Arc<Slots>,
    mut stop: watch::Receiver<bool>,
    mut serve: impl FnMut(TcpStream, PeerAddr, Slot),
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &slots, &mut serve),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                slots.metrics.accept_errors.inc();
                tracing::warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    while let Some(Ok((stream, peer))) = futures_util::FutureExt::now_or_never(listener.accept()) {
        admit(stream, peer, &slots, &mut serve);
    }
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    slots: &Arc<Slots>,
    serve: &mut impl FnMut(TcpStream, PeerAddr, Slot),
) {
    if let Some(slot) = slots.take() {
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        serve(stream, PeerAddr(peer), slot);
    }
}

/// Whether another `accept` may succeed at once: the connection was gone before it was taken.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[derive(Clone, Copy)]
enum Sharing {
    Alone,
    WithWorkers,
}

struct BoundSocket(Socket);

impl BoundSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    fn listen_on(&self, backlog: i32) -> io::Result<()> {
        self.0.listen(backlog)
    }
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<BoundSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two listeners, as they are two lines in the config.
        socket.set_only_v6(true)?;
    }
    if matches!(sharing, Sharing::WithWorkers) {
        socket.set_reuse_port(true)?;
    }
    // Accepted connections inherit it: a peer that vanished without a word is noticed even where nothing is due, as in a tunnel.
    let probes = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if matches!(sharing, Sharing::Alone) {
        // With `SO_REUSEADDR`, Linux tells of a port in use only when it is listened on.
        socket.listen(1)?;
    }
    Ok(BoundSocket(socket))
}

/// Connections that wait to be accepted. The kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Silence on a connection after which the kernel asks whether the peer is there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// Between two such questions; the kernel's own number of them has to go unanswered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// After an error that touches every connection, such as too many open files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
