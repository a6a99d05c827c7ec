//! The composition root: the only file that knows every part. Builds them from a [`Config`], starts them, stops them.
//!
//! Order of a start: what can fail for a reason an operator has to mend comes first (key file, store, certificates, sockets), threads come
//! last, so that a failed start leaves nothing running. Order of a stop: workers drain while metrics are still served; then the
//! admin API and the operator's socket; then usage is flushed, the access log is written out, and the store is closed.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::admin::operations::{self, Readiness};
use crate::admin::rate::RateLimits;
use crate::admin::{self, AdminState, server};
use crate::config::Config;
use crate::control::{
    ControlPlane, FlushReport, NamedListDefinition, Observer, OpenError, Publication,
};
use crate::id::IdGenerator;
use crate::identity::bearer::Bearer;
use crate::identity::digest::{Digest, NonceKey};
use crate::identity::failures::Failures;
use crate::identity::{Authenticator, SecretKeys};
use crate::keys::{KeyFile, KeyFileError};
use crate::local::{self, SocketError};
use crate::net::ListenerSettings;
use crate::net::connection::Entrance;
use crate::net::listener::{self, BindError, Bound, Slots};
use crate::net::tls::{self, Tls, TlsError};
use crate::proxy::route::Routes;
use crate::store::{SqliteStore, Store, StoreError};
use crate::telemetry::AccessLogTarget;
use crate::telemetry::log::{AccessLog, AccessLogGuard};
use crate::telemetry::metrics::{ControlMetrics, Metrics, MetricsError};
use crate::time::Clock;
use crate::worker;

/// A running Portcullis.
pub struct App {
    control: Arc<ControlPlane>,
    runtime: Runtime,
    readiness: Arc<Readiness>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    stop_workers: watch::Sender<bool>,
    worker_ended: watch::Receiver<bool>,
    stop_control: watch::Sender<bool>,
    control_tasks: Vec<tokio::task::JoinHandle<()>>,
    access_log: AccessLogGuard,
    proxies: Vec<(Box<str>, SocketAddr)>,
    admin: SocketAddr,
    metrics: Option<SocketAddr>,
    socket: Option<PathBuf>,
}

