//! What reaches the upstream, and what comes back.

use std::io::{Read, Write};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::harness::upstream::RawUpstream;
use crate::harness::{Client, Gateway, Options, Upstream};

fn open_route() -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    }
}

#[test]
fn a_permitted_request_reaches_the_upstream_with_its_query_and_body() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let answer =
        gateway.client().digest(&gateway.owner, "POST", "/orders?id=7&x=%20", &[], b"two shoes");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/orders?id=7&x=%20"));
    let seen = upstream.next();
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.body, "two shoes");
}

#[test]
fn the_upstream_learns_who_passed_and_by_which_entry() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    gateway.get_from("127.0.0.1", "/");
    let seen = upstream.next();
    assert_eq!(seen.header("x-portcullis-org"), Some(gateway.org.to_string()));
    assert_eq!(seen.header("x-portcullis-principal"), Some(gateway.key_id.clone()));
    assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some("127.0.0.1/32"));
    assert_eq!(seen.header("authorization"), None, "the credential stays here");
}

#[test]
fn identity_headers_that_a_client_wrote_never_arrive() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let spoofs = [
        "X-Portcullis-Org: evil",
        "X_Portcullis_Principal: evil",
        "x-portcullis_entry: evil",
        "X-Portcullis-Anything: evil",
        "X_Forwarded_For: 203.0.113.1",
        "X-Forwarded-For: 203.0.113.1",
        "Forwarded: for=203.0.113.1",
        "Connection: X-Portcullis-Org, X-Forwarded-For",
    ];
    assert_eq!(gateway.client().request("GET", "/", &spoofs, b"").status, 200);
    let seen = upstream.next();
    for (name, value) in &seen.headers {
        let value = value.to_str().unwrap();
        assert!(!value.contains("evil") && !value.contains("203.0.113.1"), "{name}: {value}");
    }
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some("127.0.0.0/8"));
}

#[test]
fn forwarding_headers_tell_address_scheme_host_and_way() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    gateway.client().get("/");
    let seen = upstream.next();
    let host = gateway.proxy().to_string();
    assert_eq!(seen.header("host"), Some(host.clone()));
    assert_eq!(seen.header("x-forwarded-host"), Some(host.clone()));
    assert_eq!(seen.header("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(seen.header("forwarded"), Some(format!("for=127.0.0.1;host=\"{host}\";proto=http")));
    assert_eq!(seen.header("via").as_deref(), Some("1.1 portcullis"));
    assert_eq!(seen.header("x-request-id").map(|id| id.len()), Some(32));
}

#[test]
fn hop_by_hop_headers_stay_on_their_hop() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("connection", "x-internal")
            .header("x-internal", "secret")
            .header("keep-alive", "timeout=5")
            .header("x-kept", "yes")
            .body(Full::default())
            .unwrap()
    });
    let gateway = Gateway::with(upstream.address, open_route());
    let lines = [
        "Connection: keep-alive, X-Private",
        "X-Private: 1",
        "Keep-Alive: 5",
        "TE: gzip",
        "X-Public: 2",
    ];
    let answer = gateway.client().request("GET", "/", &lines, b"");
    assert_eq!(answer.header("x-internal"), None);
    assert_eq!(answer.header("keep-alive"), None);
    assert_eq!(answer.header("x-kept"), Some("yes"));
    let seen = upstream.next();
    for gone in ["x-private", "keep-alive", "te", "connection"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.header("x-public").as_deref(), Some("2"));
}

#[test]
fn a_connection_is_kept_for_the_next_request_on_both_sides() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(
        upstream.address,
        Options { more: format!("{}\n[workers]\ncount = 1", open_route().more), ..open_route() },
    );
    let mut client = gateway.client();
    client.send_request("GET", "/1", &[], b"");
    let mut connection = upstream.accept();
    for number in 1..=3 {
        assert!(RawUpstream::read_head(&mut connection)[0].starts_with(&format!("GET /{number} ")));
        connection.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        assert_eq!(client.read_answer().text(), "ok");
        client.send_request("GET", &format!("/{}", number + 1), &[], b"");
    }
}

