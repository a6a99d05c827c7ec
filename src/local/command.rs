//! What an operator may ask for, as it is sent. Texts are as typed: whoever runs the command reads them by the rules of `input`.

use serde::{Deserialize, Serialize};

/// A command. Organizations are named by id or by name; credentials by id, by public key or by client id.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(
    tag = "command",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Command {
    /// Every organization.
    ListOrganizations {},
    /// A new organization, without keys.
    CreateOrganization {
        /// What people call it.
        name: String,
    },
    /// Another name for an organization.
    RenameOrganization {
        /// Which one.
        organization: String,
        /// Its name from now on.
        name: String,
    },
    /// Every API key of an organization.
    ListKeys {
        /// Which one; none: the only one.
        organization: Option<String>,
    },
    /// A new API key.
    CreateKey {
        /// Whose; none: the only organization's.
        organization: Option<String>,
        /// What it is for.
        description: String,
        /// What it may do.
        roles: Vec<String>,
        /// Addresses and ranges that its list starts with.
        allow: Vec<String>,
    },
    /// The end of an API key and of its list.
    DeleteKey {
        /// Which one.
        credential: String,
    },
    /// Every service account of an organization.
    ListAccounts {
        /// Which one; none: the only one.
        organization: Option<String>,
    },
    /// A new service account.
    CreateAccount {
        /// Whose; none: the only organization's.
        organization: Option<String>,
        /// What people call it.
        name: String,
        /// What it is for.
        description: String,
        /// What it may do.
        roles: Vec<String>,
        /// Addresses and ranges that its list starts with.
        allow: Vec<String>,
        /// Hours that its first secret is valid; none: it has no secret yet.
        secret_hours: Option<u32>,
    },
    /// The end of a service account, of its secrets, tokens and list.
    DeleteAccount {
        /// Which one.
        credential: String,
    },
    /// A new secret of a service account.
    CreateSecret {
        /// Whose.
        credential: String,
        /// Hours that it is valid.
        hours: u32,
    },
    /// The end of a secret and of the tokens that it gave.
    DeleteSecret {
        /// Whose.
        credential: String,
        /// Which one, by its id.
        secret: String,
    },
    /// A credential's access list, with usage.
    ListEntries {
        /// Whose.
        credential: String,
    },
    /// More entries on a credential's access list.
    AddEntries {
        /// Whose.
        credential: String,
        /// Addresses and ranges.
        entries: Vec<String>,
    },
    /// One entry less on a credential's access list.
    RemoveEntry {
        /// Whose.
        credential: String,
        /// Exactly this address or range.
        entry: String,
    },
    /// A new key to sign access tokens with.
    RotateSigningKey {},
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_a_command_does_not_know_is_refused_by_every_command() {
        for command in [
            r#"{"command":"rotateSigningKey","x":1}"#,
            r#"{"command":"listOrganizations","x":1}"#,
            r#"{"command":"deleteKey","credential":"abcdefgh","x":1}"#,
        ] {
            assert!(serde_json::from_str::<Command>(command).is_err(), "{command}");
        }
        let read = serde_json::from_str::<Command>(r#"{"command":"rotateSigningKey"}"#);
        assert_eq!(read.unwrap(), Command::RotateSigningKey {});
    }
}
