//! Changes of what is stored, and their way into force.
//!
//! A command is validated against the snapshot in force, stored, published and only then answered:
//! after the answer, the next request on this node is judged by the change, and no crash loses it.
//!
//! Invariants
//! - One command at a time: each is validated against the outcome of the one before it, and so is the right of the
//!   [`Author`] to give it: who has lost it while the command waited for its turn changes nothing any more.
//! - What is committed is published, even when the caller has gone away in between: see [`ControlPlane`].
//! - A refused command, or one that the store failed to keep, changes nothing.
//! - An entry moves from one list to the next with its usage cell, so that no count is lost.
//! - A private key or a secret leaves this module once, in [`CreatedKey`], [`CreatedAccount`] or [`CreatedSecret`]; it is neither
//!   kept nor logged.
//!
//! Not here: who may give a command, and the bounds of its texts (`admin`); how things are kept (`store`).

mod accounts;
mod audit;
mod author;
mod entries;
mod error;
mod flush;
mod keys;
mod organizations;
mod publish;
mod secret;
#[cfg(test)]
#[cfg(not(portcullis_loom))]
pub(crate) mod tests;
mod tokens;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::access::{AccessList, EntryCounts, ListName};
use crate::addr::{ClientIp, Prefix};
use crate::id::{CredentialId, IdGenerator, OrgId, Revision};
use crate::identity::{ApiKey, Organization, Roles, SecretKeys};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::store::Store;
use crate::time::{Clock, Timestamp};

pub use accounts::{AccountUpdate, CreatedAccount, CreatedSecret, NewAccount};
pub use author::Author;
pub use error::{CommandError, OpenError};
pub use flush::FlushReport;
pub use tokens::Grant;

use flush::Flusher;
use publish::Publisher;
use writer::{Context, Plan, Writer};

/// What the control plane is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Entries one credential's list may hold. Default 200, the published limit.
    pub entries_per_list: usize,
    /// Keys one organization may have. Default 500, the published limit.
    pub keys_per_organization: usize,
    /// Service accounts one organization may have. Default 200, the published limit.
    pub accounts_per_organization: usize,
    /// How long a key signs tokens before a new one takes its place. Default 30 days.
    pub signing_key_lifetime: Duration,
    /// How often usage is written to the store. Default 5 s.
    pub usage_flush_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entries_per_list: 200,
            keys_per_organization: 500,
            accounts_per_organization: 200,
            signing_key_lifetime: Duration::from_secs(30 * 24 * 3600),
            usage_flush_interval: Duration::from_secs(5),
        }
    }
}

/// Takes commands, one method each, and puts them in force.
///
/// **Cancel safety.** Every command may be dropped at any time, as happens when a client of the
/// admin API hangs up. Dropped before its turn, it does nothing. After that it runs to its end
/// without its caller: a change that was stored is published as well.
pub struct ControlPlane {
    writer: Arc<Writer>,
    flusher: Arc<Flusher>,
    flush_interval: Duration,
    author: Option<Author>,
}

impl ControlPlane {
    /// Loads everything stored and puts it in force, together with the lists that the config names.
    ///
    /// # Errors
    /// The store does not load, what it holds contradicts itself, a named list is defined twice or
    /// holds a range twice, or the operating system has no random bytes to give.
    pub async fn open(
        store: Arc<dyn Store>,
        secrets: SecretKeys,
        named_lists: Vec<NamedListDefinition>,
        settings: Settings,
        clock: Clock,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, OpenError> {
        let ids = IdGenerator::new().map_err(OpenError::Random)?;
        let flusher = Flusher::new().map_err(OpenError::Random)?;
        let image = store.load().await?;
        let loaded = Instant::now();
        let first = publish::snapshot_of(image, named_lists, clock.now())?;
        let publisher = Publisher::open(first, loaded, observer);
        let flush_interval = settings.usage_flush_interval;
        let writer = Writer::new(store, publisher, Context { settings, clock, ids, secrets });
        let (writer, flusher) = (Arc::new(writer), Arc::new(flusher));
        Ok(Arc::new(Self { writer, flusher, flush_interval, author: None }))
    }

    /// The same control plane, whose commands are `author`'s: each is refused, as [`Author::check`] says, where the author
    /// may not give it any more when its turn comes.
    #[must_use]
    pub fn on_behalf_of(&self, author: Author) -> Self {
        Self {
            writer: Arc::clone(&self.writer),
            flusher: Arc::clone(&self.flusher),
            flush_interval: self.flush_interval,
            author: Some(author),
        }
    }

    /// The cell that workers read.
    pub fn snapshots(&self) -> &Arc<SnapshotCell> {
        self.writer.publisher().cell()
    }

    /// The snapshot in force. Whoever keeps it keeps its memory.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots().load()
    }

