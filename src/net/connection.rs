//! One accepted connection: its deadlines, and how it ends.
//!
//! Deadlines are kept by stamps of a coarse clock and checked by a sweep every half second, so that a request arms no timer.
//! A connection is in one of three phases:
//! - *head*: a request has begun and its head is not complete ([`ConnectionLimits::header_timeout`]);
//! - *busy*: requests are being answered; a peer that takes no bytes is ended after [`ConnectionLimits::stall_timeout`];
//! - *idle*: kept alive ([`ConnectionLimits::idle_timeout`]).
//!
//! Everything here is `Send`, as an upgraded connection has to be; the atomics are read and written by one thread and cost what plain fields do.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::ConnectionLimits;
use super::listener::{Slot, Slots};
use crate::telemetry::metrics::CloseReason;

/// Milliseconds since some start, told to within a tick. Starts at one, so that zero can mean "never".
#[derive(Debug)]
pub struct CoarseClock {
    start: Instant,
    now_ms: AtomicU64,
}

impl CoarseClock {
    /// A clock that starts now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), now_ms: AtomicU64::new(1) })
    }

    /// Moves the clock on; called on each tick.
    pub fn tick(&self) {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.now_ms.store(passed + 1, Relaxed);
    }

    /// The time as of the last tick.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.load(Relaxed)
    }

    /// Whether `span` has passed since the stamp `since_ms`.
    pub fn has_passed(&self, since_ms: u64, span: Duration) -> bool {
        u128::from(self.now_ms().saturating_sub(since_ms)) >= span.as_millis()
    }
}

/// What is known of a connection while it is open.
#[derive(Debug)]
pub struct Connection {
    clock: Arc<CoarseClock>,
    limits: Arc<ConnectionLimits>,
    phase: AtomicU8,
    since_ms: AtomicU64,
    /// When the peer stopped taking bytes; zero while it takes them.
    write_stalled_ms: AtomicU64,
    requests: AtomicU32,
    multiplexed: AtomicBool,
    ended: AtomicU8,
    draining: AtomicBool,
    waker: AtomicWaker,
}

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

const OPEN: u8 = 0;
const HEADER_TIMEOUT: u8 = 1;
const IDLE_TIMEOUT: u8 = 2;
const STALL_TIMEOUT: u8 = 3;
const CUT_BY_DRAIN: u8 = 4;

impl Connection {
    fn new(clock: Arc<CoarseClock>, limits: Arc<ConnectionLimits>) -> Self {
        let since_ms = AtomicU64::new(clock.now_ms());
        Self {
            clock,
            limits,
            phase: AtomicU8::new(HEAD),
            since_ms,
            write_stalled_ms: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            ended: AtomicU8::new(OPEN),
            draining: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Says that a request's head is complete; the connection is busy until the guard is dropped.
    pub fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Relaxed);
        self.phase.store(BUSY, Relaxed);
        RequestGuard(Arc::clone(self))
    }

    /// Resolves when the connection has to end before its work is done.
    pub async fn cut(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.ended.load(Relaxed) == OPEN { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn end(&self, why: u8) {
        self.ended.store(why, Relaxed);
        self.waker.wake();
    }

    fn drain(&self) {
        self.draining.store(true, Relaxed);
        self.waker.wake();
    }

    fn check(&self) {
        let since = self.since_ms.load(Relaxed);
        let stalled = self.write_stalled_ms.load(Relaxed);
        if stalled != 0 && self.clock.has_passed(stalled, self.limits.stall_timeout) {
            return self.end(STALL_TIMEOUT);
        }
        match self.phase.load(Relaxed) {
            HEAD if self.clock.has_passed(since, self.limits.header_timeout) => {
                self.end(HEADER_TIMEOUT)
            }
            IDLE if self.clock.has_passed(since, self.limits.idle_timeout) => {
                self.end(IDLE_TIMEOUT)
            }
            _ => {}
        }
    }

    fn read_some(&self, bytes: &[u8]) {
        match self.phase.load(Relaxed) {
            HEAD if bytes.starts_with(b"PRI ") => self.multiplexed.store(true, Relaxed),
            // On HTTP/2, bytes between requests are pings and settings; its heads are bounded by the library.
            IDLE if !self.multiplexed.load(Relaxed) => {
                self.since_ms.store(self.clock.now_ms(), Relaxed);
                self.phase.store(HEAD, Relaxed);
            }
            _ => {}
        }
    }
}

/// Keeps a connection busy.
#[derive(Debug)]
pub struct RequestGuard(Arc<Connection>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Relaxed) == 1 {
            self.0.since_ms.store(self.0.clock.now_ms(), Relaxed);
            self.0.phase.store(IDLE, Relaxed);
        }
    }
}

/// The connections that one sweep looks after.
#[derive(Debug)]
pub struct Connections {
    clock: Arc<CoarseClock>,
    open: Mutex<Vec<Weak<Connection>>>,
}

impl Connections {
    /// None yet.
    pub fn new(clock: Arc<CoarseClock>) -> Arc<Self> {
        Arc::new(Self { clock, open: Mutex::default() })
    }

