//! How often the API may be asked: buckets of tokens, of which each call that is let in takes one.
//!
//! | bucket | scope | capacity, refill a minute |
//! |---|---|---|
//! | API keys, service accounts and their lists | organization | 500, 250 |
//! | `GET /orgs`, and what else a caller asks about itself | credential | 300, 100 |
//! | an organization by its id | organization | 500, 250 |
//! | an organization's settings | organization | 10, 5 |
//! | access tokens | service account | 10, 10 |
//!
//! Source: the published API's documented limits; the config has a key for each. The organization is the caller's own, even
//! where the path names another, so that nobody spends what is another's.
//!
//! Invariants
//! - A call takes a token once it is known who calls and from where, and before anything else is done for it.
//! - Memory is bounded by the organizations and credentials there are: nothing else is a key, and the buckets of those
//!   that have gone are let go once they are full again.
//! - The time of day may be set: forward, buckets fill up; back, they go on filling from there, and nobody is locked out.
//!
//! Not here: which call takes from which bucket (`table`); failures to authenticate, which are limited by the address that they come from (`identity`).

mod passing;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http::header::{HeaderMap, HeaderName, RETRY_AFTER};

use self::passing::PassingTime;
use crate::id::{CredentialId, ObjectId, OrgId};
use crate::telemetry::metrics::Metrics;
pub use crate::telemetry::metrics::RateBucket;
use crate::time::Clock;

/// The size of each bucket; none where it is off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings([Option<Size>; RateBucket::ALL.len()]);

/// The size of a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// Tokens that it holds: calls that may come at once.
    pub capacity: NonZeroU32,
    /// Tokens that it gets a minute, evenly: calls that may come for ever.
    pub per_minute: NonZeroU32,
}

impl Size {
    /// A bucket of `capacity` tokens that gets `per_minute`; 0 counts as 1.
    pub const fn new(capacity: u32, per_minute: u32) -> Self {
        Self { capacity: at_least_one(capacity), per_minute: at_least_one(per_minute) }
    }

    /// The published size. Source: the API's documentation, August 2026.
    pub const fn published(bucket: RateBucket) -> Self {
        match bucket {
            RateBucket::OrganizationResources | RateBucket::Organization => Self::new(500, 250),
            RateBucket::Caller => Self::new(300, 100),
            RateBucket::OrganizationSettings => Self::new(10, 5),
            RateBucket::Token => Self::new(10, 10),
        }
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Settings {
    /// No limit at all.
    pub fn off() -> Self {
        Self([None; RateBucket::ALL.len()])
    }

    /// Makes `bucket` that large.
    pub fn set(&mut self, bucket: RateBucket, size: Option<Size>) {
        self.0[bucket as usize] = size;
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self(RateBucket::ALL.map(|bucket| Some(Size::published(bucket))))
    }
}

/// Every bucket there is.
#[derive(Debug)]
pub struct RateLimits {
    limiters: [Option<Limiter>; RateBucket::ALL.len()],
    metrics: Arc<Metrics>,
}

/// What is left after a call was let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Allowance {
    /// The bucket's capacity.
    pub limit: u32,
    /// Whole tokens in it.
    pub remaining: u32,
}

/// A call that found its bucket empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the bucket {} is empty for {wait_seconds} s", .bucket.label())]
pub struct Exceeded {
    /// Which one.
    pub bucket: RateBucket,
    /// Its size.
    pub size: Size,
    /// Seconds until it has a token, rounded up; at least 1.
    pub wait_seconds: u64,
}

impl RateLimits {
    /// Full buckets.
    pub fn new(settings: &Settings, clock: &Clock, metrics: Arc<Metrics>) -> Self {
        let time = PassingTime::of(clock.clone());
        let limiters = settings.0.map(|size| size.map(|size| Limiter::new(size, time.clone())));
        Self { limiters, metrics }
    }

    /// Takes a token for a call of `credential`, which belongs to `org`. None is told where the bucket is off.
    ///
    /// Both must be of the snapshot in force: what a client makes up would be kept for nothing.
    ///
    /// # Errors
    /// The bucket is empty, which is counted.
    pub fn spend(
        &self,
        bucket: RateBucket,
        org: OrgId,
        credential: CredentialId,
    ) -> Result<Option<Allowance>, Exceeded> {
        let Some(limiter) = &self.limiters[bucket as usize] else { return Ok(None) };
        let key = match bucket {
            RateBucket::Caller | RateBucket::Token => credential.0,
            RateBucket::OrganizationResources
            | RateBucket::Organization
            | RateBucket::OrganizationSettings => org.0,
        };
        let size = limiter.size;
        match limiter.spend(key) {
            Ok(remaining) => Ok(Some(Allowance { limit: size.capacity.get(), remaining })),
            Err(wait_seconds) => {
                self.metrics.rate_limited(bucket);
                Err(Exceeded { bucket, size, wait_seconds })
            }
        }
    }
}

impl Allowance {
    /// Tells it to the caller.
    pub(super) fn add_headers(self, headers: &mut HeaderMap) {
        headers.insert(RATE_LIMIT_LIMIT, self.limit.into());
        headers.insert(RATE_LIMIT_REMAINING, self.remaining.into());
    }
}

impl Exceeded {
    /// Tells the caller when to come again.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(RETRY_AFTER, self.wait_seconds.into());
    }
}

/// The buckets of one kind.
#[derive(Debug)]
struct Limiter {
    size: Size,
    buckets: Buckets,
    /// With how many buckets the full ones are looked for next.
    crowded_at: AtomicUsize,
}

type Buckets =
    RateLimiter<ObjectId, HashMapStateStore<ObjectId>, PassingTime, StateInformationMiddleware>;

impl Limiter {
    fn new(size: Size, time: PassingTime) -> Self {
        let quota = Quota::per_minute(size.per_minute).allow_burst(size.capacity);
        Self {
            size,
            buckets: Buckets::new(quota, HashMapStateStore::default(), time),
            crowded_at: AtomicUsize::new(LEAST_CROWD),
        }
    }

    /// Whole tokens left, or the seconds to wait for one.
    fn spend(&self, key: ObjectId) -> Result<u32, u64> {
        if self.buckets.len() >= self.crowded_at.load(Ordering::Relaxed) {
            self.forget_full();
        }
        match self.buckets.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.buckets.clock().now());
                let begun = u64::from(wait.subsec_nanos() > 0);
                Err((wait.as_secs() + begun).max(1))
            }
        }
    }

    /// A full bucket is as good as none. Looked for each time the number has doubled, so a call pays a constant share of it.
    fn forget_full(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
        let next = self.buckets.len().saturating_mul(2).max(LEAST_CROWD);
        self.crowded_at.store(next, Ordering::Relaxed);
    }
}

const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");

const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// Seconds in which a bucket gets its refill.
pub(super) const PERIOD_SECONDS: i64 = 60;

/// Buckets below which the full ones are not looked for: some tens of kilobytes.
const LEAST_CROWD: usize = 1024;

#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests;
