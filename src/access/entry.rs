//! An entry of an access list, and the list: entries in the order of their adding, with a table over them.

use std::fmt;
use std::sync::Arc;

use super::prefix_table::PrefixTable;
use super::usage::Usage;
use crate::addr::{ClientIp, Prefix};
use crate::id::EntryId;
use crate::time::Timestamp;

/// A range of addresses that may use a credential, with the usage it gathered.
#[derive(Debug)]
pub struct Entry {
    /// Names the entry; its usage is stored under it.
    pub id: EntryId,
    /// The range.
    pub prefix: Prefix,
    /// The address part as its author first spelled it, where that is not the canonical text.
    pub spelling: Option<Box<str>>,
    /// When it was added.
    pub created: Timestamp,
    /// From when on it admits nobody.
    pub expires: Option<Timestamp>,
    /// How often, when and from where it was used.
    pub usage: Usage,
}

impl Entry {
    /// Whether the entry admits anyone at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// The entries of one credential or one name, oldest first. Never changed: a change makes a new list that shares the entries.
#[derive(Default)]
pub struct AccessList {
    entries: Vec<Arc<Entry>>,
    table: PrefixTable,
}

impl AccessList {
    /// A list of `entries`, which are in the order of their adding and have distinct prefixes.
    pub fn new(entries: Vec<Arc<Entry>>) -> Self {
        let table = PrefixTable::new(&entries);
        Self { entries, table }
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of exactly this range.
    pub fn find(&self, prefix: Prefix) -> Option<&Arc<Entry>> {
        self.table.find(prefix)
    }

    /// The live entry with the longest prefix that holds `client`.
    pub fn longest_live(&self, client: ClientIp, now: Timestamp) -> Option<&Arc<Entry>> {
        self.table.longest_live(client, now)
    }
}

impl fmt::Debug for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.prefix)).finish()
    }
}

/// The name of a list that the config defines.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ListName(Arc<str>);

impl ListName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ListName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}
