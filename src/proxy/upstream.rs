//! One upstream, as one worker sees it: its connections, their reuse and their deadlines.
//!
//! A connection carries one exchange at a time. It is leased for the exchange; the [`Lease`] goes back to the pool when the
//! response's body has ended, and closes the connection when it is dropped before. Deadlines are stamps that a sweep checks,
//! as in `net::connection`, so that an exchange arms no timer.
//!
//! Each side answers for itself: the upstream is waited for while the client asks for bytes, the client while it is asked for them
//! or has not taken those it was given. Whoever is waited for when the time is over is told of it.
//!
//! Nothing is sent twice: a request goes to another connection only when the library says that not a byte of it was written.

mod exchanges;
mod stream;

use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::net::connection::CoarseClock;
use crate::proxy::framing;
use crate::proxy::upload::RequestBody;
use crate::telemetry::metrics::{ConnectOutcome, UpstreamFailure, UpstreamMetrics};
use exchanges::End;
pub(super) use exchanges::Exchanges;
use stream::UpstreamStream;

/// The name of an upstream in config, metrics and logs.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UpstreamName(pub Arc<str>);

/// An upstream as configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamSettings {
    /// Its name.
    pub name: UpstreamName,
    /// `host:port`; a name is resolved when a connection is opened.
    pub endpoint: Endpoint,
    /// To open a connection. Default 2 s.
    pub connect_timeout: Duration,
    /// From the request's last progress to the response's head. Default 30 s.
    pub first_byte_timeout: Duration,
    /// Without progress of a response's body. Default 60 s.
    pub idle_timeout: Duration,
    /// How long an unused connection is kept. Default 60 s.
    pub keepalive_timeout: Duration,
    /// Unused connections kept by each worker. Default 64.
    pub keepalive_connections: usize,
}

/// Where an upstream listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// Why an upstream gave no response.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The name has no address, or the connection was refused or is unreachable.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection was not open in time.
    #[error("not connected within {0:?}")]
    ConnectTimeout(Duration),
    /// The response did not begin in time.
    #[error("no response within {0:?}")]
    FirstByteTimeout(Duration),
    /// The connection ended before the response began.
    #[error("the connection ended before a response")]
    Reset(#[source] hyper::Error),
    /// What came is no HTTP response.
    #[error("the response is no HTTP")]
    Protocol(#[source] hyper::Error),
    /// Two readers could cut the response in two ways.
    #[error("the response's length is ambiguous")]
    Ambiguous,
    /// The client did not send the body that it announced.
    #[error("the request's body ended early")]
    RequestBody(#[source] hyper::Error),
    /// The client stopped sending its body.
    #[error("the request's body made no progress within {0:?}")]
    RequestStalled(Duration),
    /// It switched protocols without having been asked to.
    #[error("the upstream switched protocols unasked")]
    UnexpectedUpgrade,
}

/// An upstream and this worker's connections to it.
#[derive(Debug)]
pub struct Upstream {
    settings: UpstreamSettings,
    clock: Arc<CoarseClock>,
    metrics: UpstreamMetrics,
    idle: RefCell<Vec<Idle>>,
    open: RefCell<Vec<Weak<Exchanges>>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    exchanges: Rc<Exchanges>,
    since_ms: u64,
}

impl Upstream {
    /// An upstream without connections.
    pub fn new(
        settings: UpstreamSettings,
        clock: Arc<CoarseClock>,
        metrics: UpstreamMetrics,
    ) -> Rc<Self> {
        Rc::new(Self {
            settings,
            clock,
            metrics,
            idle: RefCell::default(),
            open: RefCell::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &UpstreamName {
        &self.settings.name
    }

    /// Sends a request and waits for the response's head.
    ///
    /// # Errors
    /// No connection could be opened, or it ended or timed out before the response's head.
    pub async fn send(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        loop {
            let (mut lease, reused) = match self.take_idle() {
                Some(lease) => (lease, true),
                None => (self.connect().await?, false),
            };
            lease.exchanges.begin(request.body().stall_timeout());
            request.body_mut().goes_to(&lease.exchanges);
            let Some(sender) = lease.sender.as_mut() else { continue };
            let sent = Instant::now();
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.metrics.response_head.observe(sent.elapsed().as_secs_f64());
                    if !framing::is_plain(response.headers()) {
                        self.metrics.failed(UpstreamFailure::Protocol);
                        return Err(UpstreamError::Ambiguous);
                    }
                    lease.exchanges.streaming();
                    return Ok((response, lease));
                }
                Err(mut error) => match error.take_message() {
                    // An idle connection had ended unseen; not a byte was written to it.
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(self.failed(&lease.exchanges, error.into_error())),
                },
            }
        }
    }

    /// Ends exchanges that are past a deadline, and connections unused for too long.
    pub fn sweep(&self) {
        self.open.borrow_mut().retain(|exchanges| {
            exchanges.upgrade().inspect(|open| open.check(&self.settings)).is_some()
        });
        let keep = self.settings.keepalive_timeout;
        self.idle
            .borrow_mut()
            .retain(|idle| !idle.sender.is_closed() && !self.clock.has_passed(idle.since_ms, keep));
    }

    fn take_idle(self: &Rc<Self>) -> Option<Lease> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            if idle.sender.is_ready() {
                return Some(self.lease(idle.sender, idle.exchanges));
            }
        }
    }

    fn lease(self: &Rc<Self>, sender: SendRequest<RequestBody>, exchanges: Rc<Exchanges>) -> Lease {
        self.metrics.in_flight.inc();
        Lease { upstream: Rc::clone(self), exchanges, sender: Some(sender) }
    }

    async fn connect(self: &Rc<Self>) -> Result<Lease, UpstreamError> {
        let Endpoint { host, port } = &self.settings.endpoint;
        let limit = self.settings.connect_timeout;
        let stream = match tokio::time::timeout(limit, TcpStream::connect((&**host, *port))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                self.not_connected(if refused {
                    ConnectOutcome::Refused
                } else {
                    ConnectOutcome::Error
                });
                return Err(UpstreamError::Connect(error));
            }
            Err(_) => {
                self.not_connected(ConnectOutcome::Timeout);
                return Err(UpstreamError::ConnectTimeout(limit));
            }
        };
        self.metrics.connected(ConnectOutcome::Ok);
        // Requests are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(UpstreamStream::new(stream)))
            .await
            .map_err(UpstreamError::Reset)?;
        let exchanges = Rc::new(Exchanges::new(Arc::clone(&self.clock)));
        self.open.borrow_mut().push(Rc::downgrade(&exchanges));
        let watched = Rc::clone(&exchanges);
        let gauge = self.metrics.connections.clone();
        tokio::task::spawn_local(async move {
            gauge.inc();
            watched.run(connection.with_upgrades()).await;
            gauge.dec();
        });
        Ok(self.lease(sender, exchanges))
    }

    fn not_connected(&self, outcome: ConnectOutcome) {
        self.metrics.connected(outcome);
        self.metrics.failed(UpstreamFailure::Connect);
    }

    fn failed(&self, exchanges: &Exchanges, error: hyper::Error) -> UpstreamError {
        let (failure, error) = match exchanges.ended() {
            Some(End::FirstByteTimeout) => (
                Some(UpstreamFailure::FirstByteTimeout),
                UpstreamError::FirstByteTimeout(self.settings.first_byte_timeout),
            ),
            Some(End::RequestStalled) => {
                (None, UpstreamError::RequestStalled(exchanges.stall_timeout()))
            }
            _ if error.is_user() => (None, UpstreamError::RequestBody(error)),
            _ if error.is_parse() => {
                (Some(UpstreamFailure::Protocol), UpstreamError::Protocol(error))
            }
            _ => (Some(UpstreamFailure::Reset), UpstreamError::Reset(error)),
        };
        if let Some(failure) = failure {
            self.metrics.failed(failure);
        }
        error
    }
}

