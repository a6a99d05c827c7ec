use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp::from_millis(1_785_000_000_000);

fn client(text: &str) -> ClientIp {
    ClientIp::from(text.parse::<IpAddr>().unwrap())
}

fn later(ms: u64) -> Timestamp {
    NOON.after(Duration::from_millis(ms))
}

/// The seconds to wait, or 0.
fn wait(failures: &Failures, from: ClientIp, now: Timestamp) -> u64 {
    failures.check(from, now).err().map_or(0, |limited| limited.retry_after_seconds)
}

/// The slow twin: tokens in milliseconds of refill, one bucket for each address, and all of them for ever.
struct Exact {
    limit: Limit,
    buckets: HashMap<String, (u64, u64)>,
}

impl Exact {
    fn new(settings: Settings) -> Self {
        let limit = Failures::with(settings, 1, RandomState::new()).limit.unwrap();
        Self { limit, buckets: HashMap::new() }
    }

    fn bucket(&mut self, from: ClientIp, now_ms: u64) -> &mut u64 {
        let key = match from.as_ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("{:?}", &v6.segments()[..4]),
        };
        let full = self.limit.bucket_ms;
        let (tokens_ms, at) = self.buckets.entry(key).or_insert((full, now_ms));
        *tokens_ms = (*tokens_ms + now_ms - *at).min(full);
        *at = now_ms;
        tokens_ms
    }

    fn wait(&mut self, from: ClientIp, now_ms: u64) -> u64 {
        let missing = self.limit.token_ms.saturating_sub(*self.bucket(from, now_ms));
        missing.div_ceil(1_000)
    }

    fn count(&mut self, from: ClientIp, now_ms: u64) {
        let token_ms = self.limit.token_ms;
        let tokens_ms = self.bucket(from, now_ms);
        *tokens_ms = tokens_ms.saturating_sub(token_ms);
    }
}

fn some_client() -> impl Strategy<Value = ClientIp> {
    prop::sample::select(vec![
        client("192.0.2.1"),
        client("192.0.2.2"),
        client("::ffff:192.0.2.2"),
        client("0.0.0.1"),
        client("2001:db8:0:1::1"),
        client("2001:db8:0:1:ffff::2"),
        client("2001:db8:0:2::1"),
        client("::1"),
    ])
}

proptest! {
    #[test]
    fn the_table_agrees_with_exact_buckets(
        capacity in 1_u32..6,
        per_minute in prop::sample::select(vec![1_u32, 7, 60, 1_000]),
        calls in prop::collection::vec((some_client(), 0_u64..40_000, 0_u32..4), 1..200),
    ) {
        let settings = Settings { capacity, per_minute };
        let (table, mut exact) = (Failures::new(settings), Exact::new(settings));
        let mut ms = 0;
        for (from, step, failures) in calls {
            ms += step / u64::from(per_minute);
            for _ in 0..failures {
                table.count(from, later(ms));
                exact.count(from, ms);
            }
            prop_assert_eq!(wait(&table, from, later(ms)), exact.wait(from, ms), "{} at {}", from, ms);
        }
    }

    #[test]
    fn no_time_makes_the_table_panic_or_wait_for_ever(
        times in prop::collection::vec(any::<i64>(), 1..50),
        capacity in 1_u32..10_000,
        per_minute in 1_u32..1_000,
    ) {
        let table = Failures::new(Settings { capacity, per_minute });
        for millis in times {
            let now = Timestamp::from_millis(millis);
            table.count(client("192.0.2.1"), now);
            let longest = u64::from(60_u32.div_ceil(per_minute)) + MOST_SKEW_MS / 1_000;
            prop_assert!(wait(&table, client("192.0.2.1"), now) <= longest);
        }
    }
}

#[test]
fn an_address_waits_once_its_failures_are_used_up_and_no_other_does() {
    let table = Failures::new(Settings { capacity: 3, per_minute: 6 });
    let (guesser, other) = (client("192.0.2.1"), client("192.0.2.2"));
    for _ in 0..3 {
        assert_eq!(wait(&table, guesser, NOON), 0);
        table.count(guesser, NOON);
    }
    assert_eq!((wait(&table, guesser, NOON), wait(&table, other, NOON)), (10, 0));
    assert_eq!(wait(&table, guesser, later(9_001)), 1);
    assert_eq!(wait(&table, guesser, later(10_000)), 0);
    table.count(guesser, later(10_000));
    assert_eq!(wait(&table, guesser, later(10_000)), 10);
}

#[test]
fn what_is_counted_beyond_the_limit_makes_nobody_wait_longer() {
    let table = Failures::new(Settings { capacity: 2, per_minute: 60 });
    for _ in 0..100 {
        table.count(client("192.0.2.1"), NOON);
    }
    assert_eq!(wait(&table, client("192.0.2.1"), NOON), 1);
}

#[test]
fn without_a_limit_nothing_is_counted_or_kept() {
    let table = Failures::new(Settings::OFF);
    table.count(client("192.0.2.1"), NOON);
    assert_eq!((wait(&table, client("192.0.2.1"), NOON), table.sets.len()), (0, 0));
}

/// Addresses with as many tags.
fn strangers(table: &Failures, number: usize) -> Vec<ClientIp> {
    let mut tags = Vec::new();
    let addresses = (1_u32..).map(|n| ClientIp::from(IpAddr::from(n.to_be_bytes())));
    let fresh = addresses.filter(|address| {
        let tag = table.home(*address).1;
        !tags.contains(&tag) && tag != 0 && {
            tags.push(tag);
            true
        }
    });
    fresh.take(number).collect()
}

#[test]
fn when_a_set_is_full_the_fullest_bucket_leaves() {
    let table = Failures::with(Settings { capacity: 5, per_minute: 60 }, 1, RandomState::new());
    let all = strangers(&table, 500);
    let (guesser, crowd) = all.split_first().unwrap();
    for _ in 0..5 {
        table.count(*guesser, NOON);
    }
    for stranger in crowd {
        table.count(*stranger, NOON);
    }
    assert_eq!(wait(&table, *guesser, NOON), 1, "a crowd makes the table forget nobody it has to");
    // Once it is full again, its slot is anybody's.
    for stranger in &crowd[..WAYS] {
        for _ in 0..5 {
            table.count(*stranger, later(5_000));
        }
    }
    assert!(crowd[..WAYS].iter().all(|stranger| wait(&table, *stranger, later(5_000)) == 1));
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out_for_long() {
    let from = client("192.0.2.1");
    let emptied = || {
        let table = Failures::new(Settings { capacity: 2, per_minute: 60 });
        table.count(from, NOON);
        table.count(from, NOON);
        table
    };
    let before = |ms: i64| Timestamp::from_millis(NOON.as_millis() - ms);
    assert_eq!(wait(&emptied(), from, before(30_000)), 31);
    let table = emptied();
    assert_eq!(wait(&table, from, before(3_600_000)), 0);
    table.count(from, before(3_600_000));
    assert_eq!(wait(&table, from, before(3_600_000)), 0, "one of two is left");
    table.count(from, before(3_600_000));
    assert_eq!(wait(&table, from, before(3_600_000)), 1);
}

#[test]
fn the_table_takes_half_a_mebibyte() {
    assert_eq!(size_of::<Set>() * Failures::new(Settings::default()).sets.len(), 512 * 1024);
}
