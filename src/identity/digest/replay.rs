//! Remembers which counts of which nonces were used, so that no answer is accepted twice.
//!
//! One table of fixed size serves every thread; it is asked only about right answers. There is no lock: a thread that
//! stands still anywhere in here holds up no other.
//!
//! # Structure
//!
//! Five slots for two nonces that are to be remembered, in buckets of eight. Each nonce has two home buckets, picked by
//! bits that no client can know, and may sit in any of their sixteen slots; a new one takes the place of the oldest
//! there. With two homes to choose from, the oldest of sixteen is seldom far from the oldest of all: of 400,000 simulated
//! evictions from a table for 65,536, none was of one of the last 65,536 nonces.
//!
//! A slot is two words of 128 bits, so a nonce takes 80 bytes: 5 MiB for the default of 65,536.
//!
//! ```text
//! key     issue time 48 │ random 48       │ generation 32     whose slot it is, and how often it has changed hands
//! window  generation 32 │ highest count 32│ counts seen 64    bit n: the highest less n was used
//! ```
//!
//! The **watermark** is a time. Nonces issued at it or before are forgotten: they may have been in the table and left,
//! so they are stale from then on.
//!
//! # Why no (nonce, count) is ever accepted twice
//!
//! All operations are sequentially consistent, so there is one order of them all. The rules:
//!
//! 1. The watermark never falls.
//! 2. A key is replaced only after the watermark was raised to its issue time, and the new key has the next generation. So a
//!    key word never comes back, and a slot with a given key word is one *tenancy*.
//! 3. A window begins when a tenant finds it in an older generation, and is then of the tenant's; from a newer one the tenant
//!    learns that it was evicted. Within a generation counts are only added. So the window word only moves
//!    forward, it never comes back either, and a compare-and-swap that succeeds has read what it replaces.
//! 4. A thread that found or inserted its nonce in a slot *then* reads the fifteen others; seeing the nonce there too, it refuses.
//! 5. A thread that added a count to the window *then* reads the watermark; seeing the nonce forgotten, it refuses.
//!
//! Suppose two threads were both told that their use of the same count of nonce N is the first.
//!
//! - By rule 5 neither saw N forgotten after its count was in, so by rule 2 no tenancy of N had ended before.
//! - *In one tenancy:* the later of the two swaps replaced a window that held the count already (rule 3). It cannot have.
//! - *In two tenancies of one slot:* the second began when the first had ended. It had not.
//! - *In two slots:* let the tenancy of A have begun before that of B. B's thread read A's slot after its own tenancy
//!   began (rule 4), and the tenancy of A had not ended. It saw N there and refused.
//!
//! What may happen instead, rarely, is that a right answer is refused as stale, and the client comes again with a new nonce:
//!
//! - Two threads insert N in two slots at once (both compare-and-swaps succeed only if the sixteen slots changed in
//!   between, or they would have picked the same one). N is then in two places and refused until it is forgotten.
//! - N is evicted between another thread's looking and its counting, or sixteen other nonces got ahead of it at one slot.
//! - A forgotten N, inserted by a thread that had looked at the watermark before it rose, fills a slot in vain.
//! - A generation wraps round after 2^32 tenants of one slot; for that to matter, a thread would have to stand still meanwhile.
//!
//! # Time
//!
//! The table reads no clock and knows nothing of lifetimes: an expired nonce leaves when it is the oldest, and the
//! watermark follows it, which no fresh nonce feels. Reusing a slot *because* its nonce expired, without raising the
//! watermark, would let a replay in whenever two threads' clocks, or one before and after a step back, disagree about expiry.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use portable_atomic::AtomicU128;

use super::nonce::Nonce;

/// The uses of nonces that are remembered.
pub(super) struct ReplayTable {
    /// The left half holds every nonce's first home, the right half its second.
    buckets: Box<[Bucket]>,
    watermark_ms: AtomicU64,
}

/// What the table says about a use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is the first of this count; no other thread was or will be told so.
    First,
    /// The count was used before, or is so far below the highest that nobody knows.
    Repeated,
    /// What this nonce was used for is not known, or not for certain.
    Forgotten,
}

impl ReplayTable {
    /// A table that remembers at least about this many nonces, 1 to 2^24; memory is taken at once.
    pub(super) fn new(nonces_remembered: usize) -> Self {
        let slots = nonces_remembered.clamp(1, MOST_NONCES) * 5 / 2;
        let half = slots.div_ceil(2 * WAYS);
        Self {
            buckets: (0..2 * half).map(|_| Bucket::default()).collect(),
            watermark_ms: AtomicU64::new(NOT_BEGUN),
        }
    }

