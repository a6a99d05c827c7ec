//! HTTP/2 by prior knowledge, from a client that does what real ones seldom do. A real one is in `peers`.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::harness::http2::Http2;
use crate::harness::upstream::RawUpstream;
use crate::harness::{Gateway, Options, Upstream};

fn open_route() -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    }
}

#[test]
fn a_hundred_requests_are_under_way_on_one_connection() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let begin = |number| {
        let request = client.request("GET", &format!("/{number}")).body(Full::default());
        client.begin(request.unwrap())
    };
    let pending: Vec<_> = (0..100).map(begin).collect();
    // Every one of them is at the upstream before the first is answered.
    let mut connections: Vec<_> = (0..100).map(|_| received(&upstream)).collect();
    let paths: BTreeSet<_> = connections.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths.len(), 100);
    for (path, connection) in connections.iter_mut().rev() {
        respond(connection, path);
    }
    for (number, pending) in pending.into_iter().enumerate() {
        let answer = client.whole(client.head(pending).unwrap()).unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, format!("/{number}").as_bytes()));
    }
}

/// The next request at the upstream: its path, and the connection that it came by.
fn received(upstream: &RawUpstream) -> (String, BufReader<TcpStream>) {
    let mut connection = upstream.accept();
    let head = RawUpstream::read_head(&mut connection);
    (head[0].split(' ').nth(1).unwrap().to_owned(), connection)
}

/// The connection is not used again, or the next request might not come by one of its own.
fn respond(connection: &mut BufReader<TcpStream>, body: &str) {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
    let response = format!("{head}: {}\r\n\r\n{body}", body.len());
    connection.get_mut().write_all(response.as_bytes()).unwrap();
}

#[test]
fn more_requests_than_the_limit_wait_for_their_turn() {
    let upstream = RawUpstream::start();
    let mut options = open_route();
    options.more.push_str("\n[limits]\nh2_streams = 4");
    let gateway = Gateway::with(upstream.address, options);
    let client = Http2::connect(gateway.proxy());
    // The first answer tells that the server's settings have come.
    let first = client.begin(client.request("GET", "/first").body(Full::default()).unwrap());
    let (path, mut connection) = received(&upstream);
    respond(&mut connection, &path);
    client.whole(client.head(first).unwrap()).unwrap();
    let begin = |number| {
        let request = client.request("GET", &format!("/{number}")).body(Full::default());
        client.begin(request.unwrap())
    };
    let pending: Vec<_> = (0..6).map(begin).collect();
    let mut connections: Vec<_> = (0..4).map(|_| received(&upstream)).collect();
    let in_flight = "portcullis_requests_in_flight{route=\"main\"} 4";
    assert!(gateway.metrics().contains(in_flight), "{}", gateway.metrics());
    for (path, mut connection) in connections.drain(..) {
        respond(&mut connection, &path);
    }
    for _ in 4..6 {
        let (path, mut connection) = received(&upstream);
        respond(&mut connection, &path);
    }
    for pending in pending {
        assert_eq!(client.head(pending).unwrap().status(), 200);
    }
}

#[test]
fn too_many_header_lines_are_refused_and_the_connection_goes_on() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let begin = |count: usize| {
        let mut request = client.request("GET", "/lines");
        for number in 0..count {
            request = request.header(format!("x-{number}"), "1");
        }
        client.begin(request.body(Full::default()).unwrap())
    };
    let refused = client.head(begin(101)).unwrap();
    assert_eq!(refused.status(), 431);
    assert_eq!(refused.headers()["x-error-code"], "TOO_MANY_HEADERS");
    let as_many_as_may_be = begin(100);
    let (path, mut connection) = received(&upstream);
    respond(&mut connection, &path);
    assert_eq!(client.head(as_many_as_may_be).unwrap().status(), 200);
}

#[test]
fn a_head_of_more_bytes_than_the_limit_is_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let request = client.request("GET", "/big").header("x-big", "a".repeat(80 * 1024));
    let pending = client.begin(request.body(Full::default()).unwrap());
    if let Ok(response) = client.head(pending) {
        assert_eq!(response.status(), 431);
    }
    assert!(upstream.all().is_empty());
    assert_eq!(Http2::connect(gateway.proxy()).get("/").status, 200);
}

