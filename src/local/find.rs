//! What a command names: an organization by its id or, where only one has it, its name; a credential by any of its names.

use std::fmt;

use super::input::{self, CredentialName, Violation};
use super::refusal::Refusal;
use crate::control::ListOwner;
use crate::id::{CredentialId, OrgId};
use crate::identity::ClientId;
use crate::snapshot::Snapshot;

/// A credential that was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credential {
    Key { org: OrgId, id: CredentialId },
    Account(Account),
}

/// A service account that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) org: OrgId,
    pub(super) id: CredentialId,
}

impl Credential {
    pub(super) fn org(self) -> OrgId {
        let (Self::Key { org, .. } | Self::Account(Account { org, .. })) = self;
        org
    }

    pub(super) fn owner(self) -> ListOwner {
        match self {
            Self::Key { id, .. } => ListOwner::Key(id),
            Self::Account(account) => ListOwner::Account(account.id),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { id, .. } => id.fmt(f),
            Self::Account(account) => ClientId(account.id).fmt(f),
        }
    }
}

/// The organization of that id or name; where none is named, the only one.
pub(super) fn organization(snapshot: &Snapshot, named: Option<&str>) -> Result<OrgId, Refusal> {
    let all = || snapshot.credentials.organizations();
    let Some(text) = named else {
        let mut organizations = all();
        return match (organizations.next(), organizations.next()) {
            (Some(only), None) => Ok(only.id),
            (None, _) => Err(Refusal::NoOrganization),
            _ => Err(Refusal::OrganizationNeeded { count: all().count() }),
        };
    };
    if let Ok(id) = text.parse()
        && snapshot.credentials.organization(id).is_some()
    {
        return Ok(id);
    }
    let mut namesakes = all().filter(|organization| *organization.name == *text);
    match (namesakes.next(), namesakes.next()) {
        (Some(only), None) => Ok(only.id),
        (None, _) => Err(Refusal::OrganizationUnknown { found: input::quoted(text) }),
        _ => Err(Refusal::OrganizationAmbiguous { found: input::quoted(text) }),
    }
}

/// The credential of that name, whatever organization it is of.
pub(super) fn credential(snapshot: &Snapshot, named: &str) -> Result<Credential, Refusal> {
    let name = Violation::or("credential", named, input::credential)?;
    let credentials = &snapshot.credentials;
    let account = |id| {
        let account = credentials.account_by_id(id)?;
        Some(Credential::Account(Account { org: account.org, id }))
    };
    let key = |id| {
        let holds = |org: &OrgId| credentials.key(*org, id).is_some();
        let org = credentials.organizations().map(|organization| organization.id).find(holds)?;
        Some(Credential::Key { org, id })
    };
    let found = match name {
        CredentialName::Id(id) => key(id).or_else(|| account(id)),
        CredentialName::Client(ClientId(id)) => account(id),
        CredentialName::PublicKey(public_key) => credentials
            .key_by_public_key(public_key)
            .map(|key| Credential::Key { org: key.org, id: key.id }),
    };
    found.ok_or_else(|| Refusal::CredentialUnknown { found: input::quoted(named) })
}

/// The service account of that name.
pub(super) fn account(snapshot: &Snapshot, named: &str) -> Result<Account, Refusal> {
    match credential(snapshot, named)? {
        Credential::Account(account) => Ok(account),
        Credential::Key { .. } => Err(Refusal::NotAnAccount { found: input::quoted(named) }),
    }
}
