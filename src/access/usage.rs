//! How often, when and from where an entry was used.
//!
//! A [`Usage`] is written by every request that its entry admits, on any thread, and read by the admin
//! API and by the one flusher. It is a count beside a small sequence lock made of atomics.
//!
//! Invariants
//! - A writer never waits: it takes the pair of time and address if no other request is writing it, and
//!   passes it over otherwise. Two such requests overlap, so that either may be called the last.
//! - Time and address are read as one request wrote them; an address is never torn.
//! - The count is exact. Whoever sees a request counted also sees its time and address, or those of a
//!   later request or of one that overlapped it; so a flush of the last count flushes the last use too.
//! - The time of the last use never moves back, also when the clock is set back.
//!
//! Not here: when usage is flushed (`control`), where it is kept (`store`).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::addr::ClientIp;
use crate::sync::{AtomicI64, AtomicU64, Ordering, fence, spin_loop, yield_now};
use crate::time::Timestamp;

/// The usage cell of one entry.
pub struct Usage {
    count: AtomicU64,
    /// How much of the count is stored already.
    flushed: AtomicU64,
    /// Guards the three fields below: zero before the first use, odd while a request writes them, even and
    /// different after each write.
    sequence: AtomicU64,
    at_ms: AtomicI64,
    /// The address in its IPv6 form. A [`ClientIp`] is never IPv4-mapped, so that form is free to say IPv4.
    address_high: AtomicU64,
    address_low: AtomicU64,
}

/// The time and the address of one request, the last one that an entry admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: ClientIp,
}

/// What an entry gathered since its last flush.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UsageDelta {
    /// Requests admitted since.
    pub count: u64,
    /// The last of all.
    pub last: Option<LastUse>,
}

impl Usage {
    /// A cell that goes on from what was stored.
    pub fn restored(count: u64, last: Option<LastUse>) -> Self {
        let words = last.map(Words::from);
        let Words { at_ms, high, low } = words.unwrap_or_default();
        Self {
            count: AtomicU64::new(count),
            flushed: AtomicU64::new(count),
            sequence: AtomicU64::new(if words.is_some() { FIRST_WRITTEN } else { UNUSED }),
            at_ms: AtomicI64::new(at_ms),
            address_high: AtomicU64::new(high),
            address_low: AtomicU64::new(low),
        }
    }

