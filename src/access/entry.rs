//! An entry of an access list, and the list: entries in the order of their adding, with a table over them.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::prefix_table::PrefixTable;
use super::usage::Usage;
use crate::addr::{ClientIp, Prefix};
use crate::id::{EntryId, ObjectId};
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
    table: PrefixTable,
}

impl AccessList {
    /// A list of `entries`, which are in the order of their adding and have distinct prefixes.
    pub fn new(entries: Vec<Arc<Entry>>) -> Self {
        Self { table: PrefixTable::new(entries) }
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Arc<Entry>] {
        self.table.entries()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
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
        f.debug_list().entries(self.entries().iter().map(|entry| entry.prefix)).finish()
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

/// The identifier under which a named list's entry keeps its usage: the same after every restart.
pub fn named_entry_id(list: &ListName, prefix: Prefix) -> EntryId {
    let digest = Sha256::new()
        .chain_update(list.as_str())
        .chain_update([0]) // A prefix has no zero byte, so no two pairs make the same text.
        .chain_update(prefix.to_string())
        .finalize();
    let mut bytes = [0; 12];
    bytes.copy_from_slice(&digest[..12]);
    EntryId(ObjectId::from_bytes(bytes))
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_named_entry_s_identifier_is_the_same_after_every_restart() {
        let id = |list: &str, prefix: &str| {
            named_entry_id(&ListName::from(list), Prefix::parse(prefix).unwrap())
        };
        // The first twelve bytes of SHA-256 of "office", a zero byte and the canonical prefix.
        assert_eq!(id("office", "192.0.2.1").to_string(), "17655f85751cdf9963d031a4");
        assert_eq!(id("office", "192.0.2.1"), id("office", "192.0.2.1/32"));
        assert_ne!(id("office", "192.0.2.1"), id("office", "192.0.2.2"));
        assert_ne!(id("office", "192.0.2.1"), id("offices", "192.0.2.1"));
    }

    #[test]
    fn an_entry_is_live_up_to_the_instant_of_its_expiry() {
        let entry = |expires| Entry {
            id: EntryId(ObjectId::from_bytes([0; 12])),
            prefix: Prefix::parse("192.0.2.0/24").unwrap(),
            spelling: None,
            created: Timestamp::default(),
            expires,
            usage: Usage::default(),
        };
        let at = Timestamp::from_millis;
        assert!(entry(Some(at(5))).is_live(at(4)));
        assert!(!entry(Some(at(5))).is_live(at(5)));
        assert!(entry(None).is_live(at(i64::MAX)));
    }

    /// The design allows 150 bytes for an entry with its counters; a list adds eight for its place.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_entry_with_its_counters_keeps_to_its_budget() {
        let shared = size_of::<Entry>() + 2 * size_of::<usize>(); // `Arc` counts its owners beside it.
        assert_eq!((size_of::<Entry>(), shared), (120, 136));
    }
}
