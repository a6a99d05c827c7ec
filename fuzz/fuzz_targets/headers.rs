//! No header of a client's passes for one of ours or for its connection's, and who believes us finds the client that we found.
//!
//! Input: a line with the header that the listener reads (`peer`, `x-forwarded-for`, `forwarded`, or any other for one
//! with a single address) and `trusted` or not, as in `forwarded trusted`; then headers, `name: value`.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use http::header::{
    CONNECTION, FORWARDED, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, UPGRADE, VIA,
};
use http::uri::Scheme;
use http::{Uri, Version};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::{PeerAddr, Prefix};
use portcullis::id::{CredentialId, ObjectId, OrgId};
use portcullis::net::client_ip::{AddressHeader, ClientAddress, Settings, X_FORWARDED_FOR};
use portcullis::proxy::headers::{
    Forwarding, Identity, clean_trailers, request_id, rewrite_request, rewrite_response,
    upgrade_token,
};
use portcullis_fuzz::{first_line, headers};

fuzz_target!(|bytes: &[u8]| {
    let Some((line, rest)) = first_line(bytes) else { return };
    let Some(listener) = Listener::of(line) else { return };
    let received = headers(rest);
    responses_and_trailers_are_clean(&received);
    let peer = PeerAddr(listener.peer);
    let Ok(client) = listener.settings.resolve(peer, &received) else { return };
    let allowed = ["websocket".into()];
    let upgrade = upgrade_token(&received, Version::HTTP_11, &allowed);
    let ours = HeaderValue::from_static("our-id");
    let id = request_id(&received).filter(|_| client.peer_trusted).unwrap_or(&ours);
    let forwarding = Forwarding {
        client,
        peer,
        address_header: &listener.settings.header,
        scheme: Scheme::HTTP,
        version: Version::HTTP_11,
        request_id: id,
    };
    let mut sent = received.clone();
    rewrite_request(&mut sent, &Uri::from_static("/"), &forwarding, &identity(), upgrade);
    is_ours_alone(&sent, id);
    is_not_of_the_connection(&received, &sent, upgrade);
    finds_the_same_client(&listener, &sent, client);
});

/// What is never sent on, besides what is set anew; `proxy` is what CGI programs take for their proxy setting.
const HOP_BY_HOP: [&str; 8] = [
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
];

const ENTRY: &str = "203.0.113.0/24";

fn identity() -> Identity {
    let id = ObjectId::from_bytes([5; 12]);
    let entry = Prefix::parse(ENTRY).ok();
    Identity { org: Some(OrgId(id)), principal: Some(CredentialId(id)), entry }
}

/// A listener and the other end of a connection to it.
struct Listener {
    settings: Settings,
    peer: SocketAddr,
}

impl Listener {
    fn of(line: &str) -> Option<Self> {
        let (header, trust) = line.split_once(' ')?;
        let header = match header {
            "peer" => AddressHeader::Peer,
            "x-forwarded-for" => AddressHeader::XForwardedFor,
            "forwarded" => AddressHeader::Forwarded,
            // The names that the config takes.
            "x-real-ip" | "true-client-ip" | "cf-connecting-ip" | "x-client-ip" | "client-addr" => {
                AddressHeader::Single(HeaderName::from_bytes(header.as_bytes()).ok()?)
            }
            _ => return None,
        };
        let peer = if trust == "trusted" { "10.0.0.1:80" } else { "[2001:db8::2]:80" };
        let trusted =
            ["10.0.0.0/8", "192.0.2.1"].map(|text| Prefix::parse(text).expect("a prefix"));
        let settings = Settings { trusted_proxies: trusted.into(), header };
        Some(Self { settings, peer: peer.parse().ok()? })
    }
}

/// Whether an upstream may take one name for the other.
fn reads_as(name: &HeaderName, other: &str) -> bool {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    plain(name.as_str()) == other
}

