//! `run` and `check`.

use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArguments, advice, load, say};
use crate::app::App;
use crate::telemetry;
use crate::time::Clock;

/// Serves until a signal says to stop.
pub(super) fn run(arguments: &ConfigArguments) -> miette::Result<()> {
    let config = load(arguments)?;
    telemetry::init(&config.log).into_diagnostic()?;
    let app = App::start(config.clone(), Clock::system())
        .map_err(|error| advice::on_start(error, &config))?;
    for (listener, address) in app.proxy_addresses() {
        tracing::info!(listener, %address, "listening");
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        admin = %app.admin_address(),
        metrics = %app.metrics_address(),
        "ready"
    );
    serve(app)
}

/// Lists what is wrong with a config, or says that nothing is.
pub(super) fn check(arguments: &ConfigArguments) -> miette::Result<()> {
    load(arguments)?;
    say(&format!("{}: ok\n", arguments.config.display()))
}

/// Waits for SIGTERM or SIGINT, then stops in good order. A second signal ends the process at once.
pub(super) fn serve(app: App) -> miette::Result<()> {
    let name = app.runtime().block_on(first_signal());
    let name = name.into_diagnostic().wrap_err("cannot wait for signals")?;
    tracing::info!(signal = name, "stopping: requests in flight are finished first");
    let begun = Instant::now();
    app.stop().into_diagnostic()?;
    tracing::info!(took_ms = begun.elapsed().as_millis(), "stopped");
    Ok(())
}

/// Waits for a signal to stop, and leaves a task behind that heeds the next one.
async fn first_signal() -> std::io::Result<&'static str> {
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let name = next_signal(&mut signals).await;
    let begun = Instant::now();
    tokio::spawn(async move {
        // Some senders tell the process and then its whole group: that is one wish, said twice.
        while begun.elapsed() < SAME_WISH {
            next_signal(&mut signals).await;
        }
        tracing::warn!("a second signal: ending without finishing requests");
        std::process::exit(EXIT_INTERRUPTED);
    });
    Ok(name)
}

async fn next_signal((terminate, interrupt): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Signals that come within this time of the first are the same one.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What a shell reports for a process that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;
