//! Between accepting a connection and speaking HTTP on it: TLS, where the listener has it, and until when.
//!
//! A connection has its place during the handshake, so that those who never finish one count against the limit as well.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use super::http::cut;
use super::{
    Connection, HANDSHAKE, HEAD, HTTP1_ALONE, HTTP2_ALONE, LEAVING_NOW, Socket, WatchedStream,
};
use crate::net::listener::Slots;
use crate::net::tls::{Tls, Transport};
use crate::telemetry::metrics::{CloseReason, HandshakeOutcome};

/// The stream to speak HTTP on, once the handshake that the listener asks for is over. None: it came to nothing, which is counted.
pub async fn establish(
    socket: Socket,
    connection: &Connection,
    slots: &Slots,
    tls: Option<&Tls>,
) -> Option<(WatchedStream, Transport)> {
    match tls {
        None => Some((WatchedStream::Plain(socket), Transport::Plain)),
        // In a box, so that connections in plain text don't carry the room for it.
        Some(tls) => Box::pin(shake_hands(socket, connection, slots, tls)).await,
    }
}

async fn shake_hands(
    socket: Socket,
    connection: &Connection,
    slots: &Slots,
    tls: &Tls,
) -> Option<(WatchedStream, Transport)> {
    connection.enter(HANDSHAKE);
    let mut accepting = pin!(tls.accept(socket));
    let ended = poll_fn(|cx| {
        connection.waker.register(cx.waker());
        match is_over(connection) {
            Some(reason) => Poll::Ready(Err(reason)),
            None => accepting.as_mut().poll(cx).map(Ok),
        }
    });
    match ended.await {
        Ok(Ok((stream, session))) => {
            let alone = if session.is_http2() { HTTP2_ALONE } else { HTTP1_ALONE };
            connection.protocol.store(alone, Relaxed);
            connection.enter(HEAD);
            Some((WatchedStream::Tls(Box::new(stream)), Transport::Tls(session)))
        }
        // Counted while the stream, in the failure or in the handshake, is still open.
        Ok(Err(_failure)) => {
            slots.closed(CloseReason::Handshake);
            None
        }
        Err(reason) => {
            tls.broken_off(match reason {
                CloseReason::HandshakeTimeout => HandshakeOutcome::Timeout,
                _ => HandshakeOutcome::BrokenOff,
            });
            slots.closed(reason);
            None
        }
    }
}

/// Why a handshake is not waited for any longer. At a drain, it has the time that a first request has.
fn is_over(connection: &Connection) -> Option<CloseReason> {
    let is_leaving = || connection.leaving.load(Relaxed) == LEAVING_NOW;
    cut(connection).or_else(|| is_leaving().then_some(CloseReason::Drain))
}
