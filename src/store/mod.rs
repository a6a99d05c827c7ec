//! Where organizations, credentials, lists and usage are kept.
//!
//! The contract, the same for every implementation and checked by one suite (`tests/store_contract.rs`):
//! - [`Store::commit`] returns only after the change is durable; an error means that nothing of it is stored.
//! - Each commit moves the revision on by exactly one; a flush of usage does not move it.
//! - [`Store::load`] returns one consistent state.
//! - [`Store::flush_usage`] with a batch that was stored before changes nothing.
//! - What was written under one key file is refused under another, at opening.
//! - What names nothing that is stored, or something that is stored already, is a [`Conflict`]: the store never
//!   passes over a change in silence.
//!
//! Not here: which changes are allowed (`control`).

mod rows;
mod seal;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use seal::{OpenError, SealError};
pub use sqlite::SqliteStore;

use crate::access::{Entry, LastUse, UsageDelta};
use crate::addr::Prefix;
use crate::id::{CredentialId, EntryId, OrgId, Revision, SecretId, SigningKeyId, TokenId};
use crate::identity::{
    ApiKey, Organization, PublicKey, Roles, Secret, ServiceAccount, SigningKey, Token,
};
use crate::time::Timestamp;

/// Keeps what must survive a restart. See the module for the contract.
pub trait Store: Send + Sync + 'static {
    /// Everything stored, at one revision.
    ///
    /// # Errors
    /// The store is away or damaged, or a sealed column does not open.
    fn load(&self) -> BoxFuture<'_, Result<Image, StoreError>>;

    /// Stores a change, durably, and returns the revision that it made.
    ///
    /// A future that is dropped before it answers leaves open whether the change is stored.
    ///
    /// # Errors
    /// [`Conflict`](StoreError::Conflict) when the change does not fit what is stored; else the store is away or
    /// fails. Nothing of the change is stored then.
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
    /// A new organization, without keys.
    CreateOrganization {
        /// The organization.
        organization: Arc<Organization>,
    },
    /// A new name and new settings for an organization.
    UpdateOrganization {
        /// The organization from now on.
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
    /// A new service account, with its first secret, if any, and the entries that its list starts with.
    CreateAccount {
        /// The account.
        account: Arc<ServiceAccount>,
        /// The first entries, in order.
        entries: Vec<Arc<Entry>>,
    },
    /// A new name, a new description and new roles for a service account. Its secrets and tokens stay.
    UpdateAccount {
        /// The account from now on.
        account: Arc<ServiceAccount>,
    },
    /// The end of a service account, of its secrets, its tokens, its list and that list's usage.
    DeleteAccount {
        /// The account.
        id: CredentialId,
    },
    /// A new secret of a service account.
    CreateSecret {
        /// The account.
        account: CredentialId,
        /// The secret.
        secret: Secret,
    },
    /// The end of a secret and of the tokens that it gave.
    DeleteSecret {
        /// The account.
        account: CredentialId,
        /// The secret.
        secret: SecretId,
    },
    /// A token given, which is a use of its secret. The account's tokens that [have long expired](Token::is_forgotten) are forgotten.
    IssueToken {
        /// The account.
        account: CredentialId,
        /// The token.
        token: Token,
        /// When.
        at: Timestamp,
    },
    /// A token given back, or known from elsewhere to have been.
    RevokeToken {
        /// The account.
        account: CredentialId,
        /// The token, revoked.
        token: Token,
    },
    /// A new key to sign tokens with, and the end of those whose tokens have all expired.
    RotateSigningKey {
        /// The new key.
        key: SigningKey,
        /// The keys that nobody needs any more.
        removed: Vec<SigningKeyId>,
    },
    /// New entries at the end of a credential's list.
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
    /// Service accounts, oldest first, with their secrets and tokens in the order of their ids.
    pub accounts: Vec<ServiceAccount>,
    /// Keys that sign tokens, oldest first.
    pub signing_keys: Vec<SigningKey>,
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
    /// There is no such file.
    #[error("database {path} does not exist")]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// A new store was asked for where something is already.
    #[error("database {path} exists already and is not replaced")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// Another process, or another store of this one, has the file open.
    #[error("database {path} is in use by another process")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The file or its directory can't be read or written.
    #[error("database {path}: {action}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file is no database of ours, or it is damaged.
    #[error("database {path} is damaged or no Portcullis database: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: Damage,
    },
    /// The database was written by a newer version.
    #[error(
        "database {path} has schema version {found}; this version of Portcullis knows up to {known}"
    )]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// The database was sealed under another key file.
    #[error("database {path} was sealed with key {expected}, and the key file holds key {found}")]
    WrongKey {
        /// Which file.
        path: PathBuf,
        /// The id of the key that sealed it.
        expected: String,
        /// The id of the key given.
        found: String,
    },
    /// The change does not fit what is stored.
    #[error("store: {0}")]
    Conflict(Conflict),
    /// A column could not be sealed.
    #[error("store: nothing sealed: {0}")]
    Sealing(SealError),
    /// The database refused a statement: the disk is full or fails, the file is locked, a constraint is broken.
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

