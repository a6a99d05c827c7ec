//! Commands on the entries of a credential's access list.

use std::collections::HashSet;
use std::sync::Arc;

use super::organizations::find_organization;
use super::writer::{Context, Plan};
use super::{Caller, CommandError, ListOwner, NewEntry};
use crate::access::{AccessList, Entry, Usage};
use crate::addr::Prefix;
use crate::id::{EntryId, OrgId};
use crate::snapshot::Snapshot;
use crate::store::Change;
use crate::time::Timestamp;

/// Whose list a command is for.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) org: OrgId,
    pub(super) owner: ListOwner,
}

pub(super) fn add(
    context: &Context,
    current: &Snapshot,
    target: Target,
    wanted: &[NewEntry],
) -> Result<Plan<Arc<AccessList>>, CommandError> {
    let list = list_of(current, target)?;
    let added = new_to(&list, wanted, context)?;
    if added.is_empty() {
        return Ok(Plan::Unchanged(list));
    }
    let entries = list.entries().iter().chain(&added).map(Arc::clone).collect();
    let grown = Arc::new(AccessList::new(entries));
    let mut next = current.clone();
    next.lists.put(target.owner.credential(), Arc::clone(&grown));
    let change = Change::AddEntries { credential: target.owner.credential(), entries: added };
    Ok(Plan::changed(change, next, grown))
}

pub(super) fn remove(
    context: &Context,
    current: &Snapshot,
    target: Target,
    prefix: Prefix,
    caller: Option<Caller>,
) -> Result<Plan<()>, CommandError> {
    let credential = target.owner.credential();
    let list = list_of(current, target)?;
    let removed = list.find(prefix).ok_or(CommandError::EntryNotFound)?;
    if let Some(caller) = caller
        && caller.credential == credential
    {
        refuse_removing_caller(&list, removed, caller, context.clock.now())?;
    }
    let rest: Vec<_> =
        list.entries().iter().filter(|entry| entry.id != removed.id).map(Arc::clone).collect();
    let mut next = current.clone();
    if rest.is_empty() {
        next.lists.remove(credential);
    } else {
        next.lists.put(credential, Arc::new(AccessList::new(rest)));
    }
    Ok(Plan::changed(Change::RemoveEntry { credential, entry: removed.id }, next, ()))
}

/// Entries for those of `wanted` that `list` does not hold yet, each range once, in the order given.
pub(super) fn new_to(
    list: &AccessList,
    wanted: &[NewEntry],
    context: &Context,
) -> Result<Vec<Arc<Entry>>, CommandError> {
    let mut seen = HashSet::new();
    let missing: Vec<_> = wanted
        .iter()
        .filter(|new| seen.insert(new.prefix) && list.find(new.prefix).is_none())
        .collect();
    let limit = context.settings.entries_per_list;
    if !missing.is_empty() && list.entries().len() + missing.len() > limit {
        return Err(CommandError::TooManyEntries { limit });
    }
    let created = context.clock.now();
    let make = |new: &NewEntry| {
        Arc::new(Entry {
            id: EntryId(context.ids.next(created)),
            prefix: new.prefix,
            spelling: new.spelling.clone(),
            created,
            expires: None,
            usage: Usage::default(),
        })
    };
    Ok(missing.into_iter().map(make).collect())
}

/// Guards an edit of one's own list against its author: contract, section 12.
fn refuse_removing_caller(
    list: &AccessList,
    removed: &Entry,
    caller: Caller,
    now: Timestamp,
) -> Result<(), CommandError> {
    let admits = |entry: &Entry| entry.is_live(now) && entry.prefix.contains(caller.address);
    let stays = list.entries().iter().any(|entry| entry.id != removed.id && admits(entry));
    if admits(removed) && !stays {
        return Err(CommandError::RemovesCaller);
    }
    Ok(())
}

/// The list in force; an empty one where there is none.
fn list_of(current: &Snapshot, target: Target) -> Result<Arc<AccessList>, CommandError> {
    let Target { org, owner } = target;
    find_organization(current, org)?;
    let credentials = &current.credentials;
    match owner {
        ListOwner::Key(id) if credentials.key(org, id).is_none() => {
            return Err(CommandError::KeyNotFound);
        }
        ListOwner::Account(id) if credentials.account(org, id).is_none() => {
            return Err(CommandError::AccountNotFound);
        }
        _ => {}
    }
    Ok(current.lists.find(owner.credential()).map(Arc::clone).unwrap_or_default())
}
