//! How many credentials from one address may be refused before no more from there are looked at.
//!
//! Guessing is slowed down before it costs anything: while an address is over its limit, not even a right credential from it is
//! looked at, since the answer would tell that it is right. One table of fixed size serves every thread of both planes.
//! There is no lock: a thread that stands still anywhere in here holds up no other.
//!
//! # Structure
//!
//! Each address has a bucket of tokens, of which a refusal takes one. Of IPv6 the first 64 bits are the address: the rest is
//! whatever its owner likes. A bucket is one number, the time at which it will be full again (the generic cell rate
//! algorithm), and nothing else is kept: a slot is one word, a set of eight slots one cache line, and 8,192 sets take 512 KiB.
//!
//! ```text
//! tag 22 │ full again at 42      ms since 1970; up to now is full, so a word of zero is anybody's
//! ```
//!
//! Set and tag are bits of a hash under a key of the process's own, so nobody can pick addresses that share a slot with
//! another's. When a set has no slot left that is full, the fullest one leaves: whoever has many addresses gets that many
//! buckets, but cannot make the table forget the one that it has emptied before it forgets those that are nearly full.
//!
//! # What holds, and what does not
//!
//! - No refusal is lost: a word is replaced only by a swap that has read what it replaces.
//! - Threads look first and count afterwards, so that as many refusals as there are threads may be one over the limit.
//! - Two addresses with one tag in one set share a bucket: for any two, once in 3·10^10.
//! - Two threads that count the first refusal of an address at once find the same slot, unless the set has changed
//!   between; then the address has two buckets for a while, and the emptier one counts.
//! - Where the clock was set back by more than a minute, what was counted before is void, or it would count for that long.
//!
//! Not here: what a refusal is (`scheme`), how an address over its limit is answered (`proxy::respond`, `admin::error`).

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use crate::addr::ClientIp;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Timestamp;

/// What is allowed of failures from one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Failures that may come at once; 0: as many as anybody likes. Default 100.
    pub capacity: u32,
    /// Failures that may come a minute, for ever; 0 counts as 1. Default 60.
    pub per_minute: u32,
}

impl Settings {
    /// No limit.
    pub const OFF: Self = Self { capacity: 0, per_minute: 1 };
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: 100, per_minute: 60 }
    }
}

/// Too many credentials from an address were refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "too many credentials from this address were refused; the next may come in {retry_after_seconds} s"
)]
pub struct TooManyFailures {
    /// Seconds until one more will be looked at, rounded up; at least 1.
    pub retry_after_seconds: u64,
}

/// The failures of every address.
pub struct Failures {
    limit: Option<Limit>,
    sets: Box<[Set]>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Limit {
    /// In which a bucket gets one token.
    token_ms: u64,
    /// In which an empty bucket gets full.
    bucket_ms: u64,
}

impl Failures {
    /// A table in which nobody has failed. Memory is taken at once, none where there is no limit.
    pub fn new(settings: Settings) -> Self {
        let sets = if settings.capacity == 0 { 0 } else { SETS };
        Self::with(settings, sets, RandomState::new())
    }

    fn with(settings: Settings, sets: usize, hasher: RandomState) -> Self {
        let token_ms = 60_000_u64.div_ceil(u64::from(settings.per_minute.max(1)));
        let limit = Limit { token_ms, bucket_ms: token_ms * u64::from(settings.capacity) };
        Self {
            limit: (settings.capacity > 0).then_some(limit),
            sets: (0..sets).map(|_| Set::new()).collect(),
            hasher,
        }
    }

    /// Whether a credential from `client` may be looked at. Nothing is taken for that.
    ///
    /// # Errors
    /// Too many from there were refused.
    #[inline]
    pub fn check(&self, client: ClientIp, now: Timestamp) -> Result<(), TooManyFailures> {
        let Some(limit) = self.limit else { return Ok(()) };
        let now_ms = unix_ms(now);
        let (set, tag) = self.home(client);
        match limit.wait_ms(set.full_at(tag, limit.latest(now_ms)), now_ms) {
            0 => Ok(()),
            wait => Err(TooManyFailures { retry_after_seconds: wait.div_ceil(1_000) }),
        }
    }

