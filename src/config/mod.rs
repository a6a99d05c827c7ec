//! The config file: read, checked as a whole, turned into each part's settings.
//!
//! One TOML file and the environment make one [`Config`], or [`ConfigErrors`] that tell every mistake with its place.
//! The way: text → `tree`, values with their places → `environment`, variables over it → `reader`, which is asked
//! key by key (`sections`, `routes`) and for each value (`value`, `place`).
//!
//! Invariants
//! - Every key is asked for by name in one place; a key that nobody asked for is a mistake.
//! - No `Config` exists that has a mistake: what refers to something finds it, what must differ does.
//! - A relative path begins at the directory of the config file, wherever it is set.
//!
//! The shapes of the file are not `serde` types: a derived reader stops at its first error, and one typed by us
//! tells them all. A file that is no TOML has its syntax errors told alone, since what lies behind them is a guess.
//!
//! Not here: what a setting means (the part that owns it).

mod client_cert;
mod environment;
mod error;
mod expected;
mod place;
mod proxy_protocol;
mod reader;
mod routes;
mod sections;
mod source;
mod tls;
mod tree;
mod value;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::sync::Arc;

pub use environment::PREFIX as VARIABLE_PREFIX;
pub use error::{ConfigError, ConfigErrors, ConfigReport, Mistake};
pub use source::Position;

use crate::access::ListName;
use crate::addr::Prefix;
use crate::net::{ConnectionLimits, ListenerSettings};
use crate::time::Timestamp;
use crate::{admin, control, identity, local, proxy, telemetry};
use expected::Expected;
use reader::{Mistakes, Reported, Section};
use routes::Routes;
use sections::{Places, Shared, TakenAddresses};
use source::{Source, Span};
use tree::SyntaxError;

/// Everything a config says, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listeners, routes and upstreams.
    pub proxy: proxy::Settings,
    /// The admin API.
    pub admin: admin::Settings,
    /// How often the admin API may be called.
    pub rate_limits: admin::rate::Settings,
    /// The socket for the operator's commands; none: they are for a stopped program only.
    pub local: Option<local::Settings>,
    /// A listener of its own for `/metrics`, `/healthz` and `/readyz`; none: they are on the admin listener.
    pub metrics: Option<ListenerSettings>,
    /// Limits of what is stored, and how often usage is.
    pub control: control::Settings,
    /// The digest scheme.
    pub digest: identity::digest::Settings,
    /// The bearer scheme.
    pub bearer: identity::bearer::Settings,
    /// The scheme of client certificates.
    pub client_cert: identity::client_cert::Settings,
    /// How often credentials from one address may be refused.
    pub failures: identity::failures::Settings,
    /// Logs.
    pub log: telemetry::LogSettings,
    /// The SQLite file.
    pub store_path: PathBuf,
    /// The key file.
    pub key_file: PathBuf,
    /// The lists that routes may name.
    pub lists: Vec<NamedList>,
}

impl Config {
    /// Every listener.
    pub fn listeners(&self) -> impl Iterator<Item = &ListenerSettings> {
        let proxies = self.proxy.listeners.iter().map(|proxy| &proxy.listener);
        proxies.chain([&self.admin.listener]).chain(&self.metrics)
    }

    /// Reads the file at `path` and the variables of `environment` that begin with `PORTCULLIS__`, in either case.
    ///
    /// Blocks while the file is read.
    ///
    /// # Errors
    /// The file can't be read, is larger than 256 MiB, no UTF-8 or no TOML; or every mistake in what it says.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let unread = Span::new(&Source::unread_file(&name), 0..0);
        let bytes = read_file(path)
            .map_err(|cause| one_error(&unread, Mistake::Unreadable(cause), "a file"))?
            .ok_or_else(|| one_error(&unread, Mistake::TooLarge, "at most 256 MiB"))?;
        let text = String::from_utf8(bytes).map_err(|error| not_text(&name, &error))?;
        read(&Source::file(&name, &text), path.parent().unwrap_or(Path::new("")), environment)
    }

    /// Reads `text` as the file `name`, which errors show and at whose directory relative paths begin.
    ///
    /// # Errors
    /// The text is no TOML; or every mistake in what it says.
    pub fn parse(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let directory = Path::new(name).parent().unwrap_or(Path::new(""));
        read(&Source::file(name, text), directory, environment)
    }
}

/// A list that routes may name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedList {
    /// Its name.
    pub name: ListName,
    /// Its entries, in the order written.
    pub entries: Vec<NamedEntry>,
}

/// An entry of a named list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedEntry {
    /// The range.
    pub prefix: Prefix,
    /// From when on it admits nobody.
    pub expires: Option<Timestamp>,
}

fn read(
    source: &Arc<Source>,
    directory: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let mut root = tree::parse_file(source).map_err(|errors| not_toml(source, errors))?;
    let mistakes = Mistakes::keeping(MISTAKES_KEPT);
    environment::overlay(&mut root, environment, &mistakes);
    let config =
        Section::read_root(&root, source, &mistakes, |section| read_sections(section, directory));
    match config {
        Ok(config) if mistakes.is_empty() => Ok(config),
        _ => Err(mistakes.into_errors()),
    }
}

