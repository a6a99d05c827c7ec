//! TLS on listeners: which certificate a client gets, what is spoken, and what ends before anything is.

mod admin;
mod client_cert;
mod clients;
mod handshakes;
mod reload;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use crate::harness::http2::Http2;
use crate::harness::tls::{Ca, credulous};
use crate::harness::{Client, Gateway, Options, Upstream};

/// A listener with the certificates of `files`, and a route that asks for no credential.
fn options(ca: &Ca, files: &[&str], more: &str) -> Options {
    Options {
        listener: format!("{}{more}", ca.table("listeners.main", files)),
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1".into(),
        ..Options::default()
    }
}

fn start(ca: &Ca, files: &[&str], more: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, options(ca, files, more));
    (upstream, gateway)
}

const HTTP_1_1: &[&str] = &["http/1.1"];

#[test]
fn a_client_gets_the_certificate_of_the_name_it_gives() {
    let ca = Ca::new();
    let first = ca.issue("first", &["first.example.com"]);
    let wildcard = ca.issue("wildcard", &["*.example.com", "example.org"]);
    let exact = ca.issue("exact", &["api.example.com"]);
    let (_upstream, gateway) = start(&ca, &["first", "wildcard", "exact"], "");
    for (name, expected, why) in [
        ("api.example.com", &exact, "a whole name before a wildcard"),
        ("API.Example.com", &exact, "in any case"),
        ("www.example.com", &wildcard, "a wildcard"),
        ("example.org", &wildcard, "another name of it"),
        ("first.example.com", &first, "a whole name"),
        ("a.b.example.com", &first, "a wildcard is one label"),
        ("example.com", &first, "and not none"),
        ("unknown.example", &first, "the first for a name that nobody has"),
        ("127.0.0.1", &first, "the first for a client that names none"),
    ] {
        let client = Client::connect_tls(gateway.proxy(), name, &credulous()).unwrap();
        let got = client.tls().peer_certificates().unwrap();
        assert_eq!(&got[0], expected, "{name}: {why}");
    }
}

#[test]
fn a_client_gets_the_certificate_whose_key_it_can_check() {
    let ca = Ca::new();
    ca.issue("ecdsa", &["api.example.com"]);
    let (chain, key) = rsa("api.example.com");
    ca.write("rsa.pem", &chain);
    ca.write("rsa.key", &key);
    let (_upstream, gateway) = start(&ca, &["ecdsa", "rsa"], "");
    let algorithm = |config| {
        let client = Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
        client.tls().peer_certificates().unwrap()[0].len()
    };
    let both = algorithm(credulous());
    let rsa_only = algorithm(crate::harness::tls::credulous_of(|scheme| {
        scheme.as_str().is_some_and(|name| name.starts_with("RSA"))
    }));
    assert!(rsa_only > both, "an RSA certificate is the larger: {rsa_only} and {both}");
}

fn rsa(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    (made.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn http_is_spoken_as_alpn_says() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (upstream, gateway) = start(&ca, &["api"], "");
    let connect =
        |protocols| Client::connect_tls(gateway.proxy(), "api.example.com", &ca.client(protocols));
    let h2 =
        Http2::connect_tls(gateway.proxy(), "api.example.com", &ca.client(&["http/1.1", "h2"]));
    assert_eq!(h2.get("/h2").body, "/h2");
    let mut http1 = connect(HTTP_1_1).unwrap();
    assert_eq!(http1.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(http1.get("/1").text(), "/1");
    assert_eq!(http1.get("/again").text(), "/again");
    let mut without = connect(&[]).unwrap();
    assert_eq!(without.tls().alpn_protocol(), None);
    assert_eq!(without.get("/without").text(), "/without");
    let seen = upstream.all();
    let told = |name: &str| seen.iter().map(|seen| seen.header(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(told("x-forwarded-proto"), ["https"; 4]);
    for forwarded in told("forwarded") {
        assert_eq!(forwarded, "for=127.0.0.1;host=api.example.com;proto=https");
    }
    let error = connect(&["spdy/3"]).unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    gateway.wait_for_metric("tls_handshakes_total{listener=\"main\",outcome=\"protocol\"} 1");
}

#[test]
fn http2_is_spoken_only_where_alpn_says_so() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (_upstream, gateway) = start(&ca, &["api"], "");
    for protocols in [HTTP_1_1, &[]] {
        let config = ca.client(protocols);
        let mut client = Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
        client.send(crate::harness::h2::PREFACE);
        assert!(client.try_read_exact(1).is_none(), "no settings of HTTP/2 for {protocols:?}");
    }
    let config = ca.client(&["h2"]);
    let mut client = Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
    client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    assert!(client.try_read_exact(1).is_none(), "no answer of HTTP/1.1");
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"malformed\"} 3");
}

#[test]
fn the_oldest_version_is_the_operator_s_choice() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    for (minimum, old_passes) in [("", true), ("minimum_version = \"1.3\"\n", false)] {
        let (_upstream, gateway) = start(&ca, &["api"], minimum);
        let connect = |version| {
            let config = ca.client_of(&[version], HTTP_1_1);
            Client::connect_tls(gateway.proxy(), "api.example.com", &config)
        };
        assert_eq!(connect(&TLS13).unwrap().get("/").status, 200);
        let metric = match connect(&TLS12) {
            Ok(mut client) => {
                assert!(old_passes);
                assert_eq!(client.get("/").status, 200);
                "tls_sessions_total{group=\"X25519\",listener=\"main\",version=\"1.2\"} 1"
            }
            Err(error) => {
                assert!(!old_passes, "{error}");
                "tls_handshakes_total{listener=\"main\",outcome=\"version\"} 1"
            }
        };
        gateway.wait_for_metric(metric);
    }
}

#[test]
fn keys_are_agreed_upon_beyond_a_quantum_computer_s_reach() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (_upstream, gateway) = start(&ca, &["api"], "");
    let config = ca.client(HTTP_1_1);
    Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
    gateway.wait_for_metric(
        "tls_sessions_total{group=\"X25519MLKEM768\",listener=\"main\",version=\"1.3\"} 1",
    );
}

