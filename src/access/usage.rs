//! How often, when and from where an entry was used.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::addr::ClientIp;
use crate::time::Timestamp;

/// The usage cell of one entry.
#[derive(Debug, Default)]
pub struct Usage {
    count: AtomicU64,
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
    pub fn restored(count: u64, _last: Option<LastUse>) -> Self {
        Self { count: AtomicU64::new(count) }
    }
    /// Counts one admitted request.
    pub fn record(&self, _client: ClientIp, _now: Timestamp) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
    /// Requests admitted so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
    /// The last admitted request.
    pub fn last(&self) -> Option<LastUse> {
        None
    }
    /// What came since the last [`confirm_flushed`](Self::confirm_flushed); `None` when nothing did. For the one flusher.
    pub fn unflushed(&self) -> Option<UsageDelta> {
        None
    }
    /// Says that a delta is stored. For the one flusher.
    pub fn confirm_flushed(&self, _stored: UsageDelta) {}
}
