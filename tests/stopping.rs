//! How a stop treats what is open, and tunnels while they last.

use std::io::{Read, Write};

use crate::harness::h2::{END_STREAM, Frame, GOAWAY, H2};
use crate::harness::upstream::RawUpstream;
use crate::harness::{Client, Gateway, Options, Upstream};

fn open(workers: &str) -> Options {
    Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: format!(
            "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1\n{workers}"
        ),
        ..Options::default()
    }
}

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

const UPGRADE: [&str; 2] = ["Connection: Upgrade", "Upgrade: websocket"];

/// Waits until the program says that it is stopping.
fn wait_until_stopping(admin: std::net::SocketAddr) {
    while Client::connect(admin).get("/readyz").status == 200 {
        std::thread::yield_now();
    }
}

#[test]
fn an_idle_connection_does_not_hold_up_a_stop() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut kept = gateway.client();
    assert_eq!(kept.get("/").status, 200);
    let mut multiplexed = H2::connect(gateway.proxy(), &[]);
    multiplexed.request(1, END_STREAM, "GET", "/");
    multiplexed.frames_until(Frame::ends_stream);
    let mut silent = gateway.client();
    assert!(gateway.metrics().contains("portcullis_connections{listener=\"main\"}"));
    let begun = std::time::Instant::now();
    let stopping = std::thread::spawn(move || gateway.stop());
    assert!(kept.is_closed() && silent.is_closed());
    let frames = multiplexed.frames_until(|_| false);
    assert!(frames.iter().any(|frame| frame.kind == GOAWAY), "{frames:?}");
    stopping.join().unwrap();
    assert!(begun.elapsed().as_secs() < 10, "nobody waited for the drain's limit");
}

#[test]
fn while_it_drains_it_says_that_it_is_not_ready_and_then_ends_what_is_stuck() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open("drain_timeout = \"2s\""));
    let admin = gateway.admin();
    let mut stuck = gateway.client();
    stuck.send_request("GET", "/", &[], b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    let mut tunnel = gateway.client();
    tunnel.send_request("GET", "/", &UPGRADE, b"");
    let mut through = upstream.accept();
    RawUpstream::read_head(&mut through);
    through.get_mut().write_all(SWITCH).unwrap();
    assert_eq!(tunnel.read_answer().status, 101);
    let stopping = std::thread::spawn(move || gateway.stop());
    wait_until_stopping(admin);
    assert_eq!(Client::connect(admin).get("/readyz").status, 503);
    tunnel.send("still there");
    let mut bytes = [0; 11];
    through.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"still there", "a tunnel goes on until the limit");
    assert!(tunnel.is_closed());
    assert_eq!(through.read(&mut bytes).unwrap_or(0), 0);
    assert!(stuck.is_closed());
    stopping.join().unwrap();
}

#[test]
fn bytes_sent_before_the_switch_go_into_the_tunnel() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    let host = gateway.proxy();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n{}\r\n\r\nearly",
        UPGRADE[0], UPGRADE[1]
    ));
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(&[SWITCH, b"also early"].concat()).unwrap();
    assert_eq!(client.read_answer().status, 101);
    let mut bytes = [0; 5];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"early");
    assert_eq!(client.read_exact(10), b"also early");
}

#[test]
fn bytes_sent_before_a_switch_that_does_not_come_are_a_request_or_nothing() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    let host = gateway.proxy();
    client.send(format!(
        "GET /1 HTTP/1.1\r\nHost: {host}\r\n{}\r\n{}\r\n\r\nGET /a//b HTTP/1.1\r\nHost: {host}\r\n\r\n",
        UPGRADE[0], UPGRADE[1]
    ));
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(client.read_answer().status, 426);
    assert_eq!(client.read_answer().status, 400, "judged as any other request");
}

#[test]
fn each_direction_of_a_tunnel_ends_on_its_own() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    client.send_request("GET", "/", &UPGRADE, b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(SWITCH).unwrap();
    assert_eq!(client.read_answer().status, 101);
    client.send("last words");
    client.finish_sending();
    let mut heard = Vec::new();
    to.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last words");
    to.get_mut().write_all(b"the reply").unwrap();
    drop(to);
    assert_eq!(client.read_exact(9), b"the reply");
    assert!(client.is_closed());
}

#[test]
fn a_tunnel_counts_as_a_connection_for_as_long_as_it_lasts() {
    let upstream = RawUpstream::start();
    let mut options = open("");
    options.more.push_str("[limits]\nconnections = 1\nidle_timeout = \"500ms\"");
    let gateway = Gateway::with(upstream.address, options);
    let mut client = gateway.client();
    client.send_request("GET", "/", &UPGRADE, b"");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    to.get_mut().write_all(SWITCH).unwrap();
    assert_eq!(client.read_answer().status, 101);
    assert!(gateway.client().is_closed(), "there is one place, and the tunnel has it");
    // One connection, since the admin listener has one place as well.
    let mut admin = Client::connect(gateway.admin());
    let mut has = |text| admin.get("/metrics").text().contains(text);
    assert!(has("portcullis_connections{listener=\"main\"} 1"));
    drop((client, to));
    while !has("portcullis_connections{listener=\"main\"} 0") {
        std::thread::yield_now();
    }
}

#[test]
fn an_upgrade_with_a_body_sends_the_body_as_one_and_the_rest_as_bytes() {
    let upstream = RawUpstream::start();
    let gateway = Gateway::with(upstream.address, open(""));
    let mut client = gateway.client();
    client.send_request("POST", "/", &UPGRADE, b"body");
    client.send("tunnel");
    let mut to = upstream.accept();
    RawUpstream::read_head(&mut to);
    let mut bytes = [0; 4];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"body");
    to.get_mut().write_all(SWITCH).unwrap();
    assert_eq!(client.read_answer().status, 101);
    let mut bytes = [0; 6];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"tunnel");
}
