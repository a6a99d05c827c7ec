//! One command at a time: plan, commit, publish.
//!
//! A command is a plan: a function from the snapshot in force to a change of the store and the
//! snapshot that will show it. The next snapshot is complete before the commit, so that nothing
//! which could fail stands between a durable change and its coming into force.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Instrument as _;

use super::publish::Publisher;
use super::{CommandError, Settings, audit};
use crate::id::IdGenerator;
use crate::identity::SecretKeys;
use crate::snapshot::Snapshot;
use crate::store::{Change, Store};
use crate::time::Clock;

/// What a plan may use besides the snapshot in force.
pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) ids: IdGenerator,
    pub(super) secrets: SecretKeys,
}

/// What a command comes to.
pub(super) enum Plan<T> {
    /// All is as it should be already.
    Unchanged(T),
    /// Something is to be stored.
    Changed(Box<Changed<T>>),
}

impl<T> Plan<T> {
    /// Stores `change` and shows it as `next`, whose revision is the store's to say.
    pub(super) fn changed(change: Change, next: Snapshot, answer: T) -> Self {
        Self::Changed(Box::new(Changed { change, next, answer }))
    }
}

/// A change, before it is stored.
pub(super) struct Changed<T> {
    change: Change,
    next: Snapshot,
    answer: T,
}

/// Carries out commands.
pub(super) struct Writer {
    store: Arc<dyn Store>,
    publisher: Publisher,
    context: Context,
    turn: Arc<Mutex<Turn>>,
}

/// Whoever holds the lock around it is the one writer.
struct Turn;

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, publisher: Publisher, context: Context) -> Self {
        Self { store, publisher, context, turn: Arc::new(Mutex::new(Turn)) }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Waits for its turn and carries out `plan`.
    ///
    /// Dropped while it waits, it does nothing. From then on the work is a task of its own, which
    /// ends even if nobody waits for it; since it has the turn, there is one such task at most.
    pub(super) async fn run<T, P>(self: &Arc<Self>, plan: P) -> Result<T, CommandError>
    where
        T: Send + 'static,
        P: FnOnce(&Context, &Snapshot) -> Result<Plan<T>, CommandError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let writer = Arc::clone(self);
        let work = async move { writer.carry_out(turn, plan).await };
        tokio::spawn(work.in_current_span()).await.map_err(CommandError::Interrupted)?
    }

    async fn carry_out<T, P>(
        &self,
        _turn: OwnedMutexGuard<Turn>,
        plan: P,
    ) -> Result<T, CommandError>
    where
        P: FnOnce(&Context, &Snapshot) -> Result<Plan<T>, CommandError>,
    {
        let current = self.publisher.cell().load();
        let Changed { change, mut next, answer } = match plan(&self.context, &current)? {
            Plan::Unchanged(answer) => return Ok(answer),
            Plan::Changed(changed) => *changed,
        };
        next.revision = self.store.commit(change.clone()).await?;
        let committed = Instant::now();
        if next.revision != current.revision.next() {
            tracing::error!(
                expected = %current.revision.next(),
                found = %next.revision,
                "the store was changed by somebody else; restart to see all of it"
            );
        }
        drop(current); // So that the publisher can drop it, once readers have moved on.
        let revision = next.revision;
        self.publisher.publish(next, committed);
        audit::accepted(revision, &change);
        Ok(answer)
    }
}
