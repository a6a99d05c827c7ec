//! Remembers tokens whose signature was found right, so that the next request need not compute it again.
//!
//! A table of slots in sets of four: a token may sit in any slot of the set that its hash names, and takes an empty one or
//! that of the token that expires first. Each slot is swapped as a whole, so that any number of threads may read and
//! write without a lock; threads that put the same token twice waste a slot and nothing else.
//!
//! Invariants
//! - What is found was put under exactly the same text.
//! - Finding takes no lock and allocates nothing; the table never grows.
//!
//! Who could choose texts of one hash would have to have them signed first: signatures are not theirs to choose, and the
//! hash has a random key.
//!
//! Not here: whether a token still holds.

use std::hash::BuildHasher as _;
use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::token::Verified;

/// The table, shared by all threads.
pub(super) struct TokenCache {
    hash: RandomState,
    sets: Box<[Set]>,
}

#[derive(Default)]
#[repr(align(32))] // A set is never on two cache lines.
struct Set([ArcSwapOption<Entry>; WAYS]);

struct Entry {
    hash: u64,
    text: Zeroizing<Box<[u8]>>,
    verified: Verified,
}

impl TokenCache {
    /// An empty table for `tokens` at most, rounded down to fours.
    pub(super) fn new(tokens: usize) -> Self {
        let sets = (tokens / WAYS).max(1);
        Self { hash: RandomState::default(), sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// What was found of the token with this text.
    pub(super) fn find(&self, text: &[u8]) -> Option<Verified> {
        let hash = self.hash.hash_one(text);
        self.set(hash).0.iter().find_map(|slot| {
            let slot = slot.load();
            let entry = slot.as_ref()?;
            (entry.hash == hash && is_same(&entry.text, text)).then_some(entry.verified)
        })
    }

    /// Remembers what was found of the token with this text.
    pub(super) fn put(&self, text: &[u8], verified: Verified) {
        let hash = self.hash.hash_one(text);
        let expires = |slot: &&ArcSwapOption<Entry>| {
            slot.load().as_ref().map(|entry| entry.verified.token.expires)
        };
        if let Some(slot) = self.set(hash).0.iter().min_by_key(expires) {
            let text = Zeroizing::new(text.into());
            slot.store(Some(Arc::new(Entry { hash, text, verified })));
        }
    }

    fn set(&self, hash: u64) -> &Set {
        // As far into the table as the hash lies into its range: even, whatever the length.
        &self.sets[((u128::from(hash) * self.sets.len() as u128) >> 64) as usize]
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only.
///
/// By words, and with one barrier at the end: `subtle` over bytes takes longer than all the rest of a look-up.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = a_words.iter().zip(b_words);
    let words = words.map(|(a, b)| u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b));
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| u64::from(a ^ b));
    let difference = words.chain(rest).fold(0, |all, difference| all | difference);
    black_box(difference).ct_eq(&0).into()
}

/// Slots of a set.
const WAYS: usize = 4;

#[cfg(test)]
mod tests;
