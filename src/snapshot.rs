//! Credentials and lists at one revision, and the cell through which every reader gets the newest.

use crate::access::AccessLists;
use crate::id::Revision;
use crate::identity::Credentials;

/// Credentials and lists at one revision. Immutable; clones share structure.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The revision that this is the image of.
    pub revision: Revision,
    /// Organizations and keys.
    pub credentials: Credentials,
    /// Access lists.
    pub lists: AccessLists,
}
