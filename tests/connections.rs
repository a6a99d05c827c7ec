//! What a connection may keep us waiting for, and how it is ended when it asks too much.

use std::io::{Read, Write};

use portcullis::identity::Role;

use crate::harness::account::bearer;
use crate::harness::h2::{
    self, DATA, END_STREAM, Frame, GOAWAY, H2, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM,
};
use crate::harness::upstream::RawUpstream;
use crate::harness::{Account, Client, Gateway, Options, Upstream};

fn open(limits: &str, upstream: &str) -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        upstream: upstream.into(),
        more: format!(
            "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1\n[limits]\n{limits}"
        ),
        ..Options::default()
    }
}

fn status(frames: &[Frame]) -> Option<u8> {
    frames.iter().find(|frame| frame.kind == HEADERS).map(|head| head.payload[0])
}

/// `:status: 200`, as its place in the table that every HTTP/2 peer has.
const OK: Option<u8> = Some(0x88);

/// Waits, without a clock of the test's own, until the gateway has given up on an upstream that says nothing.
fn wait_for_upstream_timeout(gateway: &Gateway) {
    assert_eq!(gateway.client().get("/never").status, 504);
}

#[test]
fn a_client_that_sends_nothing_or_one_byte_is_waited_for_only_so_long() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("header_timeout = \"500ms\"", ""));
    for bytes in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "GET / HTTP/1.1\r\nHost"] {
        let mut client = gateway.client();
        client.send(bytes);
        assert!(client.is_closed(), "{bytes:?}");
    }
    gateway.wait_for_metric("reason=\"header_timeout\"} 4");
}

#[test]
fn an_http2_client_is_idle_and_not_late_before_its_first_request() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(
        upstream.address,
        open("header_timeout = \"500ms\"", "first_byte_timeout = \"1500ms\""),
    );
    let mut client = gateway.client();
    // In two pieces, as a network may cut it.
    client.send(&h2::PREFACE[..3]);
    gateway.metrics();
    client.send(&h2::PREFACE[3..]);
    let mut connection = H2 { client };
    connection.set(&[]);
    wait_for_upstream_timeout(&gateway);
    let _ = upstream.accept();
    // What comes between requests is not the beginning of one.
    connection.send(PING, 0, 0, &[0; 8]);
    wait_for_upstream_timeout(&gateway);
    let _ = upstream.accept();
    connection.request(1, END_STREAM, "GET", "/");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    assert_eq!(status(&connection.frames_until(Frame::ends_stream)), OK);
}

#[test]
fn an_idle_http2_client_is_told_before_it_is_left() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("idle_timeout = \"500ms\"", ""));
    let mut connection = H2::connect(gateway.proxy(), &[]);
    connection.request(1, END_STREAM, "GET", "/");
    let frames = connection.frames_until(|_| false);
    assert_eq!(status(&frames), OK);
    assert!(frames.iter().any(|frame| frame.kind == GOAWAY), "{frames:?}");
    gateway.wait_for_metric("reason=\"idle_timeout\"} 1");
}

#[test]
fn an_http2_client_that_opens_no_window_is_not_kept_forever() {
    let upstream = Upstream::echo();
    let mut options = open("stall_timeout = \"500ms\"", "");
    options.route = String::new();
    let gateway = Gateway::with(upstream.address, options);
    let mut connection = H2::connect(gateway.proxy(), &[(INITIAL_WINDOW_SIZE, 0)]);
    connection.request(1, END_STREAM, "GET", "/refused");
    let frames = connection.frames_until(|_| false);
    assert!(frames.iter().any(|frame| frame.kind == HEADERS), "the head needs no window");
    assert!(frames.iter().all(|frame| frame.kind != DATA));
    gateway.wait_for_metric("reason=\"stall_timeout\"} 1");
}

