//! Credentials and lists at one revision, and the cell through which every reader gets the newest.
//!
//! This is the one place where the two lines of the program meet: the control plane publishes a
//! [`Snapshot`], and every request is judged by the one that it reads here.
//!
//! Invariants
//! - A snapshot never changes; what a reader sees of credentials and of lists is of one revision.
//! - A reader that begins after [`SnapshotCell::publish`] has returned reads the published snapshot, or a newer one.
//! - A reader holds no snapshot across an `.await`: [`SnapshotReader::with`] lends it to a closure.
//! - Readers never drop the last reference to a snapshot as long as its publisher keeps it in [`Retired`].
//!
//! Not here: how the next snapshot is made, and who publishes it (`control`).

mod retired;

#[cfg(all(test, portcullis_loom))]
mod loom;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;

use crate::access::AccessLists;
use crate::id::Revision;
use crate::identity::Credentials;

pub use retired::{Retired, Shared};

/// Credentials and lists at one revision. Immutable; clones share structure.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The revision that this is the image of.
    pub revision: Revision,
    /// Organizations and keys.
    pub credentials: Credentials,
    /// Access lists.
    pub lists: AccessLists,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// Holds the snapshot in force. One writer publishes; any number of readers read without waiting.
pub struct SnapshotCell {
    current: Arc<ArcSwap<Snapshot>>,
}

impl SnapshotCell {
    /// A cell in which `first` is in force.
    pub fn new(first: Snapshot) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(first)) }
    }

    /// The snapshot in force. For the control plane and the admin API, which may keep it; a worker
    /// reads through [`reader`](Self::reader), which costs a tenth of this.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts `next` in force and returns the snapshot before it, which readers may still hold.
    pub fn publish(&self, next: Arc<Snapshot>) -> Arc<Snapshot> {
        self.current.swap(next)
    }

    /// A reader for one thread.
    pub fn reader(self: &Arc<Self>) -> SnapshotReader {
        SnapshotReader {
            cell: Arc::clone(self),
            cache: RefCell::new(Cache::new(Arc::clone(&self.current))),
        }
    }
}

impl fmt::Debug for SnapshotCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotCell").field(&self.current.load().revision).finish()
    }
}

/// Reads the snapshot in force in about a nanosecond. One for each worker thread; not `Sync`.
///
/// It remembers the snapshot that it read last and looks at the cell only to see whether that is
/// still the one in force. The remembered one stays alive until the next read, so an idle worker
/// calls [`refresh`](Self::refresh) on its tick.
pub struct SnapshotReader {
    cell: Arc<SnapshotCell>,
    cache: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
}

impl SnapshotReader {
    /// Calls `judge` with the snapshot in force. One call is one unit of work: all that `judge`
    /// reads is of one revision.
    ///
    /// `judge` can't await, so no snapshot is held while a request waits.
    pub fn with<R>(&self, judge: impl FnOnce(&Snapshot) -> R) -> R {
        match self.cache.try_borrow_mut() {
            Ok(mut cache) => judge(cache.load()),
            // Only a call from inside another's closure comes here; it must not end the worker.
            Err(_) => judge(&self.cell.load()),
        }
    }

    /// Lets go of a snapshot that is no longer in force. For the worker's tick.
    pub fn refresh(&self) {
        self.with(|_| ());
    }
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotReader").field(&self.cell).finish()
    }
}

#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests {
    use super::*;

    fn at(revision: u64) -> Snapshot {
        Snapshot { revision: Revision(revision), ..Snapshot::default() }
    }

    #[test]
    fn a_read_after_a_publish_sees_what_was_published() {
        let cell = Arc::new(SnapshotCell::new(at(1)));
        let reader = cell.reader();
        assert_eq!(reader.with(|snapshot| snapshot.revision), Revision(1));
        let before = cell.publish(Arc::new(at(2)));
        assert_eq!(before.revision, Revision(1));
        assert_eq!(reader.with(|snapshot| snapshot.revision), Revision(2));
        assert_eq!(cell.load().revision, Revision(2));
    }

    #[test]
    fn a_refreshed_reader_holds_no_retired_snapshot() {
        let cell = Arc::new(SnapshotCell::new(at(1)));
        let reader = cell.reader();
        let mut retired = Retired::default();
        retired.keep(cell.publish(Arc::new(at(2))));
        assert!(retired.release().is_empty(), "the reader still remembers revision 1");
        reader.refresh();
        assert_eq!(retired.release().len(), 1);
    }

    #[test]
    fn a_read_within_a_read_is_answered() {
        let cell = Arc::new(SnapshotCell::new(at(1)));
        let reader = cell.reader();
        let (outer, inner) =
            reader.with(|outer| (outer.revision, reader.with(|inner| inner.revision)));
        assert_eq!((outer, inner), (Revision(1), Revision(1)));
    }

    #[test]
    fn readers_on_many_threads_see_revisions_only_grow() {
        let cell = Arc::new(SnapshotCell::new(at(0)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let reader = cell.reader();
                scope.spawn(move || {
                    let mut seen = Revision(0);
                    while seen < Revision(1_000) {
                        let now = reader.with(|snapshot| snapshot.revision);
                        assert!(now >= seen, "{now} after {seen}");
                        seen = now;
                        std::thread::yield_now();
                    }
                });
            }
            for revision in 1..=1_000 {
                cell.publish(Arc::new(at(revision)));
            }
        });
    }
}
