//! Tells the upstream where a request came from, in agreement with what was decided.
//!
//! | peer | the header that the listener reads | every other one |
//! |---|---|---|
//! | trusted | the chain it sent, and the peer at its end | anew: the client, then the peer |
//! | not trusted | anew: the peer | anew: the peer |
//!
//! `X-Forwarded-Proto` and `-Host` are kept from a trusted peer; where it speaks `Forwarded`, they are what its own
//! element says, since such a peer does not guard the `X-Forwarded-*` that a client sends.

use http::header::{FORWARDED, HOST, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{HeaderMap, Version};

use super::write_value;
use crate::addr::{ClientIp, PeerAddr};
use crate::net::client_ip::{AddressHeader, ClientAddress, X_FORWARDED_FOR};
use crate::net::forwarded::{Element, Elements, is_token};

/// How a request came to us, and whom it is judged as.
#[derive(Clone, Debug)]
pub struct Forwarding<'a> {
    /// The client, as decided.
    pub client: ClientAddress,
    /// The other end of the connection.
    pub peer: PeerAddr,
    /// The one header that the listener reads.
    pub address_header: &'a AddressHeader,
    /// The scheme of the connection.
    pub scheme: Scheme,
    /// The version the request came by.
    pub version: Version,
    /// The request's id: [`request_id`](super::request_id) of a trusted peer, else one of our own.
    pub request_id: &'a HeaderValue,
}

impl Forwarding<'_> {
    /// Whether the peer's lines of the header `name` are the chain that the client was found in.
    pub(super) fn extends(&self, name: &HeaderName) -> bool {
        self.client.peer_trusted
            && match self.address_header {
                AddressHeader::Peer => false,
                AddressHeader::XForwardedFor => name == X_FORWARDED_FOR,
                AddressHeader::Forwarded => name == FORWARDED,
                AddressHeader::Single(single) => name == single,
            }
    }

    /// Whether the peer's `X-Forwarded-*` are believed.
    pub(super) fn believes_forwarded(&self) -> bool {
        self.client.peer_trusted && *self.address_header != AddressHeader::Forwarded
    }

    /// The client, where the chain to be set anew has a peer after it.
    fn client_before_peer(&self) -> Option<ClientIp> {
        (self.client.ip != self.peer.ip()).then_some(self.client.ip)
    }

    fn own_proto(&self) -> HeaderValue {
        HeaderValue::from_static(if self.scheme == Scheme::HTTPS { "https" } else { "http" })
    }
}

/// Sets every forwarding header. What may not be kept of the peer's has been removed before.
pub(super) fn set(headers: &mut HeaderMap, forwarding: &Forwarding<'_>, scratch: &mut Vec<u8>) {
    let own = Told { host: headers.get(HOST).cloned(), proto: Some(forwarding.own_proto()) };
    let told = told_by_peer(headers, forwarding).or(&own);
    let x_forwarded_for = x_forwarded_for(headers, forwarding, scratch);
    let forwarded = forwarded(headers, forwarding, &told, &own, scratch);
    if let AddressHeader::Single(name) = forwarding.address_header {
        let client = write_value(scratch, |out| forwarding.client.ip.write_to(out));
        put(headers, name.clone(), client);
    }
    put(headers, X_FORWARDED_FOR, x_forwarded_for);
    put(headers, FORWARDED, forwarded);
    put(headers, X_FORWARDED_PROTO, told.proto);
    put(headers, X_FORWARDED_HOST, told.host);
}