#[test]
fn a_client_that_reads_nothing_is_not_kept_forever_and_the_upstream_is_not_blamed() {
    let upstream = RawUpstream::start();
    let limits = "stall_timeout = \"1s\"";
    let gateway = Gateway::with(upstream.address, open(limits, "idle_timeout = \"500ms\""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").unwrap();
    // Ends when the gateway has let go of the upstream; long before all of it is sent.
    let chunk = vec![b'x'; 1 << 20];
    let sent = (0..95).take_while(|_| to.get_mut().write_all(&chunk).is_ok()).count();
    assert!(sent < 95, "{sent}");
    gateway.wait_for_metric("listener=\"main\",reason=\"stall_timeout\"} 1");
    gateway.wait_for_metric("upstream_failures_total{reason=\"idle_timeout\",upstream=\"main\"} 0");
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_a_response_that_the_upstream_sent_in_time() {
    let upstream = RawUpstream::start();
    let timeouts = "idle_timeout = \"300ms\"\nfirst_byte_timeout = \"1500ms\"";
    let gateway = Gateway::with(upstream.address, open("", timeouts));
    let mut client = gateway.client();
    client.send_request("GET", "/", &[], b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    let size = 24 << 20;
    let sending = std::thread::spawn(move || {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
        to.get_mut().write_all(head.as_bytes()).unwrap();
        to.get_mut().write_all(&vec![b'x'; size]).is_ok()
    });
    wait_for_upstream_timeout(&gateway);
    assert_eq!(client.read_head().0, 200);
    assert!(client.try_read_exact(size).is_some(), "the pause was the client's own");
    assert!(sending.join().unwrap());
}

#[test]
fn an_upload_that_stops_is_given_up_after_the_listener_s_time_and_not_the_upstream_s() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("stall_timeout = \"500ms\"", ""));
    let mut client = gateway.client();
    let host = gateway.proxy();
    client.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\n\r\nabc"));
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    let begun = std::time::Instant::now();
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.error_code().as_str()), (408, "REQUEST_TIMEOUT"));
    assert!(begun.elapsed().as_secs() < 10, "not the thirty seconds that the upstream has");
}

#[test]
fn a_refused_upload_is_read_to_its_end_so_that_the_client_sees_why() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    let body = vec![b'x'; 16 << 20];
    let answer = client.request("POST", "/", &[], &body);
    assert_eq!(answer.status, 401);
    assert_eq!(client.get("/").status, 401, "and the connection is still good");
    let answer = client.digest(&gateway.owner, "POST", "/", &[], &body);
    assert_eq!(answer.status, 200, "so that a digest can be given on it");
}

#[test]
fn a_refused_client_that_asked_before_sending_is_not_told_to_send() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    let host = gateway.proxy();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    ));
    assert_eq!(client.read_answer().status, 401);
    assert!(client.is_closed(), "whether the body follows can't be told");
}

#[test]
fn requests_sent_together_are_answered_in_their_order() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    let host = gateway.proxy();
    let one = |path| format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    client.send(format!("{}{}{}GET /4 HTT", one(1), one(2), one(3)));
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.read_answer().text(), path);
    }
    client.send(format!("P/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!(client.read_answer().text(), "/4");
}

#[test]
fn an_http_1_0_client_gets_what_it_can_read() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut client = gateway.client();
    client.send(format!("GET / HTTP/1.0\r\nHost: {}\r\n\r\n", gateway.proxy()));
    let mut to = upstream.accept();
    assert!(RawUpstream::read_head(&mut to)[0].ends_with("HTTP/1.1"));
    let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    to.get_mut().write_all(response).unwrap();
    let answer = client.read_answer();
    assert_eq!((answer.text().as_str(), answer.header("transfer-encoding")), ("ok", None));
}

#[test]
fn a_refusal_of_head_has_a_length_and_no_body_in_either_version() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    let length = client.get("/").body.len().to_string();
    let answer = client.request("HEAD", "/", &[], b"");
    assert_eq!((answer.status, answer.header("content-length")), (401, Some(&*length)));
    assert_eq!(client.get("/").status, 401, "in step");
    let mut connection = H2::connect(gateway.proxy(), &[]);
    connection.request(1, END_STREAM, "HEAD", "/");
    let frames = connection.frames_until(Frame::ends_stream);
    assert!(frames.iter().all(|frame| frame.kind != DATA), "{frames:?}");
    drop((client, connection));
    let directory = gateway.stop();
    let log = std::fs::read_to_string(directory.path().join("access.log")).unwrap();
    assert_eq!(log.lines().count(), 4, "{log}");
    assert!(!log.contains("went away"), "{log}");
}

