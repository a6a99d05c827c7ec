//! `service-account`: service accounts and their secrets, whichever organization they are of.

use clap::{Args, Subcommand};

use super::key::{NewCredential, OfOrganization};
use super::operator::{OperatorArguments, carry_out, checked};
use crate::local::{Command, input};

#[derive(Debug, Subcommand)]
pub(super) enum ServiceAccountCommand {
    /// Make a service account; its first secret, if one is asked for, is shown once
    Create(Create),
    /// List the service accounts of an organization, and their secrets by id
    List(OfOrganization),
    /// Remove a service account, its secrets, its tokens and its list
    Delete(Delete),
    /// Make and remove secrets: an account may have two, so that one can be replaced without a gap
    #[command(subcommand)]
    Secret(SecretCommand),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    #[command(flatten)]
    new: NewCredential,
    /// What people will call it: 1 to 64 letters, digits, spaces and -_.,'
    #[arg(long, value_name = "NAME", value_parser = checked(input::account_name))]
    name: String,
    /// What it is for: 1 to 250 letters, digits, spaces and -_.,'
    #[arg(long, value_name = "TEXT", value_parser = checked(input::account_description))]
    desc: String,
    /// Make a first secret that is valid for so many hours, 8 to 8760. Without it there is no secret yet
    #[arg(long, value_name = "HOURS", value_parser = input::secret_hours)]
    secret_hours: Option<u32>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct Delete {
    /// Its client id
    #[arg(value_name = "CREDENTIAL", value_parser = checked(input::credential))]
    credential: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Make a secret, which is shown once
    Create(CreateSecret),
    /// Remove a secret; the tokens that it gave are void at once
    Delete(DeleteSecret),
}

#[derive(Args, Debug)]
pub(super) struct CreateSecret {
    /// The service account, by its client id
    #[arg(value_name = "CREDENTIAL", value_parser = checked(input::credential))]
    credential: String,
    /// How many hours it is valid, 8 to 8760
    #[arg(long, value_name = "HOURS", value_parser = input::secret_hours)]
    hours: u32,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args, Debug)]
pub(super) struct DeleteSecret {
    /// The service account, by its client id
    #[arg(value_name = "CREDENTIAL", value_parser = checked(input::credential))]
    credential: String,
    /// The secret, by its id
    #[arg(value_name = "SECRET", value_parser = checked(input::secret))]
    secret: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(super) fn run(command: ServiceAccountCommand) -> miette::Result<()> {
    match command {
        ServiceAccountCommand::Create(create) => {
            let NewCredential { org, role, allow } = create.new;
            let command = Command::CreateAccount {
                organization: org,
                name: create.name,
                description: create.desc,
                roles: role,
                allow,
                secret_hours: create.secret_hours,
            };
            carry_out(&create.operator, command)
        }
        ServiceAccountCommand::List(OfOrganization { org, operator }) => {
            carry_out(&operator, Command::ListAccounts { organization: org })
        }
        ServiceAccountCommand::Delete(Delete { credential, operator }) => {
            carry_out(&operator, Command::DeleteAccount { credential })
        }
        ServiceAccountCommand::Secret(SecretCommand::Create(create)) => {
            let CreateSecret { credential, hours, operator } = create;
            carry_out(&operator, Command::CreateSecret { credential, hours })
        }
        ServiceAccountCommand::Secret(SecretCommand::Delete(delete)) => {
            let DeleteSecret { credential, secret, operator } = delete;
            carry_out(&operator, Command::DeleteSecret { credential, secret })
        }
    }
}
