//! The access list of an API key: the ranges that the key may be used from.

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
use crate::id::CredentialId;

/// A page of the list, oldest entry first.
pub(super) fn list(call: &Call<'_>, key: CredentialId) -> Result<Answer, Rejection> {
    let list = find(call, key)?;
    Ok(page(call, key, list.as_deref().map_or(&[], AccessList::entries)))
}

/// Adds entries; answers with a page of the whole list after the change.
pub(super) async fn add(
    call: &Call<'_>,
    key: CredentialId,
    body: Body,
) -> Result<Answer, Rejection> {
    let entries = input::parse_entries(&call.read_json(body).await?, call.state.entries_per_list)?;
    let list = call.control().add_entries(call.org(), ListOwner::Key(key), entries).await;
    let list = list.map_err(|error| call.failed(About::Key(call.org(), key), error))?;
    Ok(page(call, key, list.entries()))
}

/// One entry.
pub(super) fn show(
    call: &Call<'_>,
    key: CredentialId,
    prefix: Prefix,
) -> Result<Answer, Rejection> {
    let list = find(call, key)?;
    let entry = list.as_deref().and_then(|list| list.find(prefix)).ok_or_else(|| {
        call.failed(About::Entry(call.org(), key, prefix), CommandError::EntryNotFound)
    })?;
    Ok(Answer::Document(write(call, key, entry)))
}

/// Removes an entry, unless the caller stands on it.
pub(super) async fn remove(
    call: &Call<'_>,
    key: CredentialId,
    prefix: Prefix,
) -> Result<Answer, Rejection> {
    let caller = control::Caller {
        credential: call.caller.principal.credential,
        address: call.caller.address,
    };
    let removed =
        call.control().remove_entry(call.org(), ListOwner::Key(key), prefix, Some(caller)).await;
    removed.map_err(|error| call.failed(About::Entry(call.org(), key, prefix), error))?;
    Ok(Answer::Gone)
}

/// The list of a key; a key without entries may have none.
fn find(call: &Call<'_>, key: CredentialId) -> Result<Option<Arc<AccessList>>, Rejection> {
    let snapshot = call.snapshot();
    if snapshot.credentials.key(call.org(), key).is_none() {
        return Err(call.failed(About::Key(call.org(), key), CommandError::KeyNotFound));
    }
    Ok(snapshot.lists.find(key).map(Arc::clone))
}

fn page(call: &Call<'_>, key: CredentialId, entries: &[Arc<Entry>]) -> Answer {
    let href = call.links.access_list(call.org(), key);
    Answer::Page(page_of(entries, &href, &call.query, |entry| write(call, key, entry)))
}

fn write(call: &Call<'_>, key: CredentialId, entry: &Entry) -> serde_json::Value {
    wire::key_entry(entry, Owner { org: call.org(), key }, &call.links)
}
