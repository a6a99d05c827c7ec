//! `Prefix::parse` agrees with the standard library's parsers, and reads again what it writes.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use portcullis::addr::{ClientIp, Prefix};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let prefix = Prefix::parse(text).ok();
    assert_eq!(prefix.map(|prefix| (prefix.network(), prefix.length())), twin(text));
    if let Some(prefix) = prefix {
        assert_eq!(Prefix::parse(&prefix.to_string()), Ok(prefix));
        assert!(prefix.contains(ClientIp::from(prefix.network())));
        assert_eq!(Prefix::parse_cidr(text).is_ok(), text.contains('/'));
        assert_eq!(Prefix::parse_address(text).is_ok(), !text.contains('/'));
    }
});

/// The rules of the contract once more, written to be compared with and not to be fast.
fn twin(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let network: IpAddr = address.parse().ok()?;
    let (bits, most) = match network {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let length = match length {
        Some(text) => (0..=most).find(|length| length.to_string() == text)?,
        None => most,
    };
    let is_mapped = network != network.to_canonical() && length >= 96;
    let has_host_bits = (u32::from(length)..128).any(|bit| bits & (1 << (127 - bit)) != 0);
    (!is_mapped && !has_host_bits).then_some((network, length))
}
