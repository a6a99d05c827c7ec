//! Commands on API keys.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::organizations::{find_organization, refuse_last_owner};
use super::writer::{Context, Plan};
use super::{CommandError, CreatedKey, KeyUpdate, NewEntry, entries, secret};
use crate::access::AccessList;
use crate::id::{CredentialId, OrgId};
use crate::identity::{ApiKey, Ha1, Role, Roles};
use crate::snapshot::Snapshot;
use crate::store::Change;

/// A key to be made.
pub(super) struct NewKey {
    pub(super) org: OrgId,
    pub(super) description: Box<str>,
    pub(super) roles: Roles,
    pub(super) entries: Vec<NewEntry>,
}

pub(super) fn create(
    context: &Context,
    current: &Snapshot,
    new: NewKey,
) -> Result<Plan<CreatedKey>, CommandError> {
    find_organization(current, new.org)?;
    let limit = context.settings.keys_per_organization;
    if current.credentials.keys_of(new.org).count() >= limit {
        return Err(CommandError::TooManyKeys { limit });
    }
    let entries = entries::new_to(&AccessList::default(), &new.entries, context)?;
    let created = make_key(context, current, new)?;

    let mut next = current.clone();
    next.credentials.put_key(Arc::clone(&created.key));
    if !entries.is_empty() {
        next.lists.put(created.key.id, Arc::new(AccessList::new(entries.clone())));
    }
    let change = Change::CreateKey { key: Arc::clone(&created.key), entries };
    Ok(Plan::changed(change, next, created))
}

pub(super) fn update(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
    update: KeyUpdate,
) -> Result<Plan<Arc<ApiKey>>, CommandError> {
    let key = find_key(current, org, id)?;
    let description = update.description.map_or_else(|| key.description.clone(), Into::into);
    let roles = update.roles.unwrap_or(key.roles);
    if description == key.description && roles == key.roles {
        return Ok(Plan::Unchanged(Arc::clone(key)));
    }
    if !roles.contains(Role::Owner) {
        refuse_last_owner(context, current, org, id, key.roles)?;
    }
    let changed =
        Arc::new(ApiKey { description: description.clone(), roles, ..ApiKey::clone(key) });
    let mut next = current.clone();
    next.credentials.put_key(Arc::clone(&changed));
    Ok(Plan::changed(Change::UpdateKey { id, description, roles }, next, changed))
}

pub(super) fn delete(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
) -> Result<Plan<()>, CommandError> {
    let key = find_key(current, org, id)?;
    refuse_last_owner(context, current, org, id, key.roles)?;
    let mut next = current.clone();
    next.credentials.remove_key(org, id);
    next.lists.remove(id);
    Ok(Plan::changed(Change::DeleteKey { id }, next, ()))
}

/// The key `id` of `org`. An organization that does not exist is told apart from one without the key.
pub(super) fn find_key(
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
) -> Result<&Arc<ApiKey>, CommandError> {
    find_organization(current, org)?;
    current.credentials.key(org, id).ok_or(CommandError::KeyNotFound)
}

fn make_key(
    context: &Context,
    current: &Snapshot,
    new: NewKey,
) -> Result<CreatedKey, CommandError> {
    let private_key = secret::private_key().map_err(CommandError::Random)?;
    let public_key =
        secret::public_key(|candidate| current.credentials.key_by_public_key(candidate).is_none())
            .map_err(CommandError::Random)?;
    let created = context.clock.now();
    let key = ApiKey {
        id: CredentialId(context.ids.next(created)),
        org: new.org,
        public_key,
        description: new.description,
        roles: new.roles,
        private_key_tail: secret::tail_of(&private_key, PRIVATE_KEY_TAIL),
        ha1: Ha1::new(public_key, private_key.expose_secret()),
        created,
    };
    Ok(CreatedKey { key: Arc::new(key), private_key })
}

/// Characters of a private key that are shown ever after. Source: contract, section 10.
const PRIVATE_KEY_TAIL: usize = 12;
