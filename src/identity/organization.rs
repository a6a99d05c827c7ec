//! What is kept of an organization: the owner of credentials.

use crate::id::OrgId;
use crate::time::Timestamp;

/// An organization: the owner of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// Names it.
    pub id: OrgId,
    /// What people call it.
    pub name: Box<str>,
    /// Whether a credential with an empty access list is refused everywhere (`apiAccessListRequired`).
    pub access_list_required: bool,
    /// When it was made.
    pub created: Timestamp,
}
