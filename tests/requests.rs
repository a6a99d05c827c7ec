//! Requests that are no requests, or could be read in two ways: each ends in the right status, and the process lives.

use std::io::Write;

use crate::harness::upstream::RawUpstream;
use crate::harness::{Client, Gateway, Options, Upstream};

fn open(listener: &str, upstream: &str) -> Options {
    Options {
        listener: String::new(),
        route: "schemes = []\nlist = \"local\"".into(),
        upstream: upstream.into(),
        more: format!("[lists.local]\nentries = [\"127.0.0.0/8\"]\n{listener}"),
        ..Options::default()
    }
}

fn lives(gateway: &Gateway) {
    assert_eq!(gateway.client().get("/alive").status, 200, "the process serves on");
}

/// Sends raw bytes and gives the status of what comes back; `None` when the connection is closed without a word.
fn status_of(gateway: &Gateway, request: &str) -> Option<u16> {
    let mut client = gateway.client();
    client.send(request.replace("{host}", &gateway.proxy().to_string()));
    let line = client.read_line();
    line.split(' ').nth(1).and_then(|code| code.parse().ok())
}

#[test]
fn an_ambiguous_request_is_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("", ""));
    for (why, request, status) in [
        ("two hosts", "GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400),
        ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
        (
            "a host that differs from the target's",
            "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
            400,
        ),
        (
            "a user in the authority",
            "GET http://me@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
            400,
        ),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400,
        ),
        (
            "a length that is none",
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: +1\r\n\r\na",
            400,
        ),
        (
            "a coding that is none",
            "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n",
            400,
        ),
        (
            "two codings",
            "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        ("space before the colon", "GET / HTTP/1.1\r\nHost : {host}\r\n\r\n", 400),
        ("a folded line", "GET / HTTP/1.1\r\nHost: {host}\r\nX-A: 1\r\n folded\r\n\r\n", 400),
        (
            "a bare return in a value",
            "GET / HTTP/1.1\r\nHost: {host}\r\nX-A: 1\rX-B: 2\r\n\r\n",
            400,
        ),
        ("a tunnel", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405),
        ("a trace", "TRACE / HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
        ("no HTTP", "\u{1}\u{2}\u{3}\r\n\r\n", 400),
    ] {
        assert_eq!(status_of(&gateway, request), Some(status), "{why}");
    }
    assert!(upstream.all().is_empty(), "none of them reached the upstream");
    lives(&gateway);
}

#[test]
fn a_path_that_could_be_read_as_another_is_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("", ""));
    for path in [
        "/%2e%2e/admin",
        "/a/../admin",
        "/a/./b",
        "/a/..;/b",
        "/a/%2E%2e;x/b",
        "/a//b",
        "/a\\b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%00",
        "/a%",
        "/a%zz",
        "/..",
        "/.",
    ] {
        let answer = gateway.client().get(path);
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "INVALID_REQUEST_TARGET"),
            "{path}"
        );
    }
    assert!(upstream.all().is_empty());
    for path in ["/a/b/", "/a.b/..c/...", "/a%20b", "/%7Euser", "/?q=../..//%2f"] {
        assert_eq!(
            gateway.client().get(path).text(),
            path,
            "the upstream gets the bytes that were judged"
        );
    }
}

#[test]
fn a_route_may_let_an_unusual_path_through_by_name() {
    let upstream = Upstream::echo();
    let mut options = open("", "");
    options.route.push_str("\npath_forms = [\"encoded-slash\"]");
    let gateway = Gateway::with(upstream.address, options);
    assert_eq!(gateway.client().get("/objects/a%2Fb").text(), "/objects/a%2Fb");
    assert_eq!(gateway.client().get("/objects/%2e%2e").status, 400);
}

