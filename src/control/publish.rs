//! The way of a snapshot: from the store's image, into the cell, out of memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{NamedListDefinition, Observer, OpenError, Publication};
use crate::access::{AccessList, AccessLists, Entry, Usage, named_entry_id};
use crate::id::{CredentialId, EntryId};
use crate::identity::{ApiKey, Credentials, Organization, ServiceAccount};
use crate::snapshot::{Retired, Snapshot, SnapshotCell};
use crate::store::{Image, StoredUsage};
use crate::time::Timestamp;

/// Puts snapshots in force and keeps the replaced ones until nobody holds them.
pub(super) struct Publisher {
    cell: Arc<SnapshotCell>,
    retired: Mutex<Retired<Arc<Snapshot>>>,
    observer: Arc<dyn Observer>,
}

impl Publisher {
    /// Puts the first snapshot in force.
    pub(super) fn open(first: Snapshot, loaded: Instant, observer: Arc<dyn Observer>) -> Self {
        let (revision, entries) = (first.revision, first.lists.entry_counts());
        let cell = Arc::new(SnapshotCell::new(first));
        observer.published(Publication { revision, took: loaded.elapsed(), entries });
        Self { cell, retired: Mutex::default(), observer }
    }

    pub(super) fn cell(&self) -> &Arc<SnapshotCell> {
        &self.cell
    }

    pub(super) fn observer(&self) -> &Arc<dyn Observer> {
        &self.observer
    }

    /// Puts `next` in force; the next read sees it. For the one writer.
    pub(super) fn publish(&self, next: Snapshot, committed: Instant) {
        let (revision, entries) = (next.revision, next.lists.entry_counts());
        let replaced = self.cell.publish(Arc::new(next));
        let took = committed.elapsed();
        self.retired().keep(replaced);
        self.sweep();
        self.observer.published(Publication { revision, took, entries });
    }

    /// Drops the replaced snapshots that nobody else holds.
    pub(super) fn sweep(&self) {
        let unheld = self.retired().release();
        drop(unheld); // After the lock is free: dropping a large table takes its time.
    }

    /// How many replaced snapshots are still held by somebody.
    #[cfg(test)]
    #[cfg(not(portcullis_loom))]
    pub(super) fn retired_count(&self) -> usize {
        self.retired().len()
    }

    fn retired(&self) -> std::sync::MutexGuard<'_, Retired<Arc<Snapshot>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The snapshot that shows `image`, together with the lists that the config names.
pub(super) fn snapshot_of(
    image: Image,
    named_lists: Vec<NamedListDefinition>,
    now: Timestamp,
) -> Result<Snapshot, OpenError> {
    let (mut credentials, mut ids) = credentials_of(image.organizations, image.keys)?;
    add_accounts(&mut credentials, &mut ids, image.accounts)?;
    credentials.put_signing_keys(image.signing_keys.into());
    let mut lists = AccessLists::default();
    for (credential, list) in lists_of(image.entries)? {
        if !ids.contains(&credential) {
            return Err(inconsistent("entries of an unknown credential", credential));
        }
        lists.put(credential, Arc::new(list));
    }
    let usage = image.other_usage.into_iter().collect();
    let mut names = HashSet::new();
    for definition in named_lists {
        if !names.insert(definition.name.clone()) {
            return Err(OpenError::DuplicateList { name: definition.name });
        }
        let list = named_list(&definition, &usage, now)?;
        lists.put_named(definition.name, Arc::new(list));
    }
    Ok(Snapshot { revision: image.revision, credentials, lists })
}

fn credentials_of(
    organizations: Vec<Organization>,
    keys: Vec<ApiKey>,
) -> Result<(Credentials, HashSet<CredentialId>), OpenError> {
    let mut credentials = Credentials::default();
    for organization in organizations {
        credentials.put_organization(Arc::new(organization));
    }
    let mut ids = HashSet::with_capacity(keys.len());
    for key in keys {
        if credentials.organization(key.org).is_none() {
            return Err(inconsistent("organization unknown to key", key.id));
        }
        // Of two keys with one public key, a digest could reach one only.
        if credentials.key_by_public_key(key.public_key).is_some() || !ids.insert(key.id) {
            return Err(inconsistent("a second key like", key.id));
        }
        credentials.put_key(Arc::new(key));
    }
    Ok((credentials, ids))
}

fn add_accounts(
    credentials: &mut Credentials,
    ids: &mut HashSet<CredentialId>,
    accounts: Vec<ServiceAccount>,
) -> Result<(), OpenError> {
    for account in accounts {
        if credentials.organization(account.org).is_none() {
            return Err(inconsistent("organization unknown to service account", account.id));
        }
        // A list belongs to one credential only.
        if !ids.insert(account.id) {
            return Err(inconsistent("a second credential like", account.id));
        }
        credentials.put_account(Arc::new(account));
    }
    Ok(())
}

fn lists_of(
    entries: Vec<(CredentialId, Entry)>,
) -> Result<impl Iterator<Item = (CredentialId, AccessList)>, OpenError> {
    let mut by_credential = HashMap::<_, Vec<_>>::new();
    let mut ranges = HashSet::with_capacity(entries.len());
    for (credential, entry) in entries {
        if !ranges.insert((credential, entry.prefix)) {
            return Err(inconsistent("a range twice on the list of", credential));
        }
        by_credential.entry(credential).or_default().push(Arc::new(entry));
    }
    Ok(by_credential.into_iter().map(|(credential, list)| (credential, AccessList::new(list))))
}

fn named_list(
    definition: &NamedListDefinition,
    stored: &HashMap<EntryId, StoredUsage>,
    now: Timestamp,
) -> Result<AccessList, OpenError> {
    let mut ranges = HashSet::with_capacity(definition.entries.len());
    let mut entries = Vec::with_capacity(definition.entries.len());
    for &(prefix, expires) in &definition.entries {
        if !ranges.insert(prefix) {
            return Err(OpenError::DuplicateEntry { name: definition.name.clone(), prefix });
        }
        let id = named_entry_id(&definition.name, prefix);
        let StoredUsage { count, last } = stored.get(&id).copied().unwrap_or_default();
        let usage = Usage::restored(count, last);
        entries.push(Arc::new(Entry { id, prefix, spelling: None, created: now, expires, usage }));
    }
    Ok(AccessList::new(entries))
}

fn inconsistent(what: &'static str, at: CredentialId) -> OpenError {
    OpenError::Inconsistent { what, id: at.0 }
}