    /// Counts one admitted request. Never waits.
    pub fn record(&self, client: ClientIp, now: Timestamp) {
        self.offer(Words::from(LastUse { at: now, from: client }));
        // The pair comes first: whoever sees the request counted must not miss its address.
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Requests admitted so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The last admitted request. Waits for one that is being written, which takes a few instructions.
    pub fn last(&self) -> Option<LastUse> {
        let mut spins = 0;
        loop {
            if let Ok(last) = self.try_last() {
                return last;
            }
            // A writer that lost its processor in between will not be done within a few spins.
            if spins < SPINS {
                spins += 1;
                spin_loop();
            } else {
                yield_now();
            }
        }
    }

    /// What came since the last [`confirm_flushed`](Self::confirm_flushed); `None` when nothing did. For the one flusher.
    pub fn unflushed(&self) -> Option<UsageDelta> {
        let flushed = self.flushed.load(Ordering::Acquire);
        // The count before the pair: a use that is read without its count comes again with it.
        let count = self.count().saturating_sub(flushed);
        (count > 0).then(|| UsageDelta { count, last: self.last() })
    }

    /// Says that a delta is stored. For the one flusher.
    pub fn confirm_flushed(&self, stored: UsageDelta) {
        self.flushed.fetch_add(stored.count, Ordering::Release);
    }

    /// Makes `new` the last use, unless a later one or the same is there already, or another request is writing.
    fn offer(&self, new: Words) {
        let before = self.sequence.load(Ordering::Acquire);
        if !is_whole(before) {
            return;
        }
        // Not checked again: a pair torn here means that another request writes at this moment, and to
        // leave is right then; before anything is written, the exchange below checks.
        if before != UNUSED && !self.words().is_superseded_by(new) {
            return;
        }
        let taken = self.sequence.compare_exchange(
            before,
            before + 1,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if taken.is_err() {
            return;
        }
        // Whoever reads one of the new words must also see the odd sequence.
        fence(Ordering::Release);
        self.at_ms.store(new.at_ms, Ordering::Relaxed);
        self.address_high.store(new.high, Ordering::Relaxed);
        self.address_low.store(new.low, Ordering::Relaxed);
        self.sequence.store(before + 2, Ordering::Release);
    }

    /// The last admitted request, unless one was being written meanwhile.
    fn try_last(&self) -> Result<Option<LastUse>, BeingWritten> {
        let before = self.sequence.load(Ordering::Acquire);
        if before == UNUSED {
            return Ok(None);
        }
        let words = self.words();
        // Keeps the reads of the words above the second look at the sequence.
        fence(Ordering::Acquire);
        if is_whole(before) && self.sequence.load(Ordering::Relaxed) == before {
            Ok(Some(words.into()))
        } else {
            Err(BeingWritten)
        }
    }

    fn words(&self) -> Words {
        Words {
            at_ms: self.at_ms.load(Ordering::Relaxed),
            high: self.address_high.load(Ordering::Relaxed),
            low: self.address_low.load(Ordering::Relaxed),
        }
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self::restored(0, None)
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("count", &self.count())
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

/// A [`LastUse`] as the cell keeps it.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Words {
    at_ms: i64,
    high: u64,
    low: u64,
}

impl Words {
    /// Whether `new` is to take the place of these.
    fn is_superseded_by(self, new: Self) -> bool {
        self.at_ms < new.at_ms || (self.at_ms == new.at_ms && self != new)
    }
}

impl From<LastUse> for Words {
    fn from(last: LastUse) -> Self {
        let address = match last.from.as_ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let bits = address.to_bits();
        Self { at_ms: last.at.as_millis(), high: (bits >> 64) as u64, low: bits as u64 }
    }
}

impl From<Words> for LastUse {
    fn from(words: Words) -> Self {
        let bits = u128::from(words.high) << 64 | u128::from(words.low);
        Self {
            at: Timestamp::from_millis(words.at_ms),
            // The canonical form of the IPv4-mapped address is the IPv4 address.
            from: ClientIp::from(IpAddr::V6(Ipv6Addr::from_bits(bits))),
        }
    }
}

/// The words read may be of two requests.
struct BeingWritten;

/// Whether no request is writing at this sequence.
fn is_whole(sequence: u64) -> bool {
    sequence.is_multiple_of(2)
}

/// The sequence of a cell that was never used.
const UNUSED: u64 = 0;

/// The sequence of a cell that holds its first last use.
const FIRST_WRITTEN: u64 = 2;

/// How often a reader looks again before it lets another thread run.
const SPINS: u32 = 16;

#[cfg(all(test, portcullis_loom))]
mod loom;

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    fn last(at_ms: i64, from: &str) -> LastUse {
        let ip: IpAddr = from.parse().unwrap();
        LastUse { at: Timestamp::from_millis(at_ms), from: ClientIp::from(ip) }
    }

    fn record(usage: &Usage, request: LastUse) {
        usage.record(request.from, request.at);
    }

    #[test]
    fn a_fresh_cell_knows_of_no_use() {
        let usage = Usage::default();
        assert_eq!((usage.count(), usage.last(), usage.unflushed()), (0, None, None));
    }

    #[test]
    fn the_last_request_is_told_as_it_came() {
        for (text, at_ms) in [
            ("192.0.2.1", 1_785_000_000_987),
            ("0.0.0.0", 1),
            ("255.255.255.255", 1),
            ("2001:db8:1:2:3:4:5:6", 5),
            ("::", 0),
            ("::1", 0),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", i64::MAX),
            ("::192.0.2.1", -1),
        ] {
            let usage = Usage::default();
            record(&usage, last(at_ms, text));
            assert_eq!(usage.last(), Some(last(at_ms, text)), "{text} at {at_ms}");
            assert_eq!(usage.count(), 1);
        }
    }

    #[test]
    fn the_last_use_is_the_latest_and_never_moves_back() {
        let usage = Usage::default();
        for (request, then) in [
            (last(10, "192.0.2.1"), last(10, "192.0.2.1")),
            (last(10, "192.0.2.1"), last(10, "192.0.2.1")), // The same once more.
            (last(10, "192.0.2.2"), last(10, "192.0.2.2")), // In one millisecond the later call wins.
            (last(9, "192.0.2.3"), last(10, "192.0.2.2")),  // The clock was set back.
            (last(11, "2001:db8::1"), last(11, "2001:db8::1")),
            (last(12, "2001:db8::1"), last(12, "2001:db8::1")), // Only the time is new.
        ] {
            record(&usage, request);
            assert_eq!(usage.last(), Some(then), "after {request:?}");
        }
        assert_eq!(usage.count(), 6);
    }

    #[test]
    fn a_restored_cell_goes_on_from_what_was_stored() {
        let usage = Usage::restored(41, Some(last(10, "192.0.2.1")));
        assert_eq!((usage.count(), usage.last()), (41, Some(last(10, "192.0.2.1"))));
        assert_eq!(usage.unflushed(), None);
        record(&usage, last(11, "192.0.2.2"));
        assert_eq!(usage.count(), 42);
        assert_eq!(
            usage.unflushed(),
            Some(UsageDelta { count: 1, last: Some(last(11, "192.0.2.2")) })
        );
    }

    #[test]
    fn a_count_without_a_last_use_is_restored_too() {
        let usage = Usage::restored(7, None);
        assert_eq!((usage.count(), usage.last(), usage.unflushed()), (7, None, None));
    }

    #[test]
    fn what_is_not_confirmed_is_told_again_and_what_is_confirmed_is_not() {
        let usage = Usage::default();
        record(&usage, last(1, "192.0.2.1"));
        let first = usage.unflushed().unwrap();
        assert_eq!(first, UsageDelta { count: 1, last: Some(last(1, "192.0.2.1")) });
        record(&usage, last(2, "192.0.2.2"));
        assert_eq!(usage.unflushed().unwrap().count, 2, "the first delta was not stored");
        usage.confirm_flushed(first);
        assert_eq!(
            usage.unflushed(),
            Some(UsageDelta { count: 1, last: Some(last(2, "192.0.2.2")) })
        );
        usage.confirm_flushed(usage.unflushed().unwrap());
        assert_eq!((usage.count(), usage.unflushed()), (2, None));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_cell_takes_48_bytes() {
        assert_eq!(size_of::<Usage>(), 48);
    }
}