#[test]
fn every_way_to_end_is_logged_once_and_leaves_nothing_in_flight() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let take = |client: &mut Client, path: &str| {
        client.send_request("GET", path, &[], b"");
        let mut to = upstream.accept();
        RawUpstream::read_head(&mut to);
        to
    };
    // The client goes before there is an answer; then within one.
    let mut client = gateway.client();
    let mut to = take(&mut client, "/before");
    drop(client);
    assert_eq!(to.read(&mut [0]).unwrap_or(0), 0, "the upstream is let go");
    let mut client = gateway.client();
    let mut to = take(&mut client, "/within");
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
    client.read_head();
    client.read_exact(4);
    drop(client);
    assert_eq!(to.read(&mut [0]).unwrap_or(0), 0);
    // The upstream goes before it answers; then within its answer.
    let mut client = gateway.client();
    drop(take(&mut client, "/reset"));
    assert_eq!(client.read_answer().status, 502);
    let mut to = take(&mut client, "/broken");
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
    drop(to);
    client.read_head();
    assert!(client.is_closed());
    // Refused, with and without a route.
    assert_eq!(gateway.client().request("TRACE", "/refused", &[], b"").status, 405);
    gateway.wait_for_metric("portcullis_requests_in_flight{route=\"main\"} 0");
    let none = "portcullis_upstream_requests_in_flight{upstream=\"main\"} 0";
    gateway.wait_for_metric(none);
    let directory = gateway.stop();
    let log = std::fs::read_to_string(directory.path().join("access.log")).unwrap();
    for (path, status, error) in [
        ("/before", 499, Some("the client went away")),
        ("/within", 200, Some("the client went away")),
        ("/reset", 502, None),
        ("/broken", 200, Some("the upstream's response broke off")),
        ("/refused", 405, None),
    ] {
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains(&format!("\"{path}\""))).collect();
        assert_eq!(lines.len(), 1, "{path} in {log}");
        let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(line["status"], status, "{path}");
        if let Some(error) = error {
            assert_eq!(line["error"], error, "{path}");
        }
    }
}

#[test]
fn a_stream_that_its_client_resets_lets_go_of_the_upstream_and_leaves_its_neighbours_alone() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("", ""));
    let mut connection = H2::connect(gateway.proxy(), &[]);
    connection.request(1, END_STREAM, "GET", "/given-up");
    let mut first = upstream.accept();
    RawUpstream::read_head(&mut first);
    connection.request(3, END_STREAM, "GET", "/kept");
    let mut second = upstream.accept();
    RawUpstream::read_head(&mut second);
    connection.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    gateway.wait_for_metric("portcullis_upstream_requests_in_flight{upstream=\"main\"} 1");
    second.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    assert_eq!(status(&connection.frames_until(Frame::ends_stream)), OK);
    gateway
        .wait_for_metric("portcullis_requests_total{code=\"499\",method=\"GET\",route=\"main\"} 1");
    gateway.wait_for_metric("portcullis_requests_in_flight{route=\"main\"} 0");
}

#[test]
fn a_form_or_a_body_that_stops_holds_no_connection_of_the_admin_api_forever() {
    let gateway = Gateway::with(Upstream::echo().address, open("stall_timeout = \"500ms\"", ""));
    let account = Account::new(&gateway, Role::Owner, &["127.0.0.1"]);
    let known = bearer(&account.token(&gateway));
    let keys = format!("/api/atlas/v1.0/orgs/{}/apiKeys", gateway.org);
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
    for (target, line) in [("/api/oauth/token", FORM), ("/api/oauth/revoke", FORM), (&keys, &known)]
    {
        let mut client = Client::connect(gateway.admin());
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: x\r\n{line}\r\nContent-Length: 100\r\n\r\n");
        client.send(head + "{");
        assert_eq!(client.read_answer().status, 408, "{target}");
    }
}
