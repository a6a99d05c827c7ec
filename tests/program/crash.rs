//! `kill -9`: what was acknowledged is there after the next start, and nothing is there by half.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use md5::Digest as _;

use super::Deployment;
use crate::harness::client::{Client, authorization};
use crate::harness::deployment::{API_HEADERS, Owner};

#[test]
fn an_entry_whose_answer_has_begun_survives_kill_9() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut expected = vec!["127.0.0.1/32".to_owned(), "::1/128".to_owned()];
    let mut running = deployment.run();
    for round in 1..=20 {
        let (mut client, line) = running.challenged(&owner, "POST", &owner.list_path());
        let body = format!("[{{\"ipAddress\":\"198.51.100.{round}\"}}]");
        let [accept, content_type] = API_HEADERS;
        let headers = [accept, content_type, &line];
        client.send_request("POST", &owner.list_path(), &headers, body.as_bytes());
        let (status, _) = client.read_head();
        running.process.kill();
        assert_eq!(status, 200);
        expected.push(format!("198.51.100.{round}/32"));
        running = deployment.run();
        assert_eq!(running.list(&owner), expected, "after kill {round}");
    }
}

#[test]
fn killed_at_any_moment_the_store_holds_all_that_was_acknowledged_and_nothing_by_half() {
    let (deployment, owner) = Deployment::without_upstream();
    // Entries come three at a time, so that a half of a change would show.
    let mut stored = 2;
    for round in 0..12 {
        let mut running = deployment.run();
        let (admin, owner_here, first) = (running.admin, owner.clone(), stored);
        let (acknowledge, acknowledged) = channel();
        let stream = thread::spawn(move || post_until_cut(admin, &owner_here, first, &acknowledge));
        // From the first acknowledgement on, a different while each time.
        acknowledged.recv().unwrap();
        spend_time(round * 150);
        running.process.kill();
        let asked = stream.join().unwrap();
        let known = 3 * (1 + acknowledged.iter().count());

        let running = deployment.run();
        let list = running.list(&owner);
        let added = list.len() - stored;
        assert!(added >= known && added <= 3 * asked, "{known} <= {added} <= {}", 3 * asked);
        assert_eq!(added % 3, 0, "a change is there whole or not at all: {list:?}");
        let expected: Vec<_> =
            (stored..stored + added).map(|n| format!("{}/32", address(n))).collect();
        assert_eq!(&list[stored..], expected, "in the order in which they were sent");
        stored = list.len();
        assert_eq!(running.stop().code, Some(0));
        if stored > 150 {
            break;
        }
    }
}

/// Adds three entries after three entries until the connection breaks; returns how often it asked.
fn post_until_cut(
    admin: SocketAddr,
    owner: &Owner,
    first: usize,
    acknowledge: &Sender<()>,
) -> usize {
    let path = owner.list_path();
    let mut client = Client::connect(admin);
    let answer = client.request("POST", &path, &API_HEADERS, b"");
    let challenge = answer.header("www-authenticate").unwrap().to_owned();
    let mut stream = BufReader::new(TcpStream::connect(admin).unwrap());
    let most = (197 - first) / 3;
    for asked in 1..=most {
        let numbers = first + 3 * (asked - 1)..first + 3 * asked;
        let entries: Vec<_> =
            numbers.map(|n| format!("{{\"ipAddress\":\"{}\"}}", address(n))).collect();
        let line = authorization(&owner.credential, &challenge, "POST", &path, asked as u32);
        let body = format!("[{}]", entries.join(","));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {admin}\r\n{}\r\n{line}\r\nContent-Length: {}\r\n\r\n{body}",
            API_HEADERS.join("\r\n"),
            body.len()
        );
        match exchange(&mut stream, request.as_bytes()) {
            Ok(200) => drop(acknowledge.send(())),
            Ok(status) => panic!("answered {status}"),
            Err(_) => return asked,
        }
    }
    most
}

/// Sends a request and reads the answer whole; an error is a connection that was cut.
fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8]) -> std::io::Result<u16> {
    stream.get_mut().write_all(request)?;
    let (mut status, mut length) = (0, 0);
    for number in 0.. {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if number == 0 {
            status = line.split(' ').nth(1).unwrap().parse().unwrap();
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(status)
}

/// Does something useless for a while that grows with `rounds`.
fn spend_time(rounds: usize) {
    let mut hash = md5::Md5::digest(b"");
    for _ in 0..rounds {
        hash = md5::Md5::digest(hash);
    }
    std::hint::black_box(hash);
}

/// The address of the entry that is the `n`th of the list.
fn address(n: usize) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(203, 0, 113, u8::try_from(n).unwrap())
}
