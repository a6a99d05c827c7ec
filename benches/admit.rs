//! What do the list check and the count cost a request, alone and beside another thread on the same entry?
//!
//! Unit: the time of one call as the calling thread sees it. With two threads each makes all the calls of
//! an iteration count, both start together, and the time is that until the later one is done.
//!
//! Held fixed: the credential has one list and every request is admitted. `one_entry`: a list of one entry;
//! `list_of_200` and `list_of_100k`: IPv4 /32 entries, the clients asked in turn. The clock moves on one
//! millisecond every 100 calls, about what a busy worker sees, except where a name says otherwise:
//! `same_pair` repeats one client in one millisecond, so that only the count is written; `new_pair` has a
//! new millisecond with each call, so that time and address are written each time. `add` is the baseline:
//! one atomic addition on a shared counter.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::access::{AccessList, AccessLists, Admission, EmptyList, Entry, Usage, admit};
use portcullis::addr::{ClientIp, Prefix};
use portcullis::id::{CredentialId, EntryId, ObjectId};
use portcullis::time::Timestamp;

const KEY: CredentialId = CredentialId(ObjectId::from_bytes([1; 12]));
const ADMISSION: Admission<'_> =
    Admission { credential: Some((KEY, EmptyList::AdmitsNobody)), named: None };
const CALLS_PER_MILLISECOND: u64 = 100;

fn admit_requests(criterion: &mut Criterion) {
    let one = lists([Prefix::host(client(0))]);
    let request = |_, call| admit(&one, ADMISSION, client(0), busy_clock(call)).is_ok();
    on_threads(criterion, "admit/one_entry", request);
    for (name, size) in [("200", 200), ("100k", 100_000)] {
        let lists = lists((0..size).map(|n| Prefix::host(client(n))));
        let request = |thread, call: u64| {
            // A step that is prime to both sizes, so that neighbours in time are none in memory.
            let client = client((call.wrapping_mul(7_919) + thread) % size);
            admit(&lists, ADMISSION, client, busy_clock(call)).is_ok()
        };
        on_threads(criterion, &format!("admit/list_of_{name}"), request);
    }
}

fn refuse_requests(criterion: &mut Criterion) {
    let lists = lists([Prefix::host(client(0))]);
    let request = |_, call| admit(&lists, ADMISSION, client(1), busy_clock(call)).is_err();
    on_threads(criterion, "admit/refused", request);
}

fn record_usage(criterion: &mut Criterion) {
    let counter = AtomicU64::new(0);
    on_threads(criterion, "usage/record/add", |_, _| counter.fetch_add(1, Ordering::Relaxed));

    let usage = Usage::default();
    on_threads(criterion, "usage/record/same_pair", |_, _| usage.record(client(0), at(0)));
    let usage = Usage::default();
    on_threads(criterion, "usage/record/busy", |thread, call| {
        usage.record(client(thread), busy_clock(call));
    });
    let usage = Usage::default();
    on_threads(criterion, "usage/record/new_pair", |thread, call| {
        usage.record(client(thread), at(call));
    });
    criterion.bench_function("usage/last/1_thread", |bencher| bencher.iter(|| usage.last()));
}

/// Times `call`, which is told the thread and the number of the call, on one thread and on two.
fn on_threads<T>(criterion: &mut Criterion, name: &str, call: impl Fn(u64, u64) -> T + Sync) {
    // Calls are numbered through all samples, so that the clock never goes back.
    let mut done = 0;
    for threads in [1, 2] {
        let plural = if threads == 1 { "thread" } else { "threads" };
        criterion.bench_function(&format!("{name}/{threads}_{plural}"), |bencher| {
            bencher.iter_custom(|calls| {
                let first = done;
                done += calls;
                timed(threads, |thread| {
                    (first..done).for_each(|number| {
                        black_box(call(thread, black_box(number)));
                    });
                })
            });
        });
    }
}

/// How long `threads` threads that start together take until all have done `work`.
fn timed(threads: u64, work: impl Fn(u64) + Sync) -> Duration {
    let barrier = Barrier::new(threads as usize);
    let (barrier, work) = (&barrier, &work);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    barrier.wait();
                    let start = Instant::now();
                    work(thread);
                    start.elapsed()
                })
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

fn lists(prefixes: impl IntoIterator<Item = Prefix>) -> AccessLists {
    let entry = |prefix| {
        Arc::new(Entry {
            id: EntryId(ObjectId::from_bytes([0; 12])),
            prefix,
            spelling: None,
            created: at(0),
            expires: None,
            usage: Usage::default(),
        })
    };
    let mut lists = AccessLists::default();
    lists.put(KEY, Arc::new(AccessList::new(prefixes.into_iter().map(entry).collect())));
    lists
}

fn client(number: u64) -> ClientIp {
    ClientIp::from(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | number as u32)))
}

fn busy_clock(call: u64) -> Timestamp {
    at(call / CALLS_PER_MILLISECOND)
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

criterion_group!(benches, admit_requests, refuse_requests, record_usage);
criterion_main!(benches);
