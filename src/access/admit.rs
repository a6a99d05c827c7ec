//! The check and the count in one call.
//!
//! First every list that the request has to pass is asked; only when all admit is the use counted. So a
//! refused request changes nothing. A request that has no list to pass at all is refused: closed by default.
//!
//! Not here: how a denial is answered, and with which code (`proxy`, `admin`).

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

impl EmptyList {
    /// By the organization's `apiAccessListRequired`.
    pub fn of(access_list_required: bool) -> Self {
        if access_list_required { Self::AdmitsNobody } else { Self::AdmitsAnybody }
    }
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

    /// Whether no entry vouches for the address: the credential has no list, its organization asks for
    /// none, and the route names none.
    pub fn is_unlisted(&self) -> bool {
        self.entry.is_none() && self.named_entry.is_none()
    }
}

/// Why an address was not admitted. The contract's codes, section 6.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denial {
    /// No live entry of a list that has entries holds the address, or there is no list to pass: `IP_ADDRESS_NOT_ON_ACCESS_LIST`.
    #[error("the address is on no entry of the access list")]
    NotListed,
    /// The organization requires lists and the credential's is empty: `ORG_REQUIRES_ACCESS_LIST`.
    #[error("the organization requires an access list, and this credential's is empty")]
    ListRequired,
    /// The route's named list does not hold the address, or does not exist.
    #[error("the address is on no entry of the list that the route requires")]
    NotOnNamedList,
}

/// Checks `client` against every list of `admission` and, when all let it pass, counts the use: once, in
/// one entry of each list.
///
/// # Errors
/// The first list that refuses, the credential's before the named one; no usage has changed then.
pub fn admit(
    lists: &AccessLists,
    admission: Admission<'_>,
    client: ClientIp,
    now: Timestamp,
) -> Result<Permit, Denial> {
    let Admission { credential, named } = admission;
    if credential.is_none() && named.is_none() {
        return Err(Denial::NotListed);
    }
    let entry = match credential {
        Some((credential, empty)) => own_entry(lists, credential, empty, client, now)?,
        None => None,
    };
    let named_entry = match named {
        Some(name) => Some(entry_of_named(lists, name, client, now)?),
        None => None,
    };
    for admitting in entry.into_iter().chain(named_entry) {
        admitting.usage.record(client, now);
    }
    Ok(Permit { entry: entry.map(Arc::clone), named_entry: named_entry.map(Arc::clone) })
}

/// The entry of the credential's own list that admits `client`; none when anybody is admitted.
fn own_entry(
    lists: &AccessLists,
    credential: CredentialId,
    empty: EmptyList,
    client: ClientIp,
    now: Timestamp,
) -> Result<Option<&Arc<Entry>>, Denial> {
    // A list whose entries have all expired is not empty: it admits nobody, whatever an empty one means.
    match (lists.find(credential).filter(|list| !list.is_empty()), empty) {
        (Some(list), _) => list.longest_live(client, now).map(Some).ok_or(Denial::NotListed),
        (None, EmptyList::AdmitsAnybody) => Ok(None),
        (None, EmptyList::AdmitsNobody) => Err(Denial::ListRequired),
    }
}

/// The entry of the named list that admits `client`. A list that does not exist admits nobody.
fn entry_of_named<'a>(
    lists: &'a AccessLists,
    name: &ListName,
    client: ClientIp,
    now: Timestamp,
) -> Result<&'a Arc<Entry>, Denial> {
    let list = lists.find_named(name).ok_or(Denial::NotOnNamedList)?;
    list.longest_live(client, now).ok_or(Denial::NotOnNamedList)
}

#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests;
