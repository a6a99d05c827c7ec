//! Usage from its cells to the store, each request once.
//!
//! The cells are walked once; what they gathered waits in an outbox and goes to the store in
//! batches. A batch that the store did not confirm is sent again as it is, under its own number, so
//! that the store can tell a retry from new usage; nothing else is collected before it is confirmed.
//! A crash loses at most what was counted since the last flush.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::ControlPlane;
use crate::access::{Entry, UsageDelta};
use crate::snapshot::Snapshot;
use crate::store::{Store, StoreError, UsageBatch};

impl ControlPlane {
    /// Writes what entries gathered since the last flush to the store.
    ///
    /// Entries that were removed since then take their usage with them.
    ///
    /// **Cancel safety.** Dropped in between, the batch under way is sent again by the next flush,
    /// and counted once.
    ///
    /// # Errors
    /// The store did not confirm a batch; the next call begins with that batch.
    pub async fn flush_usage(&self) -> Result<FlushReport, StoreError> {
        let mut outbox = self.flusher.outbox.lock().await;
        let outcome = self.flush_into(&mut outbox).await;
        let observer = self.writer.publisher().observer();
        match &outcome {
            Ok(report) => observer.flushed(*report),
            Err(_) => observer.flush_failed(outbox.requests()),
        }
        outcome
    }

    /// Flushes usage on its interval, and once more when `shutdown` is ready; drops retired
    /// snapshots in between. Ends after that last flush.
    pub async fn run_flusher(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        // An interval of zero would be a panic of the timer's.
        let mut flush = ticks(self.flush_interval.max(SWEEP_INTERVAL));
        let mut sweep = ticks(SWEEP_INTERVAL);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = flush.tick() => self.flush_and_log().await,
                _ = sweep.tick() => self.sweep_retired(),
            }
        }
        self.flush_and_log().await;
        self.sweep_retired();
    }

    async fn flush_and_log(&self) {
        if let Err(error) = self.flush_usage().await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "usage not stored; the next flush sends it again");
        }
    }

    async fn flush_into(&self, outbox: &mut Outbox) -> Result<FlushReport, StoreError> {
        let store = self.writer.store().as_ref();
        let mut report = outbox.send(store).await?; // What the last flush left.
        outbox.fill(gathered(self.snapshot()).await);
        report += outbox.send(store).await?;
        Ok(report)
    }
}

/// What a flush stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FlushReport {
    /// Entries whose usage was stored. One that an earlier, failed flush had left may count twice.
    pub entries: u64,
    /// Requests that were counted on them.
    pub requests: u64,
}

impl std::ops::AddAssign for FlushReport {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.requests += other.requests;
    }
}

/// The one flusher of a control plane.
pub(super) struct Flusher {
    outbox: Mutex<Outbox>,
}

impl Flusher {
    /// A flusher under a boot number of its own, so that batches of an earlier process are not taken for its.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let boot = getrandom::u64()?;
        let outbox = Outbox { boot, sequence: 0, under_way: None, waiting: VecDeque::new() };
        Ok(Self { outbox: Mutex::new(outbox) })
    }
}

/// What one entry gathered.
struct Gathered {
    entry: Arc<Entry>,
    delta: UsageDelta,
    list: ListKind,
}

/// The store keeps the usage of the two kinds apart.
#[derive(Clone, Copy)]
enum ListKind {
    Credential,
    Named,
}

/// Usage that was collected and is not confirmed.
struct Outbox {
    boot: u64,
    /// The number of the newest batch.
    sequence: u64,
    /// The batch that holds the first deltas of `waiting`; it may have reached the store already.
    under_way: Option<Arc<UsageBatch>>,
    waiting: VecDeque<Gathered>,
}

impl Outbox {
    fn fill(&mut self, gathered: Vec<Gathered>) {
        debug_assert!(self.waiting.is_empty(), "a cell's delta must not be collected twice");
        self.waiting = gathered.into();
    }

    /// Sends everything that waits, oldest batch first, and stops at the first that is not confirmed.
    async fn send(&mut self, store: &dyn Store) -> Result<FlushReport, StoreError> {
        let mut report = FlushReport::default();
        while !self.waiting.is_empty() {
            let batch = self.batch();
            let size = batch.deltas.len() + batch.named_deltas.len();
            store.flush_usage(batch).await?;
            report += self.confirm(size);
        }
        Ok(report)
    }

    /// The batch under way, or else the next one, which is under way from here on.
    fn batch(&mut self) -> Arc<UsageBatch> {
        let batch = self.under_way.get_or_insert_with(|| {
            self.sequence += 1;
            let mut batch =
                UsageBatch { boot: self.boot, sequence: self.sequence, ..UsageBatch::default() };
            for Gathered { entry, delta, list } in self.waiting.iter().take(BATCH_DELTAS) {
                match list {
                    ListKind::Credential => batch.deltas.push((entry.id, *delta)),
                    ListKind::Named => batch.named_deltas.push((entry.id, *delta)),
                }
            }
            Arc::new(batch)
        });
        Arc::clone(batch)
    }

    fn confirm(&mut self, size: usize) -> FlushReport {
        self.under_way = None;
        let mut report = FlushReport::default();
        for Gathered { entry, delta, .. } in self.waiting.drain(..size) {
            entry.usage.confirm_flushed(delta);
            report += FlushReport { entries: 1, requests: delta.count };
        }
        report
    }

    fn requests(&self) -> u64 {
        self.waiting.iter().map(|gathered| gathered.delta.count).sum()
    }
}

/// What every cell in force gathered. A million entries take a while, so a blocking thread walks them.
async fn gathered(snapshot: Arc<Snapshot>) -> Vec<Gathered> {
    let walk = move || {
        let of = |list| {
            move |entry: &Arc<Entry>| {
                let delta = entry.usage.unflushed()?;
                Some(Gathered { entry: Arc::clone(entry), delta, list })
            }
        };
        let listed = snapshot.lists.credential_entries().filter_map(of(ListKind::Credential));
        let named = snapshot.lists.named_entries().filter_map(of(ListKind::Named));
        listed.chain(named).collect()
    };
    // A walk that did not end has confirmed nothing: the next flush collects the same.
    tokio::task::spawn_blocking(walk).await.unwrap_or_default()
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Deltas of one batch. The store has one writer, and a command waits while it writes a batch.
const BATCH_DELTAS: usize = 4_096;

/// How long a replaced snapshot may stay in memory after its last reader let go of it.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);