/// `X-Forwarded-Proto`: the scheme that the client used.
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`: the authority that the client named.
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What is said about a request beside its address.
#[derive(Clone, Default)]
struct Told {
    host: Option<HeaderValue>,
    proto: Option<HeaderValue>,
}

impl Told {
    fn or(self, other: &Self) -> Self {
        Self {
            host: self.host.or_else(|| other.host.clone()),
            proto: self.proto.or_else(|| other.proto.clone()),
        }
    }
}

fn told_by_peer(headers: &HeaderMap, forwarding: &Forwarding<'_>) -> Told {
    if forwarding.believes_forwarded() {
        let host = only_line(headers, &X_FORWARDED_HOST).cloned();
        return Told { host, proto: only_line(headers, &X_FORWARDED_PROTO).cloned() };
    }
    if !forwarding.extends(&FORWARDED) {
        return Told::default();
    }
    let last = headers.get_all(FORWARDED).iter().next_back();
    let element = last.and_then(|line| Element::parse(Elements::new(line.as_bytes()).next()?));
    let element = element.unwrap_or_default();
    let value = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    Told { host: value(element.host), proto: value(element.proto) }
}

fn x_forwarded_for(
    headers: &HeaderMap,
    forwarding: &Forwarding<'_>,
    scratch: &mut Vec<u8>,
) -> Option<HeaderValue> {
    write_value(scratch, |out| {
        if forwarding.extends(&X_FORWARDED_FOR) {
            write_addresses(out, headers);
        } else if let Some(client) = forwarding.client_before_peer() {
            client.write_to(out);
            out.extend_from_slice(b", ");
        }
        forwarding.peer.ip().write_to(out);
    })
}

fn forwarded(
    headers: &HeaderMap,
    forwarding: &Forwarding<'_>,
    told: &Told,
    own: &Told,
    scratch: &mut Vec<u8>,
) -> Option<HeaderValue> {
    write_value(scratch, |out| {
        if forwarding.extends(&FORWARDED) {
            write_elements(out, headers);
        } else if let Some(client) = forwarding.client_before_peer() {
            write_element(out, client, told);
            out.extend_from_slice(b", ");
        }
        write_element(out, forwarding.peer.ip(), own)
    })
}

/// Every line of `X-Forwarded-For`, in order, with a comma after each.
fn write_addresses(out: &mut Vec<u8>, headers: &HeaderMap) {
    for line in headers.get_all(X_FORWARDED_FOR) {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b", ");
    }
}

/// The elements of `Forwarded`, in order, with a comma after each. A malformed one, and all to its left, is left out:
/// an open quote there would take in what follows, for a reader that begins at the left.
fn write_elements(out: &mut Vec<u8>, headers: &HeaderMap) {
    let lines = headers.get_all(FORWARDED).iter().rev();
    let elements = lines.flat_map(|line| Elements::new(line.as_bytes()));
    let kept: Vec<&[u8]> = elements.take_while(|e| Element::parse(e).is_some()).collect();
    for element in kept.into_iter().rev() {
        out.extend_from_slice(element);
        out.extend_from_slice(b", ");
    }
}

/// `for=…;host=…;proto=…`, RFC 7239 section 4. A value that no quotes can hold as it is, is left out.
fn write_element(out: &mut Vec<u8>, node: ClientIp, told: &Told) {
    // Brackets and colons need the quotes, section 6.
    let (before, after) = if node.as_ip().is_ipv4() { ("for=", "") } else { ("for=\"[", "]\"") };
    out.extend_from_slice(before.as_bytes());
    node.write_to(out);
    out.extend_from_slice(after.as_bytes());
    for (name, value) in [(";host=", &told.host), (";proto=", &told.proto)] {
        let Some(value) = value.as_ref().map(HeaderValue::as_bytes) else { continue };
        let quotable = |b: &u8| (b' '..=b'~').contains(b) && !b"\"\\".contains(b);
        if is_token(value) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
        } else if value.iter().all(quotable) {
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
            out.extend_from_slice(value);
            out.push(b'"');
        }
    }
}

/// The line of a header that has one: where there are several, it is not known which the peer wrote.
fn only_line<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// Makes `value` the only line of `name`; without a value there is none.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        // A map at its limit of 32,768 names takes no more; the head was limited to far fewer.
        Some(value) => drop(headers.try_insert(name, value)),
        None => drop(headers.remove(name)),
    }
}
