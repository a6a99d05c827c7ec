use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

const NOON: i64 = 1_785_000_000_000;

fn id(number: u32) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// Limits with `bucket` alone, and the clock that they go by.
fn limits(bucket: RateBucket, size: Size) -> (RateLimits, Clock) {
    let clock = Clock::manual(Timestamp::from_millis(NOON));
    let mut settings = Settings::off();
    settings.set(bucket, Some(size));
    (RateLimits::new(&settings, &clock, Arc::new(Metrics::new().unwrap())), clock)
}

/// Tokens left after a call, or the seconds to wait.
fn call(limits: &RateLimits, bucket: RateBucket, org: u32, credential: u32) -> Result<u32, u64> {
    let outcome = limits.spend(bucket, OrgId(id(org)), CredentialId(id(credential)));
    let remaining = |allowance: Option<Allowance>| allowance.expect("not off").remaining;
    outcome.map(remaining).map_err(|exceeded| exceeded.wait_seconds)
}

#[test]
fn a_bucket_gives_what_it_holds_and_then_what_it_gets_a_minute() {
    let (limits, clock) = limits(RateBucket::Caller, Size::new(3, 6));
    let call = || call(&limits, RateBucket::Caller, 1, 1);
    assert_eq!([call(), call(), call()], [Ok(2), Ok(1), Ok(0)]);
    for (seconds, outcome) in [
        (0.0, Err(10)),
        (0.001, Err(10)), // Whole seconds, rounded up.
        (9.0, Err(1)),
        (9.999, Err(1)),
        (10.0, Ok(0)),
        (10.0, Err(10)),
        (35.0, Ok(1)),
        (600.0, Ok(2)), // Never more than it holds.
    ] {
        clock.set(Timestamp::from_millis(NOON).after(Duration::from_secs_f64(seconds)));
        assert_eq!(call(), outcome, "at {seconds} s");
    }
}

#[test]
fn an_organization_s_callers_share_its_buckets_and_have_their_own_for_themselves() {
    for bucket in RateBucket::ALL {
        let (limits, _) = limits(bucket, Size::new(1, 1));
        let shared = !matches!(bucket, RateBucket::Caller | RateBucket::Token);
        assert_eq!(call(&limits, bucket, 1, 1), Ok(0));
        assert_eq!(call(&limits, bucket, 1, 2).is_err(), shared, "{bucket:?}");
        assert_eq!(call(&limits, bucket, 2, 3), Ok(0), "{bucket:?}");
    }
}

#[test]
fn a_bucket_that_is_off_limits_nobody_and_tells_nothing() {
    let (limits, _) = limits(RateBucket::Token, Size::new(1, 1));
    for _ in 0..1000 {
        let outcome = limits.spend(RateBucket::Caller, OrgId(id(1)), CredentialId(id(1)));
        assert_eq!(outcome, Ok(None));
    }
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let (limits, clock) = limits(RateBucket::Caller, Size::new(2, 60));
    let call = || call(&limits, RateBucket::Caller, 1, 1);
    assert_eq!([call(), call(), call()], [Ok(1), Ok(0), Err(1)]);
    clock.set(Timestamp::from_millis(NOON - 3_600_000));
    assert_eq!(call(), Err(1));
    clock.set(Timestamp::from_millis(NOON - 3_599_000));
    assert_eq!([call(), call()], [Ok(0), Err(1)]);
}

#[test]
fn buckets_that_are_full_again_are_let_go() {
    let (limits, clock) = limits(RateBucket::Caller, Size::new(10, 60));
    let limiter = || limits.limiters[RateBucket::Caller as usize].as_ref().unwrap();
    for credential in 0..3_000 {
        call(&limits, RateBucket::Caller, 1, credential).unwrap();
    }
    assert_eq!(limiter().buckets.len(), 3_000, "none is full");
    clock.set(Timestamp::from_millis(NOON + 60_000));
    for credential in 10_000..12_000 {
        call(&limits, RateBucket::Caller, 1, credential).unwrap();
    }
    assert!(limiter().buckets.len() <= 2_000, "{}", limiter().buckets.len());
}

proptest! {
    #[test]
    fn no_clock_makes_a_bucket_panic_or_stay_shut(
        times in prop::collection::vec(any::<i64>(), 1..50),
        capacity in prop_oneof![1_u32..=3, Just(100_000)],
        per_minute in 1_u32..=100_000,
    ) {
        let (limits, clock) = limits(RateBucket::Caller, Size::new(capacity, per_minute));
        for millis in times {
            clock.set(Timestamp::from_millis(millis));
            let refilled = u64::from(60_u32.div_ceil(per_minute));
            if let Err(wait) = call(&limits, RateBucket::Caller, 1, 1) {
                prop_assert!((1..=refilled).contains(&wait), "{wait}");
            }
        }
    }
}