/// What is wrong with a damaged or foreign file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file does not begin as an SQLite database does.
    #[error("it is no SQLite database")]
    NotSqlite,
    /// The file is a database of another program.
    #[error("it is a database of another program, with application id {application_id:#010x}")]
    Foreign {
        /// What the file gives for its program.
        application_id: u32,
    },
    /// The end of the file is missing.
    #[error("it ends in the middle of a page")]
    Cut,
    /// The integrity check found something.
    #[error("the integrity check found: {finding}")]
    Integrity {
        /// The first finding.
        finding: String,
    },
    /// The database found something while it read or wrote.
    #[error("{0}")]
    Database(rusqlite::Error),
    /// A value is not what it has to be.
    #[error("{column} of row {row}: expected {expected}")]
    Value {
        /// Table and column.
        column: String,
        /// The row's primary key.
        row: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A sealed value does not open.
    #[error("{column} of row {row}: {refusal}")]
    Sealed {
        /// Table and column.
        column: &'static str,
        /// The row's primary key.
        row: String,
        /// Why not.
        refusal: OpenError,
    },
}

/// Why a change does not fit what is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// An organization of that id is stored already.
    #[error("organization {0} is stored already")]
    OrganizationExists(OrgId),
    /// No organization of that id is stored.
    #[error("there is no organization {0}")]
    NoOrganization(OrgId),
    /// A key of that id, or of that public key, is stored already.
    #[error("key {id} or public key {public_key} is stored already")]
    KeyExists {
        /// The key's id.
        id: CredentialId,
        /// Its public half.
        public_key: PublicKey,
    },
    /// No key of that id is stored.
    #[error("there is no key {0}")]
    NoKey(CredentialId),
    /// A service account of that id is stored already.
    #[error("service account {0} is stored already")]
    AccountExists(CredentialId),
    /// No service account of that id is stored.
    #[error("there is no service account {0}")]
    NoAccount(CredentialId),
    /// A secret of that id is stored already.
    #[error("secret {0} is stored already")]
    SecretExists(SecretId),
    /// The account has no secret of that id.
    #[error("service account {account} has no secret {secret}")]
    NoSecret {
        /// The account.
        account: CredentialId,
        /// The secret.
        secret: SecretId,
    },
    /// A token of that id is stored already.
    #[error("token {0} is stored already")]
    TokenExists(TokenId),
    /// A signing key of that id is stored already.
    #[error("signing key {0} is stored already")]
    SigningKeyExists(SigningKeyId),
    /// No credential of that id is stored, of either kind.
    #[error("there is no credential {0}")]
    NoCredential(CredentialId),
    /// The list holds that range already, or another list that entry.
    #[error("entry {prefix} of credential {credential} is stored already")]
    EntryExists {
        /// Whose list.
        credential: CredentialId,
        /// The entry's range.
        prefix: Prefix,
    },
    /// The list holds no such entry.
    #[error("credential {credential} has no entry {entry}")]
    NoEntry {
        /// Whose list.
        credential: CredentialId,
        /// The entry.
        entry: EntryId,
    },
}
