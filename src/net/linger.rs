//! Request bodies that may turn out to be unwanted, because the request is refused or answered early.
//!
//! What is left of one is read all the same and thrown away, for a while. A connection that is closed while bytes come in is
//! reset, and the reset takes the response with it that says why; and a client that was told to sign its request sends it
//! again on the same connection, which has to be there still.

use std::pin::Pin;
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

use super::connection::{Connection, RequestGuard};

/// A request's body, of which the rest is read after it was dropped.
#[derive(Debug)]
pub struct Lingering {
    /// None once it has ended.
    body: Option<Incoming>,
    /// The connection from which a rest is to be read; none on HTTP/2, which resets the stream instead.
    connection: Option<Arc<Connection>>,
    /// The client waits to be told to send (RFC 9110 section 10.1.1): without that, there is nothing to read.
    is_held_back: bool,
}

impl Lingering {
    /// The body of the request with the head `parts`, which came on `connection`.
    pub fn new(body: Incoming, parts: &Parts, connection: &Arc<Connection>) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        let is_http1 = parts.version != Version::HTTP_2;
        Self {
            connection: (body.is_some() && is_http1).then(|| Arc::clone(connection)),
            is_held_back: body.is_some() && parts.headers.contains_key(EXPECT),
            body,
        }
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        self.is_held_back = false;
        if let Poll::Ready(Some(Err(_)) | None) = &polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.is_held_back || self.is_end_stream() {
            return;
        }
        // None when the runtime itself ends.
        if let (Some(body), Some(connection), Ok(runtime)) =
            (self.body.take(), self.connection.take(), Handle::try_current())
        {
            runtime.spawn(throw_away(body, connection.begin_request()));
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
