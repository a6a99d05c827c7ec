//! The connections to an upstream: when one serves again, when it must not, and what becomes of a response that is odd.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::harness::upstream::RawUpstream;
use crate::harness::{Client, Gateway, Options, Upstream};

fn open(upstream: &str) -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        upstream: upstream.into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1".into(),
        ..Options::default()
    }
}

fn take(upstream: &RawUpstream, client: &mut Client, method: &str) -> BufReader<TcpStream> {
    client.send_request(method, "/", &[], b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to
}

fn connects(gateway: &Gateway) -> u64 {
    let metrics = gateway.metrics();
    let name = "portcullis_upstream_connects_total{outcome=\"ok\",upstream=\"main\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

#[test]
fn connections_are_reused_under_load_whatever_the_response_looks_like() {
    let upstream = Upstream::answering(|seen| {
        let body = match seen.target.as_str() {
            "/empty" => Bytes::new(),
            "/large" => vec![b'x'; 300_000].into(),
            _ => Bytes::from_static(b"small"),
        };
        let status = if seen.target == "/204" { 204 } else { 200 };
        Response::builder().status(status).body(Full::from(body)).unwrap()
    });
    let gateway = Gateway::with(upstream.address, open(""));
    std::thread::scope(|scope| {
        for mut client in (0..8).map(|_| gateway.client()) {
            scope.spawn(move || {
                for round in 0..40 {
                    let target = ["/small", "/empty", "/204", "/large"][round % 4];
                    let method = ["GET", "HEAD", "POST"][round % 3];
                    let status = client.request(method, target, &[], b"").status;
                    assert!(matches!(status, 200 | 204));
                }
            });
        }
    });
    assert!(connects(&gateway) <= 8, "one for each client at most: {}", connects(&gateway));
    let heads = "portcullis_upstream_response_head_seconds_count{upstream=\"main\"} 320";
    gateway.wait_for_metric(heads);
}

#[test]
fn no_more_unused_connections_are_kept_than_are_asked_for() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("keepalive_connections = 1"));
    let mut clients: Vec<Client> = (0..3).map(|_| gateway.client()).collect();
    let mut taken: Vec<_> =
        clients.iter_mut().map(|client| take(&upstream, client, "GET")).collect();
    for (to, client) in taken.iter_mut().zip(&mut clients) {
        to.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(client.read_answer().status, 204);
    }
    for to in &mut taken[1..] {
        assert_eq!(to.read(&mut [0]).unwrap(), 0, "closed, since one is kept already");
    }
}

#[test]
fn a_connection_that_the_upstream_closed_while_unused_costs_no_request() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    for _ in 0..5 {
        let mut to = take(&upstream, &mut client, "GET");
        to.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(client.read_answer().status, 204);
        drop(to);
    }
}

#[test]
fn what_an_upstream_sends_unasked_is_never_taken_for_a_response() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    let mut to = take(&upstream, &mut client, "GET");
    let two = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    to.get_mut().write_all(two).unwrap();
    assert_eq!(client.read_answer().status, 204);
    let mut to = take(&upstream, &mut client, "GET");
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").unwrap();
    assert_eq!(client.read_answer().text(), "good");
}

#[test]
fn interim_responses_are_not_the_response() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    let mut to = take(&upstream, &mut client, "GET");
    to.get_mut()
        .write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        .unwrap();
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    assert_eq!(client.read_answer().text(), "ok");
}

#[test]
fn a_response_whose_length_can_be_read_in_two_ways_is_a_bad_gateway() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    for framing in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "Content-Length: +2",
    ] {
        let mut client = gateway.client();
        let mut to = take(&upstream, &mut client, "GET");
        let response = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        to.get_mut().write_all(response.as_bytes()).unwrap();
        let answer = client.read_answer();
        let expected = (502, "UPSTREAM_INVALID_RESPONSE");
        assert_eq!((answer.status, answer.error_code().as_str()), expected, "{framing}");
        assert_eq!(to.read(&mut [0]).unwrap_or(0), 0, "and its connection is not used again");
    }
    gateway.wait_for_metric("failures_total{reason=\"protocol\",upstream=\"main\"} 8");
}

#[test]
fn a_response_head_that_is_too_large_is_a_bad_gateway() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    for lines in [
        format!("X-Large: {}\r\n", "x".repeat(1 << 20)),
        (0..200).map(|n| format!("X-{n}: 1\r\n")).collect(),
    ] {
        let mut client = gateway.client();
        let mut to = take(&upstream, &mut client, "GET");
        let response = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
        let _ = to.get_mut().write_all(response.as_bytes());
        let answer = client.read_answer();
        let expected = (502, "UPSTREAM_INVALID_RESPONSE");
        assert_eq!((answer.status, answer.error_code().as_str()), expected);
    }
}

#[test]
fn an_upstream_of_http_1_0_does_not_make_us_one() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    for _ in 0..2 {
        let mut to = take(&upstream, &mut client, "GET");
        to.get_mut().write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end").unwrap();
        drop(to);
        assert!(client.read_line().starts_with("HTTP/1.1 200"));
        let mut lines = vec![client.read_line()];
        while !lines.last().unwrap().is_empty() {
            lines.push(client.read_line());
        }
        assert!(lines.contains(&"transfer-encoding: chunked".to_owned()), "{lines:?}");
        assert!(lines.contains(&"via: 1.0 portcullis".to_owned()), "{lines:?}");
        for line in ["D", "until the end", "0", ""] {
            assert_eq!(client.read_line(), line);
        }
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_sent_whole_reaches_the_client() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let body = vec![b'x'; 16 << 20];
    for close in [true, false] {
        let mut client = gateway.client();
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| client.request("POST", "/", &[], &body));
            let mut to = upstream.accept();
            RawUpstream::read_head(&mut to);
            let connection = if close { "Connection: close\r\n" } else { "" };
            let response = format!(
                "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n{connection}\r\ntoo"
            );
            to.get_mut().write_all(response.as_bytes()).unwrap();
            if close {
                // What else is sent to it is refused by the kernel, with a reset.
                drop(to);
            } else {
                // Read to the end, which is when the gateway has let go of it.
                let _ = to.read_to_end(&mut Vec::new());
            }
            asking.join().unwrap()
        });
        assert_eq!((answer.status, answer.text().as_str()), (413, "too"), "close: {close}");
        let mut to = take(&upstream, &mut client, "GET");
        to.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(
            client.read_answer().status,
            204,
            "in step, on a new connection to the upstream"
        );
    }
}

#[test]
fn an_upstream_that_stops_within_its_response_is_counted_so() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("idle_timeout = \"500ms\""));
    let mut client = gateway.client();
    let mut to = take(&upstream, &mut client, "GET");
    to.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    assert_eq!(client.read_head().0, 200);
    assert!(client.is_closed());
    let counted = "upstream_failures_total{reason=\"idle_timeout\",upstream=\"main\"} 1";
    gateway.wait_for_metric(counted);
}

#[test]
fn an_unasked_switch_of_protocols_is_a_bad_gateway() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    let mut to = take(&upstream, &mut client, "GET");
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    to.get_mut().write_all(switch).unwrap();
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.error_code().as_str()), (502, "UPSTREAM_INVALID_RESPONSE"));
    assert_eq!(to.read(&mut [0]).unwrap_or(0), 0);
    gateway.wait_for_metric("failures_total{reason=\"protocol\",upstream=\"main\"} 1");
}
