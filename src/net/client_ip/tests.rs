use std::net::SocketAddr;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const TRUSTED: [&str; 4] = ["10.0.0.0/8", "127.0.0.1/32", "2001:db8:a::/48", "fe80::/10"];
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

fn settings(header: AddressHeader) -> Settings {
    let trusted_proxies = TRUSTED.iter().map(|text| Prefix::parse(text).unwrap()).collect();
    Settings { trusted_proxies, header }
}

fn peer(ip: &str) -> PeerAddr {
    PeerAddr(SocketAddr::new(ip.parse().unwrap(), 40_000))
}

fn headers(name: &HeaderName, lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

/// The client's text, or why there is none.
fn resolved(
    header: AddressHeader,
    from: &str,
    headers: &HeaderMap,
) -> Result<String, ClientIpError> {
    settings(header).resolve(peer(from), headers).map(|client| client.ip.to_string())
}

const HOP: Result<&str, ClientIpError> = Err(ClientIpError::Hop);

#[test]
fn the_first_untrusted_hop_from_the_right_of_x_forwarded_for_is_the_client() {
    for (from, lines, expected) in [
        // An untrusted peer: nothing it says counts.
        ("192.0.2.9", vec![], Ok("192.0.2.9")),
        ("192.0.2.9", vec!["198.51.100.7"], Ok("192.0.2.9")),
        ("192.0.2.9", vec!["10.0.0.1"], Ok("192.0.2.9")),
        ("192.0.2.9", vec!["garbage"], Ok("192.0.2.9")),
        ("192.0.2.9", vec![""], Ok("192.0.2.9")),
        ("::ffff:192.0.2.9", vec!["198.51.100.7"], Ok("192.0.2.9")),
        // A trusted one, with and without a header.
        ("10.0.0.1", vec![], Ok("10.0.0.1")),
        ("10.0.0.1", vec!["198.51.100.7"], Ok("198.51.100.7")),
        ("::ffff:10.0.0.1", vec!["198.51.100.7"], Ok("198.51.100.7")),
        ("2001:db8:a::1", vec!["198.51.100.7"], Ok("198.51.100.7")),
        ("127.0.0.2", vec!["198.51.100.7"], Ok("127.0.0.2")),
        // The left-most is the client's own invention.
        ("10.0.0.1", vec!["1.2.3.4, 198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["127.0.0.1, 198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["10.0.0.2, 198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["1.2.3.4, 198.51.100.7, 10.0.0.2"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["garbage, 198.51.100.7, 10.0.0.2"], Ok("198.51.100.7")),
        ("10.0.0.1", vec![", 198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["unknown, 198.51.100.7"], Ok("198.51.100.7")),
        // Every hop trusted: the left-most.
        ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], Ok("10.0.0.3")),
        ("10.0.0.1", vec!["10.0.0.2"], Ok("10.0.0.2")),
        ("10.0.0.1", vec!["::ffff:10.0.0.2"], Ok("10.0.0.2")),
        // Several lines are one list.
        ("10.0.0.1", vec!["1.2.3.4", "198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7", "10.0.0.2"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["1.1.1.1, 2.2.2.2", "10.0.0.3, 10.0.0.2"], Ok("2.2.2.2")),
        ("10.0.0.1", vec!["garbage", "198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7", "garbage"], HOP),
        ("10.0.0.1", vec!["198.51.100.7", ""], HOP),
        ("10.0.0.1", vec!["", "10.0.0.2"], HOP),
        // Ports, brackets, white space.
        ("10.0.0.1", vec!["198.51.100.7:4711"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7:0"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["1.2.3.4,198.51.100.7:65535,10.0.0.2:80"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["  \t198.51.100.7\t "], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["2001:db8::1"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["2001:DB8:0:0:0:0:0:1"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["[2001:db8::1]"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["[2001:db8::1]:4711"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["2001:db8::1:4711"], Ok("2001:db8::1:4711")),
        ("10.0.0.1", vec!["1.2.3.4, [2001:db8:a::9]:1"], Ok("1.2.3.4")),
        ("10.0.0.1", vec!["198.51.100.7:"], HOP),
        ("10.0.0.1", vec!["198.51.100.7:65536"], HOP),
        ("10.0.0.1", vec!["198.51.100.7:-1"], HOP),
        ("10.0.0.1", vec!["198.51.100.7:+1"], HOP),
        ("10.0.0.1", vec!["198.51.100.7:http"], HOP),
        ("10.0.0.1", vec!["[198.51.100.7]"], HOP),
        ("10.0.0.1", vec!["[198.51.100.7]:80"], HOP),
        ("10.0.0.1", vec!["[2001:db8::1"], HOP),
        ("10.0.0.1", vec!["2001:db8::1]"], HOP),
        ("10.0.0.1", vec!["[2001:db8::1]80"], HOP),
        ("10.0.0.1", vec!["[2001:db8::1]:"], HOP),
        ("10.0.0.1", vec!["[]"], HOP),
        // Zones are dropped, also before trust is judged.
        ("10.0.0.1", vec!["2001:db8::1%eth0"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["[2001:db8::1%25eth0]:80"], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["198.51.100.7, fe80::1%eth0"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["2001:db8::1%"], HOP),
        ("10.0.0.1", vec!["2001:db8::1%a b"], HOP),
        ("10.0.0.1", vec!["198.51.100.7%eth0"], HOP),
        // IPv4-mapped spellings are IPv4.
        ("10.0.0.1", vec!["::ffff:198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["::ffff:c633:6407"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["[::ffff:198.51.100.7]:80"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7, ::ffff:10.0.0.2"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7, ::10.0.0.2"], Ok("::a00:2")),
        // Garbage that is reached.
        ("10.0.0.1", vec![""], HOP),
        ("10.0.0.1", vec![" "], HOP),
        ("10.0.0.1", vec![","], HOP),
        ("10.0.0.1", vec!["198.51.100.7,"], HOP),
        ("10.0.0.1", vec!["198.51.100.7,,10.0.0.2"], HOP),
        ("10.0.0.1", vec!["unknown"], HOP),
        ("10.0.0.1", vec!["198.51.100.7, unknown"], HOP),
        ("10.0.0.1", vec!["198.51.100.7, unknown, 10.0.0.2"], HOP),
        ("10.0.0.1", vec!["\"198.51.100.7\""], HOP),
        ("10.0.0.1", vec!["for=198.51.100.7"], HOP),
        ("10.0.0.1", vec!["198.51.100.7 10.0.0.2"], HOP),
        ("10.0.0.1", vec!["198.51.100.7; 10.0.0.2"], HOP),
        ("10.0.0.1", vec!["198.51.100.07"], HOP),
        ("10.0.0.1", vec!["198.51.100"], HOP),
        ("10.0.0.1", vec!["3325256711"], HOP),
        ("10.0.0.1", vec!["0xc6336407"], HOP),
        ("10.0.0.1", vec!["198.51.100.7/32"], HOP),
        ("10.0.0.1", vec!["localhost"], HOP),
        ("10.0.0.1", vec!["198.51.100.\u{0667}"], HOP),
    ] {
        let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let found =
            resolved(AddressHeader::XForwardedFor, from, &headers(&X_FORWARDED_FOR, &bytes));
        assert_eq!(found, expected.map(str::to_owned), "{from} {lines:?}");
    }
}

#[test]
fn the_first_untrusted_element_from_the_right_of_forwarded_is_the_client() {
    for (from, lines, expected) in [
        ("192.0.2.9", vec!["for=198.51.100.7"], Ok("192.0.2.9")),
        ("10.0.0.1", vec![], Ok("10.0.0.1")),
        ("10.0.0.1", vec!["for=198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["For=\"198.51.100.7:80\";proto=https"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=\"198.51.100.7:_p1\""], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=\"[2001:db8::1]:4711\""], Ok("2001:db8::1")),
        ("10.0.0.1", vec!["for=\"[::ffff:198.51.100.7]\""], Ok("198.51.100.7")),
        (
            "10.0.0.1",
            vec!["for=1.2.3.4, for=198.51.100.7;by=10.0.0.2, for=10.0.0.2"],
            Ok("198.51.100.7"),
        ),
        ("10.0.0.1", vec!["for=1.2.3.4", "for=198.51.100.7", "for=10.0.0.2"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=10.0.0.3, for=10.0.0.2"], Ok("10.0.0.3")),
        // Quotes hide separators, whoever wrote them.
        ("10.0.0.1", vec!["for=198.51.100.7;host=\"a,for=1.2.3.4\""], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=198.51.100.7;host=\"a;for=1.2.3.4\""], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=\"1.2.3.4, for=198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["host=\", for=198.51.100.7;host=\"x"], HOP),
        ("10.0.0.1", vec!["host=\"", "for=198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["for=\"x, for=\"[2001:db8::1]\""], Ok("2001:db8::1")),
        // Hidden, missing, double, malformed.
        ("10.0.0.1", vec!["for=_hidden"], HOP),
        ("10.0.0.1", vec!["for=unknown"], HOP),
        ("10.0.0.1", vec!["for=198.51.100.7, for=unknown, for=10.0.0.2"], HOP),
        ("10.0.0.1", vec!["for=unknown, for=198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["proto=https"], HOP),
        ("10.0.0.1", vec!["for=198.51.100.7, proto=https"], HOP),
        ("10.0.0.1", vec!["for=198.51.100.7;for=1.2.3.4"], HOP),
        ("10.0.0.1", vec!["198.51.100.7"], HOP),
        ("10.0.0.1", vec![""], HOP),
        ("10.0.0.1", vec!["for=198.51.100.7,"], HOP),
        ("10.0.0.1", vec!["for=\"\""], HOP),
    ] {
        let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let found = resolved(AddressHeader::Forwarded, from, &headers(&FORWARDED, &bytes));
        assert_eq!(found, expected.map(str::to_owned), "{from} {lines:?}");
    }
}

#[test]
fn a_single_address_header_has_one_line_with_one_address() {
    for (from, lines, expected) in [
        ("192.0.2.9", vec!["198.51.100.7"], Ok("192.0.2.9")),
        ("192.0.2.9", vec!["198.51.100.7", "1.2.3.4"], Ok("192.0.2.9")),
        ("10.0.0.1", vec![], Ok("10.0.0.1")),
        ("10.0.0.1", vec!["198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["198.51.100.7:80"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["::ffff:198.51.100.7"], Ok("198.51.100.7")),
        ("10.0.0.1", vec!["10.0.0.2"], Ok("10.0.0.2")),
        ("10.0.0.1", vec!["1.2.3.4, 198.51.100.7"], HOP),
        ("10.0.0.1", vec![""], HOP),
        ("10.0.0.1", vec!["198.51.100.7", "198.51.100.7"], Err(ClientIpError::SeveralLines)),
    ] {
        let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let found = resolved(AddressHeader::Single(X_REAL_IP), from, &headers(&X_REAL_IP, &bytes));
        assert_eq!(found, expected.map(str::to_owned), "{from} {lines:?}");
    }
}

#[test]
fn only_the_configured_header_is_read() {
    let mut all = headers(&X_FORWARDED_FOR, &[b"198.51.100.1"]);
    all.append(FORWARDED, HeaderValue::from_static("for=198.51.100.2"));
    all.append(X_REAL_IP, HeaderValue::from_static("198.51.100.3"));
    for (header, expected) in [
        (AddressHeader::Peer, "10.0.0.1"),
        (AddressHeader::XForwardedFor, "198.51.100.1"),
        (AddressHeader::Forwarded, "198.51.100.2"),
        (AddressHeader::Single(X_REAL_IP), "198.51.100.3"),
        (AddressHeader::Single(HeaderName::from_static("true-client-ip")), "10.0.0.1"),
    ] {
        assert_eq!(resolved(header.clone(), "10.0.0.1", &all).unwrap(), expected, "{header:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_no_hop() {
    let spoiled = headers(&X_FORWARDED_FOR, &[b"198.51.100.7, \xff\xfe"]);
    assert_eq!(
        resolved(AddressHeader::XForwardedFor, "10.0.0.1", &spoiled),
        Err(ClientIpError::Hop)
    );
    let behind = headers(&X_FORWARDED_FOR, &[b"\xff\xfe, 198.51.100.7"]);
    assert_eq!(
        resolved(AddressHeader::XForwardedFor, "10.0.0.1", &behind).unwrap(),
        "198.51.100.7"
    );
}

#[test]
fn an_endless_chain_of_trusted_hops_is_refused() {
    let chain =
        |hops: usize| headers(&X_FORWARDED_FOR, &[vec!["10.0.0.2"; hops].join(",").as_bytes()]);
    let resolve = |hops| resolved(AddressHeader::XForwardedFor, "10.0.0.1", &chain(hops));
    assert_eq!(resolve(MAX_HOPS).unwrap(), "10.0.0.2");
    assert_eq!(resolve(MAX_HOPS + 1), Err(ClientIpError::TooManyHops));
}

#[test]
fn a_peer_is_called_trusted_only_when_it_is() {
    let settings = settings(AddressHeader::Peer);
    let trusted = |from| settings.resolve(peer(from), &HeaderMap::new()).unwrap().peer_trusted;
    assert!(trusted("10.255.255.255"));
    assert!(trusted("::ffff:10.0.0.1"));
    assert!(!trusted("11.0.0.0"));
    assert!(
        !Settings::default().resolve(peer("10.0.0.1"), &HeaderMap::new()).unwrap().peer_trusted
    );
}

/// Bytes that a header value may hold.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(b"0123456789.:,;=\"\\[]% for\t".to_vec()),
        1 => (0x20_u8..=0xff).prop_filter("no DEL", |b| *b != 0x7f),
    ];
    prop::collection::vec(byte, 0..60)
}

fn trusted_hops() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..4)
}

proptest! {
    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_sends(lines in prop::collection::vec(line(), 0..4)) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for (name, header) in [
            (X_FORWARDED_FOR, AddressHeader::XForwardedFor),
            (FORWARDED, AddressHeader::Forwarded),
            (X_REAL_IP, AddressHeader::Single(X_REAL_IP)),
        ] {
            prop_assert_eq!(resolved(header, "192.0.2.9", &headers(&name, &lines)).unwrap(), "192.0.2.9");
        }
    }

    #[test]
    fn what_a_client_puts_in_front_changes_nothing(
        own_lines in prop::collection::vec(line(), 0..3),
        own_start in line(),
        client in any::<Ipv4Addr>(),
        proxies in trusted_hops(),
    ) {
        prop_assume!(!settings(AddressHeader::Peer).trusts(ClientIp::from(IpAddr::V4(client))));
        for (name, header, before) in [
            (X_FORWARDED_FOR, AddressHeader::XForwardedFor, ""),
            (FORWARDED, AddressHeader::Forwarded, "for="),
        ] {
            let mut last = own_start.clone();
            last.extend(format!(", {before}{client}").bytes());
            for proxy in &proxies {
                last.extend(format!(", {before}10.0.0.{proxy}").bytes());
            }
            let mut lines: Vec<&[u8]> = own_lines.iter().map(Vec::as_slice).collect();
            lines.push(&last);
            let found = resolved(header, "10.0.0.1", &headers(&name, &lines));
            prop_assert_eq!(found, Ok(client.to_string()));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(lines in prop::collection::vec(line(), 0..4)) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let _ = resolved(AddressHeader::XForwardedFor, "10.0.0.1", &headers(&X_FORWARDED_FOR, &lines));
        let _ = resolved(AddressHeader::Forwarded, "10.0.0.1", &headers(&FORWARDED, &lines));
        let _ = resolved(AddressHeader::Single(X_REAL_IP), "10.0.0.1", &headers(&X_REAL_IP, &lines));
    }
}