#[test]
fn a_large_body_comes_through_whole_in_both_directions() {
    let upstream = Upstream::answering(|seen| Response::new(Full::from(seen.body.clone())));
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let body: Bytes = (0..4 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let answer = client.send(client.request("POST", "/").body(Full::from(body.clone())).unwrap());
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert!(answer.body == body);
    assert_eq!(upstream.next().header("transfer-encoding"), None, "its length was known");
}

#[test]
fn a_stream_that_is_reset_ends_its_upstream_request_and_no_other() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let begin = |path| client.begin(client.request("GET", path).body(Full::default()).unwrap());
    let given_up = begin("/given-up");
    let (_, mut abandoned) = received(&upstream);
    let kept = begin("/kept");
    let (path, mut connection) = received(&upstream);
    client.give_up(given_up);
    let mut rest = Vec::new();
    assert!(matches!(abandoned.read_to_end(&mut rest), Ok(0) | Err(_)), "the upstream is told");
    respond(&mut connection, &path);
    let answer = client.whole(client.head(kept).unwrap()).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"/kept"[..]));
}

#[test]
fn a_download_that_is_given_up_leaves_the_others_their_way() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let begin = |path| client.begin(client.request("GET", path).body(Full::default()).unwrap());
    let download = begin("/download");
    let (_, mut abandoned) = received(&upstream);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";
    abandoned.get_mut().write_all(head).unwrap();
    let mut download = client.head(download).unwrap();
    assert_eq!(client.next(download.body_mut()).unwrap().unwrap(), "some");
    let kept = begin("/kept");
    let (path, mut connection) = received(&upstream);
    drop(download);
    let mut rest = Vec::new();
    assert!(matches!(abandoned.read_to_end(&mut rest), Ok(0) | Err(_)), "the upstream is told");
    respond(&mut connection, &path);
    assert_eq!(client.whole(client.head(kept).unwrap()).unwrap().body, "/kept");
}

#[test]
fn a_response_that_breaks_off_resets_its_stream_alone() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let begin = |path| client.begin(client.request("GET", path).body(Full::default()).unwrap());
    let broken = begin("/broken");
    let (_, mut connection) = received(&upstream);
    let kept = begin("/kept");
    let (path, mut other) = received(&upstream);
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    connection.get_mut().write_all(half).unwrap();
    drop(connection);
    let broken = client.head(broken).unwrap();
    assert!(client.whole(broken).is_err(), "half a response is never passed as a whole one");
    respond(&mut other, &path);
    assert_eq!(client.whole(client.head(kept).unwrap()).unwrap().body, "/kept");
}

#[test]
fn trailers_of_the_upstream_arrive() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let request = client.request("POST", "/grpc").header("te", "trailers");
    let pending = client.begin(request.body(Full::from("message")).unwrap());
    let mut connection = upstream.accept();
    let head = RawUpstream::read_head(&mut connection).join("|").to_lowercase();
    assert!(head.contains("|te: trailers"), "{head}");
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n";
    connection.get_mut().write_all(response.as_bytes()).unwrap();
    let answer = client.whole(client.head(pending).unwrap()).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
}

#[test]
fn an_authority_and_a_host_that_differ_are_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let with_host = |host: &str| {
        client.send(client.request("GET", "/").header("host", host).body(Full::default()).unwrap())
    };
    assert_eq!(with_host("other.example").status, 400);
    assert_eq!(with_host(&gateway.proxy().to_string()).status, 200);
    assert_eq!(upstream.all().len(), 1);
}

#[test]
fn cookies_that_came_in_pieces_are_one_line_again() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let request = client.request("GET", "/").header("cookie", "a=1").header("cookie", "b=2");
    assert_eq!(client.send(request.body(Full::default()).unwrap()).status, 200);
    assert_eq!(upstream.next().header("cookie").as_deref(), Some("a=1; b=2"));
}

#[test]
fn a_stop_lets_the_streams_in_flight_finish() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open_route());
    let client = Http2::connect(gateway.proxy());
    let pending = client.begin(client.request("GET", "/last").body(Full::default()).unwrap());
    let (path, mut connection) = received(&upstream);
    let mut idle = gateway.client();
    assert_eq!(idle.get("/..").status, 400);
    let stopping = std::thread::spawn(move || gateway.stop());
    assert!(idle.is_closed(), "the drain has begun");
    respond(&mut connection, &path);
    assert_eq!(client.whole(client.head(pending).unwrap()).unwrap().body, "/last");
    stopping.join().unwrap();
}
