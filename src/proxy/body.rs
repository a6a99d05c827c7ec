//! The body of a response on its way downstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::proxy::edge::Exchange;
use crate::proxy::headers;
use crate::proxy::upstream::{BrokenOff, Lease};

/// What a response carries.
#[derive(Debug)]
pub enum ResponseBody {
    /// Our own words.
    Own(Option<Bytes>),
    /// An upstream's, streamed. The lease is given back at its end.
    Upstream {
        /// The stream.
        body: Incoming,
        /// The connection it comes from.
        lease: Option<Lease>,
        /// Whose doing it is that there is no more of it.
        broken_off: Option<BrokenOff>,
    },
}

impl ResponseBody {
    /// An upstream's response; one without a body gives its connection back at once.
    pub fn upstream(body: Incoming, lease: Lease) -> Self {
        if body.is_end_stream() {
            lease.finish();
            return Self::Own(None);
        }
        Self::Upstream { body, lease: Some(lease), broken_off: None }
    }
}

impl ResponseBody {
    fn broken_off(&self) -> BrokenOff {
        match self {
            Self::Upstream { broken_off: Some(by), .. } => *by,
            _ => BrokenOff::ByUpstream,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream { body, lease, broken_off } => {
                let polled = Pin::new(&mut *body).poll_frame(cx);
                if let Some(held) = lease {
                    held.asked(polled.is_pending());
                }
                if let Poll::Ready(frame) = &polled {
                    *broken_off = settle(frame.as_ref(), body.is_end_stream(), lease);
                }
                polled.map(|frame| frame.map(|frame| frame.map(clean_trailers)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Upstream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Upstream { body, .. } => body.size_hint(),
        }
    }
}

/// Gives the connection back as soon as the last frame is here: nobody may ask for another.
fn settle(
    frame: Option<&Result<Frame<Bytes>, hyper::Error>>,
    is_end: bool,
    lease: &mut Option<Lease>,
) -> Option<BrokenOff> {
    match frame {
        Some(Ok(_)) if !is_end => None,
        Some(Ok(_)) | None => {
            if let Some(lease) = lease.take() {
                lease.finish();
            }
            None
        }
        Some(Err(_)) => lease.take().map(|lease| lease.broke_off()),
    }
}

/// A frame whose trailers say nothing that only a head may say.
pub(super) fn clean_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            headers::clean_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}

/// A response body that is measured: when it ends, or is dropped before, the request is finished.
#[derive(Debug)]
pub struct Measured {
    body: ResponseBody,
    exchange: Box<Exchange>,
}

impl Measured {
    /// A body whose end finishes a request.
    pub fn new(body: ResponseBody, exchange: Box<Exchange>) -> Self {
        Self { body, exchange }
    }
}

impl Body for Measured {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.exchange.asked_for_more();
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.exchange.add_sent(frame.data_ref().map_or(0, Buf::remaining));
                if self.body.is_end_stream() {
                    self.exchange.complete();
                }
            }
            Poll::Ready(Some(Err(_))) => {
                let by = self.body.broken_off();
                self.exchange.broke_off(by);
            }
            Poll::Ready(None) => self.exchange.complete(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
