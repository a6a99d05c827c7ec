//! The data plane.

pub mod authority;
pub mod path;
pub mod route;
pub mod upstream;

use std::time::Duration;

/// What the data plane is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One listener each.
    pub listeners: Vec<ProxyListener>,
    /// The routes, in any order: the most specific one is taken.
    pub routes: Vec<route::RouteSettings>,
    /// Where requests go.
    pub upstreams: Vec<upstream::UpstreamSettings>,
    /// Worker threads.
    pub workers: usize,
    /// How long requests in flight may take to finish at a stop.
    pub drain: Duration,
}

/// A listener of the data plane.
#[derive(Clone, Debug)]
pub struct ProxyListener {
    /// The socket and its limits.
    pub listener: crate::net::ListenerSettings,
    /// Where a request's client address comes from.
    pub client_ip: crate::net::client_ip::Settings,
}