/// The right to one exchange over a connection.
#[derive(Debug)]
pub struct Lease {
    upstream: Rc<Upstream>,
    exchanges: Rc<Exchanges>,
    sender: Option<SendRequest<RequestBody>>,
}

impl Lease {
    /// Says that the response's next bytes were asked for, and whether they are still to come.
    pub fn asked(&self, is_pending: bool) {
        self.exchanges.asked(is_pending);
    }

    /// The exchange has ended in good order; the connection may serve another.
    pub fn finish(mut self) {
        let Some(sender) = self.sender.take() else { return };
        let mut idle = self.upstream.idle.borrow_mut();
        // Not ready: the upstream closes the connection, or answered before it had taken the whole request.
        if sender.is_ready() && idle.len() < self.upstream.settings.keepalive_connections {
            self.exchanges.rest();
            let since_ms = self.upstream.clock.now_ms();
            idle.push(Idle { sender, exchanges: Rc::clone(&self.exchanges), since_ms });
        } else {
            self.exchanges.end(End::Abandoned);
        }
    }

    /// The exchange has become a tunnel; the connection is no longer ours to reuse or to end.
    pub fn upgraded(mut self) {
        self.exchanges.rest();
        self.sender = None;
    }

    /// What came can't be used, and neither can its connection.
    pub fn invalid(self) {
        self.upstream.metrics.failed(UpstreamFailure::Protocol);
    }

    /// Counts a response that broke off, and says whose doing it was.
    pub fn broke_off(&self) -> BrokenOff {
        let failure = match self.exchanges.ended() {
            Some(End::Untaken) => return BrokenOff::ByClient,
            Some(End::IdleTimeout) => UpstreamFailure::IdleTimeout,
            _ => UpstreamFailure::Reset,
        };
        self.upstream.metrics.failed(failure);
        BrokenOff::ByUpstream
    }
}

/// Who is to blame for half a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrokenOff {
    /// The upstream sent no more.
    ByUpstream,
    /// The client took no more.
    ByClient,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.upstream.metrics.in_flight.dec();
        if self.sender.is_some() {
            self.exchanges.end(End::Abandoned);
        }
    }
}

/// Bytes of a response's head, and of what is read of its body at once.
const BUFFER: usize = 64 << 10;
