//! How long does it take to find the entry that admits an address, and to build the table that finds it?
//!
//! Unit: the time of one look-up (`longest_match`), or of one whole build (`build`); `linear_scan` is the
//! same question put to a slice, entry by entry: the baseline, and what small tables do.
//!
//! Held fixed: one thread; prefixes drawn from a fixed seed, lengths in a mix as lists have them (IPv4
//! /16 to /32, IPv6 /32 to /128); no entry expires, except in `expired_longest`, where every second does
//! and has; 4,096 probes asked in turn, drawn inside entries for `hit` and outside of all for `miss`.
//! The entries are reached through their `Arc`s, as in the program, so that large tables pay for memory.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::access::{Entry, PrefixTable, Usage};
use portcullis::addr::{ClientIp, Prefix, PrefixError};
use portcullis::id::{EntryId, ObjectId};
use portcullis::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const SIZES: [(&str, usize); 5] =
    [("10", 10), ("200", 200), ("1k", 1_000), ("10k", 10_000), ("100k", 100_000)];

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    const BOTH: [(&str, Self); 2] = [("v4", Self::V4), ("v6", Self::V6)];

    /// An address of the part of the family that entries are drawn from.
    fn listed(self, random: &mut Random) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from_bits(random.next() as u32 & 0x7fff_ffff).into(),
            Self::V6 => Ipv6Addr::from_bits(0x2001 << 112 | random.wide() >> 16).into(),
        }
    }

    /// An address of the part that holds no entry.
    fn unlisted(self, random: &mut Random) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from_bits(random.next() as u32 | 0x8000_0000).into(),
            Self::V6 => Ipv6Addr::from_bits(0x2002 << 112 | random.wide() >> 16).into(),
        }
    }

    fn lengths(self) -> &'static [u8] {
        match self {
            Self::V4 => &[16, 20, 24, 24, 28, 32, 32, 32],
            Self::V6 => &[32, 48, 56, 64, 64, 64, 128, 128],
        }
    }
}

fn longest_match(criterion: &mut Criterion) {
    for (family_name, family) in Family::BOTH {
        for (size_name, size) in SIZES {
            let entries = entries(family, size);
            let table = PrefixTable::new(entries.clone());
            let find = |client| table.longest_live(client, NOW).is_some();
            let name = format!("prefix_table/longest_match/{family_name}");
            lookups(criterion, &format!("{name}/hit/{size_name}"), &hits(&entries), find);
            lookups(criterion, &format!("{name}/miss/{size_name}"), &misses(family), find);
        }
    }
    let entries = entries(Family::V4, 1_000_000);
    let probes = hits(&entries);
    let table = PrefixTable::new(entries);
    let find = |client| table.longest_live(client, NOW).is_some();
    lookups(criterion, "prefix_table/longest_match/v4/hit/1M", &probes, find);
}

fn expired_longest(criterion: &mut Criterion) {
    for (family_name, family) in Family::BOTH {
        for (size_name, size) in [("10", 10), ("200", 200), ("10k", 10_000)] {
            let mut expired = entries(family, size);
            expired.iter_mut().step_by(2).for_each(|e| *e = entry(e.prefix, Some(NOW)));
            let probes = hits(&expired);
            let table = PrefixTable::new(expired);
            let name = format!("prefix_table/expired_longest/{family_name}/hit/{size_name}");
            lookups(criterion, &name, &probes, |client| table.longest_live(client, NOW).is_some());
        }
    }
}

fn linear_scan(criterion: &mut Criterion) {
    for (family_name, family) in Family::BOTH {
        for (size_name, size) in [("10", 10), ("32", 32), ("200", 200), ("1k", 1_000)] {
            let entries = entries(family, size);
            let find = |client| {
                let holding =
                    entries.iter().filter(|e| e.prefix.contains(client) && e.is_live(NOW));
                holding.max_by_key(|e| e.prefix.length()).is_some()
            };
            let name = format!("linear_scan/longest_match/{family_name}");
            lookups(criterion, &format!("{name}/hit/{size_name}"), &hits(&entries), find);
            lookups(criterion, &format!("{name}/miss/{size_name}"), &misses(family), find);
        }
    }
}

fn build(criterion: &mut Criterion) {
    for (size_name, size) in [("10", 10), ("200", 200), ("10k", 10_000)] {
        let entries = entries(Family::V4, size);
        criterion.bench_function(&format!("prefix_table/build/{size_name}"), |bencher| {
            bencher.iter(|| PrefixTable::new(black_box(entries.clone())));
        });
    }
}

/// Times one look-up, the probes in turn.
fn lookups(
    criterion: &mut Criterion,
    name: &str,
    probes: &[ClientIp],
    f: impl Fn(ClientIp) -> bool,
) {
    let mut turn = probes.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| turn.next().map(|client| black_box(f(black_box(*client)))));
    });
}

/// `count` entries; of prefixes drawn twice the second is as good as another, as look-ups go.
fn entries(family: Family, count: usize) -> Vec<Arc<Entry>> {
    let mut random = Random(count as u64);
    (0..count)
        .filter_map(|n| {
            let length = family.lengths()[n % family.lengths().len()];
            let prefix = match Prefix::new(family.listed(&mut random), length) {
                Err(PrefixError::HostBits { canonical }) => Some(canonical),
                other => other.ok(),
            };
            prefix.map(|prefix| entry(prefix, None))
        })
        .collect()
}

fn entry(prefix: Prefix, expires: Option<Timestamp>) -> Arc<Entry> {
    Arc::new(Entry {
        id: EntryId(ObjectId::from_bytes([0; 12])),
        prefix,
        spelling: None,
        created: NOW,
        expires,
        usage: Usage::default(),
    })
}

fn hits(entries: &[Arc<Entry>]) -> Vec<ClientIp> {
    let mut random = Random(1);
    let mut draw = || entries[random.next() as usize % entries.len()].prefix.network();
    (0..4_096).map(|_| ClientIp::from(draw())).collect()
}

fn misses(family: Family) -> Vec<ClientIp> {
    let mut random = Random(2);
    (0..4_096).map(|_| ClientIp::from(family.unlisted(&mut random))).collect()
}

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

criterion_group!(benches, longest_match, expired_longest, linear_scan, build);
criterion_main!(benches);
