//! The access list of a credential: the ranges that it may be used from. Keys and service accounts have the same lists; what
//! their entries look like is told apart by `wire` alone.

use std::sync::Arc;

use axum::body::Body;

use super::Call;
use super::error::{About, Rejection};
use super::input;
use super::page::page_of;
use super::respond::Answer;
use super::wire::{self, Owner};
use crate::access::{AccessList, Entry};
use crate::addr::Prefix;
use crate::control::{self, CommandError, ListOwner};

/// A page of the list, oldest entry first.
pub(super) fn list(call: &Call<'_>, owner: ListOwner) -> Result<Answer, Rejection> {
    let list = find(call, owner)?;
    Ok(page(call, owner, list.as_deref().map_or(&[], AccessList::entries)))
}

/// Adds entries; answers with a page of the whole list after the change.
pub(super) async fn add(
    call: &Call<'_>,
    owner: ListOwner,
    body: Body,
) -> Result<Answer, Rejection> {
    let entries = input::parse_entries(&call.read_json(body).await?, call.state.entries_per_list)?;
    let list = call.control().add_entries(call.org(), owner, entries).await;
    let list = list.map_err(|error| call.failed(About::Credential(call.org(), owner), error))?;
    Ok(page(call, owner, list.entries()))
}

/// One entry.
pub(super) fn show(call: &Call<'_>, owner: ListOwner, prefix: Prefix) -> Result<Answer, Rejection> {
    let list = find(call, owner)?;
    let entry = list.as_deref().and_then(|list| list.find(prefix)).ok_or_else(|| {
        call.failed(About::Entry(call.org(), owner, prefix), CommandError::EntryNotFound)
    })?;
    Ok(Answer::Document(write(call, owner, entry)))
}

/// Removes an entry, unless the caller stands on it.
pub(super) async fn remove(
    call: &Call<'_>,
    owner: ListOwner,
    prefix: Prefix,
) -> Result<Answer, Rejection> {
    let caller = control::Caller {
        credential: call.caller.principal.credential,
        address: call.caller.address,
    };
    let removed = call.control().remove_entry(call.org(), owner, prefix, Some(caller)).await;
    removed.map_err(|error| call.failed(About::Entry(call.org(), owner, prefix), error))?;
    Ok(Answer::Gone)
}

/// The list of a credential; one without entries may have none.
fn find(call: &Call<'_>, owner: ListOwner) -> Result<Option<Arc<AccessList>>, Rejection> {
    let snapshot = call.snapshot();
    let credentials = &snapshot.credentials;
    let missing = match owner {
        ListOwner::Key(key) if credentials.key(call.org(), key).is_none() => {
            CommandError::KeyNotFound
        }
        ListOwner::Account(account) if credentials.account(call.org(), account).is_none() => {
            CommandError::AccountNotFound
        }
        _ => return Ok(snapshot.lists.find(owner.credential()).map(Arc::clone)),
    };
    Err(call.failed(About::Credential(call.org(), owner), missing))
}

fn page(call: &Call<'_>, owner: ListOwner, entries: &[Arc<Entry>]) -> Answer {
    let href = call.links.access_list(call.org(), owner);
    Answer::Page(page_of(entries, &href, &call.query, |entry| write(call, owner, entry)))
}

fn write(call: &Call<'_>, owner: ListOwner, entry: &Entry) -> serde_json::Value {
    match owner {
        ListOwner::Key(key) => wire::key_entry(entry, Owner { org: call.org(), key }, &call.links),
        ListOwner::Account(_) => wire::account::entry(entry),
    }
}
