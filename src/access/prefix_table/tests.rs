use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::access::Usage;
use crate::id::{EntryId, ObjectId};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn client(text: &str) -> ClientIp {
    ClientIp::from(text.parse::<IpAddr>().unwrap())
}

fn entry(prefix: Prefix, expires: Option<Timestamp>) -> Arc<Entry> {
    Arc::new(Entry {
        id: EntryId(ObjectId::from_bytes([0; 12])),
        prefix,
        spelling: None,
        created: Timestamp::default(),
        expires,
        usage: Usage::default(),
    })
}

/// Entries as in `10.0.0.0/8` or `10.0.0.0/8 until 100`.
fn entries<const N: usize>(texts: [&str; N]) -> Vec<Arc<Entry>> {
    texts
        .into_iter()
        .map(|text| match text.split_once(" until ") {
            Some((prefix, ms)) => {
                entry(Prefix::parse(prefix).unwrap(), Some(at(ms.parse().unwrap())))
            }
            None => entry(Prefix::parse(text).unwrap(), None),
        })
        .collect()
}

/// `entries` scanned, and the same through the trie: host entries of a range kept for that fill it up.
fn both_ways(entries: Vec<Arc<Entry>>) -> [PrefixTable; 2] {
    assert!(entries.len() <= SCANNED);
    let mut filled = entries.clone();
    for host in 0..=u32::try_from(SCANNED).unwrap() {
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + host);
        filled.push(entry(Prefix::host(ClientIp::from(IpAddr::V4(ip))), None));
    }
    let tables = [PrefixTable::new(entries), PrefixTable::new(filled)];
    assert!(tables[0].trie.is_none() && tables[1].trie.is_some());
    tables
}

fn admitted_by(table: &PrefixTable, address: &str, now: i64) -> Option<String> {
    table.longest_live(client(address), at(now)).map(|entry| entry.prefix.to_string())
}

#[test]
fn the_longest_live_prefix_is_found() {
    let tables = both_ways(entries([
        "10.0.0.0/8",
        "10.1.0.0/16 until 100",
        "10.1.2.0/24 until 50",
        "192.0.2.7",
        "2001:db8::/32",
        "2001:db8:1::/48 until 100",
        "2001:db8:1::1 until 50",
    ]));
    for (address, now, expected) in [
        ("10.1.2.3", 49, Some("10.1.2.0/24")), // Most specific wins.
        ("10.1.2.3", 50, Some("10.1.0.0/16")), // Expired at 50: the wider entry serves.
        ("10.1.2.3", 100, Some("10.0.0.0/8")), // Two expired: the widest serves.
        ("10.1.3.4", 99, Some("10.1.0.0/16")),
        ("::ffff:10.9.9.9", 0, Some("10.0.0.0/8")),
        ("192.0.2.7", 0, Some("192.0.2.7/32")),
        ("192.0.2.6", 0, None),
        ("11.0.0.0", 0, None),
        ("2001:db8:1::1", 49, Some("2001:db8:1::1/128")),
        ("2001:db8:1::1", 50, Some("2001:db8:1::/48")),
        ("2001:db8:1::1", 100, Some("2001:db8::/32")),
        ("2001:db9::1", 0, None),
        ("::10.1.2.3", 0, None), // An IPv6 address that only looks like the IPv4 one.
    ] {
        for table in &tables {
            let found = admitted_by(table, address, now);
            assert_eq!(found.as_deref(), expected, "{address} at {now}");
        }
    }
}

#[test]
fn a_prefix_of_length_zero_holds_its_family_and_no_other() {
    for table in both_ways(entries(["0.0.0.0/0"])) {
        assert_eq!(admitted_by(&table, "255.255.255.255", 0).as_deref(), Some("0.0.0.0/0"));
        assert_eq!(admitted_by(&table, "::", 0), None);
    }
    for table in both_ways(entries(["::/0"])) {
        assert_eq!(admitted_by(&table, "::ffff:0:1:2", 0).as_deref(), Some("::/0"));
        assert_eq!(admitted_by(&table, "192.0.2.1", 0), None);
    }
}

#[test]
fn an_expired_entry_admits_nobody_and_is_still_found() {
    for table in both_ways(entries(["10.0.0.0/8 until 5"])) {
        assert_eq!(admitted_by(&table, "10.0.0.1", 5), None);
        let prefix = Prefix::parse("10.0.0.0/8").unwrap();
        assert_eq!(table.find(prefix).unwrap().prefix, prefix);
    }
}

