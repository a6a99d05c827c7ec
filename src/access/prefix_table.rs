//! Longest-prefix match over live entries.

use std::sync::Arc;

use super::entry::Entry;
use crate::addr::{ClientIp, Prefix};
use crate::time::Timestamp;

/// Finds the entry that admits an address.
#[derive(Default)]
pub struct PrefixTable {
    entries: Vec<Arc<Entry>>,
}

impl PrefixTable {
    /// A table over `entries`.
    pub fn new(entries: &[Arc<Entry>]) -> Self {
        Self { entries: entries.to_vec() }
    }
    /// The entry of exactly this range.
    pub fn find(&self, prefix: Prefix) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|e| e.prefix == prefix)
    }
    /// The live entry with the longest prefix that holds `client`.
    pub fn longest_live(&self, client: ClientIp, now: Timestamp) -> Option<&Arc<Entry>> {
        self.entries
            .iter()
            .filter(|e| e.prefix.contains(client) && e.is_live(now))
            .max_by_key(|e| e.prefix.length())
    }
}
