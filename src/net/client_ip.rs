//! Peer address, forwarding headers and trusted proxies to the one address a request is judged by.

use http::HeaderName;

use crate::addr::Prefix;

/// Where a listener's client address comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Peers whose header is believed.
    pub trusted_proxies: Vec<Prefix>,
    /// The one header that is read.
    pub header: AddressHeader,
}

/// The one header that a listener reads the client address from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AddressHeader {
    /// None: the peer is the client.
    #[default]
    Peer,
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
    /// A header that holds a single address, such as `X-Real-IP`.
    Single(HeaderName),
}
