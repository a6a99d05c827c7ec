//! Commands that were not carried out: the one mapping of their errors to the published codes.

use http::StatusCode;

use super::{Rejection, bad, denied, not_found, number, unavailable, unexpected};
use crate::addr::{ClientIp, Prefix};
use crate::control::{CommandError, ListOwner};
use crate::id::{CredentialId, OrgId, SecretId};
use crate::identity::ClientId;
use crate::problem::Problem;

/// A command that was not carried out.
#[derive(Debug, thiserror::Error)]
#[error("{about:?} by {address}")]
pub(in crate::admin) struct Failure {
    /// What it was about.
    pub(in crate::admin) about: About,
    /// The caller's address.
    pub(in crate::admin) address: ClientIp,
    /// Why it was not.
    pub(in crate::admin) source: CommandError,
}

/// What a command was about.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) enum About {
    /// An organization, or what it has as a whole.
    Organization(OrgId),
    /// A credential, or its list.
    Credential(OrgId, ListOwner),
    /// An entry of a credential's list.
    Entry(OrgId, ListOwner, Prefix),
    /// A secret of a service account.
    Secret(OrgId, CredentialId, SecretId),
}

impl Failure {
    /// The answer's body and status.
    pub(super) fn problem(&self) -> Problem {
        let Self { about, address, source } = self;
        match source {
            CommandError::RoleLost { needed } => Rejection::Role { needed: *needed }.problem(""),
            CommandError::NotAdmitted(denial) => denied(*denial, *address),
            CommandError::OrganizationNotFound
            | CommandError::KeyNotFound
            | CommandError::AccountNotFound
            | CommandError::SecretNotFound
            | CommandError::EntryNotFound => missing(*about, source),
            CommandError::TooManyKeys { limit } => {
                too_many("MAX_API_KEYS_PER_ORG_EXCEEDED", "The organization", "API keys", *limit)
            }
            CommandError::TooManyAccounts { limit } => too_many(
                "MAX_SERVICE_ACCOUNTS_PER_ORG_EXCEEDED",
                "The organization",
                "service accounts",
                *limit,
            ),
            CommandError::TooManySecrets { limit } => too_many(
                "MAX_SECRETS_PER_SERVICE_ACCOUNT_EXCEEDED",
                "The service account",
                "secrets",
                *limit,
            ),
            CommandError::TooManyEntries { limit } => too_many_entries(*limit),
            // The API has no operation that gives a token; the token endpoint has errors of its own.
            CommandError::TooManyTokens { limit, .. } => {
                too_many("RATE_LIMITED", "The service account", "live tokens", *limit)
            }
            CommandError::SecretTooLong { hours, most } => too_long(*hours, *most),
            CommandError::RemovesCaller => bad(
                "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST",
                format!("No other entry holds the caller's address {address}, so this one stays."),
            )
            .with(address.to_string()),
            CommandError::LocksOutCaller => locks_out(*address),
            CommandError::LastOwner => last_owner(*about),
            CommandError::Store(_) | CommandError::Random(_) | CommandError::Interrupted(_) => {
                if source.is_unavailable() {
                    unavailable()
                } else {
                    unexpected()
                }
            }
        }
    }
}

/// What is not there. Service accounts, secrets and their entries have no code of their own: none is published.
fn missing(about: About, source: &CommandError) -> Problem {
    let Named { what, id } = about.owner();
    let part = about.part();
    match source {
        CommandError::KeyNotFound => {
            not_found("API_KEY_NOT_FOUND", format!("The organization has no {what} {id}.")).with(id)
        }
        CommandError::AccountNotFound => {
            not_found("RESOURCE_NOT_FOUND", format!("The organization has no {what} {id}."))
                .with(id)
        }
        CommandError::SecretNotFound => {
            not_found("RESOURCE_NOT_FOUND", format!("The {what} {id} has no secret {part}."))
                .with(part)
                .with(id)
        }
        CommandError::EntryNotFound => {
            let detail = format!("The access list of {what} {id} has no entry {part}.");
            not_found(about.entry_code(), detail).with(part).with(id)
        }
        _ => {
            let org = about.org();
            let detail = format!("No organization {org} for this caller.");
            not_found("ORG_NOT_FOUND", detail).with(org.to_string())
        }
    }
}

fn too_many(code: &'static str, who: &str, things: &str, limit: usize) -> Problem {
    bad(code, format!("{who} has as many {things} as it may have: {limit}."))
        .with_number(number(limit))
}

fn too_many_entries(limit: usize) -> Problem {
    let detail = format!("The access list would have too many entries; expected at most {limit}.");
    let expected = format!("expected at most {limit} entries on the whole list");
    bad("VALIDATION_ERROR", detail).with_number(number(limit)).with_field("body", expected)
}

fn too_long(hours: u32, most: u32) -> Problem {
    let field = "secretExpiresAfterHours";
    let expected = format!("expected at most {most}, which is this organization's maximum");
    bad("VALIDATION_ERROR", format!("Cannot use the body: {field} is {hours}; {expected}."))
        .with(field)
        .with_field(field, expected)
}

fn locks_out(address: ClientIp) -> Problem {
    let detail =
        format!("The caller's own access list is empty: add an entry that holds {address} first.");
    Problem::new(StatusCode::CONFLICT, "ORG_REQUIRES_ACCESS_LIST", detail).with(address.to_string())
}

fn last_owner(about: About) -> Problem {
    let Named { what, id } = about.owner();
    let detail = format!("The {what} {id} is the organization's last owner, so it stays one.");
    Problem::new(StatusCode::CONFLICT, "CANNOT_REMOVE_LAST_OWNER", detail).with(id)
}

/// A thing as a sentence has it.
struct Named {
    what: &'static str,
    id: String,
}

impl About {
    fn org(self) -> OrgId {
        let (Self::Organization(org)
        | Self::Credential(org, _)
        | Self::Entry(org, ..)
        | Self::Secret(org, ..)) = self;
        org
    }

    /// The credential that it was about; where none, the organization.
    fn owner(self) -> Named {
        match self {
            Self::Organization(org) => Named { what: "organization", id: org.to_string() },
            Self::Credential(_, ListOwner::Key(key)) | Self::Entry(_, ListOwner::Key(key), _) => {
                Named { what: "API key", id: key.to_string() }
            }
            Self::Credential(_, ListOwner::Account(account))
            | Self::Entry(_, ListOwner::Account(account), _)
            | Self::Secret(_, account, _) => {
                Named { what: "service account", id: ClientId(account).to_string() }
            }
        }
    }

    /// The part of the credential that it was about; empty where it was about the whole.
    fn part(self) -> String {
        match self {
            Self::Organization(_) | Self::Credential(..) => String::new(),
            Self::Entry(.., prefix) if prefix.is_host() => prefix.network().to_string(),
            Self::Entry(.., prefix) => prefix.to_string(),
            Self::Secret(.., secret) => secret.to_string(),
        }
    }

    fn entry_code(self) -> &'static str {
        match self {
            Self::Entry(_, ListOwner::Account(_), _) => "RESOURCE_NOT_FOUND",
            _ => "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND",
        }
    }
}
