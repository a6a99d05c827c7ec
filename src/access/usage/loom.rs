//! The interleavings of requests, readers, the flusher and the publisher, run through by loom.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" CARGO_TARGET_DIR=target/loom cargo test --release --lib loom`
//!
//! Modelled: the usage cell, and the hand-over of an entry from one list to the next. Not modelled: the
//! inside of `arc_swap`; a mutex around the current lists stands in its place.

use std::net::IpAddr;
use std::sync::Arc;

use ::loom::sync::Mutex;
use ::loom::thread;

use super::{LastUse, Usage};
use crate::access::{AccessList, AccessLists, Admission, EmptyList, Entry, admit};
use crate::addr::{ClientIp, Prefix};
use crate::id::{CredentialId, EntryId, ObjectId};
use crate::time::Timestamp;

/// Runs `body` under every order of operations that needs at most `preemptions` switches away from a
/// thread that could go on.
fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// Requests whose words all differ, so that a torn pair equals none of them.
fn request(number: u16) -> LastUse {
    let n = number;
    LastUse {
        at: Timestamp::from_millis(i64::from(n)),
        from: ClientIp::from(IpAddr::from([n, n, n, n, n, n, n, n])),
    }
}

fn record(usage: &Usage, request: LastUse) {
    usage.record(request.from, request.at);
}

#[test]
fn readers_see_only_pairs_that_one_request_wrote() {
    model(3, || {
        let usage = Arc::new(Usage::default());
        let writers = [1, 2].map(|number| {
            let usage = Arc::clone(&usage);
            thread::spawn(move || record(&usage, request(number)))
        });
        let seen = usage.last();
        assert!([None, Some(request(1)), Some(request(2))].contains(&seen), "{seen:?}");
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(usage.count(), 2);
        let last = usage.last();
        assert!([Some(request(1)), Some(request(2))].contains(&last), "{last:?}");
    });
}

#[test]
fn a_pair_that_takes_the_place_of_another_is_never_mixed_with_it() {
    model(3, || {
        let usage = Arc::new(Usage::restored(1, Some(request(1))));
        let writer = {
            let usage = Arc::clone(&usage);
            thread::spawn(move || {
                record(&usage, request(2));
                record(&usage, request(3));
            })
        };
        let first = usage.last().unwrap();
        let second = usage.last().unwrap();
        assert!((1..=3).any(|number| first == request(number)), "{first:?}");
        assert!((1..=3).any(|number| second == request(number)), "{second:?}");
        assert!(first.at <= second.at, "time moved back");
        writer.join().unwrap();
        assert_eq!(usage.last(), Some(request(3)));
    });
}

#[test]
fn who_sees_a_request_counted_sees_a_last_use() {
    model(3, || {
        let usage = Arc::new(Usage::default());
        let writers = [1, 2].map(|number| {
            let usage = Arc::clone(&usage);
            thread::spawn(move || record(&usage, request(number)))
        });
        if usage.count() > 0 {
            assert!(usage.last().is_some());
        }
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn a_flush_beside_requests_loses_nothing_and_counts_nothing_twice() {
    model(3, || {
        let usage = Arc::new(Usage::restored(5, None));
        let writers = [1, 2].map(|number| {
            let usage = Arc::clone(&usage);
            thread::spawn(move || record(&usage, request(number)))
        });
        let mut stored = 5;
        let mut stored_last = None;
        let mut flush = || {
            if let Some(delta) = usage.unflushed() {
                stored += delta.count;
                stored_last = delta.last;
                usage.confirm_flushed(delta);
            }
        };
        flush();
        for writer in writers {
            writer.join().unwrap();
        }
        flush();
        assert_eq!((stored, usage.count(), usage.unflushed()), (7, 7, None));
        // The cell's last use reached the store with the count that came last.
        assert_eq!(stored_last, usage.last());
    });
}

#[test]
fn a_use_is_counted_whichever_list_the_request_found_the_entry_in() {
    let credential = CredentialId(ObjectId::from_bytes([1; 12]));
    let list = move |entries: &[&Arc<Entry>]| {
        let mut lists = AccessLists::default();
        let entries = entries.iter().map(|entry| Arc::clone(entry)).collect();
        lists.put(credential, Arc::new(AccessList::new(entries)));
        Arc::new(lists)
    };
    model(3, move || {
        let shared = Arc::new(entry("::/0"));
        let current = Arc::new(Mutex::new(list(&[&shared])));
        let requests = [1, 2].map(|number| {
            let current = Arc::clone(&current);
            thread::spawn(move || {
                let lists = Arc::clone(&current.lock().unwrap());
                let LastUse { at, from } = request(number);
                let own = Some((credential, EmptyList::AdmitsNobody));
                admit(&lists, Admission { credential: own, named: None }, from, at).unwrap();
            })
        });
        let flushed = shared.usage.unflushed();
        let replaced = {
            let mut current = current.lock().unwrap();
            std::mem::replace(&mut *current, list(&[&Arc::new(entry("192.0.2.0/24")), &shared]))
        };
        drop(replaced);
        let stored = flushed.map_or(0, |delta| {
            shared.usage.confirm_flushed(delta);
            delta.count
        });
        for request in requests {
            request.join().unwrap();
        }
        let rest = shared.usage.unflushed().map_or(0, |delta| delta.count);
        assert_eq!((stored + rest, shared.usage.count()), (2, 2));
    });
}

fn entry(prefix: &str) -> Entry {
    Entry {
        id: EntryId(ObjectId::from_bytes([2; 12])),
        prefix: Prefix::parse(prefix).unwrap(),
        spelling: None,
        created: Timestamp::default(),
        expires: None,
        usage: Usage::default(),
    }
}
