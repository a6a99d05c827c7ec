//! Certificates whose files change while they are served.
//!
//! The files are looked at twice a second, by name. Asking the kernel to tell (inotify) would see less: nothing on many network
//! and container file systems, and nothing where a name begins to lead to another directory, as a mounted Kubernetes secret's
//! does. Four questions a pair and second cost nothing.
//!
//! A pair is read once two looks in a row have found its files the same: whoever renews it writes two files, one after the other.
//! Connections that are open keep the certificate they began with, and none is closed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::certificate::Certificate;
use super::certificates::Certificates;
use super::{CertificateError, Pair, Template, Tls};
use crate::telemetry::metrics::ReloadOutcome;

/// What has to be known of a listener's certificates to renew them.
#[derive(Debug)]
pub struct Watch {
    tls: Arc<Tls>,
    template: Template,
    pairs: Vec<Watched>,
}

/// A pair and the certificate that serves for it.
#[derive(Debug)]
pub(super) struct Watched {
    pair: Pair,
    certificate: Arc<Certificate>,
    /// The files as they were when they were last read, for better or worse.
    read: Stamps,
    /// The files as they were at the last look, where that differs.
    changing: Option<Stamps>,
}

impl Watched {
    /// Reads a pair for the first time.
    pub(super) fn load(pair: &Pair, template: &Template) -> Result<Self, CertificateError> {
        // Before they are read: a change in between is then one that the next look sees.
        let read = Stamps::of(pair);
        let certificate = Certificate::load(pair, template)?;
        Ok(Self { pair: pair.clone(), certificate, read, changing: None })
    }

    pub(super) fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// Whether the files have changed since they were read, and have come to rest.
    fn is_due(&mut self) -> bool {
        let now = Stamps::of(&self.pair);
        if now == self.read {
            self.changing = None;
            return false;
        }
        if self.changing.replace(now) != Some(now) {
            return false;
        }
        self.changing = None;
        self.read = now;
        true
    }
}

impl Watch {
    pub(super) fn new(tls: Arc<Tls>, template: Template, pairs: Vec<Watched>) -> Self {
        Self { tls, template, pairs }
    }

    /// Looks at the files and reads those that have changed. Blocks on them.
    pub fn look(&mut self) {
        let due = self.pairs.iter_mut().filter_map(|watched| watched.is_due().then_some(watched));
        let renewed = due.filter_map(|watched| renew(watched, &self.template, &self.tls)).count();
        if renewed > 0 {
            let all = self.pairs.iter().map(|watched| Arc::clone(&watched.certificate)).collect();
            self.tls.certificates.store(Arc::new(Certificates::new(all)));
        }
        // Whoever sees it counted gets it.
        (0..renewed).for_each(|_| self.tls.metrics.reload(ReloadOutcome::Loaded));
    }
}

/// Reads a pair again. None: it can't be used, and leaves the certificate before in place.
fn renew(watched: &mut Watched, template: &Template, tls: &Tls) -> Option<()> {
    let (pair, listener) = (&watched.pair, &*tls.listener);
    let certificate = pair.certificate.display();
    match Certificate::load(pair, template) {
        Ok(new) => {
            tracing::info!(listener, %certificate, "a changed certificate serves from now on");
            tls.metrics.certificate(&pair.certificate.to_string_lossy(), new.not_after());
            watched.certificate = new;
            Some(())
        }
        Err(error) => {
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::warn!(
                listener,
                %certificate,
                error,
                "a changed certificate cannot be used: the one before serves on"
            );
            tls.metrics.reload(ReloadOutcome::Refused);
            None
        }
    }
}

/// Looks after the certificates of all listeners until `stop` becomes true.
pub async fn watch(mut watches: Vec<Watch>, mut stop: Receiver<bool>) {
    let mut looks = interval(BETWEEN_LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = looks.tick() => {}
        }
        // A file system may take its time, and other work of this runtime has none to spare.
        let looked = spawn_blocking(move || {
            watches.iter_mut().for_each(Watch::look);
            watches
        });
        match looked.await {
            Ok(back) => watches = back,
            Err(error) => {
                tracing::error!(%error, "certificates are no longer looked after");
                return;
            }
        }
    }
}

/// How the two files of a pair are known from what stood there before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamps {
    certificate: Option<Stamp>,
    key: Option<Stamp>,
}

impl Stamps {
    fn of(pair: &Pair) -> Self {
        Self { certificate: Stamp::of(&pair.certificate), key: Stamp::of(&pair.key) }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// None: no such file, or it may not be looked at.
    fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from_metadata)
    }

    fn from_metadata(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            written: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// A changed pair serves after two looks, or three where it is written meanwhile.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