#[test]
fn a_session_is_resumed_unless_the_operator_says_no() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    for (tickets, kind) in
        [("", HandshakeKind::Resumed), ("session_tickets = false\n", HandshakeKind::Full)]
    {
        let (_upstream, gateway) = start(&ca, &["api"], tickets);
        for version in [&TLS12, &TLS13] {
            let config = ca.client_of(&[version], HTTP_1_1);
            let connect =
                || Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
            let mut first = connect();
            // With the answer come the tickets.
            assert_eq!(first.get("/").status, 200);
            assert_eq!(first.tls().handshake_kind(), Some(HandshakeKind::Full));
            let mut second = connect();
            assert_eq!(second.get("/").status, 200);
            assert_eq!(second.tls().handshake_kind(), Some(kind), "{version:?}");
        }
        let resumed = if kind == HandshakeKind::Resumed { 2 } else { 0 };
        gateway.wait_for_metric(&format!("outcome=\"resumed\"}} {resumed}"));
    }
}

#[test]
fn a_connection_serves_the_hosts_of_the_certificate_it_began_with() {
    let ca = Ca::new();
    ca.issue("one", &["one.example.com", "also.example.com", "*.wild.example"]);
    ca.issue("two", &["two.example.com"]);
    let (_upstream, gateway) = start(&ca, &["one", "two"], "");
    let config = ca.client(HTTP_1_1);
    let ask = |name: &str, host: &str| {
        let client = Client::connect_tls(gateway.proxy(), name, &credulous()).unwrap();
        client.naming(host).get("/")
    };
    for (name, host, status) in [
        ("one.example.com", "one.example.com", 200),
        ("one.example.com", "ALSO.example.com:8443", 200),
        ("one.example.com", "a.wild.example", 200),
        ("one.example.com", "two.example.com", 421),
        ("one.example.com", "127.0.0.1", 421),
        ("two.example.com", "one.example.com", 421),
        ("unknown.example", "unknown.example", 421), // It got the first, which is for others.
        ("unknown.example", "one.example.com", 200),
        ("127.0.0.1", "two.example.com", 200), // It named nobody.
    ] {
        let answer = ask(name, host);
        assert_eq!(answer.status, status, "{name} {host}");
        if status == 421 {
            assert_eq!(answer.error_code(), "MISDIRECTED_REQUEST");
        }
    }
    let mut kept = Client::connect_tls(gateway.proxy(), "one.example.com", &config).unwrap();
    kept = kept.naming("two.example.com");
    assert_eq!(kept.get("/").status, 421);
    assert_eq!(kept.naming("one.example.com").get("/").status, 200, "the connection is as good");
    let h2 = Http2::connect_tls(gateway.proxy(), "one.example.com", &ca.client(&["h2"]));
    assert_eq!(h2.get("/").status, 200);
    let h2 = h2.naming("also.example.com");
    assert_eq!(h2.get("/").status, 200, "one connection for all hosts of a certificate");
    assert_eq!(h2.naming("two.example.com").get("/").status, 421);
    gateway.wait_for_metric("decision=\"refused\",reason=\"misdirected\",route=\"none\"} 6");
}

#[test]
fn a_body_and_an_upgraded_connection_pass_as_in_plain_text() {
    use crate::harness::upstream::RawUpstream;
    use std::io::{Read as _, Write as _};
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (upstream, gateway) = start(&ca, &["api"], "");
    let config = ca.client(HTTP_1_1);
    let connect = |gateway: &Gateway| {
        Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap()
    };
    // Beyond every buffer on its way.
    let body = vec![b'x'; 3 << 20];
    assert_eq!(connect(&gateway).request("POST", "/up", &[], &body).status, 200);
    assert_eq!(upstream.next().body, body);

    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, options(&ca, &["api"], ""));
    let mut client = connect(&gateway);
    client.send_request("GET", "/", &["Connection: Upgrade", "Upgrade: websocket"], b"");
    let mut server = upstream.accept();
    RawUpstream::read_head(&mut server);
    let switching =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    server.get_mut().write_all(switching.as_bytes()).unwrap();
    assert_eq!(client.read_answer().status, 101);
    client.send("ping");
    let mut read = [0; 4];
    server.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"ping");
    server.get_mut().write_all(b"pong").unwrap();
    assert_eq!(client.read_exact(4), b"pong");
    drop(client);
    assert_eq!(server.read(&mut read).unwrap(), 0, "the end is passed on");
}
