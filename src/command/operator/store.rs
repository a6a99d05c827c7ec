//! An operator's command where no node runs: the store is opened, changed and closed.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Report};

use crate::command::advice;
use crate::command::complaint::Advised;
use crate::config::Config;
use crate::control::{ControlPlane, OpenError};
use crate::identity::SecretKeys;
use crate::keys::KeyFile;
use crate::local::{self, Command, Complaint, Refusal, Reply};
use crate::store::{SqliteStore, StoreError};
use crate::time::Clock;

/// Carries out `command` on the store. The store is closed again when this returns.
pub(super) fn run(config: &Config, command: Command) -> miette::Result<Reply> {
    let keys = KeyFile::load(&config.key_file).map_err(|error| advice::on_keys(error, config))?;
    let store =
        SqliteStore::open(&config.store_path, &keys).map_err(|error| not_opened(error, config))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    let done = runtime.block_on(async {
        let (lists, settings) = (Vec::new(), config.control.clone());
        let (store, secrets) = (Arc::new(store), SecretKeys::new(&keys));
        let (clock, observer) = (Clock::system(), Arc::new(()));
        let control = ControlPlane::open(store, secrets, lists, settings, clock, observer).await?;
        Ok(local::run(&control, command).await)
    });
    match done {
        Ok(reply) => reply.map_err(refused),
        Err(OpenError::Store(error)) => Err(advice::on_store(error)),
        Err(error) => Err(error).into_diagnostic(),
    }
}

/// Told as a node tells it.
fn refused(refusal: Refusal) -> Report {
    let complaint = Complaint::from(&refusal);
    let advice = complaint.help().map(str::to_owned);
    Advised::report(complaint, advice)
}

/// A store that is in use belongs to a node that should have been asked.
fn not_opened(error: StoreError, config: &Config) -> Report {
    let StoreError::InUse { .. } = error else { return advice::on_store(error) };
    let advice = match &config.local {
        None => "Portcullis runs on it, with its socket off: stop it first, or set `admin.socket` and restart it".to_owned(),
        Some(settings) => format!(
            "Portcullis runs on it, and does not listen on {}: it may be starting or stopping, or have been started with another `admin.socket`",
            settings.socket.display()
        ),
    };
    Advised::report(error, Some(advice))
}
