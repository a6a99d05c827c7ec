//! One accepted connection: its deadlines, and how it ends.
//!
//! Deadlines are kept by stamps of a coarse clock and checked by a sweep every half second, so that a request arms no timer.
//! A connection is in one of four phases:
//! - *handshake*: a PROXY protocol header is read, TLS is being agreed upon ([`ConnectionLimits::handshake_timeout`]);
//! - *head*: a request has begun and its head is not complete ([`ConnectionLimits::header_timeout`]);
//! - *busy*: requests are being answered; a peer that takes no bytes is ended after [`ConnectionLimits::stall_timeout`];
//! - *idle*: kept alive ([`ConnectionLimits::idle_timeout`]). An HTTP/2 connection is idle from its preface on, and is told
//!   before it is left, since a client has to know which of its requests were seen.
//!
//! A peer that takes no bytes is seen in two ways: the socket is full, or, on HTTP/2, the peer opens no window, while the socket
//! has room. So each response says when something of it was handed on and when more was asked for ([`RequestGuard`]).
//!
//! At a drain, a connection that has not sent its first request yet may send it: it was accepted, so it is served.
//!
//! Everything here is `Send`, as an upgraded connection has to be; the atomics are read and written by one thread and cost what plain fields do.

mod handshake;
mod http;
mod stream;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::net::TcpStream;

use super::ConnectionLimits;
use super::listener::Slot;

pub use handshake::{Entrance, Established, establish};
pub use http::{http_builder, serve};
pub use stream::{Socket, WatchedStream};

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
    /// Requests whose response waits for the peer, and since when none of them has got on.
    untaken: AtomicU32,
    taken_ms: AtomicU64,
    /// Bytes of the HTTP/2 preface seen so far; [`NOT_HTTP2`] once something else was.
    preface: AtomicU8,
    multiplexed: AtomicBool,
    /// What TLS agreed on; [`EITHER`] where there is none.
    protocol: AtomicU8,
    /// No request has begun yet.
    fresh: AtomicBool,
    ended: AtomicU8,
    leaving: AtomicU8,
    waker: AtomicWaker,
}

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;
const HANDSHAKE: u8 = 3;

const OPEN: u8 = 0;
const HEADER_TIMEOUT: u8 = 1;
const IDLE_TIMEOUT: u8 = 2;
const STALL_TIMEOUT: u8 = 3;
const CUT_BY_DRAIN: u8 = 4;
const HANDSHAKE_TIMEOUT: u8 = 5;
const WRONG_PROTOCOL: u8 = 6;

/// Whether, and how soon, the peer is told that the connection ends.
const STAYING: u8 = 0;
const LEAVING_IDLE: u8 = 1;
const LEAVING_SOON: u8 = 2;
const LEAVING_NOW: u8 = 3;

/// What an HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NOT_HTTP2: u8 = u8::MAX;

