use std::net::{IpAddr, Ipv6Addr};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arc_swap::ArcSwap;

use super::*;
use crate::addr::{ClientIp, Prefix};
use crate::id::{EntryId, ObjectId};
use crate::time::Timestamp;

const KEY: CredentialId = CredentialId(ObjectId::from_bytes([1; 12]));

fn entry(prefix: &str) -> Arc<Entry> {
    Arc::new(Entry {
        id: EntryId(ObjectId::from_bytes([0; 12])),
        prefix: Prefix::parse(prefix).unwrap(),
        spelling: None,
        created: Timestamp::default(),
        expires: None,
        usage: Usage::default(),
    })
}

fn list(prefixes: &[&str]) -> Arc<AccessList> {
    Arc::new(AccessList::new(prefixes.iter().map(|prefix| entry(prefix)).collect()))
}

#[test]
fn counts_follow_every_change_of_a_list() {
    let mut lists = AccessLists::default();
    let (other, office) = (CredentialId(ObjectId::from_bytes([2; 12])), ListName::from("office"));
    let counts = |credential, named| EntryCounts { credential, named };
    assert_eq!(lists.entry_counts(), counts(0, 0));
    lists.put(KEY, list(&["10.0.0.0/8", "192.0.2.1"]));
    lists.put(other, list(&["10.0.0.0/8"]));
    lists.put_named(office.clone(), list(&["10.0.0.0/8", "::1", "::2"]));
    assert_eq!(lists.entry_counts(), counts(3, 3));
    let before = lists.clone();
    lists.put(KEY, list(&["10.0.0.0/8"])); // In the place of two.
    lists.put_named(office.clone(), list(&[]));
    assert_eq!(lists.entry_counts(), counts(2, 0));
    lists.remove(other);
    lists.remove(other); // There is none any more.
    lists.remove_named(&office);
    assert_eq!(lists.entry_counts(), counts(1, 0));
    assert_eq!(lists.entries().count(), 1);
    assert_eq!(before.entry_counts(), counts(3, 3), "a clone is not changed");
}

const THREADS: u16 = 64;
const REQUESTS: u16 = 1_000;

/// A request whose address tells its time, so that a pair of two requests gives itself away.
fn request(thread: u16, number: u16) -> LastUse {
    let ip = Ipv6Addr::new(0x2001, 0xdb8, number, thread, number, thread, number, thread);
    // Several threads share a millisecond, as they do under load.
    LastUse { at: Timestamp::from_millis(i64::from(number)), from: ClientIp::from(IpAddr::V6(ip)) }
}

fn assert_was_written(last: LastUse) {
    let number = u16::try_from(last.at.as_millis()).unwrap();
    assert!((0..THREADS).any(|thread| request(thread, number) == last), "torn: {last:?}");
}

#[test]
fn counts_are_exact_while_lists_that_share_an_entry_are_rebuilt_and_swapped() {
    let shared = entry("2001:db8::/32");
    let lists_with = |more: u16| {
        let mut entries = vec![entry("192.0.2.0/24"), Arc::clone(&shared)];
        entries.extend((0..more).map(|n| entry(&format!("10.0.{n}.0/24"))));
        let mut lists = AccessLists::default();
        lists.put(KEY, Arc::new(AccessList::new(entries)));
        Arc::new(lists)
    };
    let current = ArcSwap::new(lists_with(0));
    let requests_done = AtomicBool::new(false);
    // Nobody asks before there was a publication, or a busy machine could be done with asking first.
    let published_once = Barrier::new(usize::from(THREADS) + 1);
    let admission = Admission { credential: Some((KEY, EmptyList::AdmitsNobody)), named: None };

    let stored = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut published = 0_u64;
            while !requests_done.load(Ordering::Acquire) {
                // Small and large tables by turns: both ways of finding an entry.
                current.store(lists_with(if published.is_multiple_of(2) { 60 } else { 3 }));
                published += 1;
                if published == 1 {
                    published_once.wait();
                }
            }
        });
        let flusher = scope.spawn(|| {
            let mut stored = 0;
            loop {
                let last_round = requests_done.load(Ordering::Acquire);
                if let Some(delta) = shared.usage.unflushed() {
                    assert_was_written(delta.last.unwrap());
                    stored += delta.count;
                    shared.usage.confirm_flushed(delta);
                }
                if last_round {
                    return stored;
                }
                thread::yield_now();
            }
        });
        let (current, published_once) = (&current, &published_once);
        let requests: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    published_once.wait();
                    for LastUse { at, from } in (0..REQUESTS).map(|n| request(thread, n)) {
                        let permit = admit(&current.load(), admission, from, at).unwrap();
                        assert!(permit.entry().unwrap().usage.count() > 0);
                    }
                })
            })
            .collect();
        for thread in requests {
            thread.join().unwrap();
        }
        requests_done.store(true, Ordering::Release);
        publisher.join().unwrap();
        flusher.join().unwrap()
    });

    let total = u64::from(THREADS) * u64::from(REQUESTS);
    assert_eq!((stored, shared.usage.count(), shared.usage.unflushed()), (total, total, None));
    let last = shared.usage.last().unwrap();
    assert_was_written(last);
    // The latest millisecond: overlapping requests may lose to each other, never to an earlier one.
    assert_eq!(last.at, Timestamp::from_millis(i64::from(REQUESTS - 1)));
}
