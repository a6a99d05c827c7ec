//! Sockets: binding, accepting, and the limits that hold before a request is understood.
//!
//! Both planes listen through this module, so both have the same limits.

pub mod authority;
pub mod client_ip;
pub mod connection;
pub mod forwarded;
pub mod linger;
pub mod listener;
pub mod proxy_protocol;
pub mod target;
pub mod tls;

use std::net::SocketAddr;
use std::time::Duration;

/// A listener: where it is bound and what a connection may take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// Its name in metrics and logs.
    pub name: Box<str>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What each connection may take.
    pub limits: ConnectionLimits,
    /// Whose PROXY protocol header is believed; none: nobody's.
    pub proxy_protocol: Option<proxy_protocol::Settings>,
    /// TLS; none: plain text.
    pub tls: Option<tls::Settings>,
}

/// What connections of a listener may take. Defaults: the table of limits in the design.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionLimits {
    /// Connections open at once; one more is closed at once.
    pub connections: usize,
    /// From accepting a connection to the end of its PROXY protocol header and its TLS handshake.
    pub handshake_timeout: Duration,
    /// From a request's first byte to the end of its head.
    pub header_timeout: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Without a request on a connection that is kept alive.
    pub idle_timeout: Duration,
    /// Without progress of a body, in either direction, while the peer is waited for.
    pub stall_timeout: Duration,
    /// Streams open at once on an HTTP/2 connection.
    pub h2_streams: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            header_bytes: 64 * 1024,
            headers: 100,
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(60),
            h2_streams: 128,
        }
    }
}
