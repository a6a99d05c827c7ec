//! API keys of an organization. Their private halves are shown once, in the answer that makes them.

use axum::body::Body;

use super::Call;
use super::error::{About, Rejection};
use super::input;
use super::page::page_of;
use super::respond::Answer;
use super::wire;
use crate::control::{CommandError, ListOwner};
use crate::id::CredentialId;

/// The organization's keys, oldest first.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let snapshot = call.snapshot();
    let keys: Vec<_> = snapshot.credentials.keys_of(call.org()).collect();
    let href = call.links.keys(call.org());
    Answer::Page(page_of(&keys, &href, &call.query, |key| wire::key(key, &call.links)))
}

/// One key.
pub(super) fn show(call: &Call<'_>, id: CredentialId) -> Result<Answer, Rejection> {
    let snapshot = call.snapshot();
    let key = snapshot.credentials.key(call.org(), id);
    let key = key.ok_or_else(|| {
        call.failed(About::Credential(call.org(), ListOwner::Key(id)), CommandError::KeyNotFound)
    })?;
    Ok(Answer::Document(wire::key(key, &call.links)))
}

/// Makes a key.
pub(super) async fn create(call: &Call<'_>, body: Body) -> Result<Answer, Rejection> {
    let new = input::parse_new_key(&call.read_json(body).await?)?;
    let control = call.control();
    let created = control.create_key(call.org(), &new.description, new.roles, Vec::new()).await;
    let created = created.map_err(|error| call.failed(About::Organization(call.org()), error))?;
    Ok(Answer::Document(wire::created_key(&created.key, &created.private_key, &call.links)))
}

/// Changes what a key is for or what it may do.
pub(super) async fn update(
    call: &Call<'_>,
    id: CredentialId,
    body: Body,
) -> Result<Answer, Rejection> {
    let update = input::parse_key_update(&call.read_json(body).await?)?;
    let key = call.control().update_key(call.org(), id, update).await;
    let key =
        key.map_err(|error| call.failed(About::Credential(call.org(), ListOwner::Key(id)), error))?;
    Ok(Answer::Document(wire::key(&key, &call.links)))
}

/// Ends a key, its list and that list's usage.
pub(super) async fn delete(call: &Call<'_>, id: CredentialId) -> Result<Answer, Rejection> {
    let deleted = call.control().delete_key(call.org(), id).await;
    deleted
        .map_err(|error| call.failed(About::Credential(call.org(), ListOwner::Key(id)), error))?;
    Ok(Answer::Gone)
}