    /// Takes a stream in; it is counted and swept until it is closed, upgraded or not.
    pub fn open(
        &self,
        stream: TcpStream,
        slot: Slot,
        limits: Arc<ConnectionLimits>,
    ) -> (WatchedStream, Arc<Connection>) {
        let connection = Arc::new(Connection::new(Arc::clone(&self.clock), limits));
        self.lock().push(Arc::downgrade(&connection));
        (WatchedStream { stream, connection: Arc::clone(&connection), _slot: slot }, connection)
    }

    /// Ends what is past its deadline and forgets what is closed.
    pub fn sweep(&self) {
        self.lock()
            .retain(|connection| connection.upgrade().inspect(|open| open.check()).is_some());
    }

    /// Asks every connection to end once its requests are answered, and cuts those that have not ended after `limit`.
    pub async fn drain_within(&self, limit: Duration) {
        self.each(Connection::drain);
        if !self.all_closed_within(limit).await {
            self.each(|connection| connection.end(CUT_BY_DRAIN));
            self.all_closed_within(CUT_GRACE).await;
        }
    }

    async fn all_closed_within(&self, limit: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        while self.lock().iter().any(|connection| connection.strong_count() > 0) {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(DRAIN_LOOK).await;
        }
        true
    }

    fn each(&self, act: impl Fn(&Connection)) {
        for connection in self.lock().iter() {
            if let Some(open) = connection.upgrade() {
                act(&open);
            }
        }
    }

    /// Not on a request's way: taken at accept, by the sweep and at drain.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that stamps its connection.
#[derive(Debug)]
pub struct WatchedStream {
    stream: TcpStream,
    connection: Arc<Connection>,
    _slot: Slot,
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = polled
            && buf.filled().len() > before
        {
            self.connection.read_some(&buf.filled()[before..]);
        }
        polled
    }
}

impl WatchedStream {
    fn stamp<T>(&self, polled: Poll<T>) -> Poll<T> {
        let stalled = &self.connection.write_stalled_ms;
        if polled.is_ready() {
            stalled.store(0, Relaxed);
        } else if stalled.load(Relaxed) == 0 {
            stalled.store(self.connection.clock.now_ms(), Relaxed);
        }
        polled
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.stamp(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.stamp(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A builder of HTTP connections with the limits of a listener: HTTP/1.1, and HTTP/2 by prior knowledge.
pub fn http_builder<E>(executor: E, limits: &ConnectionLimits) -> auto::Builder<E> {
    let mut builder = auto::Builder::new(executor);
    // The sweep keeps the header deadline; a timer for each request would cost more than the request's parsing.
    builder.http1().header_read_timeout(None).max_buf_size(limits.header_bytes).keep_alive(true);
    if limits.headers != LIBRARY_MAX_HEADERS {
        builder.http1().max_headers(limits.headers);
    }
    builder
        .http2()
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(Some(H2_PENDING_RESETS))
        .max_local_error_reset_streams(Some(H2_LOCAL_RESETS));
    builder
}

/// Serves a connection until it ends by itself, by a deadline or by a drain, and counts which it was.
pub async fn serve<S, B, E>(
    builder: &auto::Builder<E>,
    stream: WatchedStream,
    connection: &Connection,
    slots: &Slots,
    service: S,
) where
    S: hyper::service::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>>,
    S::Future: 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: auto::HttpServerConnExec<S::Future, B>,
{
    let mut http = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut told_to_drain = false;
    let ended = poll_fn(|cx| {
        connection.waker.register(cx.waker());
        if connection.ended.load(Relaxed) != OPEN {
            return Poll::Ready(reason(connection));
        }
        if !told_to_drain && connection.draining.load(Relaxed) {
            told_to_drain = true;
            http.as_mut().graceful_shutdown();
        }
        http.as_mut().poll(cx).map(|result| match result {
            Ok(()) if told_to_drain => CloseReason::Drain,
            Ok(()) => CloseReason::Finished,
            Err(error) => match error.downcast_ref::<hyper::Error>() {
                Some(error) if error.is_parse() => CloseReason::Malformed,
                _ => CloseReason::Error,
            },
        })
    })
    .await;
    // While the stream is still open: whoever sees it closed finds it counted.
    slots.closed(ended);
}

fn reason(connection: &Connection) -> CloseReason {
    match connection.ended.load(Relaxed) {
        HEADER_TIMEOUT => CloseReason::HeaderTimeout,
        IDLE_TIMEOUT => CloseReason::IdleTimeout,
        STALL_TIMEOUT => CloseReason::StallTimeout,
        _ => CloseReason::Drain,
    }
}

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// For the tasks of connections that were cut to see it.
const CUT_GRACE: Duration = Duration::from_millis(500);

/// Header lines the library takes when it is not told otherwise; saying it again would cost it its array on the stack.
const LIBRARY_MAX_HEADERS: usize = 100;

/// Streams that a peer reset before they were looked at. Source: the library's default, kept here so that it can't change unseen.
const H2_PENDING_RESETS: usize = 20;

/// Streams that we reset for the peer's errors before the connection is closed. Source: as above.
const H2_LOCAL_RESETS: usize = 1024;