/// Why Portcullis could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key file.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store holds.
    #[error(transparent)]
    Control(#[from] OpenError),
    /// A socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket for the operator's commands.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The access log.
    #[error("the access log cannot be started on {target}")]
    AccessLog {
        /// Where it was to go.
        target: AccessLogTarget,
        /// Why it can't.
        source: io::Error,
    },
    /// A metric was registered twice.
    #[error("metrics: cannot be set up")]
    Metrics(#[from] MetricsError),
    /// The operating system has no random bytes.
    #[error("cannot draw random bytes")]
    Random(#[from] getrandom::Error),
    /// No thread, or no event queue.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
}

impl App {
    /// Starts everything that `config` says. When it returns, every listener answers.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new()?);
        let keys = KeyFile::load(&config.key_file)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.store_path, &keys)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(CONTROL_THREADS)
            .thread_name("control")
            .enable_all()
            .build()?;
        let control = runtime.block_on(ControlPlane::open(
            store,
            SecretKeys::new(&keys),
            named_lists(&config),
            config.control.clone(),
            clock.clone(),
            Arc::new(ControlObserver(metrics.control())),
        ))?;
        let digest =
            Digest::new(config.digest.clone(), NonceKey::from_bytes(*keys.nonce_key().as_bytes()));
        let bearer = Bearer::new(config.bearer.clone());
        let failures = Failures::new(config.failures);
        let authenticator = Arc::new(
            Authenticator::new(digest, bearer, failures)
                .with_certificates(config.client_cert.clone()),
        );
        let (tls, certificates) = Listeners::load(&config, &metrics)?;
        let sockets = Sockets::bind(&config)?;
        let (log, access_log) = AccessLog::start(&config.log, metrics.access_log_dropped())
            .map_err(|source| {
                let target = config.log.access_log.clone();
                StartError::AccessLog { target, source }
            })?;
        let building = Building {
            config,
            clock,
            metrics,
            runtime,
            control,
            authenticator,
            tls,
            certificates,
            log,
            access_log,
        };
        building.start(sockets)
    }

    /// Where the data-plane listener of that name is bound.
    pub fn proxy_address(&self, listener: &str) -> Option<SocketAddr> {
        self.proxy_addresses().find(|(name, _)| *name == listener).map(|(_, address)| address)
    }

    /// Where each data-plane listener is bound, by its name.
    pub fn proxy_addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.proxies.iter().map(|(name, address)| (&**name, *address))
    }

    /// Where the admin API is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Where the metrics are: on a listener of their own, or the admin API's.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics.unwrap_or(self.admin)
    }

    /// Where the operator's commands come in, if they do.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The control plane, for what is done before anybody can authenticate.
    pub fn control(&self) -> &Arc<ControlPlane> {
        &self.control
    }

    /// The runtime of the control plane.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Resolves when a worker has ended that nobody stopped. The program is then no longer ready, and is to be stopped: what is
    /// left of it would serve by halves.
    pub fn worker_lost(&self) -> impl Future<Output = ()> + use<> {
        let (mut ended, readiness) = (self.worker_ended.clone(), Arc::clone(&self.readiness));
        async move {
            let _ = ended.wait_for(|ended| *ended).await;
            readiness.set(false);
        }
    }

    /// Drains, flushes and ends. Requests in flight are answered, within the drain's limit.
    ///
    /// # Errors
    /// A worker ended in an error, or usage could not be flushed; everything else was stopped all the same.
    pub fn stop(self) -> Result<(), StopError> {
        self.readiness.set(false);
        let _ = self.stop_workers.send(true);
        let mut failed = None;
        for worker in self.workers {
            match worker.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed = Some(StopError::Worker(error)),
                Err(_) => failed = Some(StopError::Panicked),
            }
        }
        let _ = self.stop_control.send(true);
        let flushed = self.runtime.block_on(async {
            for task in self.control_tasks {
                let _ = task.await;
            }
            self.control.flush_usage().await
        });
        self.access_log.close();
        drop(self.control);
        self.runtime.shutdown_timeout(RUNTIME_GRACE);
        flushed?;
        failed.map_or(Ok(()), Err)
    }
}