    /// Forgets, the first time it is called, whatever was issued before `now_ms`.
    ///
    /// A nonce issued before this table was there may have been used by then, in a process that ended or under
    /// settings that were replaced; accepting it would accept its replay.
    pub(super) fn begin(&self, now_ms: u64) {
        if self.watermark_ms.load(SeqCst) == NOT_BEGUN {
            let before = now_ms.saturating_sub(1).max(NOT_BEGUN + 1);
            // Who loses has been overtaken by a thread that did the same.
            let _ = self.watermark_ms.compare_exchange(NOT_BEGUN, before, SeqCst, SeqCst);
        }
    }

    /// The issue time up to which nonces are forgotten, in milliseconds since 1970.
    pub(super) fn watermark_ms(&self) -> u64 {
        self.watermark_ms.load(SeqCst)
    }

    /// Uses `count` of `nonce`. The answer that it came with must have been found right.
    pub(super) fn spend(&self, nonce: &Nonce, count: NonZeroU32) -> Verdict {
        match self.enter(nonce) {
            Some(tenancy) => self.count(nonce, tenancy, count),
            None => Verdict::Forgotten,
        }
    }

    /// The nonce's one tenancy, unless the nonce is forgotten, there is no room, or there are two.
    fn enter(&self, nonce: &Nonce) -> Option<Tenancy> {
        if self.has_forgotten(nonce) {
            return None; // Rule 5 would refuse it too, but after it took somebody's place.
        }
        let homes = self.homes(nonce);
        let tenancy = settle(&homes, nonce, &self.watermark_ms)?;
        is_only_tenancy(&homes, tenancy, Key::of(nonce)).then_some(tenancy)
    }

    /// Counts in the tenancy's window; rule 5.
    fn count(&self, nonce: &Nonce, tenancy: Tenancy, count: NonZeroU32) -> Verdict {
        let homes = self.homes(nonce);
        let verdict = count_in(homes.window(tenancy.place), tenancy.generation, count);
        if self.has_forgotten(nonce) { Verdict::Forgotten } else { verdict }
    }

    fn has_forgotten(&self, nonce: &Nonce) -> bool {
        nonce.issued_ms <= self.watermark_ms()
    }

    fn homes(&self, nonce: &Nonce) -> Homes<'_> {
        let (left, right) = self.buckets.split_at(self.buckets.len() / 2);
        Homes([pick(left, nonce.spread as u32), pick(right, (nonce.spread >> 32) as u32)])
    }
}

#[derive(Default)]
#[repr(align(128))] // Scanning eight keys touches two cache lines, and not a neighbour's windows.
struct Bucket {
    keys: [AtomicU128; WAYS],
    windows: [AtomicU128; WAYS],
}

/// The bucket that lies as far into the half as `spread` lies into its range: even, whatever the length.
fn pick(half: &[Bucket], spread: u32) -> &Bucket {
    &half[((half.len() as u64 * u64::from(spread)) >> 32) as usize]
}

/// The sixteen slots that a nonce may sit in.
struct Homes<'a>([&'a Bucket; 2]);

/// One of the sixteen, 0 to 15, by turns in either home: of two homes with empty slots the emptier is filled.
type Place = usize;

impl Homes<'_> {
    fn places() -> std::ops::Range<Place> {
        0..2 * WAYS
    }

    fn key(&self, place: Place) -> &AtomicU128 {
        &self.0[place % 2].keys[place / 2]
    }

    fn window(&self, place: Place) -> &AtomicU128 {
        &self.0[place % 2].windows[place / 2]
    }

    fn load(&self, place: Place) -> Key {
        Key(self.key(place).load(SeqCst))
    }
}

/// A slot and the generation in which it is a nonce's own.
#[derive(Clone, Copy)]
struct Tenancy {
    place: Place,
    generation: u32,
}

/// The nonce's tenancy, a new one if it has none; none if every nonce at home is as young as it is, or others keep getting ahead.
fn settle(homes: &Homes<'_>, nonce: &Nonce, watermark_ms: &AtomicU64) -> Option<Tenancy> {
    let wanted = Key::of(nonce);
    for _ in Homes::places() {
        let (place, oldest) = match look_for(homes, wanted) {
            Found::Tenancy(tenancy) => return Some(tenancy),
            Found::Oldest(place, oldest) => (place, oldest),
        };
        if oldest.issued_ms() >= nonce.issued_ms {
            return None; // Evicting it would make this nonce stale as well.
        }
        raise(watermark_ms, oldest.issued_ms());
        let generation = oldest.generation().wrapping_add(1);
        let tenant = wanted.in_generation(generation);
        if homes.key(place).compare_exchange(oldest.0, tenant.0, SeqCst, SeqCst).is_ok() {
            return Some(Tenancy { place, generation });
        }
    }
    None
}

