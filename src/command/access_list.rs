//! `access-list`: from where a credential may be used. The way back in for who has locked themselves out.

use clap::{Args, Subcommand};

use super::operator::{OperatorArguments, carry_out, checked};
use crate::local::{Command, input};

#[derive(Debug, Subcommand)]
pub(super) enum AccessListCommand {
    /// Add addresses and ranges; those that are on the list stay as they are
    Add(Add),
    /// Remove an entry and its usage, whoever it shuts out
    Rm(Rm),
    /// List the entries: how often, when and from where each was last used
    List(List),
}

#[derive(Args, Debug)]
pub(super) struct Add {
    #[command(flatten)]
    of: OfCredential,
    /// An address or a range, as in 203.0.113.7 or 2001:db8::/32
    #[arg(value_name = "ENTRY", required = true, value_parser = checked(input::entry))]
    entries: Vec<String>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct Rm {
    #[command(flatten)]
    of: OfCredential,
    /// Exactly the address or range that is on the list
    #[arg(value_name = "ENTRY", value_parser = checked(input::entry))]
    entry: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    of: OfCredential,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct OfCredential {
    /// An API key by its id or its public key, or a service account by its client id
    #[arg(value_name = "CREDENTIAL", value_parser = checked(input::credential))]
    credential: String,
}

pub(super) fn run(command: AccessListCommand) -> miette::Result<()> {
    match command {
        AccessListCommand::Add(Add { of: OfCredential { credential }, entries, operator }) => {
            carry_out(&operator, Command::AddEntries { credential, entries })
        }
        AccessListCommand::Rm(Rm { of: OfCredential { credential }, entry, operator }) => {
            carry_out(&operator, Command::RemoveEntry { credential, entry })
        }
        AccessListCommand::List(List { of: OfCredential { credential }, operator }) => {
            carry_out(&operator, Command::ListEntries { credential })
        }
    }
}
