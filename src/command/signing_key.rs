//! `signing-key`: the key that signs access tokens.

use clap::Subcommand;

use super::operator::{OperatorArguments, carry_out};
use crate::local::Command;

#[derive(Debug, Subcommand)]
pub(super) enum SigningKeyCommand {
    /// Sign with a new key from now on, ahead of time; tokens given before are good until they expire
    Rotate(OperatorArguments),
}

pub(super) fn run(command: SigningKeyCommand) -> miette::Result<()> {
    match command {
        SigningKeyCommand::Rotate(operator) => carry_out(&operator, Command::RotateSigningKey {}),
    }
}
