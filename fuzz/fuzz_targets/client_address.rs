//! Nothing a client writes in a header changes its address unless a trusted proxy wrote the hop to its right.
//!
//! Input: a line that names the header which the listener reads (`x-forwarded-for`, `forwarded`, or any other for a
//! header with a single address), then that header's lines.

#![no_main]

use std::net::SocketAddr;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::{ClientIp, PeerAddr, Prefix};
use portcullis::net::client_ip::{
    AddressHeader, ClientAddress, ClientIpError, Settings, X_FORWARDED_FOR,
};
use portcullis_fuzz::first_line;

fuzz_target!(|bytes: &[u8]| {
    let Some((header, lines)) = first_line(bytes) else { return };
    let Ok(name) = HeaderName::from_bytes(header.as_bytes()) else { return };
    let listener = Listener::reading(name);
    let lines: Vec<HeaderValue> = lines
        .split(|byte| *byte == b'\n')
        .take(200)
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let told = listener.told(&lines);
    listener.asks_trusted_peers_only(&lines);
    if matches!(listener.settings.header, AddressHeader::Single(_)) {
        assert_eq!(told == Err(ClientIpError::SeveralLines), lines.len() > 1);
        return;
    }
    listener.obeys_the_nearest_hop(&lines);
    if let Ok(client) = told
        && !listener.settings.trusts(client.ip)
    {
        listener.looks_no_further(&lines, client);
    }
});

const TRUSTED_PEER: &str = "[::ffff:10.0.0.1]:80";
const STRANGER: &str = "198.51.100.1:80";

/// A listener that believes one header of a few proxies.
struct Listener {
    name: HeaderName,
    settings: Settings,
}

impl Listener {
    fn reading(name: HeaderName) -> Self {
        let header = if name == X_FORWARDED_FOR {
            AddressHeader::XForwardedFor
        } else if name == FORWARDED {
            AddressHeader::Forwarded
        } else {
            AddressHeader::Single(name.clone())
        };
        let trusted = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"];
        let trusted_proxies = trusted.map(|text| Prefix::parse(text).expect("a prefix")).into();
        Self { name, settings: Settings { trusted_proxies, header } }
    }

    fn resolve(&self, peer: &str, lines: &[HeaderValue]) -> Result<ClientAddress, ClientIpError> {
        let named = |line: &HeaderValue| (self.name.clone(), line.clone());
        let headers: HeaderMap = lines.iter().map(named).collect();
        assert_eq!(headers.len(), lines.len());
        let peer: SocketAddr = peer.parse().expect("an address");
        self.settings.resolve(PeerAddr(peer), &headers)
    }

    fn told(&self, lines: &[HeaderValue]) -> Result<ClientAddress, ClientIpError> {
        self.resolve(TRUSTED_PEER, lines)
    }

    fn asks_trusted_peers_only(&self, lines: &[HeaderValue]) {
        let ip = STRANGER.parse().map(PeerAddr).expect("an address").ip();
        assert_eq!(self.resolve(STRANGER, lines), Ok(ClientAddress { ip, peer_trusted: false }));
    }

    /// What the trusted peer adds decides, on the same line or on one of its own.
    fn obeys_the_nearest_hop(&self, lines: &[HeaderValue]) {
        for (hop, ip) in [("203.0.113.77", "203.0.113.77"), ("[2001:DB9::1]:8", "2001:db9::1")] {
            let ip = ClientIp::from(ip.parse::<std::net::IpAddr>().expect("an address"));
            let expected = Ok(ClientAddress { ip, peer_trusted: true });
            let hop = self.element(hop);
            let own_line = [lines, &[HeaderValue::from_str(&hop).expect("a value")]].concat();
            assert_eq!(self.told(&own_line), expected);
            if let Some((last, before)) = lines.split_last() {
                let appended = joined(last.as_bytes(), hop.as_bytes());
                assert_eq!(self.told(&[before, &[appended]].concat()), expected);
            }
        }
    }

    /// What comes further to the left changes nothing, however it is written.
    fn looks_no_further(&self, lines: &[HeaderValue], client: ClientAddress) {
        let Some((first, rest)) = lines.split_first() else { return };
        let whole = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().concat();
        let element = self.element("203.0.113.99");
        for before in
            [&whole, element.as_bytes(), b"", b"\"", b"for=\"", b"\\", b"[", b"for=\"\\\""]
        {
            let same_line = joined(before, first.as_bytes());
            assert_eq!(self.told(&[&[same_line], rest].concat()), Ok(client));
            let own_line = HeaderValue::from_bytes(before).expect("bytes of values");
            assert_eq!(self.told(&[&[own_line], lines].concat()), Ok(client));
        }
    }

    /// A hop as the header writes it.
    fn element(&self, hop: &str) -> String {
        match self.settings.header {
            AddressHeader::Forwarded => format!("for=\"{hop}\";proto=http"),
            _ => hop.to_owned(),
        }
    }
}

fn joined(before: &[u8], after: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(&[before, b", ", after].concat()).expect("bytes of values")
}