#[test]
fn exactly_the_range_asked_for_is_found() {
    for table in both_ways(entries(["10.0.0.0/8", "10.0.0.0/16", "2001:db8::/32"])) {
        for (text, found) in [
            ("10.0.0.0/8", true),
            ("10.0.0.0/16", true),
            ("10.0.0.0/24", false),
            ("10.0.0.0/7", false),
            ("2001:db8::/32", true),
            ("2001:db8::/33", false),
            ("0.0.0.0/0", false),
        ] {
            let prefix = Prefix::parse(text).unwrap();
            let entry = table.find(prefix);
            assert_eq!(entry.map(|entry| entry.prefix), found.then_some(prefix), "{text}");
        }
    }
}

#[test]
fn an_empty_table_holds_nothing_and_owns_no_trie() {
    let table = PrefixTable::default();
    assert!(table.trie.is_none() && table.entries().is_empty());
    assert_eq!(admitted_by(&table, "192.0.2.1", 0), None);
    assert!(table.find(Prefix::parse("0.0.0.0/0").unwrap()).is_none());
}

#[test]
fn without_expiries_no_links_to_wider_entries_are_kept() {
    let [_, lasting] = both_ways(entries(["10.0.0.0/8", "10.1.0.0/16"]));
    assert!(lasting.trie.unwrap().wider.is_empty());
}

/// An address near a few others, so that prefixes nest and probes hit.
fn address() -> impl Strategy<Value = IpAddr> {
    let crowded = (0_u32..4, 0_u32..4, any::<u8>())
        .prop_map(|(a, b, c)| 0x0a00_0000 | a << 22 | b << 14 | u32::from(c));
    let v4 = prop_oneof![4 => crowded, 1 => any::<u32>()];
    let crowded = (0_u128..4, 0_u128..4, any::<u8>())
        .prop_map(|(a, b, c)| 0x2001_0db8_u128 << 96 | a << 90 | b << 62 | u128::from(c));
    let v6 = prop_oneof![4 => crowded, 1 => any::<u128>()];
    prop_oneof![
        v4.prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        v6.prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()),
    ]
}

/// The range of some leading bits of an address; an address that is IPv4-mapped only in part has none.
fn prefix() -> impl Strategy<Value = Prefix> {
    (address(), 0_u8..=128).prop_filter_map("IPv4-mapped", |(ip, length)| {
        let length = if ip.is_ipv4() { length % 33 } else { length };
        match Prefix::new(ip, length) {
            Err(crate::addr::PrefixError::HostBits { canonical }) => Some(canonical),
            other => other.ok(),
        }
    })
}

fn list() -> impl Strategy<Value = Vec<Arc<Entry>>> {
    let expiring = prop_oneof![Just(None), (0_i64..4).prop_map(|ms| Some(at(ms)))];
    let lasting = Just(None::<Timestamp>);
    prop_oneof![
        proptest::collection::vec((prefix(), expiring.boxed()), 0..=3 * SCANNED),
        proptest::collection::vec((prefix(), lasting.boxed()), 0..=3 * SCANNED),
    ]
    .prop_map(|listed| {
        let mut seen = BTreeSet::new();
        let distinct = listed.into_iter().filter(|(prefix, _)| seen.insert(*prefix));
        distinct.map(|(prefix, expires)| entry(prefix, expires)).collect()
    })
}

/// Half of the probes are the first or last address of an entry, or the one beside it.
fn probes(entries: &[Arc<Entry>], random: Vec<IpAddr>) -> Vec<ClientIp> {
    let edges = entries.iter().flat_map(|entry| edges(entry.prefix));
    edges.chain(random).map(ClientIp::from).collect()
}

fn edges(prefix: Prefix) -> [IpAddr; 3] {
    let length = u32::from(prefix.length());
    match prefix.network() {
        IpAddr::V4(v4) => {
            let last = v4.to_bits() | u32::MAX.checked_shr(length).unwrap_or(0);
            [v4.to_bits(), last, last.wrapping_add(1)].map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(v6) => {
            let last = v6.to_bits() | u128::MAX.checked_shr(length).unwrap_or(0);
            [v6.to_bits(), last, last.wrapping_add(1)].map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}

proptest! {
    #[test]
    fn the_table_and_its_linear_twin_agree(
        entries in list(),
        random in proptest::collection::vec(address(), 64),
        others in proptest::collection::vec(prefix(), 16),
        now in 0_i64..4,
    ) {
        let table = PrefixTable::new(entries.clone());
        for client in probes(&entries, random) {
            let fast = table.longest_live(client, at(now));
            let slow = longest_live_of(&entries, client, at(now));
            prop_assert_eq!(
                fast.map(Arc::as_ptr), slow.map(Arc::as_ptr), "{} at {}", client, now
            );
        }
        for prefix in entries.iter().map(|entry| entry.prefix).chain(others) {
            let fast = table.find(prefix);
            let slow = entries.iter().find(|entry| entry.prefix == prefix);
            prop_assert_eq!(fast.map(Arc::as_ptr), slow.map(Arc::as_ptr), "{}", prefix);
        }
    }
}
