//! `run` and `check`.

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArguments, advice, load, say};
use crate::app::App;
use crate::telemetry;
use crate::time::Clock;

/// Serves until a signal says to stop.
pub(super) fn run(arguments: &ConfigArguments) -> miette::Result<()> {
    let config = load(arguments)?;
    telemetry::init(&config.log).into_diagnostic()?;
    let signals = Signals::listen()?;
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
    signals.serve(app)
}

/// Lists what is wrong with a config, or says that nothing is.
pub(super) fn check(arguments: &ConfigArguments) -> miette::Result<()> {
    load(arguments)?;
    say(&format!("{}: ok\n", arguments.config.display()))
}

/// SIGTERM and SIGINT, on a thread of their own. To be listened to before anything is served: a signal that comes without a
/// listener ends the process at once, and requests in flight with it.
#[derive(Debug)]
pub(super) struct Signals(Receiver<&'static str>);

impl Signals {
    pub(super) fn listen() -> miette::Result<Self> {
        let listen = || -> io::Result<Self> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let signals = {
                let _in_runtime = runtime.enter();
                (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
            };
            let (tell, told) = channel();
            let heed = heed(signals, move |name| _ = tell.send(name));
            std::thread::Builder::new()
                .name("signals".into())
                .spawn(move || runtime.block_on(heed))?;
            Ok(Self(told))
        };
        listen().into_diagnostic().wrap_err("cannot listen to signals")
    }

    /// Waits for a signal, then stops in good order. A second signal ends the process at once.
    pub(super) fn serve(self, app: App) -> miette::Result<()> {
        let signal = self.0.recv().map_err(|_| miette!("the thread for signals has ended"))?;
        tracing::info!(signal, "stopping: requests in flight are finished first");
        let begun = Instant::now();
        app.stop().into_diagnostic()?;
        tracing::info!(took_ms = begun.elapsed().as_millis(), "stopped");
        Ok(())
    }
}

/// Tells of the first signal, and ends the process at the next.
async fn heed(mut signals: (Signal, Signal), tell: impl FnOnce(&'static str)) {
    tell(next(&mut signals).await);
    let begun = Instant::now();
    // Some senders tell the process and then its whole group: that is one wish, said twice.
    while begun.elapsed() < SAME_WISH {
        next(&mut signals).await;
    }
    tracing::warn!("a second signal: ending without finishing requests");
    std::process::exit(EXIT_INTERRUPTED);
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Signals that come within this time of the first are the same one.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What a shell reports for a process that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;
