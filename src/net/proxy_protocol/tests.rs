use proptest::prelude::*;

use super::*;

fn source(bytes: &[u8]) -> Option<SocketAddr> {
    match read(bytes) {
        Ok(Progress::Header(Header { source, length })) => {
            assert_eq!(length, bytes.len(), "all of it is the header");
            source
        }
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

fn v2(command: u8, family: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family], &length, content].concat()
}

/// Addresses 192.0.2.1:49152 to 198.51.100.2:443.
const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0xc0, 0x00, 0x01, 0xbb];

fn with_checksum(mut header: Vec<u8>) -> Vec<u8> {
    let at = header.len() - 4;
    let sum = checksum(&header, at).to_be_bytes();
    header[at..].copy_from_slice(&sum);
    header
}

#[test]
fn a_line_of_version_1_tells_the_source() {
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.2 49152 443\r\n", Some("192.0.2.1:49152")),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            Some("255.255.255.255:65535"),
        ),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 0 1\r\n", Some("[2001:db8::1]:0")),
        ("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::2 1 1\r\n", Some("[2001:db8::1]:1")),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::2 1 1\r\n", Some("[::ffff:192.0.2.1]:1")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    ] {
        assert_eq!(source(line.as_bytes()), expected.map(|text| text.parse().unwrap()), "{line}");
    }
}