#[test]
fn what_has_no_route_is_not_found() {
    let upstream = Upstream::echo();
    let mut options = open("", "");
    options.route.push_str("\npath = \"/public\"\nhosts = [\"127.0.0.1\"]");
    let gateway = Gateway::with(upstream.address, options);
    for (path, status) in
        [("/public", 200), ("/public/x", 200), ("/publicity", 404), ("/Public", 404), ("/", 404)]
    {
        assert_eq!(gateway.client().get(path).status, status, "{path}");
    }
    let answer = gateway.client().get("/else");
    assert_eq!(answer.error_code(), "RESOURCE_NOT_FOUND");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        status_of(&gateway, "GET /public HTTP/1.1\r\nHost: other.example\r\n\r\n"),
        Some(404)
    );
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Big: ", gateway.proxy()));
    client.send_as_far_as_it_goes(&vec![b'a'; 1024 * 1024]);
    assert_eq!(client.read_head().0, 431);
    let lines: Vec<String> = (0..150).map(|n| format!("X-{n}: 1")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        gateway.client().request("GET", "/", &lines, b"").status,
        431,
        "and so are too many lines"
    );
    lives(&gateway);
}

#[test]
fn half_a_request_is_waited_for_only_so_long() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("[limits]\nheader_timeout = \"1s\"", ""));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: ");
    assert!(client.is_closed());
    assert!(gateway.metrics().contains("reason=\"header_timeout\"} 1"), "{}", gateway.metrics());
    lives(&gateway);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("[limits]\nidle_timeout = \"1s\"", ""));
    let mut client = gateway.client();
    assert_eq!(client.get("/").status, 200);
    assert!(client.is_closed());
}

#[test]
fn a_body_shorter_than_it_says_is_an_error_and_no_whole_request() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nabc",
        gateway.proxy()
    ));
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    client.finish_sending();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut connection, &mut rest);
    assert!(rest.len() < 10, "the upstream never sees it whole: {rest:?}");
}

#[test]
fn more_connections_than_the_limit_are_turned_away() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("[limits]\nconnections = 2", ""));
    let mut first = gateway.client();
    let mut second = gateway.client();
    assert_eq!((first.get("/").status, second.get("/").status), (200, 200));
    assert!(gateway.client().is_closed());
    assert_eq!(first.get("/").status, 200, "those that are in stay in");
}

#[test]
fn an_upstream_that_is_down_is_a_bad_gateway() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::with(nobody, open("", ""));
    let answer = gateway.client().get("/");
    assert_eq!((answer.status, answer.error_code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
    assert!(
        gateway.metrics().contains(
            "portcullis_upstream_connects_total{outcome=\"refused\",upstream=\"main\"} 1"
        )
    );
}

#[test]
fn an_upstream_that_says_nothing_is_a_gateway_timeout() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", "first_byte_timeout = \"1s\""));
    let answer = gateway.client().get("/");
    assert_eq!((answer.status, answer.error_code().as_str()), (504, "UPSTREAM_TIMEOUT"));
}

#[test]
fn an_upstream_that_hangs_up_is_a_bad_gateway() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    drop(connection);
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.error_code().as_str()), (502, "UPSTREAM_RESET"));
}

#[test]
fn an_upstream_that_speaks_no_http_is_a_bad_gateway() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    connection.get_mut().write_all(b"SSH-2.0-OpenSSH\r\n\r\n").unwrap();
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.error_code().as_str()), (502, "UPSTREAM_INVALID_RESPONSE"));
}

#[test]
fn a_response_that_stops_midway_is_broken_off_and_never_passed_as_whole() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", "idle_timeout = \"1s\""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    connection.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    assert_eq!(client.read_head().0, 200);
    assert_eq!(client.read_exact(4), b"half");
    assert!(client.is_closed(), "the missing half is not made up");
    lives_after(&gateway, &upstream);
}

fn lives_after(gateway: &Gateway, upstream: &RawUpstream) {
    let mut client = Client::connect(gateway.proxy());
    client.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    connection.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(client.read_answer().status, 204);
}

#[test]
fn a_stop_lets_the_request_in_flight_finish() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    let stopping = std::thread::spawn(move || gateway.stop());
    connection.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").unwrap();
    assert_eq!(client.read_head().0, 200);
    connection.get_mut().write_all(b"done").unwrap();
    assert_eq!(client.read_exact(4), b"done");
    assert!(client.is_closed());
    stopping.join().unwrap();
}
