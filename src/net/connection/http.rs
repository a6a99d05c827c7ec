//! Speaking HTTP on a connection: with which limits, and until when.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;

use super::{
    Connection, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, IDLE_TIMEOUT, LEAVING_IDLE, OPEN, STALL_TIMEOUT,
    WRONG_PROTOCOL, WatchedStream,
};
use crate::net::ConnectionLimits;
use crate::net::listener::Slots;
use crate::telemetry::metrics::CloseReason;

/// A builder of HTTP connections with the limits of a listener: HTTP/1.1 or HTTP/2, as the first bytes tell. Where TLS agreed on
/// one of them, the connection's stream sees to it: the library's own switch does nothing for connections that may be upgraded.
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
        .initial_connection_window_size(H2_WINDOW)
        .initial_stream_window_size(H2_WINDOW)
        .max_send_buf_size(H2_SEND_BUFFER)
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
) -> CloseReason
where
    S: hyper::service::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>>,
    S::Future: 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: auto::HttpServerConnExec<S::Future, B>,
{
    let mut http = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut is_told = false;
    let ended = poll_fn(|cx| {
        connection.waker.register(cx.waker());
        loop {
            if let Some(reason) = cut(connection) {
                return Poll::Ready(reason);
            }
            if !is_told && connection.is_leaving() {
                is_told = true;
                http.as_mut().graceful_shutdown();
            }
            match http.as_mut().poll(cx) {
                Poll::Ready(result) => return Poll::Ready(reason(result, connection, is_told)),
                // The first request of all has begun just now.
                Poll::Pending if !is_told && connection.is_leaving() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    // While the stream is still open: whoever sees it closed finds it counted.
    slots.closed(ended);
    ended
}

/// Why a connection has to end now, if it has.
pub(super) fn cut(connection: &Connection) -> Option<CloseReason> {
    match connection.ended.load(Relaxed) {
        OPEN => None,
        HEADER_TIMEOUT => Some(CloseReason::HeaderTimeout),
        IDLE_TIMEOUT => Some(CloseReason::IdleTimeout),
        STALL_TIMEOUT => Some(CloseReason::StallTimeout),
        HANDSHAKE_TIMEOUT => Some(CloseReason::HandshakeTimeout),
        WRONG_PROTOCOL => Some(CloseReason::Malformed),
        _ => Some(CloseReason::Drain),
    }
}

fn reason(
    result: Result<(), Box<dyn std::error::Error + Send + Sync>>,
    connection: &Connection,
    is_told: bool,
) -> CloseReason {
    if let Some(reason) = cut(connection) {
        return reason;
    }
    match result {
        _ if is_told && connection.leaving.load(Relaxed) == LEAVING_IDLE => {
            CloseReason::IdleTimeout
        }
        _ if is_told => CloseReason::Drain,
        Ok(()) => CloseReason::Finished,
        Err(error) => match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_parse() => CloseReason::Malformed,
            _ => CloseReason::Error,
        },
    }
}

/// Header lines the library takes when it is not told otherwise; saying it again would cost it its array on the stack.
const LIBRARY_MAX_HEADERS: usize = 100;

/// Bytes of request bodies that a connection may hold until they are taken, all its streams together.
const H2_WINDOW: u32 = 1 << 20;

/// Bytes of a response that a stream may hold until the peer takes them, beside the piece that the upstream sent last.
const H2_SEND_BUFFER: usize = 64 << 10;

/// Streams that a peer reset before they were looked at. Source: the library's default, kept here so that it can't change unseen.
const H2_PENDING_RESETS: usize = 20;

/// Streams that we reset for the peer's errors before the connection is closed. Source: as above.
const H2_LOCAL_RESETS: usize = 1024;