    /// Counts a credential from `client` that was refused.
    pub fn count(&self, client: ClientIp, now: Timestamp) {
        let Some(limit) = self.limit else { return };
        let now_ms = unix_ms(now);
        let (set, tag) = self.home(client);
        loop {
            let (slot, seen) = set.emptiest_of(tag, limit.latest(now_ms));
            let full_at = seen.full_at(tag, limit.latest(now_ms));
            let next = Word::new(tag, limit.full_at_after_one_more(full_at, now_ms));
            // Each slot stands for itself, and nothing else is read by it: no order with other memory is needed.
            let swap = slot.compare_exchange(seen.0, next.0, Ordering::Relaxed, Ordering::Relaxed);
            if swap.is_ok() {
                return;
            }
        }
    }

    fn home(&self, client: ClientIp) -> (&Set, u64) {
        let hash = match client.as_ip() {
            IpAddr::V4(v4) => self.hasher.hash_one(u32::from(v4)),
            IpAddr::V6(v6) => self.hasher.hash_one((u128::from(v6) >> 64) as u64),
        };
        // The number of sets is a power of two.
        (&self.sets[hash as usize & (self.sets.len() - 1)], hash >> TIME_BITS)
    }
}

impl std::fmt::Debug for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failures").finish_non_exhaustive()
    }
}

impl Limit {
    /// How long a bucket that will be full at that time has to wait for a token.
    fn wait_ms(self, full_at_ms: u64, now_ms: u64) -> u64 {
        (full_at_ms + self.token_ms).saturating_sub(now_ms + self.bucket_ms)
    }

    /// When the bucket will be full once it has given one more. An empty one gives none, so that the wait does not grow.
    fn full_at_after_one_more(self, full_at_ms: u64, now_ms: u64) -> u64 {
        let wanted = full_at_ms.max(now_ms) + self.token_ms;
        wanted.min(now_ms + self.bucket_ms).max(full_at_ms)
    }

    /// The latest time that can have been written by now, on a clock that was not set back.
    fn latest(self, now_ms: u64) -> u64 {
        now_ms + self.bucket_ms + MOST_SKEW_MS
    }
}

#[repr(align(64))] // A cache line.
struct Set([AtomicU64; WAYS]);

impl Set {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// When the bucket of `tag` will be full; 0 where there is none.
    fn full_at(&self, tag: u64, latest: u64) -> u64 {
        self.words().map(|(_, word)| word.full_at(tag, latest)).fold(0, u64::max)
    }

    /// The slot of `tag`, the emptier one if there are two; or else the slot to take for it, the fullest there is.
    fn emptiest_of(&self, tag: u64, latest: u64) -> (&AtomicU64, Word) {
        let rank = |(_, word): &(_, Word)| {
            let full_at = word.full_at(word.tag(), latest);
            if word.tag() == tag { (true, full_at) } else { (false, LAST_MS - full_at) }
        };
        self.words().max_by_key(rank).unwrap_or((&self.0[0], Word(0)))
    }

    fn words(&self) -> impl Iterator<Item = (&AtomicU64, Word)> {
        self.0.iter().map(|slot| (slot, Word(slot.load(Ordering::Relaxed))))
    }
}

/// What a slot holds.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    fn new(tag: u64, full_at_ms: u64) -> Self {
        Self((tag << TIME_BITS) | full_at_ms.min(LAST_MS))
    }

    fn tag(self) -> u64 {
        self.0 >> TIME_BITS
    }

    /// When the bucket of `tag` will be full; 0 where this is another's, or later than can be.
    fn full_at(self, tag: u64, latest: u64) -> u64 {
        let full_at = self.0 & LAST_MS;
        if self.tag() == tag && full_at <= latest { full_at } else { 0 }
    }
}

fn unix_ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0).min(LAST_MS)
}

/// Addresses that are remembered at once: 65,536, as many as nonces.
const SETS: usize = 8_192;

/// Slots of a set.
const WAYS: usize = 8;

/// Bits of the time; the others are the tag.
const TIME_BITS: u32 = 42;

/// The last time that can be told, in the year 2109.
const LAST_MS: u64 = (1 << TIME_BITS) - 1;

/// How much later than another's a thread's time may be: far longer than between its reading and its use.
const MOST_SKEW_MS: u64 = 60_000;

#[cfg(all(test, portcullis_loom))]
mod loom;
#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests;
