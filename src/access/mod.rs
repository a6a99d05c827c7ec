//! Decides whether a client address may use a credential, and counts the use.
//!
//! The rules, by the published API's documentation:
//!
//! | organization requires lists | the credential's list | a request from |
//! |---|---|---|
//! | no | empty | anywhere is allowed: a [`Permit`] without an entry |
//! | yes | empty | anywhere is refused: [`Denial::ListRequired`] |
//! | either | not empty | passes by the longest live prefix that holds the address, else [`Denial::NotListed`] |
//!
//! [`admit()`] is on every request's way: it takes no lock, does no I/O and allocates nothing.
//!
//! Invariants
//! - Only this module makes a [`Permit`].
//! - A counter outlives the snapshot it was read from: publishing loses no counts.
//! - A refused request changes no usage; an admitted one changes exactly one entry's of each list it had to pass.
//!
//! Not here: who the principal is (`identity`), where lists are kept (`store`).

mod admit;
mod entry;
mod prefix_table;
mod usage;

use std::sync::Arc;

pub use admit::{Admission, Denial, EmptyList, Permit, admit};
pub use entry::{AccessList, Entry, ListName, named_entry_id};
pub use prefix_table::PrefixTable;
pub use usage::{LastUse, Usage, UsageDelta};

use crate::id::CredentialId;

/// Every access list in force: one for each credential, and the named ones of the config.
///
/// Clones share structure, so that changing one list of 100,000 costs microseconds.
#[derive(Clone, Default)]
pub struct AccessLists {
    by_credential: Map<CredentialId, Arc<AccessList>>,
    named: Map<ListName, Arc<AccessList>>,
    /// Kept up to date by every change, as a publication must not walk every list.
    counts: EntryCounts,
}

impl AccessLists {
    /// The list of a credential; a credential without entries has none.
    pub fn find(&self, credential: CredentialId) -> Option<&Arc<AccessList>> {
        self.by_credential.get(&credential)
    }

    /// A list that the config names.
    pub fn find_named(&self, name: &ListName) -> Option<&Arc<AccessList>> {
        self.named.get(name)
    }

    /// Puts `list` in the place of the credential's earlier one.
    pub fn put(&mut self, credential: CredentialId, list: Arc<AccessList>) {
        self.counts.credential += list.entries().len();
        self.counts.credential -= size(self.by_credential.insert(credential, list));
    }

    /// Forgets the credential's list.
    pub fn remove(&mut self, credential: CredentialId) {
        self.counts.credential -= size(self.by_credential.remove(&credential));
    }

    /// Puts `list` in the place of the earlier one of that name.
    pub fn put_named(&mut self, name: ListName, list: Arc<AccessList>) {
        self.counts.named += list.entries().len();
        self.counts.named -= size(self.named.insert(name, list));
    }

    /// Forgets the named list.
    pub fn remove_named(&mut self, name: &ListName) {
        self.counts.named -= size(self.named.remove(name));
    }

    /// Every entry of every list, named ones included.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_credential.values().chain(self.named.values()).flat_map(|list| list.entries())
    }

    /// Every entry of the credentials' lists.
    pub fn credential_entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_credential.values().flat_map(|list| list.entries())
    }

    /// Every entry of the named lists.
    pub fn named_entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.named.values().flat_map(|list| list.entries())
    }

    /// The names of the named lists.
    pub fn names(&self) -> impl Iterator<Item = &ListName> {
        self.named.keys()
    }

    /// How many entries the credentials' lists hold, and how many the named lists. Takes the same time however many there are.
    pub fn entry_counts(&self) -> EntryCounts {
        self.counts
    }
}

/// Entries of a list that was taken out, if there was one.
fn size(list: Option<Arc<AccessList>>) -> usize {
    list.map_or(0, |list| list.entries().len())
}

type Map<K, V> =
    imbl::GenericHashMap<K, V, foldhash::fast::RandomState, imbl::shared_ptr::DefaultSharedPtr>;

/// Sizes for the metrics, by kind of list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EntryCounts {
    /// Entries in credentials' lists.
    pub credential: usize,
    /// Entries in named lists.
    pub named: usize,
}

#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests;
