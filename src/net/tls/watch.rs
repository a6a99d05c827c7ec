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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::certificate::Certificate;
use super::certificates::Certificates;
use super::{CertificateError, ClientSettings, Pair, Template, Tls};
use crate::telemetry::metrics::ReloadOutcome;

/// What has to be known of a listener's certificates to renew them.
#[derive(Debug)]
pub struct Watch {
    tls: Arc<Tls>,
    template: Template,
    pairs: Vec<Watched>,
    clients: Option<WatchedClients>,
}

/// A pair and the certificate that serves for it.
#[derive(Debug)]
pub(super) struct Watched {
    pair: Pair,
    certificate: Arc<Certificate>,
    files: Files,
}

impl Watched {
    /// Reads a pair for the first time.
    pub(super) fn load(pair: &Pair, template: &Template) -> Result<Self, CertificateError> {
        // Before they are read: a change in between is then one that the next look sees.
        let files = Files::new(vec![pair.certificate.clone(), pair.key.clone()]);
        let certificate = Certificate::load(pair, template)?;
        Ok(Self { pair: pair.clone(), certificate, files })
    }

    pub(super) fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// Reads the pair again, if its files have changed. Whether there is a new certificate: one that can't be used leaves the one
    /// before in place.
    fn renew(&mut self, template: &Template, tls: &Tls) -> bool {
        if !self.files.is_due() {
            return false;
        }
        let (listener, certificate) = (&*tls.listener, self.pair.certificate.display());
        match Certificate::load(&self.pair, template) {
            Ok(new) => {
                tracing::info!(listener, %certificate, "a changed certificate serves from now on");
                let not_after = new.not_after();
                tls.metrics.certificate(&self.pair.certificate.to_string_lossy(), not_after);
                self.certificate = new;
                true
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
                false
            }
        }
    }
}

/// Whose certificates are taken from clients, and the files that say so.
#[derive(Debug)]
pub(super) struct WatchedClients {
    settings: ClientSettings,
    files: Files,
}

impl WatchedClients {
    /// To be made before the files are read.
    pub(super) fn new(settings: &ClientSettings) -> Self {
        Self { settings: settings.clone(), files: Files::new(settings.files()) }
    }

    /// Reads the files again, if they have changed. Whether others are taken from now on.
    fn renew(&mut self, template: &Template, tls: &Tls) -> bool {
        let (true, Some(clients)) = (self.files.is_due(), &tls.clients) else { return false };
        let (listener, issuers) = (&*tls.listener, self.settings.issuers.display());
        match self.settings.load(&template.provider) {
            Ok(verifier) => {
                tracing::info!(listener, %issuers, "client certificates are checked by changed files");
                clients.replace(verifier);
                true
            }
            Err(error) => {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::warn!(
                    listener,
                    %issuers,
                    error,
                    "changed issuers or lists of revoked certificates cannot be used: those before count on"
                );
                tls.metrics.reload(ReloadOutcome::Refused);
                false
            }
        }
    }
}

impl Watch {
    pub(super) fn new(
        tls: Arc<Tls>,
        template: Template,
        pairs: Vec<Watched>,
        clients: Option<WatchedClients>,
    ) -> Self {
        Self { tls, template, pairs, clients }
    }

    /// Looks at the files and reads those that have changed. Blocks on them.
    pub fn look(&mut self) {
        let (tls, template) = (&self.tls, &self.template);
        let mut changed = 0;
        if self.clients.as_mut().is_some_and(|clients| clients.renew(template, tls)) {
            changed += 1;
            for watched in &mut self.pairs {
                match watched.certificate.under(template) {
                    Ok(certificate) => watched.certificate = certificate,
                    // It was good under settings that differ in nothing that a certificate has to do with.
                    Err(error) => tracing::error!(%error, "a certificate keeps its settings"),
                }
            }
        }
        for watched in &mut self.pairs {
            changed += usize::from(watched.renew(template, tls));
        }
        if changed > 0 {
            let all = self.pairs.iter().map(|watched| Arc::clone(&watched.certificate)).collect();
            tls.certificates.store(Arc::new(Certificates::new(all)));
        }
        // Whoever sees it counted gets it.
        (0..changed).for_each(|_| tls.metrics.reload(ReloadOutcome::Loaded));
    }
}

/// Looks after the certificates of all listeners until `stop` becomes true.
pub async fn watch(mut watches: Vec<Watch>, mut stop: Receiver<bool>) {
    if watches.is_empty() {
        return;
    }
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

/// Files that are read together, and how they were.
#[derive(Debug)]
struct Files {
    paths: Vec<PathBuf>,
    /// When they were last read, for better or worse.
    read: Stamps,
    /// At the last look, where that differs.
    changing: Option<Stamps>,
}

impl Files {
    /// As they are now, just before they are read.
    fn new(paths: Vec<PathBuf>) -> Self {
        let read = stamps(&paths);
        Self { paths, read, changing: None }
    }

    /// Whether they have changed since they were read, and have come to rest.
    fn is_due(&mut self) -> bool {
        let now = stamps(&self.paths);
        if now == self.read {
            self.changing = None;
            return false;
        }
        if self.changing.as_ref() != Some(&now) {
            self.changing = Some(now);
            return false;
        }
        self.changing = None;
        self.read = now;
        true
    }
}

/// What tells files from those that stood there before; none of one that is not there.
type Stamps = Vec<Option<Stamp>>;

fn stamps(paths: &[PathBuf]) -> Stamps {
    paths.iter().map(|path| Stamp::of(path)).collect()
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
