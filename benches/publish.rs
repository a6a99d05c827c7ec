//! How long does a change take to come into force once it is stored, and what does a reader pay?
//!
//! Unit: time for one change, or for one read. Held fixed: 100,000 credentials in one organization,
//! each with a list of one entry; the credential that changes has 200 entries, and is another one each
//! time, so that the map is not warm. No store, no runtime, no second thread. Dropping the replaced
//! snapshot is not timed: the control plane does it after the answer.
//!
//! Budget, from the design: a change in force within 1 ms, better 0.2 ms, best 50 µs.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::access::{AccessList, Entry, Usage};
use portcullis::addr::{ClientIp, Prefix};
use portcullis::id::{CredentialId, EntryId, ObjectId, OrgId};
use portcullis::identity::{ApiKey, Ha1, Organization, PublicKey, Role};
use portcullis::snapshot::{Retired, Snapshot, SnapshotCell};
use portcullis::time::Timestamp;

const CREDENTIALS: u32 = 100_000;
const ENTRIES: u32 = 200;

fn publish(c: &mut Criterion) {
    let cell = Arc::new(SnapshotCell::new(snapshot()));
    let entries: Vec<_> = (0..ENTRIES).map(entry).collect();

    c.bench_function("publish/list_rebuild/200", |b| {
        b.iter_with_large_drop(|| AccessList::new(entries.clone()));
    });

    let reader = cell.reader();
    let mut retired = Retired::default();
    let mut turn = 0;
    c.bench_function("publish/visible_after/100k_credentials_200_entries", |b| {
        b.iter_custom(|changes| {
            let mut took = Duration::ZERO;
            for _ in 0..changes {
                turn = (turn + 7_919) % CREDENTIALS; // A prime, so that every credential has its turn.
                let start = Instant::now();
                let mut next = Snapshot::clone(&cell.load());
                next.revision = next.revision.next();
                next.lists.put(credential(turn), Arc::new(AccessList::new(entries.clone())));
                let published = next.revision;
                retired.keep(cell.publish(Arc::new(next)));
                let seen = reader.with(|snapshot| snapshot.revision);
                took += start.elapsed();
                assert_eq!(seen, published);
                drop(retired.release());
            }
            took
        });
    });
}

fn load(c: &mut Criterion) {
    let cell = Arc::new(SnapshotCell::new(Snapshot::default()));
    let reader = cell.reader();
    c.bench_function("snapshot/load/cache", |b| {
        b.iter(|| reader.with(|snapshot| black_box(snapshot.revision)));
    });
    // The baseline: what a reader without a cache of its own would pay.
    c.bench_function("snapshot/load/arc_swap", |b| {
        b.iter(|| black_box(cell.load().revision));
    });
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let org = OrgId(object_id(0));
    let created = Timestamp::default();
    snapshot.credentials.put_organization(Arc::new(Organization {
        id: org,
        name: "Example".into(),
        access_list_required: true,
        most_secret_hours: None,
        created,
    }));
    for number in 0..CREDENTIALS {
        let key = ApiKey {
            id: credential(number),
            org,
            public_key: public_key(number),
            description: "bench".into(),
            roles: [Role::Member].into_iter().collect(),
            private_key_tail: "000000000000".into(),
            ha1: Ha1 { md5: [0; 16], sha256: [0; 32] },
            created,
        };
        snapshot.credentials.put_key(Arc::new(key));
        snapshot.lists.put(credential(number), Arc::new(AccessList::new(vec![entry(number)])));
    }
    snapshot
}

fn entry(number: u32) -> Arc<Entry> {
    let address = Ipv4Addr::from_bits(0x0a00_0000 + number * 4);
    Arc::new(Entry {
        id: EntryId(object_id(number)),
        prefix: Prefix::host(ClientIp::from(std::net::IpAddr::V4(address))),
        spelling: None,
        created: Timestamp::default(),
        expires: None,
        usage: Usage::default(),
    })
}

fn credential(number: u32) -> CredentialId {
    CredentialId(object_id(number))
}

fn object_id(number: u32) -> ObjectId {
    let mut bytes = [0x5a; 12];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// Eight letters that spell the number, one for each four bits.
fn public_key(number: u32) -> PublicKey {
    let letters = (0..8).map(|place| char::from(b'a' + (number >> (4 * place) & 0x0f) as u8));
    PublicKey::parse(&letters.collect::<String>()).unwrap_or_else(|| unreachable!())
}

criterion_group!(benches, publish, load);
criterion_main!(benches);
