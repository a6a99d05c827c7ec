//! `key`: API keys, whichever organization they are of.

use clap::{Args, Subcommand};

use super::operator::{OperatorArguments, carry_out, checked};
use crate::local::{Command, input};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an API key; its private half is shown once
    Create(Create),
    /// List the API keys of an organization
    List(OfOrganization),
    /// Remove an API key and its list
    Delete(Delete),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    #[command(flatten)]
    new: NewCredential,
    /// What it is for: 1 to 250 characters
    #[arg(long, value_name = "TEXT", value_parser = checked(input::key_description))]
    desc: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

/// What a new key and a new service account both take.
#[derive(Args, Debug)]
pub(super) struct NewCredential {
    /// The organization, by id or name; may be left out where there is only one
    #[arg(long, value_name = "ORG")]
    pub(super) org: Option<String>,
    /// What it may do, as in ORG_OWNER or ORG_READ_ONLY; may be repeated
    #[arg(long, value_name = "ROLE", required = true, value_parser = checked(input::role))]
    pub(super) role: Vec<String>,
    /// An address or range from which it may be used; may be repeated. Without one its list is empty
    #[arg(long, value_name = "CIDR", value_parser = checked(input::entry))]
    pub(super) allow: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct OfOrganization {
    /// The organization, by id or name; may be left out where there is only one
    #[arg(long, value_name = "ORG")]
    pub(super) org: Option<String>,
    #[command(flatten)]
    pub(super) operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct Delete {
    /// Its id or its public key
    #[arg(value_name = "CREDENTIAL", value_parser = checked(input::credential))]
    credential: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(super) fn run(command: KeyCommand) -> miette::Result<()> {
    match command {
        KeyCommand::Create(Create { new, desc, operator }) => {
            let NewCredential { org, role, allow } = new;
            let command =
                Command::CreateKey { organization: org, description: desc, roles: role, allow };
            carry_out(&operator, command)
        }
        KeyCommand::List(OfOrganization { org, operator }) => {
            carry_out(&operator, Command::ListKeys { organization: org })
        }
        KeyCommand::Delete(Delete { credential, operator }) => {
            carry_out(&operator, Command::DeleteKey { credential })
        }
    }
}
