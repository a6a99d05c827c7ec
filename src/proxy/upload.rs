//! The body of a request on its way upstream: streamed, its progress stamped, its trailers cleaned.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::net::linger::Lingering;
use crate::proxy::body::clean_trailers;
use crate::proxy::edge::{Exchange, Inbound};
use crate::proxy::upstream::Exchanges;

/// A request's body.
#[derive(Debug)]
pub struct RequestBody {
    /// None where there is none.
    body: Option<Lingering>,
    stall_timeout: Duration,
    received: Option<Rc<Cell<u64>>>,
    exchanges: Option<Rc<Exchanges>>,
}

impl RequestBody {
    /// The body of the request with the head `parts`; its bytes are counted in `exchange`.
    pub(super) fn new(
        body: Incoming,
        parts: &Parts,
        inbound: &Inbound,
        exchange: &mut Exchange,
    ) -> Self {
        let body =
            (!body.is_end_stream()).then(|| Lingering::new(body, parts, &inbound.connection));
        Self {
            stall_timeout: inbound.limits.stall_timeout,
            received: body.is_some().then(|| exchange.received()),
            exchanges: None,
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
