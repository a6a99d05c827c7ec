//! Peer address, forwarding headers and trusted proxies to the one address a request is judged by.
//!
//! Only a trusted peer is asked, and only for the one header that the listener is set to read. That header is
//! walked from its right end, where the nearest proxy wrote, over all its lines as one list:
//!
//! | reached | the client is |
//! |---|---|
//! | a hop that is not a trusted proxy | that hop |
//! | a hop that is no address | nobody: an error, never a guess |
//! | the left end, every hop trusted | the left-most hop |
//! | no such header | the peer |
//!
//! Invariants
//! - Nothing to the left of the deciding hop is looked at, so nothing that a client writes changes its address.
//! - Addresses are canonical before they are compared: `::ffff:a.b.c.d` is IPv4 and a zone is dropped.
//! - No allocation; at most [`MAX_HOPS`] hops are read, each against the trusted prefixes one by one (there are few).
//!
//! Not here: what is told to the upstream (`proxy::headers`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::addr::{ClientIp, PeerAddr, Prefix};
use crate::net::forwarded::{Element, Elements};

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
    /// A header that holds a single address, such as `X-Real-IP`. A trusted peer's word is taken for it: the address
    /// is the client, even where it is a trusted proxy's own.
    Single(HeaderName),
}

/// The address a request is judged by, and whose word it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress {
    /// The address.
    pub ip: ClientIp,
    /// Whether the peer is a trusted proxy: its forwarding chain is extended, anyone else's is replaced.
    pub peer_trusted: bool,
}

impl Settings {
    /// The client of a request that came from `peer` with these headers.
    ///
    /// # Errors
    /// The peer is trusted and its header can't be understood as far as it has to be: see [`ClientIpError`].
    pub fn resolve(
        &self,
        peer: PeerAddr,
        headers: &HeaderMap,
    ) -> Result<ClientAddress, ClientIpError> {
        let ip = peer.ip();
        if !self.trusts(ip) {
            return Ok(ClientAddress { ip, peer_trusted: false });
        }
        let told = match &self.header {
            AddressHeader::Peer => None,
            AddressHeader::XForwardedFor => self.walk(
                lines(headers, &X_FORWARDED_FOR)
                    .flat_map(|line| line.as_bytes().rsplit(|b| *b == b',').map(parse_hop)),
            )?,
            AddressHeader::Forwarded => self.walk(lines(headers, &FORWARDED).flat_map(|line| {
                Elements::new(line.as_bytes())
                    .map(|element| parse_hop(Element::parse(element)?.node?.as_bytes()))
            }))?,
            AddressHeader::Single(name) => single(headers, name)?,
        };
        Ok(ClientAddress { ip: told.unwrap_or(ip), peer_trusted: true })
    }

    /// Whether `ip` is a trusted proxy's.
    pub fn trusts(&self, ip: ClientIp) -> bool {
        self.trusted_proxies.iter().any(|prefix| prefix.contains(ip))
    }

    /// The client by hops that come from the right, `None` for one that is no address. No hop, no client.
    fn walk(
        &self,
        hops: impl Iterator<Item = Option<ClientIp>>,
    ) -> Result<Option<ClientIp>, ClientIpError> {
        let mut left_most = None;
        for (read, hop) in hops.enumerate() {
            if read == MAX_HOPS {
                return Err(ClientIpError::TooManyHops);
            }
            let hop = hop.ok_or(ClientIpError::Hop)?;
            left_most = Some(hop);
            if !self.trusts(hop) {
                break;
            }
        }
        Ok(left_most)
    }
}

/// Why a trusted peer's header tells no client address. The answer is 400, reason `client_address`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientIpError {
    /// A hop that had to be read is no address: empty, hidden, or garbage.
    #[error("a hop of the forwarding header is no address")]
    Hop,
    /// The header that holds a single address came more than once.
    #[error("the client address header came more than once")]
    SeveralLines,
    /// More than [`MAX_HOPS`] trusted hops.
    #[error("the forwarding header has more than {MAX_HOPS} trusted hops")]
    TooManyHops,
}

/// Hops that are read of one request. A real chain has a handful; a longer one is a loop.
pub const MAX_HOPS: usize = 128;

/// The name of the header.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const FORWARDED: HeaderName = http::header::FORWARDED;

/// The lines of a header, the last first.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h HeaderValue> {
    headers.get_all(name).iter().rev()
}

fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Option<ClientIp>, ClientIpError> {
    let mut lines = lines(headers, name);
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(ClientIpError::SeveralLines);
    }
    parse_hop(line.as_bytes()).map(Some).ok_or(ClientIpError::Hop)
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`, white space around it allowed.
///
/// IPv6 without brackets has no port: its last group would be taken for one.
fn parse_hop(hop: &[u8]) -> Option<ClientIp> {
    let hop = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let ip: IpAddr = if let Some(bracketed) = hop.strip_prefix('[') {
        let (v6, port) = bracketed.split_once(']')?;
        if !(port.is_empty() || is_port(port.strip_prefix(':')?)) {
            return None;
        }
        parse_v6(v6)?.into()
    } else if let Some((v4, port)) = hop.split_once(':')
        && !port.contains(':')
    {
        is_port(port).then_some(())?;
        v4.parse::<Ipv4Addr>().ok()?.into()
    } else if hop.contains(':') {
        parse_v6(hop)?.into()
    } else {
        hop.parse::<Ipv4Addr>().ok()?.into()
    };
    Some(ClientIp::from(ip))
}

/// Reads an IPv6 address and drops its zone: it has a meaning on the machine that wrote it only.
fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    let address = match text.split_once('%') {
        Some((address, zone)) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
            (!zone.is_empty() && zone.bytes().all(plain)).then_some(address)?
        }
        None => text,
    };
    address.parse().ok()
}

/// Whether `text` is a port, which may be hidden as in `_p1` (RFC 7239 section 6).
fn is_port(text: &str) -> bool {
    let hidden = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(hidden),
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests;
