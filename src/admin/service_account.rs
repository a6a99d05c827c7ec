//! Service accounts of an organization and their secrets. A secret is shown once, in the answer that makes it.

use axum::body::Body;

use super::Call;
use super::error::{About, Rejection};
use super::input::account as input;
use super::page::page_of;
use super::respond::Answer;
use super::wire::account as wire;
use crate::control::{CommandError, ListOwner};
use crate::id::{CredentialId, SecretId};

/// The organization's accounts, oldest first. None of ours is managed by the system, so that all are shown either way.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let snapshot = call.snapshot();
    let accounts: Vec<_> = snapshot.credentials.accounts_of(call.org()).collect();
    let href = call.links.accounts(call.org());
    Answer::Page(page_of(&accounts, &href, &call.query, |account| wire::account(account)))
}

/// One account.
pub(super) fn show(call: &Call<'_>, id: CredentialId) -> Result<Answer, Rejection> {
    let snapshot = call.snapshot();
    let account = snapshot.credentials.account(call.org(), id);
    let missing = || call.failed(about(call, id), CommandError::AccountNotFound);
    Ok(Answer::Document(wire::account(account.ok_or_else(missing)?)))
}

/// Makes an account.
pub(super) async fn create(call: &Call<'_>, body: Body) -> Result<Answer, Rejection> {
    let new = input::parse_new_account(&call.read_json(body).await?)?;
    let created = call.control().create_account(call.org(), new, Vec::new()).await;
    let created = created.map_err(|error| call.failed(About::Organization(call.org()), error))?;
    Ok(Answer::Document(wire::created_account(&created)))
}

/// Changes what an account is called, what it is for or what it may do.
pub(super) async fn update(
    call: &Call<'_>,
    id: CredentialId,
    body: Body,
) -> Result<Answer, Rejection> {
    let update = input::parse_account_update(&call.read_json(body).await?)?;
    let account = call.control().update_account(call.org(), id, update).await;
    let account = account.map_err(|error| call.failed(about(call, id), error))?;
    Ok(Answer::Document(wire::account(&account)))
}

/// Ends an account, its secrets, its tokens and its list.
pub(super) async fn delete(call: &Call<'_>, id: CredentialId) -> Result<Answer, Rejection> {
    let deleted = call.control().delete_account(call.org(), id).await;
    deleted.map_err(|error| call.failed(about(call, id), error))?;
    Ok(Answer::Gone)
}

/// Makes a secret.
pub(super) async fn create_secret(
    call: &Call<'_>,
    id: CredentialId,
    body: Body,
) -> Result<Answer, Rejection> {
    let hours = input::parse_new_secret(&call.read_json(body).await?)?;
    let created = call.control().create_secret(call.org(), id, hours).await;
    let created = created.map_err(|error| call.failed(about(call, id), error))?;
    Ok(Answer::Document(wire::created_secret(&created)))
}

/// Ends a secret and the tokens that it gave.
pub(super) async fn delete_secret(
    call: &Call<'_>,
    id: CredentialId,
    secret: SecretId,
) -> Result<Answer, Rejection> {
    let deleted = call.control().delete_secret(call.org(), id, secret).await;
    // An account that is not there is told with its secret unmentioned.
    deleted.map_err(|error| match error {
        CommandError::AccountNotFound => call.failed(about(call, id), error),
        _ => call.failed(About::Secret(call.org(), id, secret), error),
    })?;
    Ok(Answer::Gone)
}

fn about(call: &Call<'_>, id: CredentialId) -> About {
    About::Credential(call.org(), ListOwner::Account(id))
}
