//! The admin API.

/// What the admin API is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The socket and its limits.
    pub listener: crate::net::ListenerSettings,
    /// Where a caller's address comes from.
    pub client_ip: crate::net::client_ip::Settings,
    /// Scheme and authority of links, such as `https://api.example.com`; none: those of the request.
    pub public_url: Option<Box<str>>,
    /// Bytes of a request body. Default 1 MiB.
    pub body_bytes: usize,
}
