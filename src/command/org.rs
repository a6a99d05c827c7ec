//! `org`: organizations, the owners of credentials. To make one is an operator's act; the admin API has no call for it.

use clap::{Args, Subcommand};

use super::operator::{OperatorArguments, carry_out, checked};
use crate::local::{Command, input};

#[derive(Debug, Subcommand)]
pub(super) enum OrgCommand {
    /// Make an organization, without keys; `portcullis key create` makes its first
    Create(Create),
    /// List every organization
    List(OperatorArguments),
    /// Give an organization another name
    Rename(Rename),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// What people will call it: 1 to 64 characters
    #[arg(value_name = "NAME", value_parser = checked(input::organization_name))]
    name: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct Rename {
    /// Its id, or its name if no other has it
    #[arg(value_name = "ORG")]
    organization: String,
    /// Its name from now on
    #[arg(value_name = "NAME", value_parser = checked(input::organization_name))]
    name: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(super) fn run(command: OrgCommand) -> miette::Result<()> {
    match command {
        OrgCommand::Create(Create { name, operator }) => {
            carry_out(&operator, Command::CreateOrganization { name })
        }
        OrgCommand::List(operator) => carry_out(&operator, Command::ListOrganizations {}),
        OrgCommand::Rename(Rename { organization, name, operator }) => {
            carry_out(&operator, Command::RenameOrganization { organization, name })
        }
    }
}