/// What went wrong at a stop.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// A worker could not run.
    #[error("a worker ended early")]
    Worker(#[source] io::Error),
    /// A worker panicked outside a connection.
    #[error("a worker panicked")]
    Panicked,
    /// The last counts could not be stored.
    #[error("usage since the last flush could not be stored")]
    Usage(#[from] StoreError),
}

/// Every socket, bound before any thread is started.
struct Sockets {
    proxies: Vec<Bound>,
    admin: Bound,
    metrics: Option<Bound>,
    local: Option<local::Bound>,
}

impl Sockets {
    fn bind(config: &Config) -> Result<Self, StartError> {
        let workers = config.proxy.workers;
        let proxies: Result<_, _> = config
            .proxy
            .listeners
            .iter()
            .map(|proxy| listener::bind(&proxy.listener, workers))
            .collect();
        let metrics =
            config.metrics.as_ref().map(|settings| listener::bind(settings, 1)).transpose()?;
        let (proxies, admin) = (proxies?, listener::bind(&config.admin.listener, 1)?);
        let local = config.local.as_ref().map(local::Bound::bind).transpose()?;
        Ok(Self { proxies, admin, metrics, local })
    }
}

/// The parts, built, before their threads run.
struct Building {
    config: Config,
    clock: Clock,
    metrics: Arc<Metrics>,
    runtime: Runtime,
    control: Arc<ControlPlane>,
    authenticator: Arc<Authenticator>,
    tls: Listeners,
    certificates: Vec<tls::Watch>,
    log: AccessLog,
    access_log: AccessLogGuard,
}

/// The TLS of the listeners that have it, by their names.
struct Listeners(Vec<(Box<str>, Arc<Tls>)>);

impl Listeners {
    fn load(config: &Config, metrics: &Metrics) -> Result<(Self, Vec<tls::Watch>), TlsError> {
        let (mut all, mut watches) = (Vec::new(), Vec::new());
        for listener in config.listeners() {
            if let Some(settings) = &listener.tls {
                let metrics = metrics.tls(&listener.name);
                let (tls, watch) = Tls::load(&listener.name, settings, metrics)?;
                all.push((listener.name.clone(), tls));
                watches.push(watch);
            }
        }
        Ok((Self(all), watches))
    }

    fn of(&self, listener: &str) -> Option<Arc<Tls>> {
        self.0.iter().find(|(name, _)| **name == *listener).map(|(_, tls)| Arc::clone(tls))
    }
}

impl Building {
    fn start(self, sockets: Sockets) -> Result<App, StartError> {
        let readiness = Arc::new(Readiness::new());
        let (stop_workers, stopping_workers) = watch::channel(false);
        let (stop_control, stopping_control) = watch::channel(false);
        let proxies = self.addresses(&sockets.proxies);
        let admin = sockets.admin.address;
        let metrics_address = sockets.metrics.as_ref().map(|bound| bound.address);
        let socket = sockets.local.as_ref().map(|bound| bound.path().to_owned());
        let local = sockets.local.map(|bound| self.local_server(bound)).transpose()?;
        let (ended, worker_ended) = worker::Ended::new();
        let workers = self.start_workers(sockets.proxies, &stopping_workers, &ended)?;
        let mut control_tasks =
            self.start_http(sockets.admin, sockets.metrics, &readiness, &stopping_control)?;
        let drain = self.config.proxy.drain;
        let serve = |server: local::server::Server| server.serve(stopping_control.clone(), drain);
        control_tasks.extend(local.map(|server| self.runtime.spawn(serve(server))));
        let watching = tls::watch(self.certificates, stopping_control.clone());
        control_tasks.push(self.runtime.spawn(watching));
        let stopped = async move {
            let mut stopping = stopping_control;
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        control_tasks.push(self.runtime.spawn(Arc::clone(&self.control).run_flusher(stopped)));
        readiness.set(true);
        Ok(App {
            control: self.control,
            runtime: self.runtime,
            readiness,
            workers,
            stop_workers,
            worker_ended,
            stop_control,
            control_tasks,
            access_log: self.access_log,
            proxies,
            admin,
            metrics: metrics_address,
            socket,
        })
    }

    fn addresses(&self, bound: &[Bound]) -> Vec<(Box<str>, SocketAddr)> {
        let names = self.config.proxy.listeners.iter().map(|proxy| proxy.listener.name.clone());
        names.zip(bound.iter().map(|bound| bound.address)).collect()
    }

    fn start_workers(
        &self,
        bound: Vec<Bound>,
        stop: &watch::Receiver<bool>,
        ended: &worker::Ended,
    ) -> Result<Vec<JoinHandle<io::Result<()>>>, StartError> {
        let settings = &self.config.proxy;
        let routes = Arc::new(Routes::new(settings.routes.clone()));
        let mut sockets: Vec<Vec<_>> = (0..settings.workers).map(|_| Vec::new()).collect();
        for (proxy, bound) in settings.listeners.iter().zip(bound) {
            let shared = Arc::new(worker::Listener {
                name: (&*proxy.listener.name).into(),
                limits: Arc::new(proxy.listener.limits.clone()),
                client_ip: Arc::new(proxy.client_ip.clone()),
                entrance: self.entrance(&proxy.listener),
                slots: self.slots(&proxy.listener),
            });
            for (worker, socket) in sockets.iter_mut().zip(bound.sockets) {
                worker.push((socket, Arc::clone(&shared)));
            }
        }
        let spawn = |(index, sockets)| {
            worker::spawn(worker::Plan {
                index,
                sockets,
                routes: Arc::clone(&routes),
                upstreams: settings.upstreams.clone(),
                authenticator: Arc::clone(&self.authenticator),
                snapshots: Arc::clone(self.control.snapshots()),
                metrics: Arc::clone(&self.metrics),
                log: self.log.clone(),
                clock: self.clock.clone(),
                stop: stop.clone(),
                drain: settings.drain,
                ended: ended.clone(),
            })
        };
        Ok(sockets.into_iter().enumerate().map(spawn).collect::<io::Result<_>>()?)
    }

    fn start_http(
        &self,
        admin: Bound,
        metrics: Option<Bound>,
        readiness: &Arc<Readiness>,
        stop: &watch::Receiver<bool>,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, StartError> {
        let rate_limits =
            RateLimits::new(&self.config.rate_limits, &self.clock, Arc::clone(&self.metrics));
        let api = admin::router(AdminState {
            settings: Arc::new(self.config.admin.clone()),
            control: Arc::clone(&self.control),
            authenticator: Arc::clone(&self.authenticator),
            clock: self.clock.clone(),
            request_ids: Arc::new(IdGenerator::new()?),
            rate_limits: Arc::new(rate_limits),
            metrics: Arc::clone(&self.metrics),
            entries_per_list: self.config.control.entries_per_list,
        });
        let operations = operations::router(Arc::clone(&self.metrics), Arc::clone(readiness));
        let on_admin = &self.config.admin.listener;
        let mut tasks = Vec::new();
        match self.config.metrics.as_ref().zip(metrics) {
            Some((settings, bound)) => {
                tasks.push(self.serve_http(settings, bound, operations, stop)?);
                tasks.push(self.serve_http(on_admin, admin, api, stop)?);
            }
            None => tasks.push(self.serve_http(on_admin, admin, api.merge(operations), stop)?),
        }
        Ok(tasks)
    }

    fn serve_http(
        &self,
        settings: &ListenerSettings,
        bound: Bound,
        router: axum::Router,
        stop: &watch::Receiver<bool>,
    ) -> Result<tokio::task::JoinHandle<()>, StartError> {
        let listener = server::Listener {
            slots: self.slots(settings),
            limits: Arc::new(settings.limits.clone()),
            entrance: self.entrance(settings),
        };
        let _in_runtime = self.runtime.enter();
        let sockets: io::Result<Vec<_>> =
            bound.sockets.into_iter().map(tokio::net::TcpListener::from_std).collect();
        let drain = self.config.proxy.drain;
        Ok(self.runtime.spawn(server::serve(sockets?, listener, router, stop.clone(), drain)))
    }

    fn entrance(&self, settings: &ListenerSettings) -> Entrance {
        Entrance {
            proxy_protocol: settings.proxy_protocol.clone().map(Arc::new),
            tls: self.tls.of(&settings.name),
        }
    }

    fn local_server(&self, bound: local::Bound) -> io::Result<local::server::Server> {
        let _in_runtime = self.runtime.enter();
        local::server::Server::new(bound, Arc::clone(&self.control))
    }

    fn slots(&self, settings: &ListenerSettings) -> Arc<Slots> {
        Slots::new(settings.limits.connections, self.metrics.listener(&settings.name))
    }
}

fn named_lists(config: &Config) -> Vec<NamedListDefinition> {
    let definition = |list: &crate::config::NamedList| NamedListDefinition {
        name: list.name.clone(),
        entries: list.entries.iter().map(|entry| (entry.prefix, entry.expires)).collect(),
    };
    config.lists.iter().map(definition).collect()
}

/// Tells the metrics what the control plane did.
struct ControlObserver(ControlMetrics);

impl Observer for ControlObserver {
    fn published(&self, publication: Publication) {
        let Publication { revision, took, entries } = publication;
        self.0.snapshot_revision.set(gauge(revision.0));
        self.0.publish_duration.observe(took.as_secs_f64());
        self.0.credential_entries.set(gauge(entries.credential as u64));
        self.0.named_entries.set(gauge(entries.named as u64));
    }

    fn flushed(&self, _: FlushReport) {
        self.0.usage_unflushed.set(0);
    }

    fn flush_failed(&self, unflushed: u64) {
        self.0.usage_unflushed.set(gauge(unflushed));
        self.0.usage_flush_failures.inc();
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Admin requests, publishing and flushing are short; one thread could hold up another's answer.
const CONTROL_THREADS: usize = 2;

/// For tasks of the control runtime that are not waited for: those of idle admin connections.
const RUNTIME_GRACE: Duration = Duration::from_secs(1);