    /// Drops the replaced snapshots that nobody holds any more. Each publish does so too; this is
    /// for the tick after the last one.
    pub fn sweep_retired(&self) {
        self.writer.publisher().sweep();
    }

    /// Adds an organization without keys, which requires access lists.
    ///
    /// # Errors
    /// [`CommandError::Store`].
    pub async fn create_organization(&self, name: &str) -> Result<Arc<Organization>, CommandError> {
        let name = name.into();
        self.run(move |context, now| organizations::create(context, now, name)).await
    }

    /// Changes what an organization is called and what it asks of its credentials. Nothing new: nothing is stored.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::LocksOutCaller`], [`CommandError::Store`].
    pub async fn update_organization(
        &self,
        org: OrgId,
        update: OrganizationUpdate,
    ) -> Result<Arc<Organization>, CommandError> {
        let author = self.author;
        self.run(move |_, current| organizations::update(current, org, update, author)).await
    }

    /// Adds a key to an organization, with the entries that its list starts with.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::TooManyKeys`],
    /// [`CommandError::TooManyEntries`], [`CommandError::Random`], [`CommandError::Store`].
    pub async fn create_key(
        &self,
        org: OrgId,
        description: &str,
        roles: Roles,
        entries: Vec<NewEntry>,
    ) -> Result<CreatedKey, CommandError> {
        let new = keys::NewKey { org, description: description.into(), roles, entries };
        self.run(move |context, current| keys::create(context, current, new)).await
    }

    /// Changes what a key is for and what it may do. Nothing new: nothing is stored.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::KeyNotFound`],
    /// [`CommandError::LastOwner`], [`CommandError::Store`].
    pub async fn update_key(
        &self,
        org: OrgId,
        id: CredentialId,
        update: KeyUpdate,
    ) -> Result<Arc<ApiKey>, CommandError> {
        self.run(move |context, current| keys::update(context, current, org, id, update)).await
    }

    /// Removes a key, its list and the usage of that list.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::KeyNotFound`],
    /// [`CommandError::LastOwner`], [`CommandError::Store`].
    pub async fn delete_key(&self, org: OrgId, id: CredentialId) -> Result<(), CommandError> {
        self.run(move |context, current| keys::delete(context, current, org, id)).await
    }

    /// Adds the entries that a credential's list does not hold yet, at its end and in their order, all or
    /// none; returns the whole list after the change.
    ///
    /// A range that the list holds already stays as it is, usage and spelling included; a range
    /// that comes twice counts once. Nothing new: nothing is stored, and the revision stays.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::KeyNotFound`], [`CommandError::AccountNotFound`],
    /// [`CommandError::TooManyEntries`], [`CommandError::Store`].
    pub async fn add_entries(
        &self,
        org: OrgId,
        owner: ListOwner,
        entries: Vec<NewEntry>,
    ) -> Result<Arc<AccessList>, CommandError> {
        let target = entries::Target { org, owner };
        self.run(move |context, current| entries::add(context, current, target, &entries)).await
    }

