use std::net::SocketAddr;

use http::uri::Scheme;
use proptest::prelude::*;

use super::*;
use crate::addr::{ClientIp, PeerAddr};
use crate::id::ObjectId;
use crate::net::client_ip::{ClientAddress, Settings};

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

fn map<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// Every line but those of `unless`, as `name: value`, sorted by name.
fn lines(headers: &HeaderMap, unless: &[&str]) -> Vec<String> {
    let shown = headers.iter().filter(|(name, _)| !unless.contains(&name.as_str()));
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<String> = shown.map(line).collect();
    lines.sort();
    lines
}

/// The names that every request gets.
const ALWAYS: [&str; 7] = [
    "host",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
    "x-request-id",
    "via",
];

/// What the upstream gets of a request that came from `peer` to a listener that trusts 10.0.0.0/8.
fn sent(peer: &str, header: AddressHeader, mut headers: HeaderMap, version: Version) -> HeaderMap {
    let settings = Settings { trusted_proxies: vec![Prefix::parse("10.0.0.0/8").unwrap()], header };
    let peer = PeerAddr(SocketAddr::new(peer.parse().unwrap(), 40_000));
    let forwarding = Forwarding {
        client: settings.resolve(peer, &headers).unwrap(),
        peer,
        address_header: &settings.header,
        scheme: Scheme::HTTP,
        version,
        request_id: &HeaderValue::from_static("ours"),
    };
    headers.try_insert("host", HeaderValue::from_static("example.com:8080")).unwrap();
    let uri = Uri::from_static("/");
    rewrite_request(&mut headers, &uri, &forwarding, &Identity::default(), None);
    headers
}

fn sent_by_client(lines: &[(&str, &str)]) -> HeaderMap {
    sent("192.0.2.9", AddressHeader::XForwardedFor, map(lines.iter().copied()), Version::HTTP_11)
}

