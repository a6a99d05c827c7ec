//! The hand-over from one snapshot to the next, in every interleaving of a reader and the publisher.
//!
//! Modelled is what is ours: a request counts into the same cell whichever snapshot it loaded, a
//! read after a publish sees what was published, and no reader drops a snapshot. `ArcSwap` and its
//! cache are not modelled; a lock around the current reference stands in for them.
//!
//! Run with `RUSTFLAGS="--cfg portcullis_loom" cargo test --lib snapshot::loom`.

use ::loom::model;
use ::loom::sync::atomic::{AtomicU64, Ordering};
use ::loom::sync::{Arc, Mutex};
use ::loom::thread::{self, ThreadId};

use super::retired::{Retired, Shared};

impl<T> Shared for Arc<T> {
    fn is_only_reference(&self) -> bool {
        Arc::strong_count(self) == 1
    }
}

/// A snapshot with one entry. May be dropped on its publisher's thread only.
struct Model {
    revision: u64,
    count: Arc<AtomicU64>,
    publisher: ThreadId,
}

impl Drop for Model {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.publisher, "a reader dropped a snapshot");
    }
}

/// Stands in for `ArcSwap`.
struct Cell(Mutex<Arc<Model>>);

impl Cell {
    fn load(&self) -> Arc<Model> {
        Arc::clone(&self.0.lock().unwrap())
    }

    fn publish(&self, next: Arc<Model>) -> Arc<Model> {
        std::mem::replace(&mut *self.0.lock().unwrap(), next)
    }
}

/// Counts as two requests in a row do, through a remembered snapshot; returns the last revision seen.
fn read_twice(cell: &Cell) -> u64 {
    let mut remembered = cell.load();
    remembered.count.fetch_add(1, Ordering::Relaxed);
    let first = remembered.revision;
    remembered = cell.load(); // Lets go of the first, as the cache does.
    remembered.count.fetch_add(1, Ordering::Relaxed);
    assert!(remembered.revision >= first);
    remembered.revision
}

fn next_after(current: &Model) -> Arc<Model> {
    Arc::new(Model {
        revision: current.revision + 1,
        count: Arc::clone(&current.count),
        publisher: current.publisher,
    })
}

#[test]
fn publishing_loses_no_count_and_leaves_no_snapshot_to_a_reader() {
    model(|| {
        let count = Arc::new(AtomicU64::new(0));
        let first =
            Model { revision: 1, count: Arc::clone(&count), publisher: thread::current().id() };
        let cell = Arc::new(Cell(Mutex::new(Arc::new(first))));
        let reader = thread::spawn({
            let cell = Arc::clone(&cell);
            move || read_twice(&cell)
        });

        let mut retired = Retired::default();
        for _ in 0..2 {
            let next = next_after(&cell.load());
            retired.keep(cell.publish(next));
            drop(retired.release());
        }
        assert_eq!(cell.load().revision, 3, "a read after the publish sees it");

        assert!(reader.join().unwrap() <= 3);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        drop(retired.release());
        assert!(retired.is_empty(), "nobody reads, so nothing is kept");
    });
}
