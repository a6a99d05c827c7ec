//! What the operator's log tells of changes: one line for each that was accepted, with identifiers and numbers only.

use crate::id::Revision;
use crate::store::Change;

/// Tells of a change that is stored and in force.
pub(super) fn accepted(revision: Revision, change: &Change) {
    match change {
        Change::CreateOrganization { organization } => {
            tracing::info!(%revision, organization = %organization.id, "organization created");
        }
        Change::UpdateOrganization { organization } => {
            let lists_required = organization.access_list_required;
            let most_secret_hours = organization.most_secret_hours;
            tracing::info!(%revision, organization = %organization.id, lists_required, most_secret_hours, "organization changed");
        }
        Change::CreateKey { key, entries } => {
            let entries = entries.len();
            tracing::info!(%revision, organization = %key.org, key = %key.id, entries, "key created");
        }
        Change::UpdateKey { id, roles, .. } => {
            tracing::info!(%revision, key = %id, ?roles, "key changed");
        }
        Change::DeleteKey { id } => tracing::info!(%revision, key = %id, "key deleted"),
        Change::CreateAccount { account, entries } => {
            let (secrets, entries) = (account.secrets.len(), entries.len());
            tracing::info!(%revision, organization = %account.org, account = %account.id, secrets, entries, "service account created");
        }
        Change::UpdateAccount { account } => {
            tracing::info!(%revision, account = %account.id, roles = ?account.roles, "service account changed");
        }
        Change::DeleteAccount { id } => {
            tracing::info!(%revision, account = %id, "service account deleted");
        }
        Change::CreateSecret { account, secret } => {
            tracing::info!(%revision, %account, secret = %secret.id, expires = %secret.expires, "secret created");
        }
        Change::DeleteSecret { account, secret } => {
            tracing::info!(%revision, %account, %secret, "secret deleted");
        }
        Change::IssueToken { account, token, .. } => {
            tracing::info!(%revision, %account, secret = %token.secret, token = %token.id, "token given");
        }
        Change::RevokeToken { account, token } => {
            tracing::info!(%revision, %account, token = %token.id, "token given back");
        }
        Change::RotateSigningKey { key, removed } => {
            let removed = removed.len();
            tracing::info!(%revision, signing_key = %key.id, removed, "signing key rotated");
        }
        Change::AddEntries { credential, entries } => {
            let entries = entries.len();
            tracing::info!(%revision, %credential, entries, "entries added");
        }
        Change::RemoveEntry { credential, entry } => {
            tracing::info!(%revision, %credential, %entry, "entry removed");
        }
    }
}
