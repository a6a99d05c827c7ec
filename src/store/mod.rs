//! Where organizations, keys, lists and usage are kept.
//!
//! The contract, the same for every implementation and checked by one suite (`tests/store_contract.rs`):
//! - [`Store::commit`] returns only after the change is durable; an error means that nothing of it is stored.
//! - Each commit moves the revision on by exactly one; a flush of usage does not move it.
//! - [`Store::load`] returns one consistent state.
//! - [`Store::flush_usage`] with a batch that was stored before changes nothing.
//! - What was written under one key file is refused under another, at opening.
//!
//! Not here: which changes are allowed (`control`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::access::{Entry, LastUse, UsageDelta};
use crate::id::{CredentialId, EntryId, Revision};
use crate::identity::{ApiKey, Organization, Roles};

/// Keeps what must survive a restart. See the module for the contract.
pub trait Store: Send + Sync + 'static {
    /// Everything stored, at one revision.
    ///
    /// # Errors
    /// The store is away or damaged, or a sealed column does not open.
    fn load(&self) -> BoxFuture<'_, Result<Image, StoreError>>;

    /// Stores a change, durably, and returns the revision that it made.
    ///
    /// # Errors
    /// Nothing of the change is stored then.
    fn commit(&self, change: Change) -> BoxFuture<'_, Result<Revision, StoreError>>;

    /// Adds a batch of usage, once however often it is sent.
    ///
    /// # Errors
    /// Nothing of the batch is stored then, or all of it was and the answer was lost: send the same batch again.
    fn flush_usage(&self, batch: Arc<UsageBatch>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// One change of what is stored: a transaction.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new organization, with its first key and that key's entries where it is made by `init`.
    CreateOrganization {
        /// The organization.
        organization: Arc<Organization>,
    },
    /// A new key, with the entries that its list starts with.
    CreateKey {
        /// The key.
        key: Arc<ApiKey>,
        /// The first entries, in order.
        entries: Vec<Arc<Entry>>,
    },
    /// A new description and new roles for a key.
    UpdateKey {
        /// The key.
        id: CredentialId,
        /// The description from now on.
        description: Box<str>,
        /// The roles from now on.
        roles: Roles,
    },
    /// The end of a key, of its list and of that list's usage.
    DeleteKey {
        /// The key.
        id: CredentialId,
    },
    /// New entries at the end of a key's list.
    AddEntries {
        /// Whose list.
        credential: CredentialId,
        /// The entries, in order.
        entries: Vec<Arc<Entry>>,
    },
    /// The end of an entry and of its usage.
    RemoveEntry {
        /// Whose list.
        credential: CredentialId,
        /// The entry.
        entry: EntryId,
    },
}

/// Everything stored, at one revision.
#[derive(Debug, Default)]
pub struct Image {
    /// The revision.
    pub revision: Revision,
    /// Organizations, oldest first.
    pub organizations: Vec<Organization>,
    /// Keys, oldest first.
    pub keys: Vec<ApiKey>,
    /// Entries, in the order of each list, with the usage stored.
    pub entries: Vec<(CredentialId, Entry)>,
    /// Usage stored for entries that are in no credential's list: those of named lists.
    pub other_usage: Vec<(EntryId, StoredUsage)>,
}

/// The usage of an entry as stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoredUsage {
    /// Requests admitted.
    pub count: u64,
    /// The last of them.
    pub last: Option<LastUse>,
}

/// Usage gathered since the last flush, under a number that tells a retry from a new batch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UsageBatch {
    /// Drawn at random at each start of the process.
    pub boot: u64,
    /// Grows by one with each new batch of a boot; a retry keeps its number.
    pub sequence: u64,
    /// What to add to entries of credentials' lists. Those that are no longer stored are passed over.
    pub deltas: Vec<(EntryId, UsageDelta)>,
    /// What to add to entries of named lists, which the store knows by their usage only.
    pub named_deltas: Vec<(EntryId, UsageDelta)>,
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory can't be read or written.
    #[error("store {path}: {action}")]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file is no database of ours, or it is damaged.
    #[error("store {path} is damaged or no Portcullis database: {reason}")]
    Damaged {
        /// Which file.
        path: std::path::PathBuf,
        /// What was found.
        reason: String,
    },
    /// The database was written by a newer version.
    #[error(
        "store {path} has schema version {found}; this version of Portcullis knows up to {known}"
    )]
    TooNew {
        /// Which file.
        path: std::path::PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// The database was sealed under another key file.
    #[error("store {path} was sealed with key {expected}, and the key file holds key {found}")]
    WrongKey {
        /// Which file.
        path: std::path::PathBuf,
        /// The id of the key that sealed it.
        expected: String,
        /// The id of the key given.
        found: String,
    },
    /// The database refused a statement: the disk is full, the file is locked, a constraint is broken.
    #[error("store: the database refused the {action}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database's own error.
        source: rusqlite::Error,
    },
    /// The store's thread has ended.
    #[error("store: closed")]
    Closed,
}
