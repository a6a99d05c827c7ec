//! Connections that a balancer in front introduces, by the PROXY protocol.

use crate::harness::tls::Ca;
use crate::harness::{Client, Gateway, Options, Upstream};

/// Believed from 127.0.0.1, and from nobody else.
const REQUIRED: &str = "proxy_protocol = \"require\"\nproxy_protocol_peers = [\"127.0.0.1\"]";
const ALLOWED: &str = "proxy_protocol = \"allow\"\nproxy_protocol_peers = [\"127.0.0.1\"]";

/// From 127.0.0.9, in version 1.
const V1: &[u8] = b"PROXY TCP4 127.0.0.9 127.0.0.1 40000 443\r\n";

/// From 127.0.0.9, in version 2, with a value behind that means nothing here.
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\x7f\0\0\x09\x7f\0\0\x01\x9c\x40\x01\xbb\x01\0\x02h2";

/// A check of the balancer's own.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A gateway before which a route without credentials asks for an address of 127.0.0.8/30 or the balancer's own.
fn gateway(upstream: &Upstream, listener: &str) -> Gateway {
    let options = Options {
        listener: listener.into(),
        route: "schemes = []\nlist = \"near\"".into(),
        more: "[lists.near]\nentries = [\"127.0.0.8/30\", \"127.0.0.1\"]".into(),
        ..Options::default()
    };
    Gateway::with(upstream.address, options)
}

/// The address that the upstream is told.
fn told(client: &mut Client, upstream: &Upstream) -> String {
    let answer = client.get("/");
    assert_eq!(answer.status, 200, "{}", answer.text());
    upstream.next().headers["x-forwarded-for"].to_str().unwrap().to_owned()
}

#[test]
fn the_address_that_a_header_names_is_judged_and_told() {
    let upstream = Upstream::echo();
    for listener in [REQUIRED, ALLOWED] {
        let gateway = gateway(&upstream, listener);
        for header in [V1, V2] {
            let mut client = gateway.client();
            client.send(header);
            assert_eq!(told(&mut client, &upstream), "127.0.0.9");
            assert_eq!(
                told(&mut client, &upstream),
                "127.0.0.9",
                "for as long as the connection is open"
            );
            let mut client = gateway.client();
            client.send(of_another(header));
            let refused = client.get("/");
            assert_eq!(refused.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST");
            assert!(refused.text().contains("127.0.0.77"), "{}", refused.text());
        }
    }
}

/// The same header, of 127.0.0.77.
fn of_another(header: &[u8]) -> Vec<u8> {
    if header == V1 {
        return V1.iter().copied().take(19).chain(*b"77").chain(V1[20..].iter().copied()).collect();
    }
    let mut header = header.to_vec();
    header[19] = 77;
    header
}

#[test]
fn a_header_may_come_in_pieces_and_with_the_request_behind_it() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream, REQUIRED);
    for header in [V1, V2] {
        let mut client = gateway.client();
        for byte in header {
            client.send([*byte]);
        }
        assert_eq!(told(&mut client, &upstream), "127.0.0.9");
        let mut client = gateway.client();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.proxy());
        client.send([header, request.as_bytes()].concat());
        assert_eq!(client.read_answer().status, 200);
    }
}

#[test]
fn the_balancer_s_own_checks_come_from_the_balancer() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream, REQUIRED);
    for header in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        let mut client = gateway.client();
        client.send(header);
        assert_eq!(told(&mut client, &upstream), "127.0.0.1");
    }
}

#[test]
fn where_headers_are_required_nobody_comes_in_without_one() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream, REQUIRED);
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"PROXY TCP4 nowhere 127.0.0.1 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x00",
    ] {
        let mut client = gateway.client();
        client.send(bytes);
        assert!(client.try_read_exact(1).is_none(), "{bytes:?}: closed without a word");
    }
    // Who may not send one may not connect.
    let mut stranger = Client::connect_from("127.0.0.2".parse().unwrap(), gateway.proxy());
    stranger.send_as_far_as_it_goes(V1);
    assert!(stranger.try_read_exact(1).is_none());
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"proxy_protocol\"} 4");
    gateway.wait_for_metric("portcullis_connections{listener=\"main\"} 0");
    assert!(upstream.all().is_empty());
}

#[test]
fn where_headers_are_allowed_a_connection_may_come_without_one() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream, ALLOWED);
    assert_eq!(told(&mut gateway.client(), &upstream), "127.0.0.1");
    // A method that begins as a header does.
    let answer = gateway.client().request("POST", "/", &[], b"x");
    assert_eq!(answer.status, 200);
    upstream.next();
    // Who is not listed cannot name an address.
    let mut stranger = Client::connect_from("127.0.0.10".parse().unwrap(), gateway.proxy());
    assert_eq!(told(&mut stranger, &upstream), "127.0.0.10");
    let mut stranger = Client::connect_from("127.0.0.10".parse().unwrap(), gateway.proxy());
    stranger.send_as_far_as_it_goes(V1);
    assert_ne!(stranger.get("/").status, 200);
}

#[test]
fn without_the_setting_a_header_is_no_request() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream, "");
    for header in [V1, V2] {
        let mut client = gateway.client();
        client.send_as_far_as_it_goes(header);
        assert_eq!(client.get("/").status, 400);
    }
    assert!(upstream.all().is_empty());
}

#[test]
fn a_header_that_does_not_end_is_waited_for_only_so_long() {
    let upstream = Upstream::echo();
    let options = Options {
        listener: REQUIRED.into(),
        more: "[limits]\nhandshake_timeout = \"500ms\"".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let (mut silent, mut slow) = (gateway.client(), gateway.client());
    slow.send(b"PROXY TCP4 ");
    assert!(silent.is_closed() && slow.is_closed());
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"handshake_timeout\"} 2");
}

#[test]
fn a_header_comes_before_tls() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let upstream = Upstream::echo();
    let gateway =
        gateway(&upstream, &format!("{REQUIRED}\n{}", ca.table("listeners.main", &["api"])));
    let client = ca.client(&["http/1.1"]);
    let mut client =
        Client::connect_tls_behind(V1, gateway.proxy(), "api.example.com", &client).unwrap();
    assert_eq!(told(&mut client, &upstream), "127.0.0.9");
}

#[test]
fn the_admin_api_s_callers_can_be_introduced_too() {
    let options = Options { admin: REQUIRED.into(), ..Options::default() };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let mut client = Client::connect(gateway.admin());
    client.send(V1);
    let answer = client.digest(&gateway.owner, "GET", "/api/atlas/v1.0/orgs", &[], b"");
    assert_eq!(answer.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    assert_eq!(answer.json()["parameters"][0], "127.0.0.9");
}
