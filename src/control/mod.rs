//! Changes of what is stored.

use std::time::Duration;

/// What the control plane is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Entries one credential's list may hold. Default 200, the published limit.
    pub entries_per_list: usize,
    /// Keys one organization may have. Default 500, the published limit.
    pub keys_per_organization: usize,
    /// How often usage is written to the store. Default 5 s.
    pub usage_flush_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entries_per_list: 200,
            keys_per_organization: 500,
            usage_flush_interval: Duration::from_secs(5),
        }
    }
}
