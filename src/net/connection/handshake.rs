//! Between accepting a connection and speaking HTTP on it: the PROXY protocol's header and TLS, where the listener has them,
//! and until when.
//!
//! A connection has its place meanwhile, so that those who never come to HTTP count against the limit as well.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;

use super::http::cut;
use super::{
    Connection, HANDSHAKE, HEAD, HTTP1_ALONE, HTTP2_ALONE, LEAVING_NOW, Socket, WatchedStream,
};
use crate::addr::PeerAddr;
use crate::net::listener::Slots;
use crate::net::proxy_protocol::{self, Duty, Progress};
use crate::net::tls::{Tls, Transport};
use crate::telemetry::metrics::{CloseReason, HandshakeOutcome};

/// What a listener asks for before HTTP.
#[derive(Clone, Debug, Default)]
pub struct Entrance {
    /// Whose PROXY protocol header is believed; none: nobody's.
    pub proxy_protocol: Option<Arc<proxy_protocol::Settings>>,
    /// TLS; none: plain text.
    pub tls: Option<Arc<Tls>>,
}

/// A connection that HTTP can be spoken on.
#[derive(Debug)]
pub struct Established {
    /// What it is spoken on.
    pub stream: WatchedStream,
    /// How it came.
    pub transport: Transport,
    /// The other end: what a header that is believed has named, or else the peer of the socket.
    pub peer: PeerAddr,
}

/// The connection, once all that the listener asks for is over. None: it came to nothing, which is counted.
pub async fn establish(
    mut socket: Socket,
    peer: PeerAddr,
    connection: &Connection,
    slots: &Slots,
    entrance: &Entrance,
) -> Option<Established> {
    // In boxes, so that connections without either don't carry the room for it.
    let peer = match &entrance.proxy_protocol {
        None => peer,
        Some(settings) => {
            Box::pin(introduce(&mut socket, peer, connection, slots, settings)).await?
        }
    };
    let (stream, transport) = match &entrance.tls {
        None => (WatchedStream::Plain(socket), Transport::Plain),
        Some(tls) => Box::pin(shake_hands(socket, connection, slots, tls)).await?,
    };
    Some(Established { stream, transport, peer })
}

/// Reads the header that the peer has to send, or may. What follows it is left on the socket.
async fn introduce(
    socket: &mut Socket,
    peer: PeerAddr,
    connection: &Connection,
    slots: &Slots,
    settings: &proxy_protocol::Settings,
) -> Option<PeerAddr> {
    let duty = settings.duty(peer);
    let outcome = match duty {
        Duty::NoHeader => return Some(peer),
        Duty::Nothing => Err(CloseReason::ProxyProtocol),
        Duty::MayHaveHeader | Duty::Header => {
            connection.enter(HANDSHAKE);
            let read = read_header(socket, connection).await;
            connection.enter(HEAD);
            read
        }
    };
    match outcome {
        Ok(Some(source)) => Some(source.map_or(peer, PeerAddr)),
        Ok(None) if duty == Duty::MayHaveHeader => Some(peer),
        Ok(None) => {
            slots.closed(CloseReason::ProxyProtocol);
            None
        }
        Err(reason) => {
            slots.closed(reason);
            None
        }
    }
}

/// The source that the header names, which may be none; no header: what was read is put back.
async fn read_header(
    socket: &mut Socket,
    connection: &Connection,
) -> Result<Option<Option<SocketAddr>>, CloseReason> {
    let mut bytes = BytesMut::with_capacity(FIRST_READ);
    loop {
        match proxy_protocol::read(&bytes).map_err(|_| CloseReason::ProxyProtocol)? {
            Progress::Incomplete => {}
            Progress::NoHeader => {
                socket.put_back(bytes.freeze());
                return Ok(None);
            }
            Progress::Header(header) => {
                socket.put_back(bytes.split_off(header.length).freeze());
                return Ok(Some(header.source));
            }
        }
        let mut reading = pin!(socket.read_buf(&mut bytes));
        let read = poll_fn(|cx| {
            connection.waker.register(cx.waker());
            match is_over(connection) {
                Some(reason) => Poll::Ready(Err(reason)),
                None => reading.as_mut().poll(cx).map(Ok),
            }
        });
        match read.await? {
            Ok(0) | Err(_) => return Err(CloseReason::ProxyProtocol),
            Ok(_) => {}
        }
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

/// Most headers are whole in it, and leave little to put back.
const FIRST_READ: usize = 512;

/// Why a handshake is not waited for any longer. At a drain, it has the time that a first request has.
fn is_over(connection: &Connection) -> Option<CloseReason> {
    let is_leaving = || connection.leaving.load(Relaxed) == LEAVING_NOW;
    cut(connection).or_else(|| is_leaving().then_some(CloseReason::Drain))
}
