//! `run` and `check`.

use std::time::Duration;

use miette::IntoDiagnostic;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArguments, load};
use crate::app::App;
use crate::telemetry;
use crate::time::Clock;

/// Serves until a signal says to stop.
pub(super) fn run(arguments: &ConfigArguments) -> miette::Result<()> {
    let config = load(arguments)?;
    telemetry::init(&config.log).into_diagnostic()?;
    let app = App::start(config, Clock::system()).into_diagnostic()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        admin = %app.admin_address(),
        metrics = %app.metrics_address(),
        "ready"
    );
    serve(app)
}

/// Lists what is wrong with a config, or says that nothing is.
#[expect(clippy::print_stdout, reason = "the answer of a command that asks")]
pub(super) fn check(arguments: &ConfigArguments) -> miette::Result<()> {
    load(arguments)?;
    println!("{}: ok", arguments.config.display());
    Ok(())
}

/// Waits for SIGTERM or SIGINT, then stops in good order. A second signal ends the process at once.
pub(super) fn serve(app: App) -> miette::Result<()> {
    let name = app.runtime().block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = app.worker_lost() => {
                tracing::error!("a worker has ended: stopping, so that the program can be started anew");
                "none"
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("a second signal: ending without finishing requests");
            std::process::exit(EXIT_INTERRUPTED);
        });
        Ok::<_, std::io::Error>(name)
    });
    tracing::info!(
        signal = name.into_diagnostic()?,
        "stopping: requests in flight are finished first"
    );
    let begun = std::time::Instant::now();
    app.stop().into_diagnostic()?;
    tracing::info!(took = ?Duration::from_millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)), "stopped");
    Ok(())
}

/// What a shell reports for a process that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;
