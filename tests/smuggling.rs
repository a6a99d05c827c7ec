//! Requests that two readers could cut in two ways. What reaches the upstream is cut in one way only.

use std::io::{Read, Write};

use crate::harness::upstream::RawUpstream;
use crate::harness::{Gateway, Options, Upstream};

fn open() -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1".into(),
        ..Options::default()
    }
}

#[test]
fn a_request_with_both_lengths_is_forwarded_with_one_and_nothing_follows_it() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open());
    let host = gateway.proxy();
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6",
    ] {
        let mut client = gateway.client();
        client.send(format!(
            "POST /1 HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ));
        let mut to = upstream.accept();
        let head = RawUpstream::read_head(&mut to).join("\n");
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        let mut end = [0; 5];
        to.read_exact(&mut end).unwrap();
        assert_eq!(&end, b"0\r\n\r\n");
        to.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        let answer = client.read_answer();
        assert_eq!((answer.status, answer.header("connection")), (204, Some("close")), "{lines}");
        assert!(client.is_closed());
        // Not `/2`: nothing, until the gateway stops or closes.
        to.get_mut().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        to.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{lines}");
    }
}

#[test]
fn a_length_that_readers_disagree_on_is_refused_and_so_is_what_follows() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open());
    let host = gateway.proxy();
    for (lines, status) in [
        ("Transfer-Encoding: chunked, chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: identity, chunked", 501),
        ("Transfer-Encoding: chunked, identity", 400),
        ("Transfer-Encoding: chunked;q=1", 400),
        ("Transfer-Encoding : chunked", 400),
        ("Transfer-Encoding:\u{b}chunked", 400),
        ("Content-Length: 5, 5", 400),
        ("Content-Length: 5\r\nContent-Length: 6", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: 5 5", 400),
        ("Content-Length: -5", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length: 99999999999999999999", 400),
        ("Content-Length:", 400),
        ("Content-Length: 5\r\n folded: 1", 400),
    ] {
        let mut client = gateway.client();
        client.send_as_far_as_it_goes(
            format!(
                "POST /1 HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: {host}\r\n\r\n"
            )
            .as_bytes(),
        );
        assert_eq!(client.read_head().0, status, "{lines:?}");
        assert!(client.is_closed(), "{lines:?}");
    }
    let mut client = gateway.client();
    client.send(format!(
        "POST /1 HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ));
    assert_eq!(client.read_head().0, 400, "HTTP/1.0 has no chunks");
    assert!(client.is_closed());
    assert!(upstream.all().is_empty());
}

#[test]
fn broken_chunks_end_the_request_and_the_connection() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open());
    let host = gateway.proxy();
    for chunks in [
        "5\r\nabc\r\n0\r\n\r\n",
        "g\r\n",
        "-1\r\n",
        "0x2\r\nok\r\n0\r\n\r\n",
        "10000000000000000\r\n",
        "2;a=\n\r\nok\r\n0\r\n\r\n",
        "2\nok\r\n0\r\n\r\n",
        "2\r\nokX\r\n0\r\n\r\n",
    ] {
        let mut client = gateway.client();
        client.send(format!(
            "POST /1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}GET /2 HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ));
        let mut to = upstream.accept();
        let mut seen = Vec::new();
        let _ = to.read_to_end(&mut seen);
        let seen = String::from_utf8(seen).unwrap();
        assert!(!seen.contains("\r\n0\r\n\r\n"), "not ended as if it were whole: {seen:?}");
        assert!(!seen.contains("/2"), "{chunks:?}: {seen:?}");
        assert!(client.is_closed(), "{chunks:?}");
    }
}

#[test]
fn chunk_extensions_and_bare_line_ends_stay_here() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open());
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\nHost: {}\nX-A: 1\nTransfer-Encoding: chunked\n\n2;a=b;c=\"d\"\r\nok\r\n0\r\n\r\n",
        gateway.proxy()
    ));
    let mut to = upstream.accept();
    let mut seen = Vec::new();
    while !seen.ends_with(b"0\r\n\r\n") {
        let mut byte = [0];
        to.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.ends_with("\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "{seen:?}");
    assert!(!seen.replace("\r\n", "").contains('\n'), "{seen:?}");
}

#[test]
fn what_follows_a_refused_request_is_read_where_it_begins() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    let host = gateway.proxy();
    let inner = format!("GET /inner HTTP/1.1\r\nHost: {host}\r\n\r\n");
    client.send(format!(
        "POST /1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{inner}GET /a//b HTTP/1.1\r\nHost: {host}\r\n\r\n",
        inner.len()
    ));
    assert_eq!(client.read_answer().status, 401);
    assert_eq!(client.read_answer().status, 400, "the second request, not the body of the first");
}
