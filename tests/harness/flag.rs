//! A flag that tells other threads to end.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Raised when its guard goes, so that no thread goes on for ever after the test that started it has failed.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(SeqCst)
    }

    pub(crate) fn raise_at_end(&self) -> RaiseAtEnd<'_> {
        RaiseAtEnd(self)
    }
}

/// Raises the flag when it is dropped.
#[derive(Debug)]
pub(crate) struct RaiseAtEnd<'a>(&'a Flag);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, SeqCst);
    }
}
