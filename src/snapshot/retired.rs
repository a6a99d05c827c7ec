//! Snapshots that are no longer in force but may still be held by a reader.
//!
//! Dropping a snapshot can free a table of a million entries. A reader that let go of the last
//! reference would pay for that in the middle of a request; so the publisher keeps one reference of
//! its own to every snapshot it replaced, and drops it when it is the only one left.
//!
//! The rule holds because a retired snapshot can't be found any more: whoever wants another
//! reference needs one already, so once ours is the only one it stays the only one.

use std::sync::Arc;

/// A counted reference that can tell whether it is the only one.
pub trait Shared {
    /// Whether no other reference to the same value is left.
    fn is_only_reference(&self) -> bool;
}

impl<T> Shared for Arc<T> {
    fn is_only_reference(&self) -> bool {
        Arc::strong_count(self) == 1
    }
}

/// Keeps what was replaced until nobody else holds it.
#[derive(Debug)]
pub struct Retired<S> {
    kept: Vec<S>,
}

impl<S: Shared> Retired<S> {
    /// Keeps `replaced`, which no reader can find any more.
    pub fn keep(&mut self, replaced: S) {
        self.kept.push(replaced);
    }

    /// Hands out everything that only we still hold, for the caller to drop where it likes.
    pub fn release(&mut self) -> Vec<S> {
        self.kept.extract_if(.., |kept| kept.is_only_reference()).collect()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

impl<S> Default for Retired<S> {
    fn default() -> Self {
        Self { kept: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_holds_is_kept_and_the_rest_is_handed_out() {
        let mut retired = Retired::default();
        let held = Arc::new("held");
        retired.keep(Arc::clone(&held));
        retired.keep(Arc::new("free"));
        assert_eq!(retired.release(), [Arc::new("free")]);
        assert_eq!(retired.len(), 1);
        drop(held);
        assert_eq!(retired.release(), [Arc::new("held")]);
        assert!(retired.is_empty());
    }
}
