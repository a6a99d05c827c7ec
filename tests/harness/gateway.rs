//! A whole Portcullis in the test's own process: real sockets, a real database in a directory that goes with it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use portcullis::addr::{ClientIp, Prefix};
use portcullis::app::App;
use portcullis::config::Config;
use portcullis::control::{ControlPlane, CreatedKey, NewEntry};
use portcullis::id::OrgId;
use portcullis::identity::{Role, Roles, SecretKeys};
use portcullis::keys::KeyFile;
use portcullis::store::SqliteStore;
use portcullis::time::{Clock, Timestamp};
use secrecy::ExposeSecret;

use super::client::{Answer, Client, Credential};

/// How a gateway differs from the plain one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Lines for `[listeners.main]`.
    pub(crate) listener: String,
    /// Lines for `[routes.main]`, beside its upstream; `organizations = ["*"]` where there are none.
    pub(crate) route: String,
    /// Lines for `[upstreams.main]`, beside its endpoint.
    pub(crate) upstream: String,
    /// Lines for `[admin]`.
    pub(crate) admin: String,
    /// Whole sections.
    pub(crate) more: String,
    /// Stands still until the test moves it; none: the machine's clock.
    pub(crate) clock: Option<Clock>,
}

/// A gateway with one organization and an owner key that may come from 127.0.0.1.
pub(crate) struct Gateway {
    app: Option<App>,
    config: Config,
    clock: Clock,
    directory: tempfile::TempDir,
    pub(crate) org: OrgId,
    pub(crate) key_id: String,
    pub(crate) owner: Credential,
}

impl Gateway {
    /// In front of `upstream`.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        Self::with(upstream, Options::default())
    }

    /// In front of `upstream`, set up as `options` say.
    pub(crate) fn with(upstream: SocketAddr, options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config_path = directory.path().join("portcullis.toml");
        let clock = options.clock.clone().unwrap_or_default();
        std::fs::write(&config_path, config_text(upstream, &options)).unwrap();
        let config = Config::load(&config_path, []).unwrap_or_else(|errors| panic!("{errors}"));
        let (org, created) = initialise(&config, &clock);
        let app = App::start(config.clone(), clock.clone()).unwrap();
        Self {
            app: Some(app),
            config,
            clock,
            directory,
            org,
            key_id: created.key.id.to_string(),
            owner: credential(&created),
        }
    }

    fn app(&self) -> &App {
        self.app.as_ref().expect("running")
    }

    pub(crate) fn proxy(&self) -> SocketAddr {
        self.app().proxy_address("main").unwrap()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.app().admin_address()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.config.store_path.clone()
    }

    pub(crate) fn control(&self) -> &ControlPlane {
        self.app().control()
    }

    /// A new connection to the proxy from 127.0.0.1.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.proxy())
    }

    /// `GET` through the proxy with the owner's key, from `from`.
    pub(crate) fn get_from(&self, from: &str, target: &str) -> Answer {
        let from: IpAddr = from.parse().unwrap();
        Client::connect_from(from, self.proxy()).digest(&self.owner, "GET", target, &[], b"")
    }

    /// A call of the admin API with the owner's key, in the first published version; the path is below `/api/atlas/v2`.
    pub(crate) fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers =
            ["Accept: application/vnd.atlas.2023-01-01+json", "Content-Type: application/json"];
        self.api_with(&self.owner, method, &format!("/api/atlas/v2{path}"), &headers, body)
    }

    /// A call of the admin API, every part of it the caller's.
    pub(crate) fn api_with(
        &self,
        credential: &Credential,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        Client::connect(self.admin()).digest(credential, method, target, headers, body.as_bytes())
    }

    /// The path of the owner key's access list, below `/api/atlas/v2`.
    pub(crate) fn list_path(&self) -> String {
        format!("/orgs/{}/apiKeys/{}/accessList", self.org, self.key_id)
    }

    /// A key of the gateway's organization.
    pub(crate) fn new_key(&self, roles: &[Role], allow: &[&str]) -> (String, Credential) {
        let roles = roles.iter().copied().collect();
        let made = self.control().create_key(self.org, "a test's key", roles, entries(allow));
        let made = self.app().runtime().block_on(made).unwrap();
        (made.key.id.to_string(), credential(&made))
    }

    /// Another organization with an owner key.
    pub(crate) fn new_organization(&self, name: &str) -> (OrgId, String, Credential) {
        let (org, made) =
            self.app().runtime().block_on(organization_with_owner(self.control(), name));
        (org, made.key.id.to_string(), credential(&made))
    }

    /// Waits for what a future of the program gives.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.app().runtime().block_on(future)
    }

    /// What the gateway takes the time from.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The scrape as text.
    pub(crate) fn metrics(&self) -> String {
        let answer = Client::connect(self.operations()).get("/metrics");
        assert_eq!(answer.status, 200);
        answer.text()
    }

    /// Where `/metrics`, `/healthz` and `/readyz` are.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.app().metrics_address()
    }

    /// Stops in good order and starts again on what is stored, set up as `options` say. The clock stays.
    pub(crate) fn reconfigure(&mut self, upstream: SocketAddr, options: &Options) {
        let config_path = self.directory.path().join("portcullis.toml");
        std::fs::write(&config_path, config_text(upstream, options)).unwrap();
        self.config = Config::load(&config_path, []).unwrap_or_else(|errors| panic!("{errors}"));
        self.restart();
    }

    /// Stops in good order and reads what the access log says.
    pub(crate) fn stop_and_read_log(self) -> String {
        let directory = self.stop();
        std::fs::read_to_string(directory.path().join("access.log")).unwrap()
    }

    /// Waits until the scrape has that text: what ends a connection is counted a moment after its peer sees it end.
    pub(crate) fn wait_for_metric(&self, text: &str) {
        let begun = std::time::Instant::now();
        loop {
            let metrics = self.metrics();
            if metrics.contains(text) {
                return;
            }
            assert!(begun.elapsed().as_secs() < 10, "{text} in {metrics}");
            std::thread::yield_now();
        }
    }

    /// Stops in good order and starts again on what is stored.
    pub(crate) fn restart(&mut self) {
        self.app.take().expect("running").stop().unwrap();
        self.app = Some(App::start(self.config.clone(), self.clock.clone()).unwrap());
    }

    /// Stops in good order.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.app.take().expect("running").stop().unwrap();
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            let _ = app.stop();
        }
    }
}