    /// Removes the entry of exactly this range, and its usage.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::KeyNotFound`], [`CommandError::AccountNotFound`],
    /// [`CommandError::EntryNotFound`], [`CommandError::RemovesCaller`], [`CommandError::Store`].
    pub async fn remove_entry(
        &self,
        org: OrgId,
        owner: ListOwner,
        prefix: Prefix,
        caller: Option<Caller>,
    ) -> Result<(), CommandError> {
        let target = entries::Target { org, owner };
        self.run(move |context, current| entries::remove(context, current, target, prefix, caller))
            .await
    }

    /// Carries out `plan` in its turn, if its author may still give it then.
    async fn run<T, P>(&self, plan: P) -> Result<T, CommandError>
    where
        T: Send + 'static,
        P: FnOnce(&Context, &Snapshot) -> Result<Plan<T>, CommandError> + Send + 'static,
    {
        let author = self.author;
        let plan = move |context: &Context, current: &Snapshot| {
            if let Some(author) = author {
                author.check(current, context.clock.now())?;
            }
            plan(context, current)
        };
        self.writer.run(plan).await
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlPlane").field(self.snapshots()).finish()
    }
}

/// An entry to be added.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewEntry {
    /// The range.
    pub prefix: Prefix,
    /// The address part as its author spelled it, where that is not the canonical text.
    pub spelling: Option<Box<str>>,
}

impl NewEntry {
    /// An entry that remembers how its author spelled the address part. None for the one address that stands for no address:
    /// no request comes from it.
    pub fn spelled(prefix: Prefix, address: &str) -> Option<Self> {
        if prefix.is_host() && prefix.network().is_unspecified() {
            return None;
        }
        let canonical = prefix.network().to_string();
        Some(Self { prefix, spelling: (address != canonical).then(|| address.into()) })
    }
}

/// What is to change of a key; what is none stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeyUpdate {
    /// The description from now on.
    pub description: Option<String>,
    /// The roles from now on; they replace the earlier ones.
    pub roles: Option<Roles>,
}

/// What is to change of an organization; what is none stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrganizationUpdate {
    /// The name from now on.
    pub name: Option<String>,
    /// Whether credentials with an empty list are refused everywhere from now on.
    pub access_list_required: Option<bool>,
    /// Hours that a new secret may be valid at most from now on; `Some(None)`: as many as the API knows.
    pub most_secret_hours: Option<Option<u32>>,
}

/// The credential that an access list belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListOwner {
    /// An API key.
    Key(CredentialId),
    /// A service account.
    Account(CredentialId),
}

impl ListOwner {
    /// The credential, of whichever kind.
    pub fn credential(self) -> CredentialId {
        let (Self::Key(id) | Self::Account(id)) = self;
        id
    }
}

/// Who gives a command that could lock out its giver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The credential that the caller presented.
    pub credential: CredentialId,
    /// The address that the caller was judged by.
    pub address: ClientIp,
}

/// A key just made, with the one copy of its private key that there will ever be.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key as kept.
    pub key: Arc<ApiKey>,
    /// The private key: a UUID.
    pub private_key: SecretString,
}

/// A list that the config names, with its entries in the order written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedListDefinition {
    /// The name that routes say.
    pub name: ListName,
    /// Each range, and from when on it admits nobody.
    pub entries: Vec<(Prefix, Option<Timestamp>)>,
}

/// Hears what the control plane did, for the metrics. Called on the control runtime; must not wait.
pub trait Observer: Send + Sync + 'static {
    /// A snapshot came into force, the first one included.
    fn published(&self, publication: Publication);

    /// Usage was stored.
    fn flushed(&self, report: FlushReport);

    /// Usage could not be stored; `unflushed` requests wait for the next flush.
    fn flush_failed(&self, unflushed: u64);
}

/// Hears nothing: for commands that end before anybody could scrape.
impl Observer for () {
    fn published(&self, _: Publication) {}
    fn flushed(&self, _: FlushReport) {}
    fn flush_failed(&self, _: u64) {}
}

/// How a snapshot came into force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Publication {
    /// The revision in force.
    pub revision: Revision,
    /// From the store's answer to the moment of coming into force.
    pub took: Duration,
    /// Entries in force.
    pub entries: EntryCounts,
}
