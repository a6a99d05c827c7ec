//! The operator's commands: where they are carried out, and how what comes of them is printed.
//!
//! A node that listens on the config's socket carries a command out; where nobody listens, it is carried out here, on the store,
//! whose lock says whether that is right.

mod store;
mod text;

use std::io::ErrorKind;

use clap::Args;
use miette::{IntoDiagnostic as _, Report, miette};

use super::complaint::Advised;
use super::{ConfigArguments, load, say};
use crate::local::client::{self, AskError};
use crate::local::input::Rule;
use crate::local::{Command, Reply};

/// What every one of the operator's commands takes.
#[derive(Args, Debug)]
pub(super) struct OperatorArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Print JSON, with the names that the admin API has for things
    #[arg(long)]
    json: bool,
}

/// Carries out `command`, on the node that runs or else on the store, and prints what came of it.
pub(super) fn carry_out(arguments: &OperatorArguments, command: Command) -> miette::Result<()> {
    let config = load(&arguments.config)?;
    let socket = config.local.as_ref().map(|settings| settings.socket.as_path());
    let reply = match socket.map(|socket| client::ask(socket, &command)) {
        None | Some(Err(AskError::NobodyListens { .. })) => store::run(&config, command)?,
        Some(asked) => asked.map_err(unanswered)?,
    };
    let printed = match arguments.json {
        true => text::json(&reply).into_diagnostic()?,
        false => text::of(&reply),
    };
    say(&printed).map_err(|error| unseen(&reply, &error))
}

/// Reads an argument by a rule of `input`, and keeps it as it was typed.
pub(super) fn checked<T: 'static>(
    read: fn(&str) -> Result<T, Rule>,
) -> impl Fn(&str) -> Result<String, Rule> + Clone + Send + Sync + 'static {
    move |text| read(text).map(|_| text.to_owned())
}

fn unanswered(error: AskError) -> Report {
    let advice = match &error {
        AskError::Refused(complaint) => complaint.help().map(str::to_owned),
        AskError::Connect { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            Some("run this as the user that Portcullis runs as, or as root".into())
        }
        AskError::Connect { .. } | AskError::NobodyListens { .. } => None,
        AskError::NoReply { .. } => Some(
            "whether it was carried out is not known: look with `portcullis org list`, `key list`, `service-account list` or \
             `access-list list`. Portcullis may be stopping, and it hears only root and the user that it runs as"
                .into(),
        ),
        AskError::OtherVersion { .. } => {
            Some("use the program that the node was started from, or restart the node".into())
        }
    };
    Advised::report(error, advice)
}

/// Something was done and could not be told. What was made is named: nobody has its secret half.
fn unseen(reply: &Reply, error: &Report) -> Report {
    let done = match reply {
        Reply::Key(new) => {
            let id = &new.key.id;
            format!(
                "API key {id} was made, and nobody has its private key: `portcullis key delete {id}` removes it"
            )
        }
        Reply::Account(new) => {
            let id = &new.client_id;
            format!(
                "service account {id} was made: `portcullis service-account delete {id}` removes it"
            )
        }
        Reply::Secret(new) => format!(
            "secret {id} was made, and nobody has it: `portcullis service-account secret delete {account} {id}` removes it",
            id = new.secret.id,
            account = new.client_id,
        ),
        Reply::Organization(organization) => {
            format!("organization {} is as it was told to be", organization.id)
        }
        Reply::Removed(removed) => format!("{} was removed", removed.removed),
        Reply::SigningKey(key) => format!("tokens are signed with key {} from now on", key.id),
        Reply::Entries(list) => format!("the list of {} is as it was told to be", list.credential),
        Reply::Organizations(_) | Reply::Keys(_) | Reply::Accounts(_) => {
            "nothing was changed".into()
        }
    };
    let cause = error.chain().nth(1).map(|cause| format!(": {cause}")).unwrap_or_default();
    miette!(help = done, "{error}{cause}")
}