const EITHER: u8 = 0;
const HTTP1_ALONE: u8 = 1;
const HTTP2_ALONE: u8 = 2;

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
            untaken: AtomicU32::new(0),
            taken_ms: AtomicU64::new(0),
            preface: AtomicU8::new(0),
            multiplexed: AtomicBool::new(false),
            protocol: AtomicU8::new(EITHER),
            fresh: AtomicBool::new(true),
            ended: AtomicU8::new(OPEN),
            leaving: AtomicU8::new(STAYING),
            waker: AtomicWaker::new(),
        }
    }

    /// Says that a request's head is complete; the connection is busy until the guard is dropped.
    pub fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Relaxed);
        self.phase.store(BUSY, Relaxed);
        self.fresh.store(false, Relaxed);
        RequestGuard { connection: Arc::clone(self), is_untaken: false }
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

    fn leave(&self, how: u8) {
        self.leaving.fetch_max(how, Relaxed);
        self.waker.wake();
    }

    /// Whether the peer is to be told now that the connection ends.
    fn is_leaving(&self) -> bool {
        match self.leaving.load(Relaxed) {
            STAYING => false,
            LEAVING_SOON => !self.fresh.load(Relaxed) || self.multiplexed.load(Relaxed),
            _ => true,
        }
    }

    fn check(&self) {
        if self.is_stalled() {
            return self.end(STALL_TIMEOUT);
        }
        let since = self.since_ms.load(Relaxed);
        let limits = &self.limits;
        match self.phase.load(Relaxed) {
            HANDSHAKE if self.clock.has_passed(since, limits.handshake_timeout) => {
                self.end(HANDSHAKE_TIMEOUT)
            }
            HEAD if self.clock.has_passed(since, limits.header_timeout) => self.end(HEADER_TIMEOUT),
            IDLE if self.clock.has_passed(since, limits.idle_timeout + LEAVE_GRACE) => {
                self.end(IDLE_TIMEOUT)
            }
            IDLE if self.clock.has_passed(since, limits.idle_timeout) => {
                if self.multiplexed.load(Relaxed) {
                    self.leave(LEAVING_IDLE);
                } else {
                    self.end(IDLE_TIMEOUT);
                }
            }
            _ => {}
        }
    }

    /// Whether the peer has taken nothing for too long of what it asked for.
    fn is_stalled(&self) -> bool {
        let has_passed = |since| self.clock.has_passed(since, self.limits.stall_timeout);
        let socket_full = self.write_stalled_ms.load(Relaxed);
        if socket_full != 0 && has_passed(socket_full) {
            return true;
        }
        // As long as one request waits for us or its upstream, its neighbours may wait for the peer.
        let untaken = self.untaken.load(Relaxed);
        untaken > 0
            && untaken == self.requests.load(Relaxed)
            && has_passed(self.taken_ms.load(Relaxed))
    }

    fn read_some(&self, bytes: &[u8]) {
        if self.fresh.load(Relaxed) {
            self.look_for_preface(bytes);
        }
        // On HTTP/2, bytes between requests are pings and settings; its heads are bounded by the library.
        if self.phase.load(Relaxed) == IDLE && !self.multiplexed.load(Relaxed) {
            self.enter(HEAD);
        }
    }

    /// Whether what was read is of another protocol than TLS agreed on. Then the connection is at its end.
    fn ends_for_its_protocol(&self) -> bool {
        let is_wrong = match self.protocol.load(Relaxed) {
            HTTP1_ALONE => self.multiplexed.load(Relaxed),
            HTTP2_ALONE => self.preface.load(Relaxed) == NOT_HTTP2,
            _ => false,
        };
        if is_wrong {
            self.end(WRONG_PROTOCOL);
        }
        is_wrong
    }

    fn look_for_preface(&self, bytes: &[u8]) {
        let seen = self.preface.load(Relaxed);
        let Some(expected) = PREFACE.get(usize::from(seen)..).filter(|rest| !rest.is_empty())
        else {
            return;
        };
        let length = expected.len().min(bytes.len());
        if bytes[..length] != expected[..length] {
            return self.preface.store(NOT_HTTP2, Relaxed);
        }
        // At most the preface's 24.
        self.preface.store(seen + u8::try_from(length).unwrap_or(NOT_HTTP2), Relaxed);
        if length == expected.len() {
            self.multiplexed.store(true, Relaxed);
            self.enter(IDLE);
        }
    }

    fn enter(&self, phase: u8) {
        self.since_ms.store(self.clock.now_ms(), Relaxed);
        self.phase.store(phase, Relaxed);
    }

    /// The peer took bytes, or can't at the moment.
    fn wrote(&self, taken: bool) {
        if !taken {
            let now = self.clock.now_ms();
            let _ = self.write_stalled_ms.compare_exchange(0, now, Relaxed, Relaxed);
            return;
        }
        self.write_stalled_ms.store(0, Relaxed);
        // The end of a response may be on its way when the request is already done with.
        if self.phase.load(Relaxed) == IDLE && !self.multiplexed.load(Relaxed) {
            self.since_ms.store(self.clock.now_ms(), Relaxed);
        }
    }
}

/// Keeps a connection busy.
#[derive(Debug)]
pub struct RequestGuard {
    connection: Arc<Connection>,
    is_untaken: bool,
}

impl RequestGuard {
    /// Says that bytes of the response were handed on: from now on, the peer is waited for.
    pub fn handed_on(&mut self) {
        self.connection.taken_ms.store(self.connection.clock.now_ms(), Relaxed);
        if !std::mem::replace(&mut self.is_untaken, true) {
            self.connection.untaken.fetch_add(1, Relaxed);
        }
    }

    /// Says that more was asked for: the peer is no longer waited for.
    pub fn asked_for_more(&mut self) {
        if std::mem::take(&mut self.is_untaken) {
            self.connection.taken_ms.store(self.connection.clock.now_ms(), Relaxed);
            self.connection.untaken.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.asked_for_more();
        if self.connection.requests.fetch_sub(1, Relaxed) == 1 {
            self.connection.enter(IDLE);
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
    ) -> (Socket, Arc<Connection>) {
        let connection = Arc::new(Connection::new(Arc::clone(&self.clock), limits));
        self.lock().push(Arc::downgrade(&connection));
        (Socket::new(stream, Arc::clone(&connection), slot), connection)
    }

    /// Ends what is past its deadline and forgets what is closed.
    pub fn sweep(&self) {
        self.lock()
            .retain(|connection| connection.upgrade().inspect(|open| open.check()).is_some());
    }

    /// Asks every connection to end once its requests are answered, and cuts those that have not ended after `limit`.
    ///
    /// Those that were accepted and have not begun a request yet have a moment to do so.
    pub async fn drain_within(&self, limit: Duration) {
        let first = limit.min(FIRST_REQUEST_GRACE);
        self.each(|connection| connection.leave(LEAVING_SOON));
        if self.all_closed_within(first).await {
            return;
        }
        self.each(|connection| connection.leave(LEAVING_NOW));
        if !self.all_closed_within(limit.saturating_sub(first)).await {
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

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// For an HTTP/2 client that was told of the end to agree to it.
const LEAVE_GRACE: Duration = Duration::from_secs(2);

/// For the first request of a connection that is accepted while the program stops. It is on its way, or there is none.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// For the tasks of connections that were cut to see it.
const CUT_GRACE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