#[test]
fn a_body_is_streamed_before_it_is_complete() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 6\r\n\r\nabc",
        gateway.proxy()
    ));
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    let mut half = [0; 3];
    connection.read_exact(&mut half).unwrap();
    assert_eq!(&half, b"abc", "the first half arrives while the second is not sent");
    client.send("def");
    connection.read_exact(&mut half).unwrap();
    connection.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nxy").unwrap();
    let (status, _) = client.read_head();
    assert_eq!(status, 200);
    assert_eq!(client.read_exact(2), b"xy", "and so does the response's");
    connection.get_mut().write_all(b"zz").unwrap();
    assert_eq!(client.read_exact(2), b"zz");
}

#[test]
fn trailers_pass_both_ways() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nTE: trailers\r\nTrailer: X-Sum, X-Portcullis-Org\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-Portcullis-Org: evil\r\n\r\n",
        gateway.proxy()
    ));
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    // Up to the empty line that ends the trailers, the chunks are lines as well.
    assert_eq!(RawUpstream::read_head(&mut connection), ["3", "abc", "0", "x-sum: 6"]);
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Total\r\n\r\n2\r\nok\r\n0\r\nX-Total: 2\r\n\r\n";
    connection.get_mut().write_all(response.as_bytes()).unwrap();
    let answer = client.read_answer();
    assert_eq!((answer.text().as_str(), answer.header("x-total")), ("ok", Some("2")));
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_go_on_only_when_it_may() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        gateway.proxy()
    ));
    assert_eq!(client.read_head().0, 401, "refused without a byte of the body");

    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let mut client = gateway.client();
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        gateway.proxy()
    ));
    assert_eq!(client.read_head().0, 100);
    client.send("abc");
    assert_eq!(client.read_answer().status, 200);
    assert_eq!(upstream.next().body, "abc");
}

#[test]
fn head_is_answered_with_the_length_and_no_body() {
    let upstream = Upstream::answering(|_| Response::new(Full::from("12345")));
    let gateway = Gateway::with(upstream.address, open_route());
    let mut client = gateway.client();
    let answer = client.request("HEAD", "/", &[], b"");
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("5")));
    assert_eq!(client.get("/").text(), "12345", "and the connection is still in step");
}

#[test]
fn a_large_body_comes_through_whole() {
    let upstream = Upstream::answering(|seen| Response::new(Full::from(seen.body.clone())));
    let gateway = Gateway::with(upstream.address, open_route());
    let body: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let address = gateway.proxy();
    let mut client = Client::connect(address);
    let answer = client.request("POST", "/", &[], &body);
    assert_eq!(answer.body.len(), body.len());
    assert!(answer.body == body);
}

#[test]
fn an_upstream_s_own_error_is_passed_on_as_it_is() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .status(418)
            .header("x-own", "1")
            .body(Full::from(Bytes::from("short and stout")))
            .unwrap()
    });
    let gateway = Gateway::with(upstream.address, open_route());
    let answer = gateway.client().get("/");
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("x-own")),
        (418, "short and stout", Some("1"))
    );
    assert_eq!(answer.header("via"), Some("1.1 portcullis"));
}

#[test]
fn an_upgrade_that_the_route_allows_becomes_a_tunnel() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let mut client = gateway.client();
    client.send_request("GET", "/chat", &["Connection: Upgrade", "Upgrade: websocket"], b"");
    let mut connection = upstream.accept();
    let head = RawUpstream::read_head(&mut connection).join("|").to_lowercase();
    assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    connection.get_mut().write_all(switch).unwrap();
    assert_eq!(client.read_answer().status, 101);
    client.send("ping");
    let mut bytes = [0; 4];
    connection.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    connection.get_mut().write_all(b"pong").unwrap();
    assert_eq!(client.read_exact(4), b"pong");
    drop(client);
    assert_eq!(connection.read(&mut bytes).unwrap(), 0, "the tunnel ends with either side");
}

#[test]
fn h2c_is_never_upgraded_to() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let lines =
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    let answer = gateway.client().request("GET", "/", &lines, b"");
    assert_eq!(answer.status, 200);
    let seen = upstream.next();
    for gone in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
}
