//! The config file: read, checked as a whole, turned into each part's settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::access::ListName;
use crate::addr::Prefix;
use crate::time::Timestamp;
use crate::{admin, control, identity, proxy, telemetry};

/// Everything a config says, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listeners, routes and upstreams.
    pub proxy: proxy::Settings,
    /// The admin API.
    pub admin: admin::Settings,
    /// A listener of its own for `/metrics`, `/healthz` and `/readyz`; none: they are on the admin listener.
    pub metrics_listen: Option<SocketAddr>,
    /// Limits of what is stored, and how often usage is.
    pub control: control::Settings,
    /// The digest scheme.
    pub digest: identity::digest::Settings,
    /// Logs.
    pub log: telemetry::LogSettings,
    /// The SQLite file.
    pub store_path: PathBuf,
    /// The key file.
    pub key_file: PathBuf,
    /// The lists that routes may name.
    pub lists: Vec<NamedList>,
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