fn is_ours_alone(sent: &HeaderMap, id: &HeaderValue) {
    let ours = "050505050505050505050505";
    let expected = [
        ("x-portcullis-org", ours.as_bytes()),
        ("x-portcullis-principal", ours.as_bytes()),
        ("x-portcullis-entry", ENTRY.as_bytes()),
        ("x-request-id", id.as_bytes()),
    ];
    for (name, value) in expected {
        let lines: Vec<_> = sent.iter().filter(|(sent, _)| reads_as(sent, name)).collect();
        assert!(lines.len() == 1 && lines[0].0 == name && lines[0].1 == value, "{name}: {lines:?}");
    }
    for name in sent.keys() {
        let dashed = name.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let known = expected.iter().any(|(known, _)| name == known);
        assert!(!dashed.starts_with("x-portcullis-") || known, "{name}");
    }
    let via = sent.get_all(VIA).iter().next_back().expect("a line of ours");
    assert_eq!(via, "1.1 portcullis");
}

fn is_not_of_the_connection(received: &HeaderMap, sent: &HeaderMap, upgrade: Option<&str>) {
    for name in sent.keys() {
        assert!(!HOP_BY_HOP.iter().any(|hop| reads_as(name, hop)), "{name}");
        for anew in [CONNECTION, TE, UPGRADE] {
            assert!(*name == anew || !reads_as(name, anew.as_str()), "{name}");
        }
    }
    let lines = |name| sent.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    match upgrade {
        Some(token) => {
            assert_eq!(lines(UPGRADE), [token.as_bytes()]);
            assert_eq!(lines(CONNECTION), [b"upgrade"]);
            assert!(lines(TE).is_empty());
        }
        None => {
            assert!(lines(UPGRADE).is_empty());
            assert_eq!(lines(TE).len(), lines(CONNECTION).len());
            assert!(lines(TE).is_empty() || lines(TE) == [b"trailers"]);
            assert!(lines(CONNECTION).is_empty() || lines(CONNECTION) == [b"te"]);
        }
    }
    for line in received.get_all(CONNECTION) {
        for option in line.as_bytes().split(|byte| *byte == b',') {
            let Ok(name) = HeaderName::from_bytes(option.trim_ascii()) else { continue };
            // What no client may have removed is in the table of known names; these are never there.
            let unknown = name.as_str().starts_with("x-custom") || name == "accept";
            assert!(!unknown || !sent.contains_key(&name), "{name}");
        }
    }
}

/// An upstream that trusts us, and whom we trust, reads the address that the request was judged by.
fn finds_the_same_client(listener: &Listener, sent: &HeaderMap, client: ClientAddress) {
    let us = PeerAddr("192.0.2.77:80".parse().expect("an address"));
    let mut trusted_proxies = listener.settings.trusted_proxies.clone();
    trusted_proxies.push(Prefix::host(us.ip()));
    for (name, header) in
        [(X_FORWARDED_FOR, AddressHeader::XForwardedFor), (FORWARDED, AddressHeader::Forwarded)]
    {
        let lines: Vec<_> = sent.get_all(&name).iter().collect();
        assert_eq!(lines.len(), 1, "{name}");
        let upstream = Settings { trusted_proxies: trusted_proxies.clone(), header };
        match upstream.resolve(us, sent) {
            Ok(found) => assert_eq!(found.ip, client.ip, "{name}: {lines:?}"),
            Err(error) => assert!(lines[0].len() > 127, "{name}: {lines:?}: {error}"),
        }
    }
    if let AddressHeader::Single(name) = &listener.settings.header {
        let lines: Vec<_> = sent.iter().filter(|(sent, _)| reads_as(sent, name.as_str())).collect();
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        let told: IpAddr = lines[0].1.to_str().expect("ASCII").parse().expect("an address");
        assert_eq!(told, client.ip.as_ip());
    }
}

fn responses_and_trailers_are_clean(received: &HeaderMap) {
    let mut response = received.clone();
    rewrite_response(&mut response, Version::HTTP_11);
    for name in [CONNECTION, UPGRADE, TE] {
        assert!(!response.contains_key(&name), "{name} in a response");
    }
    let mut trailers = received.clone();
    clean_trailers(&mut trailers);
    for name in trailers.keys() {
        for head_only in
            ["authorization", "content-length", "host", "transfer-encoding", "x-forwarded-for"]
        {
            assert!(!reads_as(name, head_only), "{name} in trailers");
        }
        let dashed = name.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        assert!(!dashed.starts_with("x-portcullis-") && *name != TRAILER && *name != VIA, "{name}");
    }
}
