//! Commands on organizations, and the rules that hold for whatever belongs to one.

use std::sync::Arc;

use super::writer::{Context, Plan};
use super::{Author, CommandError, OrganizationUpdate};
use crate::id::{CredentialId, OrgId};
use crate::identity::{Organization, Role, Roles};
use crate::snapshot::Snapshot;
use crate::store::Change;

pub(super) fn create(
    context: &Context,
    current: &Snapshot,
    name: Box<str>,
) -> Result<Plan<Arc<Organization>>, CommandError> {
    let created = context.clock.now();
    let organization = Arc::new(Organization {
        id: OrgId(context.ids.next(created)),
        name,
        access_list_required: true,
        most_secret_hours: None,
        created,
    });
    let mut next = current.clone();
    next.credentials.put_organization(Arc::clone(&organization));
    let change = Change::CreateOrganization { organization: Arc::clone(&organization) };
    Ok(Plan::changed(change, next, organization))
}

pub(super) fn update(
    current: &Snapshot,
    id: OrgId,
    update: OrganizationUpdate,
    author: Option<Author>,
) -> Result<Plan<Arc<Organization>>, CommandError> {
    let before = find_organization(current, id)?;
    let after = Organization {
        name: update.name.map_or_else(|| before.name.clone(), Into::into),
        access_list_required: update.access_list_required.unwrap_or(before.access_list_required),
        most_secret_hours: update.most_secret_hours.unwrap_or(before.most_secret_hours),
        ..Organization::clone(before)
    };
    if after == **before {
        return Ok(Plan::Unchanged(Arc::clone(before)));
    }
    if after.access_list_required && !before.access_list_required {
        refuse_locking_out(current, author)?;
    }
    let after = Arc::new(after);
    let mut next = current.clone();
    next.credentials.put_organization(Arc::clone(&after));
    let change = Change::UpdateOrganization { organization: Arc::clone(&after) };
    Ok(Plan::changed(change, next, after))
}

pub(super) fn find_organization(
    current: &Snapshot,
    id: OrgId,
) -> Result<&Arc<Organization>, CommandError> {
    current.credentials.organization(id).ok_or(CommandError::OrganizationNotFound)
}

/// Guards against an organization that nobody can administer any more: `leaving`, which has `roles`, is about to be no owner, or
/// one that cannot sign in.
pub(super) fn refuse_last_owner(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    leaving: CredentialId,
    roles: Roles,
) -> Result<(), CommandError> {
    let has_other = || current.credentials.has_other_owner(org, leaving, context.clock.now());
    if roles.contains(Role::Owner) && !has_other() {
        return Err(CommandError::LastOwner);
    }
    Ok(())
}

/// Guards who asks for required lists, without an entry on their own, against having asked for the last time.
fn refuse_locking_out(current: &Snapshot, author: Option<Author>) -> Result<(), CommandError> {
    let Some(author) = author else { return Ok(()) };
    let list = current.lists.find(author.principal.credential);
    match list.is_some_and(|list| !list.is_empty()) {
        true => Ok(()),
        false => Err(CommandError::LocksOutCaller),
    }
}
