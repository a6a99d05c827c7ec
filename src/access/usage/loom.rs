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

/// Every part of a model is a thread of its own and the main thread only waits for them: what the main
/// thread does itself, loom does not move behind what the others do.
fn spawn<T: 'static>(
    usage: &Arc<Usage>,
    work: impl FnOnce(&Usage) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let usage = Arc::clone(usage);
    thread::spawn(move || work(&usage))
}

#[test]
fn readers_see_only_pairs_that_one_request_wrote() {
    model(3, || {
        let usage = Arc::new(Usage::default());
        let writers = [1, 2].map(|n| spawn(&usage, move |usage| record(usage, request(n))));
        let seen = spawn(&usage, Usage::last).join().unwrap();
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
        let writer = spawn(&usage, |usage| {
            record(usage, request(2));
            record(usage, request(3));
        });
        let reader = spawn(&usage, |usage| (usage.last().unwrap(), usage.last().unwrap()));
        let (first, second) = reader.join().unwrap();
        assert!((1..=3).any(|number| first == request(number)), "{first:?}");
        assert!((1..=3).any(|number| second == request(number)), "{second:?}");
        assert!(first.at <= second.at, "time moved back");
        writer.join().unwrap();
        assert_eq!(usage.last(), Some(request(3)));
    });
}

#[test]
fn a_later_request_is_not_replaced_by_an_earlier_one() {
    model(3, || {
        let usage = Arc::new(Usage::restored(1, Some(request(1))));
        let late = spawn(&usage, |usage| {
            record(usage, request(3));
            usage.last().unwrap()
        });
        let early = spawn(&usage, |usage| record(usage, request(2)));
        let seen = late.join().unwrap();
        early.join().unwrap();
        // Overlapping requests may pass each other over, but nothing may change after that.
        let last = usage.last().unwrap();
        assert!(seen == request(3) || seen == request(2), "{seen:?}");
        assert!(last.at >= seen.at, "{seen:?} was replaced by {last:?}");
    });
}

#[test]
fn who_sees_a_request_counted_sees_a_last_use() {
    model(3, || {
        let usage = Arc::new(Usage::default());
        let writers = [1, 2].map(|n| spawn(&usage, move |usage| record(usage, request(n))));
        let reader = spawn(&usage, |usage| assert!(usage.count() == 0 || usage.last().is_some()));
        for thread in writers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_flush_beside_requests_loses_nothing_and_counts_nothing_twice() {
    model(2, || {
        let usage = Arc::new(Usage::restored(5, None));
        let writers = [1, 2].map(|n| spawn(&usage, move |usage| record(usage, request(n))));
        let flush = |usage: &Usage| {
            let delta = usage.unflushed()?;
            usage.confirm_flushed(delta);
            Some(delta)
        };
        let first = spawn(&usage, flush).join().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        let rest = flush(&usage);
        let stored = [first, rest].iter().flatten().map(|delta| delta.count).sum::<u64>();
        assert_eq!((5 + stored, usage.count(), usage.unflushed()), (7, 7, None));
        // The cell's last use reached the store with the count that came last.
        assert_eq!(rest.or(first).unwrap().last, usage.last());
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
    model(2, move || {
        let shared = Arc::new(entry("::/0"));
        let current = Arc::new(Mutex::new(list(&[&shared])));
        let requests = [1, 2].map(|number| {
            let current = Arc::clone(&current);
            thread::spawn(move || {
                let lists = Arc::clone(&current.lock().unwrap());
                let LastUse { at, from } = request(number);
                let own = Some((credential, EmptyList::AdmitsNobody));
                let admission = Admission { credential: own, named: None };
                assert!(admit(&lists, admission, from, at).is_ok());
            })
        });
        let publisher = {
            let (current, shared) = (Arc::clone(&current), Arc::clone(&shared));
            thread::spawn(move || {
                let next = list(&[&Arc::new(entry("192.0.2.0/24")), &shared]);
                let _retired = std::mem::replace(&mut *current.lock().unwrap(), next);
            })
        };
        let flusher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let delta = shared.usage.unflushed();
                delta.inspect(|delta| shared.usage.confirm_flushed(*delta))
            })
        };
        let flushed = flusher.join().unwrap();
        for thread in requests.into_iter().chain([publisher]) {
            thread.join().unwrap();
        }
        let deltas = [flushed, shared.usage.unflushed()];
        let counted = deltas.iter().flatten().map(|delta| delta.count).sum::<u64>();
        assert_eq!((counted, shared.usage.count()), (2, 2));
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
