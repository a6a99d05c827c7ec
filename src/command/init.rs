//! `init`: from nothing to an organization with an owner key.

use std::sync::Arc;

use miette::{IntoDiagnostic, miette};
use secrecy::{ExposeSecret, SecretString};

use super::{InitArguments, load};
use crate::addr::{ClientIp, Prefix};
use crate::config::Config;
use crate::control::{ControlPlane, NewEntry};
use crate::identity::{ApiKey, Organization, Role, Roles};
use crate::keys::KeyFile;
use crate::store::SqliteStore;
use crate::time::Clock;

/// What `init` made.
pub(super) struct Made {
    pub(super) organization: Arc<Organization>,
    pub(super) key: Arc<ApiKey>,
    pub(super) private_key: SecretString,
}

/// Makes the key file, the database, an organization and its owner key, and prints the key once.
#[expect(clippy::print_stdout, reason = "the answer of a command that asks")]
pub(super) fn run(arguments: &InitArguments) -> miette::Result<()> {
    let config = load(&arguments.config)?;
    let made = make(&config, &arguments.organization, &arguments.allow)?;
    println!("Organization  {}  ({})", made.organization.id, made.organization.name);
    println!("API key       {}  (ORG_OWNER)", made.key.id);
    println!("Public key    {}", made.key.public_key);
    println!("Private key   {}", made.private_key.expose_secret());
    println!();
    println!(
        "The private key is shown this once. The key may be used from {}.",
        addresses(&arguments.allow)
    );
    println!(
        "Database {}, key file {}: keep copies of both; neither is of use without the other.",
        config.store_path.display(),
        config.key_file.display()
    );
    println!("Next: portcullis run --config {}", arguments.config.config.display());
    Ok(())
}

/// Makes what `init` makes, for `demo` as well.
pub(super) fn make(config: &Config, organization: &str, allow: &[Prefix]) -> miette::Result<Made> {
    if config.store_path.exists() {
        return Err(miette!(
            help = "to start anew, move the database and the key file away; to serve what is there, use `portcullis run`",
            "{} exists already",
            config.store_path.display()
        ));
    }
    let keys = if config.key_file.exists() {
        KeyFile::load(&config.key_file).into_diagnostic()?
    } else {
        KeyFile::create(&config.key_file).into_diagnostic()?
    };
    let store = Arc::new(SqliteStore::create(&config.store_path, &keys).into_diagnostic()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .into_diagnostic()?;
    runtime.block_on(async {
        let control = ControlPlane::open(
            store,
            Vec::new(),
            config.control.clone(),
            Clock::system(),
            Arc::new(()),
        )
        .await
        .into_diagnostic()?;
        let organization = control.create_organization(organization).await.into_diagnostic()?;
        let roles = [Role::Owner].into_iter().collect::<Roles>();
        let created = control
            .create_key(organization.id, "Owner key made by init", roles, first_entries(allow))
            .await
            .into_diagnostic()?;
        Ok(Made { organization, key: created.key, private_key: created.private_key })
    })
}

/// This machine first, then what was asked for.
fn first_entries(allow: &[Prefix]) -> Vec<NewEntry> {
    let loopback = [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    let here = loopback.into_iter().map(|ip: std::net::IpAddr| Prefix::host(ClientIp::from(ip)));
    here.chain(allow.iter().copied()).map(|prefix| NewEntry { prefix, spelling: None }).collect()
}

fn addresses(allow: &[Prefix]) -> String {
    let more = allow.iter().map(|prefix| format!(", {prefix}")).collect::<String>();
    format!("127.0.0.1, ::1{more}")
}
