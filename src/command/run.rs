//! `run` and `check`.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArguments, advice, load, say};
use crate::app::App;
use crate::net::tls;
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
        socket = app.socket().map_or("off".into(), |path| path.to_string_lossy()).as_ref(),
        "ready"
    );
    signals.serve(app)
}

/// Lists what is wrong with a config, or says that nothing is. The files of certificates are read as well: a pair that does not
/// belong together is better known before a restart than after it.
pub(super) fn check(arguments: &ConfigArguments) -> miette::Result<()> {
    let config = load(arguments)?;
    for (listener, settings) in config.listeners().filter_map(|it| Some((it, it.tls.as_ref()?))) {
        tls::check(&listener.name, settings).map_err(advice::on_tls)?;
    }
    say(&format!("{}: ok\n", arguments.config.display()))
}

/// SIGTERM, SIGINT and SIGHUP, on a thread of their own. To be listened to before anything is served: a signal that comes without a
/// listener ends the process at once, and requests in flight with it.
#[derive(Debug)]
pub(super) struct Signals {
    told: Receiver<&'static str>,
    tell: Sender<&'static str>,
}

impl Signals {
    pub(super) fn listen() -> miette::Result<Self> {
        let listen = || -> io::Result<Self> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let signals = {
                let _in_runtime = runtime.enter();
                Kinds {
                    terminate: signal(SignalKind::terminate())?,
                    interrupt: signal(SignalKind::interrupt())?,
                    hangup: signal(SignalKind::hangup())?,
                }
            };
            let (tell, told) = channel();
            let signalled = tell.clone();
            let heed = heed(signals, move |name| _ = signalled.send(name));
            std::thread::Builder::new()
                .name("signals".into())
                .spawn(move || runtime.block_on(heed))?;
            Ok(Self { told, tell })
        };
        listen().into_diagnostic().wrap_err("cannot listen to signals")
    }

    /// Waits for a signal, or for a worker to be lost, then stops in good order. A second signal ends the process at once.
    pub(super) fn serve(self, app: App) -> miette::Result<()> {
        let lost = app.worker_lost();
        app.runtime().spawn(async move {
            lost.await;
            let _ = self.tell.send(WORKER_LOST);
        });
        let why = self.told.recv().into_diagnostic()?;
        if why == WORKER_LOST {
            tracing::error!(
                "a worker has ended: stopping, so that the program can be started anew"
            );
        }
        tracing::info!(why, "stopping: requests in flight are finished first");
        let begun = Instant::now();
        app.stop().into_diagnostic()?;
        tracing::info!(took_ms = begun.elapsed().as_millis(), "stopped");
        Ok(())
    }
}

/// Tells of the first signal, and ends the process at the next.
async fn heed(mut signals: Kinds, tell: impl FnOnce(&'static str)) {
    tell(next(&mut signals).await);
    let begun = Instant::now();
    // Some senders tell the process and then its whole group: that is one wish, said twice.
    while begun.elapsed() < SAME_WISH {
        next(&mut signals).await;
    }
    tracing::warn!("a second signal: ending without finishing requests");
    std::process::exit(EXIT_INTERRUPTED);
}

/// The next signal that asks to stop. SIGHUP, which asks other servers to read their config again, is answered in the log:
/// without a listener it would end the process.
async fn next(signals: &mut Kinds) -> &'static str {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return "SIGTERM",
            _ = signals.interrupt.recv() => return "SIGINT",
            _ = signals.hangup.recv() => {
                tracing::warn!("SIGHUP changes nothing: the config is read at the start only");
            }
        }
    }
}

struct Kinds {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// Signals that come within this time of the first are the same one.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What a shell reports for a process that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Stands where a signal's name would.
const WORKER_LOST: &str = "a worker was lost";
