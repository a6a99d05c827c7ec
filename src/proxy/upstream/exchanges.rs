//! What the sweep has to know of a connection: who is waited for in its exchange, and since when.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::UpstreamSettings;
use crate::net::connection::CoarseClock;

/// The exchanges of one connection, one after the other.
#[derive(Debug)]
pub(in crate::proxy) struct Exchanges {
    clock: Arc<CoarseClock>,
    phase: Cell<Phase>,
    since_ms: Cell<u64>,
    stall_timeout: Cell<Duration>,
    /// The request's next bytes were asked for and have not come.
    awaits_request: Cell<bool>,
    /// The response's next bytes were asked for and have not come.
    awaits_response: Cell<bool>,
    ended: Cell<Option<End>>,
    waker: RefCell<Waker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Resting,
    AwaitingHead,
    Streaming,
}

/// Why a connection was ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The upstream did not begin its response.
    FirstByteTimeout,
    /// The client did not send its request to the end.
    RequestStalled,
    /// The upstream did not go on with its response.
    IdleTimeout,
    /// The client did not take the response.
    Untaken,
    /// Nobody has a use for it.
    Abandoned,
}

impl Exchanges {
    pub(super) fn new(clock: Arc<CoarseClock>) -> Self {
        Self {
            clock,
            phase: Cell::new(Phase::Resting),
            since_ms: Cell::new(0),
            stall_timeout: Cell::new(Duration::ZERO),
            awaits_request: Cell::new(false),
            awaits_response: Cell::new(false),
            ended: Cell::new(None),
            waker: RefCell::new(Waker::noop().clone()),
        }
    }

    /// An exchange begins; its client may pause for `stall_timeout`.
    pub(super) fn begin(&self, stall_timeout: Duration) {
        self.phase.set(Phase::AwaitingHead);
        self.stall_timeout.set(stall_timeout);
        self.awaits_request.set(false);
        self.stamp();
    }

    /// The response's head has come.
    pub(super) fn streaming(&self) {
        self.phase.set(Phase::Streaming);
        self.awaits_response.set(false);
        self.stamp();
    }

    /// No exchange is under way.
    pub(super) fn rest(&self) {
        self.phase.set(Phase::Resting);
    }

    /// The request's next bytes were asked for.
    pub(in crate::proxy) fn asked_client(&self, is_pending: bool) {
        self.awaits_request.set(is_pending);
        if !is_pending {
            self.stamp();
        }
    }

    /// The response's next bytes were asked for.
    pub(super) fn asked(&self, is_pending: bool) {
        let waited = self.awaits_response.replace(is_pending);
        // Asking again is no progress; the wait goes on.
        if !(waited && is_pending) {
            self.stamp();
        }
    }

    pub(super) fn end(&self, why: End) {
        self.ended.set(Some(why));
        self.waker.borrow().wake_by_ref();
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.ended.get()
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        self.stall_timeout.get()
    }

    /// Ends the connection when whoever is waited for has had its time.
    pub(super) fn check(&self, settings: &UpstreamSettings) {
        let (limit, end) = match self.phase.get() {
            Phase::Resting => return,
            Phase::AwaitingHead if self.awaits_request.get() => {
                (self.stall_timeout.get(), End::RequestStalled)
            }
            Phase::AwaitingHead => (settings.first_byte_timeout, End::FirstByteTimeout),
            Phase::Streaming if self.awaits_response.get() => {
                (settings.idle_timeout, End::IdleTimeout)
            }
            Phase::Streaming => (self.stall_timeout.get(), End::Untaken),
        };
        if self.clock.has_passed(self.since_ms.get(), limit) {
            self.end(end);
        }
    }

    /// Drives the connection until it ends by itself or is ended.
    pub(super) async fn run(&self, connection: impl Future<Output = hyper::Result<()>>) {
        let mut connection = pin!(connection);
        poll_fn(|cx| {
            if self.ended.get().is_some() {
                return Poll::Ready(());
            }
            self.waker.borrow_mut().clone_from(cx.waker());
            connection.as_mut().poll(cx).map(|result| {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection to an upstream ended");
                }
            })
        })
        .await;
    }

    fn stamp(&self) {
        self.since_ms.set(self.clock.now_ms());
    }
}