/// Reads every section before it gives up on one, so that every mistake is told.
fn read_sections(root: &mut Section<'_>, directory: &Path) -> Result<Config, Reported> {
    let limits = root.section("limits", sections::limits);
    let failures = limits.clone().map(|(.., failures)| failures);
    let control = root.section("usage", |section| sections::usage(section, limits.clone()));
    let limits = limits.map(|(connections, ..)| connections);
    let rate_limits = root.section("rate_limits", sections::rate_limits);
    let store = root.section("store", |section| sections::store(section, directory));
    let database = store.as_ref().ok().map(|(path, _)| path.as_path());
    let places = Places { directory, database };
    let listen = listen(root, &limits.clone().unwrap_or_default(), places);
    let upstreams = root.named("upstreams", sections::upstream);
    let lists = root.named("lists", sections::list);
    let mut routes = Routes::new(root.names("upstreams"), root.names("lists"));
    let routes = root.named("routes", |name, section| routes.route(name, section));
    let digest = root.section("digest", sections::digest);
    let bearer = root.section("bearer", sections::bearer);
    let client_cert = root.section("client_cert", client_cert::client_cert);
    let control = root.section("oauth", |section| sections::oauth(section, control));
    let workers = root.section("workers", sections::workers);
    let log = root.section("log", |section| sections::log(section, directory));
    limits?;
    let (listeners, (admin, local), metrics) = listen?;
    let (workers, drain) = workers?;
    let (store_path, key_file) = store?;
    Ok(Config {
        proxy: proxy::Settings {
            listeners,
            routes: routes?,
            upstreams: upstreams?,
            workers,
            drain,
        },
        admin,
        rate_limits: rate_limits?,
        local,
        metrics,
        control: control?,
        digest: digest?,
        bearer: bearer?,
        client_cert: client_cert?,
        failures: failures?,
        log: log?,
        store_path,
        key_file,
        lists: lists?,
    })
}

type Admin = (admin::Settings, Option<local::Settings>);

type Listen = (Vec<proxy::ProxyListener>, Admin, Option<ListenerSettings>);

/// Everything that listens, each on an address of its own.
fn listen(
    root: &mut Section<'_>,
    limits: &ConnectionLimits,
    places: Places<'_>,
) -> Result<Listen, Reported> {
    let mut taken = TakenAddresses::default();
    let shared = Shared { limits, directory: places.directory };
    let listeners = root
        .named("listeners", |name, section| sections::listener(name, section, shared, &mut taken));
    let listeners = listeners.and_then(|listeners| match listeners.is_empty() {
        true => Err(root.miss("listeners", "at least one, as in `[listeners.main]`")),
        false => Ok(listeners),
    });
    let admin = root.section("admin", |section| {
        let local = sections::local(section, places);
        Ok((sections::admin(section, shared, &mut taken)?, local?))
    });
    let metrics = root.section("metrics", |section| sections::metrics(section, shared, &mut taken));
    Ok((listeners?, admin?, metrics?))
}

/// The bytes of the file; none where it is too large.
fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > FILE_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    // A device has no length beforehand.
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= FILE_BYTES))
}

/// The errors of a text that is no TOML, the first of each line: what follows it is mostly its echo.
fn not_toml(source: &Arc<Source>, errors: Vec<SyntaxError>) -> ConfigErrors {
    let mistakes = Mistakes::keeping(SYNTAX_ERRORS_KEPT);
    let mut last_line = None;
    for error in errors {
        let span = Span::new(source, error.range);
        let line = span.position().map(|at| at.line);
        if line != last_line {
            mistakes.report(&span, None, Mistake::Syntax, error.message);
        }
        last_line = line;
    }
    mistakes.into_errors()
}

/// The error of a file whose bytes are no text, at the first one that is none.
fn not_text(name: &str, error: &FromUtf8Error) -> ConfigErrors {
    let valid = error.utf8_error().valid_up_to();
    let source = Source::file(name, &String::from_utf8_lossy(error.as_bytes()));
    one_error(&Span::new(&source, valid..valid + 1), Mistake::NotText, "text in UTF-8")
}

fn one_error(span: &Span, mistake: Mistake, expected: impl Into<Expected>) -> ConfigErrors {
    let mistakes = Mistakes::keeping(1);
    mistakes.report(span, None, mistake, expected);
    mistakes.into_errors()
}

/// Bytes a config may have: a million entries of a named list take about a tenth.
const FILE_BYTES: u64 = 256 << 20;

/// Mistakes that are shown. A file that is meant for another program has one on every line.
const MISTAKES_KEPT: usize = 1_000;

/// Syntax errors that are shown: behind a bracket that is not closed, every line has one.
const SYNTAX_ERRORS_KEPT: usize = 10;
