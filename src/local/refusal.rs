//! Why a command was not carried out, and what the operator can do about it.

use super::input::Violation;
use crate::addr::Prefix;
use crate::control::CommandError;
use crate::store::StoreError;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A part of it breaks a rule.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// No organization has this id or name.
    #[error("organization: found {found}, expected the id or the name of one")]
    OrganizationUnknown {
        /// What was given.
        found: String,
    },
    /// More than one organization has this name.
    #[error("organization: found {found}, expected an id: more than one has this name")]
    OrganizationAmbiguous {
        /// What was given.
        found: String,
    },
    /// None was named, and there are several.
    #[error("organization: not given, expected the id or the name of one: there are {count}")]
    OrganizationNeeded {
        /// How many there are.
        count: usize,
    },
    /// None was named, and there is none.
    #[error("there is no organization yet")]
    NoOrganization,
    /// No credential has this name.
    #[error("credential: found {found}, expected one that is there")]
    CredentialUnknown {
        /// What was given.
        found: String,
    },
    /// The credential is a service account.
    #[error("credential: found {found}, a service account, expected an API key")]
    NotAKey {
        /// What was given.
        found: String,
    },
    /// The credential is an API key.
    #[error("credential: found {found}, an API key, expected a service account")]
    NotAnAccount {
        /// What was given.
        found: String,
    },
    /// The list has no such entry.
    #[error("entry: found {entry}, expected a range that is on the list of {credential}")]
    EntryUnknown {
        /// Whose list.
        credential: String,
        /// The range.
        entry: Prefix,
    },
    /// The control plane refused it, or could not.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Refusal {
    /// Whether the command itself is good, and what failed was to carry it out.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Command(error) => {
                let failed = matches!(error, CommandError::Store(_) | CommandError::Random(_));
                failed || matches!(error, CommandError::Interrupted(_))
            }
            _ => false,
        }
    }

    /// What can be done about it.
    pub fn advice(&self) -> Option<String> {
        let text = match self {
            Self::OrganizationUnknown { .. } | Self::OrganizationAmbiguous { .. } => LIST_ORGS,
            Self::OrganizationNeeded { .. } => "name it by --org; `portcullis org list` shows them",
            Self::NoOrganization => "`portcullis org create NAME` makes one",
            Self::CredentialUnknown { .. } => {
                "`portcullis key list` and `portcullis service-account list` show them"
            }
            Self::NotAKey { .. } => "`portcullis service-account delete` removes it",
            Self::NotAnAccount { .. } => "`portcullis service-account list` shows them",
            Self::EntryUnknown { .. } => {
                "an entry is named exactly; `portcullis access-list list` shows them"
            }
            Self::Command(error) => return of_command(error).map(str::to_owned),
            Self::Violation(_) => return None,
        };
        Some(text.to_owned())
    }
}

fn of_command(error: &CommandError) -> Option<&'static str> {
    Some(match error {
        CommandError::LastOwner => {
            "make another owner first: `portcullis key create --role ORG_OWNER`, with `--allow` for where it may be used from"
        }
        CommandError::TooManyEntries { .. } => {
            "remove some with `portcullis access-list rm`, or raise `limits.entries_per_list`"
        }
        CommandError::TooManyKeys { .. } => {
            "remove some with `portcullis key delete`, or raise `limits.keys_per_organization`"
        }
        CommandError::TooManyAccounts { .. } => {
            "remove some with `portcullis service-account delete`"
        }
        CommandError::TooManySecrets { .. } => {
            "remove one first: `portcullis service-account secret delete`"
        }
        CommandError::SecretNotFound => "`portcullis service-account list` shows them",
        CommandError::Interrupted(_) => {
            "look with `portcullis org list`, `key list` and `access-list list` whether it was carried out"
        }
        CommandError::Store(StoreError::Database { .. }) => {
            "is the disk full or read-only? Nothing that was stored before is lost"
        }
        _ => return None,
    })
}

const LIST_ORGS: &str = "`portcullis org list` shows them";
