//! The store in one SQLite file.
//!
//! Invariants
//! - One thread owns the connection; requests reach it over a bounded channel and wait there, so that no runtime
//!   is ever blocked by the disk.
//! - Each change, and each batch of usage, is one transaction in the write-ahead log, synced before it is answered.
//! - One process has the file open at a time. Others may read it, as `sqlite3` does, and back it up.
//! - A file that is damaged, foreign, newer or sealed under another key is refused before a byte of it is changed.
//!
//! Not here: the statements (`rows`), sealing (`seal`).

mod opening;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures_util::future::BoxFuture;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::rows::{self, Failure};
use super::seal::Sealer;
use super::{Change, Image, Store, StoreError, UsageBatch};
use crate::id::Revision;
use crate::keys::KeyFile;

/// Organizations, keys, lists and usage in one SQLite file.
///
/// Dropping it waits for what was asked of it before, writes the log back into the file and lets go of it: that
/// takes the disk's time, and is nothing to do on a runtime that carries requests.
#[derive(Debug)]
pub struct SqliteStore {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Makes a new store, sealed with the key of `keys`. Blocks for the disk's time.
    ///
    /// The file is there whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// [`Exists`](StoreError::Exists), [`InUse`](StoreError::InUse), [`Io`](StoreError::Io),
    /// [`Database`](StoreError::Database), [`Sealing`](StoreError::Sealing).
    pub fn create(path: &Path, keys: &KeyFile) -> Result<Self, StoreError> {
        Self::start(opening::create(path, keys)?)
    }

    /// Opens a store, and brings its schema up to this version's. Blocks for the disk's time.
    ///
    /// # Errors
    /// [`Missing`](StoreError::Missing), [`InUse`](StoreError::InUse), [`Damaged`](StoreError::Damaged),
    /// [`TooNew`](StoreError::TooNew), [`WrongKey`](StoreError::WrongKey), [`Io`](StoreError::Io),
    /// [`Database`](StoreError::Database): the file is as it was then.
    pub fn open(path: &Path, keys: &KeyFile) -> Result<Self, StoreError> {
        Self::start(opening::open(path, keys)?)
    }

    fn start(database: Database) -> Result<Self, StoreError> {
        let path = database.path.clone();
        let (requests, inbox) = mpsc::channel(REQUESTS_WAITING);
        let thread = thread::Builder::new()
            .name("portcullis-store".into())
            .spawn(move || database.serve(inbox))
            .map_err(|source| StoreError::Io { path, action: "no thread for it", source })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests.send(request(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store for SqliteStore {
    fn load(&self) -> BoxFuture<'_, Result<Image, StoreError>> {
        Box::pin(self.ask(Request::Load))
    }

    fn commit(&self, change: Change) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(self.ask(|answer| Request::Commit(change, answer)))
    }

    fn flush_usage(&self, batch: Arc<UsageBatch>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.ask(|answer| Request::FlushUsage(batch, answer)))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The thread ends when it has answered everything and nobody can ask any more.
        drop(self.requests.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's thread panicked");
        }
    }
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Request {
    Load(Answer<Image>),
    Commit(Change, Answer<Revision>),
    FlushUsage(Arc<UsageBatch>, Answer<()>),
}

/// An open file, checked and locked.
struct Database {
    // Fields are dropped in this order: the lock outlives the connection.
    connection: Connection,
    sealer: Sealer,
    path: PathBuf,
    _lock: opening::Lock,
}

impl Database {
    fn serve(mut self, mut inbox: mpsc::Receiver<Request>) {
        while let Some(request) = inbox.blocking_recv() {
            // Who asked may have left; what was asked is done all the same.
            match request {
                Request::Load(answer) => drop(answer.send(self.load())),
                Request::Commit(change, answer) => drop(answer.send(self.commit(&change))),
                Request::FlushUsage(batch, answer) => drop(answer.send(self.flush_usage(&batch))),
            }
        }
        self.close();
    }

    fn load(&mut self) -> Result<Image, StoreError> {
        let Self { connection, sealer, path, .. } = self;
        // One transaction, so that what somebody else writes meanwhile is not seen in part.
        let transaction = connection.transaction().map_err(refusal(path, "reading"))?;
        rows::load(&transaction, sealer).map_err(refusal(path, "reading"))
    }

    fn commit(&mut self, change: &Change) -> Result<Revision, StoreError> {
        self.transact(name_of(change), |transaction, sealer| {
            rows::apply(transaction, sealer, change)
        })
    }

    fn flush_usage(&mut self, batch: &UsageBatch) -> Result<(), StoreError> {
        self.transact("flush of usage", |transaction, _| rows::add_usage(transaction, batch))
    }

    /// Does `work` in one transaction: all of it, or, when it or the commit fails, nothing.
    fn transact<T>(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&rusqlite::Transaction<'_>, &Sealer) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let Self { connection, sealer, path, .. } = self;
        let in_one = || -> Result<T, Failure> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction, sealer)?;
            transaction.commit()?;
            Ok(done)
        };
        in_one().map_err(refusal(path, action))
    }

    /// Writes the log back into the file. A failure loses nothing: the log stays, and the next opening reads it.
    fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(path = %self.path.display(), %error, "the store did not close cleanly");
        }
    }
}

/// Turns what went wrong with rows into the store's error.
fn refusal<E: Into<Failure>>(path: &Path, action: &'static str) -> impl FnOnce(E) -> StoreError {
    move |failure| match failure.into() {
        Failure::Sql(source) => StoreError::Database { action, source },
        Failure::Damage(reason) => StoreError::Damaged { path: path.to_owned(), reason },
        Failure::Conflict(conflict) => StoreError::Conflict(conflict),
        Failure::Seal(error) => StoreError::Sealing(error),
    }
}

fn name_of(change: &Change) -> &'static str {
    match change {
        Change::CreateOrganization { .. } => "new organization",
        Change::UpdateOrganization { .. } => "change of an organization",
        Change::CreateKey { .. } => "new key",
        Change::UpdateKey { .. } => "change of a key",
        Change::DeleteKey { .. } => "deletion of a key",
        Change::CreateAccount { .. } => "new service account",
        Change::UpdateAccount { .. } => "change of a service account",
        Change::DeleteAccount { .. } => "deletion of a service account",
        Change::CreateSecret { .. } => "new secret",
        Change::DeleteSecret { .. } => "deletion of a secret",
        Change::IssueToken { .. } => "new token",
        Change::RevokeToken { .. } => "end of a token",
        Change::RotateSigningKey { .. } => "new signing key",
        Change::AddEntries { .. } => "new entries",
        Change::RemoveEntry { .. } => "removal of an entry",
    }
}

/// Requests that may wait for the thread; one more waits where it is made.
const REQUESTS_WAITING: usize = 64;

#[cfg(test)]
mod tests;
