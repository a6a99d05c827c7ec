//! One upstream: its connections and their deadlines.

use std::sync::Arc;
use std::time::Duration;

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
