//! The first bytes of a connection, as a PROXY protocol header.
//!
//! What is read never reaches past what was sent, is the same with anything after it, and is not known from fewer bytes. What an
//! independent, plain reading of version 1 makes of the line is what was read.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use portcullis::net::proxy_protocol::{MOST_BYTES, Progress, read};

fuzz_target!(|bytes: &[u8]| {
    let outcome = read(bytes);
    if let Ok(Progress::Header(header)) = outcome {
        assert!(header.length <= bytes.len() && header.length <= MOST_BYTES);
        assert_eq!(read(&bytes[..header.length]), outcome, "what follows makes no difference");
        assert_eq!(read(&bytes[..header.length - 1]), Ok(Progress::Incomplete));
        if bytes.starts_with(b"PROXY ") {
            assert_eq!(header.source, plain(&bytes[..header.length]));
        }
    }
    if outcome == Ok(Progress::NoHeader) {
        assert!(!bytes.starts_with(b"PROXY ") && !bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
    }
    if bytes.len() >= MOST_BYTES {
        assert_ne!(outcome, Ok(Progress::Incomplete), "a header ends in time");
    }
});

/// The source of a line that was accepted.
fn plain(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).expect("a line that is accepted is text");
    let words: Vec<&str> =
        line.strip_suffix("\r\n").expect("a line has an end").split(' ').collect();
    if words[1] == "UNKNOWN" {
        return None;
    }
    assert_eq!(words.len(), 6);
    let ip: IpAddr = words[2].parse().expect("an address");
    assert_eq!(words[1] == "TCP4", ip.is_ipv4());
    Some(SocketAddr::new(ip, words[4].parse().expect("a port")))
}
