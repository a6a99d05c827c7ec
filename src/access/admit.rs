//! The check and the count in one call.

use std::sync::Arc;

use super::AccessLists;
use super::entry::{Entry, ListName};
use crate::addr::ClientIp;
use crate::id::CredentialId;
use crate::time::Timestamp;

/// What a credential without entries means in its organization.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EmptyList {
    /// The organization requires lists: nobody passes.
    AdmitsNobody,
    /// The organization does not: anybody passes, unlisted.
    AdmitsAnybody,
}

/// Which lists a request has to pass.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// The authenticated credential, and what an empty list of it means; none on a route without authentication.
    pub credential: Option<(CredentialId, EmptyList)>,
    /// The list that the route names.
    pub named: Option<&'a ListName>,
}

/// Proof that a request passed the lists it had to. Only [`admit`] makes one.
#[derive(Debug)]
pub struct Permit {
    entry: Option<Arc<Entry>>,
    named_entry: Option<Arc<Entry>>,
}

impl Permit {
    /// The entry of the credential's list; none where the credential is unlisted or there is none.
    pub fn entry(&self) -> Option<&Arc<Entry>> {
        self.entry.as_ref()
    }
    /// The entry of the route's named list.
    pub fn named_entry(&self) -> Option<&Arc<Entry>> {
        self.named_entry.as_ref()
    }
}

/// Why an address was not admitted. The contract's codes, section 6.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denial {
    /// No live entry of a list that has entries holds the address: `IP_ADDRESS_NOT_ON_ACCESS_LIST`.
    #[error("the address is on no entry of the access list")]
    NotListed,
    /// The organization requires lists and the credential's is empty: `ORG_REQUIRES_ACCESS_LIST`.
    #[error("the organization requires an access list, and this credential's is empty")]
    ListRequired,
    /// The route's named list does not hold the address, or does not exist.
    #[error("the address is on no entry of the list that the route requires")]
    NotOnNamedList,
}

/// Checks `client` against every list of `admission` and, when all let it pass, counts the use.
///
/// # Errors
/// The first list that refuses; no usage has changed then.
pub fn admit(
    _lists: &AccessLists,
    _admission: Admission<'_>,
    _client: ClientIp,
    _now: Timestamp,
) -> Result<Permit, Denial> {
    Err(Denial::NotListed)
}
