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
    /// Hours that a new secret of a service account may be valid at most (`maxServiceAccountSecretValidityInHours`); none: as many
    /// as the API knows.
    pub most_secret_hours: Option<u32>,
    /// When it was made.
    pub created: Timestamp,
}

impl Organization {
    /// Hours that a secret may be valid: 8 to a year. Source: contract, section 9.
    pub const SECRET_HOURS: std::ops::RangeInclusive<u32> = 8..=8760;
}
