//! The interleavings of failures that are counted at once, run through by loom.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" CARGO_TARGET_DIR=target/loom cargo test --release --lib loom`

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;

use ::loom::thread;

use super::{Failures, Settings, WAYS};
use crate::addr::ClientIp;
use crate::time::Timestamp;

const NOON: Timestamp = Timestamp::from_millis(1_785_000_000_000);

/// Two failures empty a bucket, and nothing refills it: time stands still.
const SETTINGS: Settings = Settings { capacity: 2, per_minute: 60 };

/// Runs `body` under every order of operations that needs at most `preemptions` switches away from a thread that could go on.
/// One hasher serves all of them, or an order could not be run again.
fn model(preemptions: usize, body: impl Fn(Arc<Failures>, &[ClientIp]) + Send + Sync + 'static) {
    let hasher = RandomState::new();
    let clients = with_tags_of_their_own(&hasher, WAYS + 2);
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        body(Arc::new(Failures::with(SETTINGS, 1, hasher.clone())), &clients);
    });
}

fn with_tags_of_their_own(hasher: &RandomState, number: usize) -> Vec<ClientIp> {
    use std::hash::BuildHasher as _;
    let mut tags = vec![0];
    let mut clients = Vec::new();
    for n in 1_u32.. {
        let tag = hasher.hash_one(n) >> super::TIME_BITS;
        if !tags.contains(&tag) {
            tags.push(tag);
            clients.push(ClientIp::from(IpAddr::from(n.to_be_bytes())));
        }
        if clients.len() == number {
            break;
        }
    }
    clients
}

fn spawn(failures: &Arc<Failures>, client: ClientIp, now: Timestamp) -> thread::JoinHandle<()> {
    let failures = Arc::clone(failures);
    thread::spawn(move || failures.count(client, now))
}

fn is_limited(failures: &Failures, client: ClientIp, now: Timestamp) -> bool {
    failures.check(client, now).is_err()
}

#[test]
fn failures_of_one_address_at_once_are_all_counted() {
    model(3, |failures, clients| {
        let client = clients[0];
        for thread in [spawn(&failures, client, NOON), spawn(&failures, client, NOON)] {
            thread.join().unwrap();
        }
        assert!(is_limited(&failures, client, NOON));
    });
}

#[test]
fn failures_of_two_addresses_at_once_take_no_place_from_each_other() {
    model(3, |failures, clients| {
        let (one, other) = (clients[0], clients[1]);
        failures.count(one, NOON);
        failures.count(other, NOON);
        for thread in [spawn(&failures, one, NOON), spawn(&failures, other, NOON)] {
            thread.join().unwrap();
        }
        assert!(is_limited(&failures, one, NOON) && is_limited(&failures, other, NOON));
    });
}

#[test]
fn newcomers_to_a_full_set_at_once_leave_the_emptied_bucket_alone() {
    model(2, |failures, clients| {
        let (emptied, newcomers) = (clients[0], [clients[WAYS], clients[WAYS + 1]]);
        for client in clients[..WAYS].iter().chain([&emptied]) {
            failures.count(*client, NOON);
        }
        // Of buckets that are equally full any may leave, so the newcomers are a little later.
        let now = Timestamp::from_millis(NOON.as_millis() + 1);
        let threads = newcomers.map(|client| spawn(&failures, client, now));
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(is_limited(&failures, emptied, now));
        for client in newcomers {
            failures.count(client, now);
            assert!(is_limited(&failures, client, now), "its first failure was lost");
        }
    });
}