enum Found {
    Tenancy(Tenancy),
    Oldest(Place, Key),
}

/// Which slot is the oldest depends on the slots alone, so that threads that look at once pick the same. Empty ones are older than any.
fn look_for(homes: &Homes<'_>, wanted: Key) -> Found {
    let mut oldest = (0, Key(u128::MAX));
    for place in Homes::places() {
        let key = homes.load(place);
        if key.nonce() == wanted.nonce() {
            return Found::Tenancy(Tenancy { place, generation: key.generation() });
        }
        if key.nonce() < oldest.1.nonce() {
            oldest = (place, key);
        }
    }
    Found::Oldest(oldest.0, oldest.1)
}

/// Rule 4.
fn is_only_tenancy(homes: &Homes<'_>, tenancy: Tenancy, nonce: Key) -> bool {
    Homes::places()
        .filter(|place| *place != tenancy.place)
        .all(|place| homes.load(place).nonce() != nonce.nonce())
}

/// Rule 3.
fn count_in(window: &AtomicU128, generation: u32, count: NonZeroU32) -> Verdict {
    let mut seen = Window(window.load(SeqCst));
    loop {
        let next = match seen.with(generation, count.get()) {
            Ok(next) => next,
            Err(verdict) => return verdict,
        };
        match window.compare_exchange_weak(seen.0, next.0, SeqCst, SeqCst) {
            Ok(_) => return Verdict::First,
            Err(newer) => seen = Window(newer),
        }
    }
}

fn raise(watermark_ms: &AtomicU64, to_ms: u64) {
    if watermark_ms.load(SeqCst) < to_ms {
        watermark_ms.fetch_max(to_ms, SeqCst);
    }
}

/// Whose slot it is. Zero: nobody's yet.
#[derive(Clone, Copy)]
struct Key(u128);

impl Key {
    /// The nonce's key, in no generation yet.
    fn of(nonce: &Nonce) -> Self {
        Self((u128::from(nonce.issued_ms) << 80) | (u128::from(nonce.random) << 32))
    }

    fn in_generation(self, generation: u32) -> Self {
        Self(self.0 | u128::from(generation))
    }

    /// Issue time and randomness: one nonce's, and ordered by age.
    fn nonce(self) -> u128 {
        self.0 >> 32
    }

    fn issued_ms(self) -> u64 {
        low_64(self.0 >> 80)
    }

    fn generation(self) -> u32 {
        low_32(self.0)
    }
}

/// Which counts were used.
#[derive(Clone, Copy)]
struct Window(u128);

impl Window {
    fn new(generation: u32, highest: u32, seen: u64) -> Self {
        Self((u128::from(generation) << 96) | (u128::from(highest) << 64) | u128::from(seen))
    }

    /// The window after the use of `count` by the tenant of `generation`, or why there is none.
    fn with(self, generation: u32, count: u32) -> Result<Self, Verdict> {
        let (begun, highest, seen) = (low_32(self.0 >> 96), low_32(self.0 >> 64), low_64(self.0));
        if begun != generation {
            // Distance on the circle of generations: less than half of it ahead is newer.
            let is_newer = begun.wrapping_sub(generation) < 1 << 31;
            return if is_newer {
                Err(Verdict::Forgotten)
            } else {
                Ok(Self::new(generation, count, 1))
            };
        }
        if count > highest {
            let kept = seen.checked_shl(count - highest).unwrap_or(0);
            return Ok(Self::new(generation, count, kept | 1));
        }
        match 1_u64.checked_shl(highest - count) {
            Some(bit) if seen & bit == 0 => Ok(Self::new(generation, highest, seen | bit)),
            _ => Err(Verdict::Repeated),
        }
    }
}

fn low_32(bits: u128) -> u32 {
    bits as u32
}

fn low_64(bits: u128) -> u64 {
    bits as u64
}

/// Slots of a bucket.
const WAYS: usize = 8;

/// 1.3 GB of table.
const MOST_NONCES: usize = 1 << 24;

/// The watermark before [`ReplayTable::begin`].
const NOT_BEGUN: u64 = 0;

#[cfg(test)]
mod tests;
