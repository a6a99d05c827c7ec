//! The body of a request on its way upstream: streamed, its progress stamped, its trailers cleaned.
//!
//! What nobody asked for, because the request was refused or answered early, is read all the same and thrown away, for a
//! while: a connection that is closed while bytes come in is reset, and the reset takes the response with it that says why.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::net::connection::{Connection, RequestGuard};
use crate::proxy::body::clean_trailers;
use crate::proxy::edge::{Exchange, Inbound};
use crate::proxy::upstream::Exchanges;

/// A request's body.
#[derive(Debug)]
pub struct RequestBody {
    /// None once it has ended.
    body: Option<Incoming>,
    stall_timeout: Duration,
    received: Option<Rc<Cell<u64>>>,
    exchanges: Option<Rc<Exchanges>>,
    /// The connection from which a rest is to be read; none on HTTP/2, which resets the stream instead.
    connection: Option<Arc<Connection>>,
    /// The client waits to be told to send (RFC 9110 section 10.1.1): without that, there is nothing to read.
    is_held_back: bool,
}

impl RequestBody {
    /// The body of the request with the head `parts`; its bytes are counted in `exchange`.
    pub(super) fn new(
        body: Incoming,
        parts: &Parts,
        inbound: &Inbound,
        exchange: &mut Exchange,
    ) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        let is_http1 = parts.version != Version::HTTP_2;
        Self {
            stall_timeout: inbound.limits.stall_timeout,
            received: body.is_some().then(|| exchange.received()),
            exchanges: None,
            connection: (body.is_some() && is_http1).then(|| Arc::clone(&inbound.connection)),
            is_held_back: body.is_some() && parts.headers.contains_key(EXPECT),
            body,
        }
    }

    /// How long the client may pause.
    pub(super) fn stall_timeout(&self) -> Duration {
        self.stall_timeout
    }

    /// Says whose progress this body is.
    pub(super) fn goes_to(&mut self, exchanges: &Rc<Exchanges>) {
        self.exchanges = Some(Rc::clone(exchanges));
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.is_held_back = false;
        let polled = Pin::new(body).poll_frame(cx);
        if let Some(exchanges) = &this.exchanges {
            exchanges.asked_client(polled.is_pending());
        }
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(received) = &this.received {
                    received.set(received.get() + bytes);
                }
            }
            Poll::Ready(Some(Err(_)) | None) => this.body = None,
            Poll::Pending => {}
        }
        polled.map(|frame| frame.map(|frame| frame.map(clean_trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.is_held_back || self.is_end_stream() {
            return;
        }
        // None when the worker itself ends.
        if let (Some(body), Some(connection), Ok(worker)) =
            (self.body.take(), self.connection.take(), Handle::try_current())
        {
            worker.spawn(throw_away(body, connection.begin_request()));
        }
    }
}

/// Reads a body to its end, for as long as a client deserves.
async fn throw_away(mut body: Incoming, _busy: RequestGuard) {
    let rest = async { while let Ok(Some(Ok(_))) = timeout(LINGER_PAUSE, body.frame()).await {} };
    let _ = timeout(LINGER, rest).await;
}

/// Reading what nobody wants. Source: nginx's `lingering_time`.
const LINGER: Duration = Duration::from_secs(30);

/// Waiting for more of it. Source: nginx's `lingering_timeout`.
const LINGER_PAUSE: Duration = Duration::from_secs(5);
