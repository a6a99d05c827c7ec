//! The texts of a command to the domain, by the same rules as the admin API's bodies.
//!
//! Who types a command is told at once what is wrong with it, and who sends one otherwise is told the same.

use crate::addr::{Prefix, PrefixError};
use crate::control::NewEntry;
use crate::id::{CredentialId, SecretId};
use crate::identity::text::{
    is_account_description, is_account_name, is_key_description, is_organization_name,
};
use crate::identity::{ClientId, Organization, PublicKey, Role};

/// A part of a command that breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field}: found {found}, {rule}")]
pub struct Violation {
    /// What the part is called.
    pub field: &'static str,
    /// What stands there, quoted and cut.
    pub found: String,
    /// What was expected.
    pub rule: Rule,
}

impl Violation {
    /// What `read` makes of `text`.
    ///
    /// # Errors
    /// The text breaks a rule of `read`'s.
    pub fn or<T>(
        field: &'static str,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Result<T, Self> {
        read(text).map_err(|rule| Self { field, found: quoted(text), rule })
    }

    /// A part that is not there.
    pub(super) fn absent(field: &'static str, rule: Rule) -> Self {
        Self { field, found: "nothing".to_owned(), rule }
    }
}

/// What is expected of a part of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rule {
    /// The name of an organization.
    #[error("expected 1 to 64 characters on one line, without spaces at the ends")]
    OrganizationName,
    /// The description of an API key.
    #[error("expected 1 to 250 characters, none of them NUL")]
    KeyDescription,
    /// The name of a service account.
    #[error("expected 1 to 64 letters, digits, spaces and -_.,'")]
    AccountName,
    /// The description of a service account.
    #[error("expected 1 to 250 letters, digits, spaces and -_.,'")]
    AccountDescription,
    /// A role.
    #[error(
        "expected one of ORG_OWNER, ORG_MEMBER, ORG_GROUP_CREATOR, ORG_BILLING_ADMIN, ORG_BILLING_READ_ONLY, \
         ORG_STREAM_PROCESSING_ADMIN, ORG_READ_ONLY"
    )]
    Role,
    /// At least one role.
    #[error("expected at least one role")]
    SomeRole,
    /// At least one entry.
    #[error("expected at least one address or range")]
    SomeEntry,
    /// An address or a range.
    #[error(transparent)]
    Entry(#[from] PrefixError),
    /// Not the address that stands for none.
    #[error("expected an address that requests can come from")]
    Specified,
    /// The name of a credential.
    #[error(
        "expected an API key's id (24 lower-case hexadecimal digits) or public key (8 letters), or a client id mdb_sa_id_…"
    )]
    Credential,
    /// The id of a secret.
    #[error("expected the id of a secret: 24 lower-case hexadecimal digits")]
    Secret,
    /// How long a secret is valid.
    #[error(
        "expected hours from {} to {}", Organization::SECRET_HOURS.start(), Organization::SECRET_HOURS.end()
    )]
    SecretHours,
}

/// How a command names a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CredentialName {
    /// By its id, of whichever kind it is.
    Id(CredentialId),
    /// An API key by its public key.
    PublicKey(PublicKey),
    /// A service account by its client id.
    Client(ClientId),
}

/// The name of an organization.
///
/// # Errors
/// The text can't name an organization.
pub fn organization_name(text: &str) -> Result<String, Rule> {
    is(is_organization_name, text, Rule::OrganizationName)
}

/// The description of an API key.
///
/// # Errors
/// The text can't describe an API key.
pub fn key_description(text: &str) -> Result<String, Rule> {
    is(is_key_description, text, Rule::KeyDescription)
}

/// The name of a service account.
///
/// # Errors
/// The text can't name a service account.
pub fn account_name(text: &str) -> Result<String, Rule> {
    is(is_account_name, text, Rule::AccountName)
}

/// The description of a service account.
///
/// # Errors
/// The text can't describe a service account.
pub fn account_description(text: &str) -> Result<String, Rule> {
    is(is_account_description, text, Rule::AccountDescription)
}

/// The role of that name.
///
/// # Errors
/// There is no such role.
pub fn role(text: &str) -> Result<Role, Rule> {
    Role::parse(text).ok_or(Rule::Role)
}

/// An address or a range, with how it was spelled.
///
/// # Errors
/// The text is neither, has host bits set, is IPv4-mapped, or is the address that stands for none.
pub fn entry(text: &str) -> Result<NewEntry, Rule> {
    let prefix = Prefix::parse(text)?;
    let address = text.split('/').next().unwrap_or_default();
    NewEntry::spelled(prefix, address).ok_or(Rule::Specified)
}

/// A credential, named in any of the ways there are.
///
/// # Errors
/// The text is no id, no public key and no client id.
pub fn credential(text: &str) -> Result<CredentialName, Rule> {
    let id = || text.parse().ok().map(CredentialName::Id);
    let public_key = || PublicKey::parse(text).map(CredentialName::PublicKey);
    let client = || text.parse().ok().map(CredentialName::Client);
    id().or_else(public_key).or_else(client).ok_or(Rule::Credential)
}

/// The id of a secret.
///
/// # Errors
/// The text is no id.
pub fn secret(text: &str) -> Result<SecretId, Rule> {
    text.parse().map_err(|_| Rule::Secret)
}

/// Hours that a secret may be valid.
///
/// # Errors
/// The text is no number of hours that a secret may be valid.
pub fn secret_hours(text: &str) -> Result<u32, Rule> {
    let hours = text.parse().ok().filter(|hours| Organization::SECRET_HOURS.contains(hours));
    hours.ok_or(Rule::SecretHours)
}

fn is(rule: impl FnOnce(&str) -> bool, text: &str, expected: Rule) -> Result<String, Rule> {
    if rule(text) { Ok(text.to_owned()) } else { Err(expected) }
}

/// The beginning of a text, in quotation marks, with control characters escaped: safe to be shown on a terminal.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Characters of a text that an error repeats.
const MOST_CHARACTERS: usize = 100;
