//! The program's clock as a rate limiter wants it: time that only passes.
//!
//! The limiter remembers when a bucket will be full. Were it told the time of day, a clock that is set back by an hour
//! would leave whoever had called just before without tokens for that hour. So it is told the time that has passed, where a
//! step back counts as none.

use std::sync::{Arc, Mutex, PoisonError};

use governor::nanos::Nanos;

use crate::time::{Clock, Timestamp};

/// Time that has passed since this was made. Clones tell the same.
#[derive(Clone, Debug)]
pub(super) struct PassingTime {
    clock: Clock,
    reading: Arc<Mutex<Reading>>,
}

#[derive(Debug)]
struct Reading {
    at: Timestamp,
    passed_ms: u64,
}

impl PassingTime {
    /// The passing of the time that `clock` tells.
    pub(super) fn of(clock: Clock) -> Self {
        let reading = Reading { at: clock.now(), passed_ms: 0 };
        Self { clock, reading: Arc::new(Mutex::new(reading)) }
    }
}

impl governor::clock::Clock for PassingTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, or a thread that was late would look like a step back.
        let now = self.clock.now();
        let step = u64::try_from(now.since(reading.at).as_millis()).unwrap_or(u64::MAX);
        reading.at = now;
        // The limiter's arithmetic does not saturate.
        reading.passed_ms = (reading.passed_ms + step.min(LONGEST_STEP_MS)).min(LAST_MS);
        Nanos::new(reading.passed_ms * 1_000_000)
    }
}

/// A year: by then every bucket is full.
const LONGEST_STEP_MS: u64 = 366 * 24 * 3_600_000;

/// 292 years, half of what nanoseconds in 64 bits can tell.
const LAST_MS: u64 = u64::MAX / 2 / 1_000_000;
