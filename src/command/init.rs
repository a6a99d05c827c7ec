//! `init`: from nothing to an organization with an owner key. All of it or, when anything fails, nothing.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{IntoDiagnostic, WrapErr as _, miette};
use secrecy::{ExposeSecret, SecretString};

use super::{InitArguments, advice, load, say, shell_word};
use crate::addr::{ClientIp, Prefix};
use crate::config::Config;
use crate::control::{CommandError, ControlPlane, CreatedKey, NewEntry, OpenError};
use crate::identity::{ApiKey, Organization, Role, Roles, SecretKeys};
use crate::keys::KeyFile;
use crate::store::SqliteStore;
use crate::time::Clock;

/// What `init` made.
pub(super) struct Made {
    pub(super) organization: Arc<Organization>,
    pub(super) key: Arc<ApiKey>,
    pub(super) private_key: SecretString,
    /// To be kept once somebody has the private key.
    pub(super) files: MadeFiles,
}

/// Files just made. They go again when this is dropped without being kept.
pub(super) struct MadeFiles(Vec<PathBuf>);

impl MadeFiles {
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for MadeFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes the key file, the database, an organization and its owner key, and prints the key once.
pub(super) fn run(arguments: &InitArguments) -> miette::Result<()> {
    let config = load(&arguments.config)?;
    let entries = first_entries(&arguments.allow);
    let made = make(&config, &arguments.organization, &entries)?;
    say(&summary(&made, &entries, &config, &arguments.config.config))
        .wrap_err("nothing was made, since its private key could not be shown")?;
    made.files.keep();
    Ok(())
}

/// Makes what `init` makes, for `demo` as well.
pub(super) fn make(
    config: &Config,
    organization: &str,
    entries: &[Prefix],
) -> miette::Result<Made> {
    if config.store_path.exists() {
        return Err(miette!(
            help = "to start anew, move the database and the key file away; to serve what is there, use `portcullis run`",
            "the database {} exists already",
            config.store_path.display()
        ));
    }
    let mut files = MadeFiles(Vec::new());
    let keys = key_file(config, &mut files)?;
    let store = SqliteStore::create(&config.store_path, &keys).map_err(advice::on_store)?;
    for ending in ["", "-wal", "-shm", ".lock"] {
        let mut path = config.store_path.clone().into_os_string();
        path.push(ending);
        files.0.push(path.into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .into_diagnostic()?;
    let (organization, CreatedKey { key, private_key }) = runtime
        .block_on(fill(store, SecretKeys::new(&keys), config, organization, entries))
        .into_diagnostic()
        .wrap_err("the database could not be filled")?;
    Ok(Made { organization, key, private_key, files })
}

/// The key file that is there, or a new one.
fn key_file(config: &Config, files: &mut MadeFiles) -> miette::Result<KeyFile> {
    let path = &config.key_file;
    let refused = |error| advice::on_keys(error, config);
    if path.exists() {
        return KeyFile::load(path).map_err(refused);
    }
    let keys = KeyFile::create(path).map_err(refused)?;
    files.0.push(path.clone());
    Ok(keys)
}

/// The first organization and its owner, in a store that is closed again when this returns.
async fn fill(
    store: SqliteStore,
    secrets: SecretKeys,
    config: &Config,
    organization: &str,
    entries: &[Prefix],
) -> Result<(Arc<Organization>, CreatedKey), FillError> {
    let (lists, settings) = (Vec::new(), config.control.clone());
    let (store, clock, observer) = (Arc::new(store), Clock::system(), Arc::new(()));
    let control = ControlPlane::open(store, secrets, lists, settings, clock, observer).await?;
    let organization = control.create_organization(organization).await?;
    let roles = [Role::Owner].into_iter().collect::<Roles>();
    let entries = entries.iter().map(|prefix| NewEntry { prefix: *prefix, spelling: None });
    let description = "Owner key made by init";
    let created =
        control.create_key(organization.id, description, roles, entries.collect()).await?;
    Ok((organization, created))
}

/// Why a new database was not filled.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// This machine first, then what was asked for; each once.
pub(super) fn first_entries(allow: &[Prefix]) -> Vec<Prefix> {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut entries: Vec<_> =
        loopback.into_iter().map(|ip| Prefix::host(ClientIp::from(ip))).collect();
    for prefix in allow {
        if !entries.contains(prefix) {
            entries.push(*prefix);
        }
    }
    entries
}

fn summary(made: &Made, entries: &[Prefix], config: &Config, config_path: &Path) -> String {
    let Made { organization, key, private_key, .. } = made;
    let list = format!("orgs/{}/apiKeys/{}/accessList", organization.id, key.id);
    let mut text = String::from("Portcullis is set up.\n\n");
    for (name, value) in [
        ("organization", format!("{}  ({})", organization.id, organization.name)),
        ("API key", format!("{}  (role ORG_OWNER)", key.id)),
        ("public key", key.public_key.to_string()),
        ("private key", private_key.expose_secret().to_owned()),
        ("allowed from", addresses(entries)),
        ("database", config.store_path.display().to_string()),
        ("key file", config.key_file.display().to_string()),
    ] {
        let _ = writeln!(text, "  {name:<12}  {value}");
    }
    let _ = write!(
        text,
        "
The private key is shown this once: keep it as you keep a password. Clients sign in with the public and the private key by
HTTP Digest; a request from an address that is not on the key's list is refused. The admin API changes the list.
Keep copies of the database and of the key file, apart from each other: neither is of use without the other.

Next, serve:
  portcullis run --config {config}
Then, in another terminal, look at the list (curl asks for the private key):
  curl --digest --user {public_key} -H 'Accept: application/vnd.atlas.2023-01-01+json' '{admin}/api/atlas/v2/{list}?pretty=true'
",
        config = shell_word(&config_path.display().to_string()),
        public_key = key.public_key,
        admin = admin_url(config),
    );
    text
}

fn addresses(entries: &[Prefix]) -> String {
    let shown = |prefix: &Prefix| match prefix.is_host() {
        true => prefix.network().to_string(),
        false => prefix.to_string(),
    };
    entries.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Where the admin API can be reached from this machine.
fn admin_url(config: &Config) -> String {
    let mut listen = config.admin.listener.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{listen}")
}