/// A clock that stands at a time of the test's choosing.
pub(crate) fn clock_at(millis: i64) -> Clock {
    Clock::manual(Timestamp::from_millis(millis))
}

fn config_text(upstream: SocketAddr, options: &Options) -> String {
    let route = if options.route.is_empty() { "organizations = [\"*\"]" } else { &options.route };
    format!(
        "[listeners.main]\nlisten = \"127.0.0.1:0\"\n{}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n{}\n\
         [store]\npath = \"portcullis.db\"\nkey_file = \"portcullis.key\"\n\
         [upstreams.main]\nendpoint = \"{upstream}\"\n{}\n\
         [routes.main]\nupstream = \"main\"\n{route}\n\
         [log]\naccess = \"access.log\"\n\
         {}\n{}",
        options.listener,
        options.admin,
        options.upstream,
        options.more,
        small_tables(&options.more)
    )
}

/// Tables that a test does not fill are small: in a debug build, those of the default sizes take longer to make and to
/// clear away than most tests take.
fn small_tables(more: &str) -> String {
    let tables = [("[bearer]", "tokens_cached = 64"), ("[digest]", "nonces_remembered = 4096")];
    let unset = tables.iter().filter(|(section, _)| !more.contains(section));
    unset.map(|(section, line)| format!("{section}\n{line}\n")).collect()
}

fn initialise(config: &Config, clock: &Clock) -> (OrgId, CreatedKey) {
    let keys = KeyFile::create(&config.key_file).unwrap();
    let store = std::sync::Arc::new(SqliteStore::create(&config.store_path, &keys).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = config.control.clone();
        let control = ControlPlane::open(
            store,
            SecretKeys::new(&keys),
            Vec::new(),
            settings,
            clock.clone(),
            std::sync::Arc::new(()),
        );
        organization_with_owner(&control.await.unwrap(), "tests").await
    })
}

async fn organization_with_owner(control: &ControlPlane, name: &str) -> (OrgId, CreatedKey) {
    let organization = control.create_organization(name).await.unwrap();
    let roles: Roles = [Role::Owner].into_iter().collect();
    let made =
        control.create_key(organization.id, "owner", roles, entries(&["127.0.0.1"])).await.unwrap();
    (organization.id, made)
}

fn entries(prefixes: &[&str]) -> Vec<NewEntry> {
    let entry = |text: &&str| NewEntry { prefix: Prefix::parse(text).unwrap(), spelling: None };
    prefixes.iter().map(entry).collect()
}

fn credential(made: &CreatedKey) -> Credential {
    Credential {
        public_key: made.key.public_key.to_string(),
        private_key: made.private_key.expose_secret().to_owned(),
    }
}

/// The address as the program judges it.
pub(crate) fn client_ip(text: &str) -> ClientIp {
    ClientIp::from(text.parse::<IpAddr>().unwrap())
}
