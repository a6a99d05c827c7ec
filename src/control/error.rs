//! Why a command was not carried out, and why the control plane did not start.

use crate::access::{Denial, ListName};
use crate::addr::Prefix;
use crate::id::ObjectId;
use crate::identity::Role;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Why a command was not carried out. Nothing has changed then, save as [`CommandError::Interrupted`] says.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The author's credential is gone, or has no role any more that includes the one needed.
    #[error("the author has lost the role {}", .needed.as_str())]
    RoleLost {
        /// The role that the command needs.
        needed: Role,
    },
    /// The author's own list does not admit the author's address any more.
    #[error("the author's address is not admitted any more")]
    NotAdmitted(#[source] Denial),
    /// No organization has this id.
    #[error("no such organization")]
    OrganizationNotFound,
    /// The organization has no key of this id.
    #[error("no such API key in the organization")]
    KeyNotFound,
    /// The organization has no service account of this id.
    #[error("no such service account in the organization")]
    AccountNotFound,
    /// The service account has no secret of this id, or it has expired.
    #[error("no such secret of the service account")]
    SecretNotFound,
    /// The organization has as many service accounts as it may have.
    #[error("an organization may have {limit} service accounts")]
    TooManyAccounts {
        /// Accounts one organization may have.
        limit: usize,
    },
    /// The service account has as many secrets as it may have.
    #[error("a service account may have {limit} secrets")]
    TooManySecrets {
        /// Secrets one account may have.
        limit: usize,
    },
    /// The service account has as many tokens as it may have.
    #[error("a service account may have {limit} live tokens")]
    TooManyTokens {
        /// Tokens one account may have.
        limit: usize,
        /// When the first of them expires.
        until: Timestamp,
    },
    /// The secret would be valid for longer than the organization allows.
    #[error("a secret may be valid for at most {most} hours in this organization, not for {hours}")]
    SecretTooLong {
        /// Hours that were asked for.
        hours: u32,
        /// Hours that the organization allows.
        most: u32,
    },
    /// The list holds no entry of exactly this range.
    #[error("no such entry on the access list")]
    EntryNotFound,
    /// The organization has as many keys as it may have.
    #[error("an organization may have {limit} API keys")]
    TooManyKeys {
        /// Keys one organization may have.
        limit: usize,
    },
    /// The list would hold more entries than it may.
    #[error("an access list may hold {limit} entries")]
    TooManyEntries {
        /// Entries one list may hold.
        limit: usize,
    },
    /// The entry is the only live one that lets the caller in, on the caller's own list.
    #[error("the entry is the only one that admits the caller's address")]
    RemovesCaller,
    /// The caller's own list is empty, and would admit nobody once lists are required.
    #[error("the caller's own access list is empty")]
    LocksOutCaller,
    /// The organization would be left without a credential that is its owner and can sign in.
    #[error("the credential is the last owner of its organization")]
    LastOwner,
    /// The operating system has no random bytes to give, so no secret could be drawn.
    #[error("no random bytes from the operating system")]
    Random(#[source] getrandom::Error),
    /// The store did not keep the change.
    #[error("the change was not stored")]
    Store(#[from] StoreError),
    /// The program is stopping, or the command met a defect of ours. Whether the change is stored is not known.
    #[error("the command was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl CommandError {
    /// Whether nothing is wrong with the command, and the one thing missing is a store that takes changes.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::Closed),
            Self::Interrupted(error) => error.is_cancelled(),
            _ => false,
        }
    }
}

/// Why the control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not load.
    #[error("what is stored could not be loaded")]
    Store(#[from] StoreError),
    /// What is stored contradicts itself.
    #[error("what is stored contradicts itself: {what} {id}")]
    Inconsistent {
        /// What was found, before the id it was found at.
        what: &'static str,
        /// Where.
        id: ObjectId,
    },
    /// Two named lists have one name.
    #[error("list {} is defined twice", .name.as_str())]
    DuplicateList {
        /// The name.
        name: ListName,
    },
    /// A named list holds a range twice.
    #[error("list {} holds {prefix} twice", .name.as_str())]
    DuplicateEntry {
        /// The list.
        name: ListName,
        /// The range.
        prefix: Prefix,
    },
    /// The operating system has no random bytes to give.
    #[error("no random bytes from the operating system")]
    Random(#[source] getrandom::Error),
}