#[test]
fn a_line_of_version_1_that_breaks_its_form_is_refused() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 -2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 nowhere 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
        "PROXY TCP4 192.0.2.1\t198.51.100.2 1 2\r\n",
    ] {
        assert_eq!(read(line.as_bytes()), Err(HeaderError::Fields), "{line:?}");
    }
    assert_eq!(read(b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"), Err(HeaderError::Line));
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(read(&endless), Err(HeaderError::Line));
    assert_eq!(read(&endless[..V1_MOST_BYTES - 1]), Ok(Progress::Incomplete));
    assert_eq!(read(b"PROXY UNKNOWN \xff\r\n"), Err(HeaderError::Fields));
}

#[test]
fn a_header_of_version_2_tells_the_source() {
    assert_eq!(source(&v2(V2_PROXY, 0x11, V4)), Some("192.0.2.1:49152".parse().unwrap()));
    let v6: Vec<u8> = [
        &"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()[..],
        &"2001:db8::2".parse::<Ipv6Addr>().unwrap().octets(),
        &[0x00, 0x50, 0x01, 0xbb],
    ]
    .concat();
    assert_eq!(source(&v2(V2_PROXY, 0x21, &v6)), Some("[2001:db8::1]:80".parse().unwrap()));
}

#[test]
fn a_header_that_does_not_say_where_from_leaves_the_peer() {
    for header in [
        v2(V2_LOCAL, 0x00, b""),
        v2(V2_LOCAL, 0x11, V4),
        v2(V2_LOCAL, 0x11, b""),
        v2(V2_PROXY, 0x00, b""),
        v2(V2_PROXY, 0x31, &[b'/'; 216]),
    ] {
        assert_eq!(source(&header), None, "{header:02x?}");
    }
}

#[test]
fn values_after_the_addresses_are_skipped() {
    let tlvs: &[&[u8]] = &[
        &[0x01, 0x00, 0x02, b'h', b'2'],
        &[0x04, 0x00, 0x00],
        &[0x20, 0x00, 0x05, 0, 0, 0, 0, 0],
        &[0xee, 0x00, 0x01, 0xff],
    ];
    let header = v2(V2_PROXY, 0x11, &[V4, &tlvs.concat()].concat());
    assert_eq!(source(&header), Some("192.0.2.1:49152".parse().unwrap()));
    for cut in [&[0x01][..], &[0x01, 0x00], &[0x01, 0x00, 0x02, b'h'], &[0x01, 0xff, 0xff]] {
        let header = v2(V2_PROXY, 0x11, &[V4, cut].concat());
        assert_eq!(read(&header), Err(HeaderError::Cut), "{cut:02x?}");
    }
}

#[test]
fn a_checksum_that_is_sent_has_to_be_right() {
    let header = with_checksum(v2(V2_PROXY, 0x11, &[V4, &[0x03, 0, 4, 0, 0, 0, 0]].concat()));
    assert!(source(&header).is_some());
    for byte in [14, 16, 20, 31, header.len() - 1] {
        let mut altered = header.clone();
        altered[byte] ^= 1;
        assert!(read(&altered) != read(&header), "byte {byte}");
    }
    let short = v2(V2_PROXY, 0x11, &[V4, &[0x03, 0, 3, 0, 0, 0]].concat());
    assert_eq!(read(&short), Err(HeaderError::Cut));
    // The check value of CRC-32C, from the catalogue of checksums.
    assert_eq!(Crc::<u32>::new(&CRC_32_ISCSI).checksum(b"123456789"), 0xe306_9283);
}

#[test]
fn a_header_of_version_2_that_breaks_its_form_is_refused() {
    for (header, error) in [
        (v2(0x11, 0x11, V4), HeaderError::Unknown),
        (v2(0x31, 0x11, V4), HeaderError::Unknown),
        (v2(0x22, 0x11, V4), HeaderError::Unknown),
        (v2(V2_PROXY, 0x41, V4), HeaderError::Unknown),
        (v2(V2_PROXY, 0x13, V4), HeaderError::Unknown),
        (v2(V2_PROXY, 0x12, V4), HeaderError::Datagram),
        (v2(V2_PROXY, 0x22, &[0; 36]), HeaderError::Datagram),
        (v2(V2_PROXY, 0x11, &V4[..11]), HeaderError::Cut),
        (v2(V2_PROXY, 0x21, V4), HeaderError::Cut),
        (v2(V2_PROXY, 0x31, &[0; 215]), HeaderError::Cut),
        (v2(V2_PROXY, 0x11, &[0; 4081]), HeaderError::TooLong { bytes: 4097 }),
    ] {
        assert_eq!(read(&header), Err(error), "{:02x?}", &header[12..16]);
    }
}

#[test]
fn something_else_is_known_from_its_first_other_byte() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST / HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXIES ",
        b"proxy TCP4",
        b"\x16\x03\x01",
        b"\r\n\r\nGET",
        b"\r\n\r\n\0\r\nQUITS",
    ] {
        assert_eq!(read(bytes), Ok(Progress::NoHeader), "{bytes:?}");
    }
    for bytes in [&b""[..], b"P", b"PR", b"PROXY", b"PROXY ", b"\r", b"\r\n\r\n\0\r\nQUIT\n"] {
        assert_eq!(read(bytes), Ok(Progress::Incomplete), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn a_header_is_the_same_however_it_comes(
        ip: [u8; 4],
        port: u16,
        is_text: bool,
        values in prop::collection::vec((4_u8.., prop::collection::vec(any::<u8>(), 0..20)), 0..4),
        after in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let expected = SocketAddr::from((ip, port));
        let header = if is_text {
            format!("PROXY TCP4 {} 192.0.2.9 {port} 443\r\n", Ipv4Addr::from(ip)).into_bytes()
        } else {
            let mut content = [&ip[..], &[192, 0, 2, 9], &port.to_be_bytes(), &[1, 187]].concat();
            for (kind, value) in &values {
                content.push(*kind);
                content.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
                content.extend(value);
            }
            v2(V2_PROXY, 0x11, &content)
        };
        for end in 0..header.len() {
            prop_assert_eq!(read(&header[..end]), Ok(Progress::Incomplete));
        }
        let whole = Ok(Progress::Header(Header { source: Some(expected), length: header.len() }));
        prop_assert_eq!(read(&[header, after].concat()), whole);
    }

    #[test]
    fn what_more_bytes_can_change_is_only_that_more_were_needed(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "PROXY (TCP4|TCP6|UNKNOWN)?[ -~]{0,120}\r?\n?".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..60).prop_map(|rest| [V2_SIGNATURE, &rest].concat()),
        ],
    ) {
        let whole = read(&bytes);
        for end in 0..bytes.len() {
            let part = read(&bytes[..end]);
            prop_assert!(part == Ok(Progress::Incomplete) || part == whole, "{} {:?} {:?}", end, part, whole);
        }
    }
}
