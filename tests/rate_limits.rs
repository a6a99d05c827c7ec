//! How often the admin API may be asked, and how often anybody may fail to authenticate.

mod buckets;
mod failures;

use std::time::Duration;

use portcullis::time::{Clock, Timestamp};

use crate::harness::client::{Answer, Credential};
use crate::harness::gateway::clock_at;
use crate::harness::{Client, Gateway, Options, Upstream};

const NOON: i64 = 1_785_000_000_000;

/// A gateway whose clock stands at noon.
fn gateway_with(options: Options) -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    let options = Options { clock: Some(clock.clone()), ..options };
    (Gateway::with(Upstream::echo().address, options), clock)
}

/// Moves the clock to so much after noon.
fn at(clock: &Clock, after_noon: Duration) {
    clock.set(Timestamp::from_millis(NOON).after(after_noon));
}

const SECOND: Duration = Duration::from_secs(1);

/// Checks that whoever asked has to wait so many seconds.
#[track_caller]
fn assert_limited(answer: &Answer, seconds: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.error_code(), "RATE_LIMITED");
    assert_eq!(answer.header("retry-after"), Some(seconds));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