#[test]
fn what_belongs_to_one_connection_is_not_passed_on() {
    for (received, expected) in [
        (vec![("accept", "*/*"), ("x-custom", "1")], vec!["accept: */*", "x-custom: 1"]),
        (vec![("connection", "keep-alive"), ("keep-alive", "timeout=5")], vec![]),
        (vec![("connection", "close, X-Custom"), ("x-custom", "1")], vec![]),
        (
            vec![("connection", "a"), ("connection", "b"), ("a", "1"), ("b", "2"), ("c", "3")],
            vec!["c: 3"],
        ),
        (vec![("connection", " A ,,\tb "), ("a", "1"), ("a", "2"), ("b", "3")], vec![]),
        (vec![("connection", "no name, é, a"), ("a", "1")], vec![]),
        (vec![("proxy-connection", "keep-alive"), ("proxy-authorization", "Basic eA==")], vec![]),
        (vec![("transfer-encoding", "chunked"), ("transfer_encoding", "chunked")], vec![]),
        (vec![("proxy", "http://192.0.2.1/")], vec![]),
        (
            vec![
                ("connection", "upgrade, http2-settings"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMA"),
            ],
            vec![],
        ),
        (vec![("upgrade", "websocket"), ("connection", "upgrade")], vec![]),
        (vec![("trailer", "x-sum")], vec!["trailer: x-sum"]),
        (vec![("te", "gzip")], vec![]),
        (
            vec![("te", "gzip, Trailers;q=1"), ("connection", "te")],
            vec!["connection: te", "te: trailers"],
        ),
        (vec![("te", "gzip"), ("te", "trailers")], vec!["connection: te", "te: trailers"]),
    ] {
        assert_eq!(lines(&sent_by_client(&received), &ALWAYS), expected, "{received:?}");
    }
}

#[test]
fn connection_can_not_take_away_what_frames_routes_or_authenticates() {
    let kept = [
        ("content-length", "3"),
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("content-type", "text/plain"),
    ];
    for (name, value) in kept {
        let received = sent_by_client(&[("connection", name), (name, value)]);
        assert_eq!(lines(&received, &ALWAYS), [format!("{name}: {value}")]);
    }
    let host = sent_by_client(&[("connection", "host, via, x-forwarded-for, x-request-id")]);
    assert_eq!(lines(&host, &[]).len(), ALWAYS.len());
}

#[test]
fn connection_can_not_break_the_chain_of_a_trusted_peer() {
    let received = map([
        ("connection", "X-Forwarded-For, X-Forwarded-Proto"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "https"),
    ]);
    let sent = sent("10.0.0.1", AddressHeader::XForwardedFor, received, Version::HTTP_11);
    assert_eq!(sent["x-forwarded-for"], "198.51.100.7, 10.0.0.1");
    assert_eq!(sent["x-forwarded-proto"], "https");
}

#[test]
fn nothing_that_could_be_taken_for_ours_comes_from_a_client() {
    for name in [
        "X-Portcullis-Org",
        "X_Portcullis_Org",
        "x-portcullis_principal",
        "X-Portcullis-Future",
        "x.portcullis.entry",
        "x-forwarded_for",
        "X_FORWARDED_FOR",
        "x_forwarded_proto",
        "x-forwarded_host",
        "x-forwarded-port",
        "x-forwarded-user",
        "x_request_id",
        "x-real-ip",
        "x_real_ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-original-url",
        "x-rewrite-url",
        "content_length",
        "content_type",
    ] {
        assert_eq!(lines(&sent_by_client(&[(name, "203.0.113.66")]), &ALWAYS), [""; 0], "{name}");
    }
    let sent = sent_by_client(&[
        ("connection", "close, X-Portcullis-Org"),
        ("x-portcullis-org", "theirs"),
        ("x-forwarded-for", "203.0.113.66"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=203.0.113.66"),
        ("x-request-id", "theirs"),
        ("via", "1.1 theirs"),
    ]);
    assert_eq!(
        lines(&sent, &[]),
        [
            "forwarded: for=192.0.2.9;host=\"example.com:8080\";proto=http",
            "host: example.com:8080",
            "via: 1.1 portcullis",
            "via: 1.1 theirs",
            "x-forwarded-for: 192.0.2.9",
            "x-forwarded-host: example.com:8080",
            "x-forwarded-proto: http",
            "x-request-id: ours",
        ]
    );
}

#[test]
fn a_misspelled_header_is_dropped_from_a_trusted_peer_too() {
    let received = map([
        ("x_forwarded_for", "203.0.113.66"),
        ("x-portcullis-org", "theirs"),
        ("x_forwarded_user", "root"),
    ]);
    let sent = sent("10.0.0.1", AddressHeader::XForwardedFor, received, Version::HTTP_11);
    assert_eq!(lines(&sent, &ALWAYS), [""; 0]);
    assert_eq!(sent["x-forwarded-for"], "10.0.0.1");
}

#[test]
fn the_chain_that_goes_out_agrees_with_the_decision() {
    use AddressHeader::{Forwarded, Peer, Single, XForwardedFor};
    let own = ";host=\"example.com:8080\";proto=http";
    for (peer, header, received, x_forwarded_for, forwarded) in [
        ("192.0.2.9", XForwardedFor, vec![], "192.0.2.9", format!("for=192.0.2.9{own}")),
        ("2001:db8::9", Peer, vec![], "2001:db8::9", format!("for=\"[2001:db8::9]\"{own}")),
        ("::ffff:192.0.2.9", Peer, vec![], "192.0.2.9", format!("for=192.0.2.9{own}")),
        ("10.0.0.1", XForwardedFor, vec![], "10.0.0.1", format!("for=10.0.0.1{own}")),
        (
            "10.0.0.1",
            Peer,
            vec![("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.8")],
            "10.0.0.1",
            format!("for=10.0.0.1{own}"),
        ),
        (
            "10.0.0.1",
            XForwardedFor,
            vec![
                ("x-forwarded-for", "203.0.113.66, 198.51.100.7"),
                ("x-forwarded-for", "10.0.0.2"),
                ("forwarded", "for=203.0.113.66"),
            ],
            "203.0.113.66, 198.51.100.7, 10.0.0.2, 10.0.0.1",
            format!("for=198.51.100.7{own}, for=10.0.0.1{own}"),
        ),
        (
            "10.0.0.1",
            XForwardedFor,
            vec![
                ("x-forwarded-for", "[2001:db8::7]:80"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a.example"),
            ],
            "[2001:db8::7]:80, 10.0.0.1",
            format!("for=\"[2001:db8::7]\";host=a.example;proto=https, for=10.0.0.1{own}"),
        ),
        (
            "10.0.0.1",
            Forwarded,
            vec![
                ("forwarded", "for=203.0.113.66"),
                ("forwarded", "for=198.51.100.7;proto=https"),
                ("x-forwarded-for", "203.0.113.66"),
            ],
            "198.51.100.7, 10.0.0.1",
            format!("for=203.0.113.66, for=198.51.100.7;proto=https, for=10.0.0.1{own}"),
        ),
        (
            "10.0.0.1",
            Forwarded,
            vec![(
                "forwarded",
                "for=1.2.3.4, for=\"evil, for=_hidden, for=198.51.100.7;ext=\"a, b\"",
            )],
            "198.51.100.7, 10.0.0.1",
            format!("for=_hidden, for=198.51.100.7;ext=\"a, b\", for=10.0.0.1{own}"),
        ),
        (
            "10.0.0.1",
            Single(X_REAL_IP),
            vec![
                ("x-real-ip", "198.51.100.7:80"),
                ("x-forwarded-for", "203.0.113.66"),
                ("forwarded", "for=203.0.113.66"),
            ],
            "198.51.100.7, 10.0.0.1",
            format!("for=198.51.100.7{own}, for=10.0.0.1{own}"),
        ),
    ] {
        let sent = sent(peer, header.clone(), map(received.iter().copied()), Version::HTTP_11);
        assert_eq!(
            sent.get_all("x-forwarded-for").iter().collect::<Vec<_>>(),
            [x_forwarded_for],
            "{received:?}"
        );
        assert_eq!(
            sent.get_all("forwarded").iter().collect::<Vec<_>>(),
            [&forwarded],
            "{received:?}"
        );
    }
}

#[test]
fn scheme_and_host_are_kept_from_a_trusted_peer_in_the_words_of_its_kind() {
    use AddressHeader::{Forwarded, XForwardedFor};
    let https = ("x-forwarded-proto", "https");
    let host = ("x-forwarded-host", "a.example");
    for (peer, header, received, proto, authority) in [
        ("192.0.2.9", XForwardedFor, vec![https, host], "http", "example.com:8080"),
        ("10.0.0.1", XForwardedFor, vec![], "http", "example.com:8080"),
        ("10.0.0.1", XForwardedFor, vec![https, host], "https", "a.example"),
        ("10.0.0.1", XForwardedFor, vec![https, https, host, host], "http", "example.com:8080"),
        ("10.0.0.1", Forwarded, vec![https, host], "http", "example.com:8080"),
        (
            "10.0.0.1",
            Forwarded,
            vec![(
                "forwarded",
                "for=203.0.113.66;proto=x, for=198.51.100.7;proto=https;host=\"a.example\"",
            )],
            "https",
            "a.example",
        ),
    ] {
        let sent = sent(peer, header, map(received.iter().copied()), Version::HTTP_11);
        let found = |name: &str| sent.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(found("x-forwarded-proto"), [proto], "{received:?}");
        assert_eq!(found("x-forwarded-host"), [authority], "{received:?}");
    }
}

#[test]
fn the_header_that_a_listener_reads_a_single_address_from_says_what_was_decided() {
    let name = HeaderName::from_static("x-edge-ip");
    let single = AddressHeader::Single(name.clone());
    let received = || map([("x-edge-ip", "198.51.100.7:80"), ("x_edge_ip", "203.0.113.66")]);
    let trusted = sent("10.0.0.1", single.clone(), received(), Version::HTTP_11);
    assert_eq!(lines(&trusted, &ALWAYS), ["x-edge-ip: 198.51.100.7"]);
    let other = sent("192.0.2.9", single, received(), Version::HTTP_11);
    assert_eq!(lines(&other, &ALWAYS), ["x-edge-ip: 192.0.2.9"]);
}

#[test]
fn via_names_the_version_that_a_message_came_by() {
    for (version, expected) in [
        (Version::HTTP_10, "1.0 portcullis"),
        (Version::HTTP_11, "1.1 portcullis"),
        (Version::HTTP_2, "2.0 portcullis"),
    ] {
        let sent = sent("192.0.2.9", AddressHeader::Peer, HeaderMap::new(), version);
        assert_eq!(sent["via"], expected);
    }
}

#[test]
fn several_cookie_lines_become_one() {
    let sent = sent_by_client(&[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("cookie", "d")]);
    assert_eq!(sent.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2; c=3; d"]);
}

#[test]
fn the_upstream_is_told_who_was_let_through_and_by_what() {
    let id = |n| ObjectId::from_bytes([n; 12]);
    let identity = Identity {
        org: Some(OrgId(id(1))),
        principal: Some(CredentialId(id(2))),
        entry: Some(Prefix::parse("2001:db8::/32").unwrap()),
    };
    let mut headers = map([("x-portcullis-org", "a"), ("x-portcullis-org", "b")]);
    set_identity(&mut headers, &identity, &mut Vec::new());
    assert_eq!(
        lines(&headers, &[]),
        [
            "x-portcullis-entry: 2001:db8::/32",
            "x-portcullis-org: 010101010101010101010101",
            "x-portcullis-principal: 020202020202020202020202",
        ]
    );
    set_identity(
        &mut headers,
        &Identity { org: identity.org, ..Identity::default() },
        &mut Vec::new(),
    );
    assert_eq!(lines(&headers, &[]), ["x-portcullis-org: 010101010101010101010101"]);
}

#[test]
fn an_upgrade_is_let_through_only_where_it_is_asked_for_and_allowed() {
    const H11: Version = Version::HTTP_11;
    let allowed: [Box<str>; 3] = ["websocket".into(), "h2c".into(), "custom/1".into()];
    for (version, received, expected) in [
        (H11, vec![("connection", "Upgrade"), ("upgrade", "WebSocket")], Some("websocket")),
        (
            H11,
            vec![("connection", "keep-alive, upgrade"), ("upgrade", "websocket")],
            Some("websocket"),
        ),
        (
            H11,
            vec![("connection", "close"), ("connection", "upgrade"), ("upgrade", "websocket")],
            Some("websocket"),
        ),
        (
            H11,
            vec![("connection", "upgrade"), ("upgrade", "h2c, Custom/1, websocket")],
            Some("custom/1"),
        ),
        (
            H11,
            vec![("connection", "upgrade"), ("upgrade", "h2c"), ("upgrade", "websocket")],
            Some("websocket"),
        ),
        (H11, vec![("connection", "upgrade"), ("upgrade", "h2c")], None),
        (H11, vec![("connection", "upgrade"), ("upgrade", "H2C")], None),
        (H11, vec![("connection", "upgrade"), ("upgrade", "custom")], None),
        (H11, vec![("connection", "upgrade"), ("upgrade", "websocket2")], None),
        (H11, vec![("connection", "upgrade")], None),
        (H11, vec![("connection", "upgrades"), ("upgrade", "websocket")], None),
        (H11, vec![("upgrade", "websocket")], None),
        (Version::HTTP_10, vec![("connection", "upgrade"), ("upgrade", "websocket")], None),
        (Version::HTTP_2, vec![("connection", "upgrade"), ("upgrade", "websocket")], None),
    ] {
        let headers = map(received.iter().copied());
        assert_eq!(
            upgrade_token(&headers, version, &allowed),
            expected,
            "{version:?} {received:?}"
        );
        assert_eq!(upgrade_token(&headers, version, &[]), None);
    }
}

#[test]
fn an_upgrade_that_is_let_through_goes_out_by_our_words() {
    let mut headers = map([
        ("connection", "upgrade, x-a"),
        ("x-a", "1"),
        ("upgrade", "h2c, WebSocket"),
        ("te", "trailers"),
        ("sec-websocket-key", "k"),
    ]);
    let peer = PeerAddr(SocketAddr::from(([192, 0, 2, 9], 1)));
    let forwarding = Forwarding {
        client: ClientAddress { ip: peer.ip(), peer_trusted: false },
        peer,
        address_header: &AddressHeader::Peer,
        scheme: Scheme::HTTPS,
        version: Version::HTTP_11,
        request_id: &HeaderValue::from_static("ours"),
    };
    let uri = Uri::from_static("http://Example.com/a");
    rewrite_request(&mut headers, &uri, &forwarding, &Identity::default(), Some("websocket"));
    assert_eq!(
        lines(&headers, &["via", "forwarded", "x-request-id", "x-forwarded-for"]),
        [
            "connection: upgrade",
            "host: Example.com",
            "sec-websocket-key: k",
            "upgrade: websocket",
            "x-forwarded-host: Example.com",
            "x-forwarded-proto: https",
        ]
    );
}

#[test]
fn a_response_loses_what_belongs_to_the_connection_and_nothing_else() {
    let mut headers = map([
        ("connection", "keep-alive, x-internal"),
        ("keep-alive", "timeout=5"),
        ("x-internal", "1"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-authenticate", "Basic"),
        ("content-length", "3"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("trailer", "x-sum"),
        ("www-authenticate", "Basic"),
        ("x-forwarded-for", "192.0.2.1"),
        ("via", "1.1 inner"),
    ]);
    rewrite_response(&mut headers, Version::HTTP_11);
    assert_eq!(
        lines(&headers, &[]),
        [
            "content-length: 3",
            "set-cookie: a",
            "set-cookie: b",
            "trailer: x-sum",
            "via: 1.1 inner",
            "via: 1.1 portcullis",
            "www-authenticate: Basic",
            "x-forwarded-for: 192.0.2.1",
        ]
    );
    set_upgrade(&mut headers, "websocket");
    assert_eq!(
        (&headers["connection"], &headers["upgrade"]),
        (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
    );
}

#[test]
fn trailers_say_nothing_that_only_a_head_may() {
    let mut trailers = map([
        ("x-sum", "1"),
        ("grpc-status", "0"),
        ("etag", "a"),
        ("host", "a"),
        ("content-length", "1"),
        ("content_length", "1"),
        ("transfer-encoding", "chunked"),
        ("trailer", "a"),
        ("connection", "x-sum"),
        ("authorization", "a"),
        ("cookie", "a"),
        ("set-cookie", "a"),
        ("x-portcullis-org", "a"),
        ("X_Portcullis_Org", "a"),
        ("x-forwarded-for", "a"),
        ("x_forwarded_for", "a"),
        ("forwarded", "a"),
        ("x-request-id", "a"),
        ("x-real-ip", "a"),
        ("via", "a"),
        ("te", "a"),
    ]);
    clean_trailers(&mut trailers);
    assert_eq!(lines(&trailers, &[]), ["etag: a", "grpc-status: 0", "x-sum: 1"]);
}

#[test]
fn a_request_id_is_taken_over_when_it_is_one_short_visible_line() {
    let long = "x".repeat(MAX_REQUEST_ID_BYTES + 1);
    for (received, expected) in [
        (vec!["4bf92f35-77b3/4da6"], Some("4bf92f35-77b3/4da6")),
        (vec![&long[1..]], Some(&long[1..])),
        (vec![], None),
        (vec![""], None),
        (vec!["a", "b"], None),
        (vec!["a b"], None),
        (vec!["\u{e9}"], None),
        (vec![&long], None),
    ] {
        let headers = map(received.iter().map(|id| ("x-request-id", *id)));
        let found = request_id(&headers).map(|id| id.to_str().unwrap());
        assert_eq!(found, expected, "{received:?}");
    }
}

fn any_header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "connection",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-portcullis-org",
        "x-portcullis-entry",
        "x-real-ip",
        "forwarded",
        "te",
        "upgrade",
        "x-request-id",
        "cookie",
        "content-length",
        "transfer-encoding",
        "x-custom",
    ]);
    let spelled = (name, any::<u16>()).prop_map(|(name, marks)| {
        let mark =
            |(at, c): (usize, char)| if c == '-' && marks >> (at % 16) & 1 == 1 { '_' } else { c };
        name.chars().enumerate().map(mark).collect::<String>()
    });
    let value = prop_oneof![
        prop::collection::vec((0x20_u8..=0xff).prop_filter("no DEL", |b| *b != 0x7f), 0..20),
        prop::sample::select(vec![
            "x-forwarded-for, x-portcullis-org",
            "trailers",
            "203.0.113.66",
            "upgrade, host"
        ])
        .prop_map(|value| value.as_bytes().to_vec()),
    ];
    (spelled, value)
}

proptest! {
    #[test]
    fn whatever_a_client_sends_ours_are_ours(received in prop::collection::vec(any_header(), 0..12)) {
        let mut headers = HeaderMap::new();
        for (name, value) in &received {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        let sent = sent("192.0.2.9", AddressHeader::XForwardedFor, headers, Version::HTTP_11);
        for name in sent.keys() {
            let read = name.as_str().replace('_', "-");
            prop_assert!(!read.starts_with("x-portcullis-") && read != "x-real-ip" && read != "transfer-encoding");
            prop_assert!(!read.starts_with("x-forwarded-") || name.as_str() == read);
        }
        prop_assert_eq!(sent.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["192.0.2.9"]);
        prop_assert_eq!(sent.get_all("x-request-id").iter().collect::<Vec<_>>(), ["ours"]);
        prop_assert_eq!(sent.get_all("x-forwarded-proto").iter().collect::<Vec<_>>(), ["http"]);
        prop_assert_eq!(sent.get_all("host").iter().count(), 1);
    }

    #[test]
    fn whatever_a_trusted_peer_sends_the_next_proxy_finds_the_same_client(
        front in "[ -~]{0,30}",
        client in any::<u16>().prop_map(|low| std::net::Ipv4Addr::from_bits(0xc633_0000 | u32::from(low))),
    ) {
        let trusted_proxies = vec![Prefix::parse("10.0.0.0/8").unwrap()];
        let x_forwarded_for = format!("{front}, {client}");
        let forwarded = format!("{front}, for={client}");
        for header in [AddressHeader::XForwardedFor, AddressHeader::Forwarded] {
            let received = map([("x-forwarded-for", x_forwarded_for.as_str()), ("forwarded", forwarded.as_str())]);
            let sent = sent("10.0.0.1", header, received, Version::HTTP_11);
            for next in [AddressHeader::XForwardedFor, AddressHeader::Forwarded] {
                let next = Settings { trusted_proxies: trusted_proxies.clone(), header: next };
                let us = PeerAddr(SocketAddr::from(([10, 0, 0, 9], 1)));
                let found = next.resolve(us, &sent).unwrap().ip;
                prop_assert_eq!(found, ClientIp::from(std::net::IpAddr::V4(client)));
            }
        }
    }
}
