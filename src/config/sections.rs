//! The sections of the file, one function each: which keys there are, their defaults and their ranges.
//!
//! Each key's unit and reason is in `config/portcullis.toml`; a test holds that page and this one together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::{
    ENDPOINT, RANGE, address_header, endpoint, file, listen, prefix, proxies, public_url,
};
use super::proxy_protocol::proxy_protocol as introduction;
use super::reader::{Field, Reported, Section};
use super::tls::tls as tls_settings;
use super::value::{boolean, choice, choices, duration, instant, integer, log_filter, size};
use super::{NamedEntry, NamedList};
use crate::access::ListName;
use crate::addr::ClientIp;
use crate::admin::rate::{self, RateBucket, Size};
use crate::identity::bearer;
use crate::identity::digest::{self, Algorithm};
use crate::identity::failures;
use crate::net::client_ip::{self, AddressHeader};
use crate::net::{ConnectionLimits, ListenerSettings, proxy_protocol, tls};
use crate::proxy::ProxyListener;
use crate::proxy::upstream::{UpstreamName, UpstreamSettings};
use crate::telemetry::{AccessLogTarget, LogFormat, LogSettings};
use crate::{admin, control, local};

/// The addresses that listeners have taken so far, and each one's key.
#[derive(Debug, Default)]
pub(super) struct TakenAddresses(Vec<(SocketAddr, String)>);

impl TakenAddresses {
    /// Takes `address` for the listener of `section`; `field` is where it is written, if it is.
    fn take(
        &mut self,
        address: SocketAddr,
        field: Option<&Field<'_>>,
        section: &mut Section<'_>,
    ) -> Result<SocketAddr, Reported> {
        if let Some((other, owner)) = self.0.iter().find(|(other, _)| overlap(*other, address)) {
            let words = format!("an address of its own; `{owner}` listens on {other}");
            return Err(match field {
                Some(field) => field.refuse(words),
                None => section.miss("listen", format!("{words}, and the default is {address}")),
            });
        }
        self.0.push((address, section.key("listen")));
        Ok(address)
    }
}

/// Whether one socket would take connections of the other. Port 0 is a new port each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let (x, y) = (a.ip().to_canonical(), b.ip().to_canonical());
    let same_family = x.is_ipv4() == y.is_ipv4();
    let any = x.is_unspecified() || y.is_unspecified();
    a.port() != 0 && a.port() == b.port() && (x == y || same_family && any)
}

/// What every listener has from elsewhere in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared<'a> {
    pub(super) limits: &'a ConnectionLimits,
    /// Where relative paths begin.
    pub(super) directory: &'a Path,
}

impl Shared<'_> {
    fn listener(
        self,
        name: &str,
        listen: SocketAddr,
        proxy_protocol: Option<proxy_protocol::Settings>,
        tls: Option<tls::Settings>,
    ) -> ListenerSettings {
        let limits = self.limits.clone();
        ListenerSettings { name: name.into(), listen, limits, proxy_protocol, tls }
    }
}

/// `[listeners.NAME]`
pub(super) fn listener(
    name: &str,
    section: &mut Section<'_>,
    shared: Shared<'_>,
    taken: &mut TakenAddresses,
) -> Result<ProxyListener, Reported> {
    let listen = match section.take("listen") {
        Some(field) => {
            field.read(listen).and_then(|address| taken.take(address, Some(&field), section))
        }
        None => Err(section.miss("listen", "address:port, as in `0.0.0.0:8080`")),
    };
    let client_ip = client_address(section);
    let introduced = introduction(section);
    let tls = tls_settings(section, shared.directory);
    if RESERVED.contains(&name) {
        return Err(
            section.refuse("another name: this one is that of a listener of the program's own")
        );
    }
    let listener = shared.listener(name, listen?, introduced?, tls?);
    Ok(ProxyListener { listener, client_ip: client_ip? })
}

/// `client_address_header` and `trusted_proxies`, which are nothing without each other.
fn client_address(section: &mut Section<'_>) -> Result<client_ip::Settings, Reported> {
    let header = section.or("client_address_header", AddressHeader::Peer, address_header);
    let proxies = match section.take("trusted_proxies") {
        Some(field) => field.each_once(RANGES, |range| range.read(proxies), |range| *range),
        None => Ok(Vec::new()),
    };
    let (header, proxies) = (header?, proxies?);
    let trusted_proxies: Vec<_> = proxies.into_iter().map(|(range, _)| range).collect();
    match (header == AddressHeader::Peer, trusted_proxies.is_empty()) {
        (true, false) => Err(section.miss("client_address_header", HEADER_OF_PROXIES)),
        (false, true) => Err(section.miss("trusted_proxies", PROXIES_OF_HEADER)),
        _ => Ok(client_ip::Settings { trusted_proxies, header }),
    }
}

/// `[admin]`
pub(super) fn admin(
    section: &mut Section<'_>,
    shared: Shared<'_>,
    taken: &mut TakenAddresses,
) -> Result<admin::Settings, Reported> {
    let field = section.take("listen");
    let listen = field.as_ref().map_or(Ok(ADMIN_LISTEN), |field| field.read(listen));
    let listen = listen.and_then(|address| taken.take(address, field.as_ref(), section));
    let insecure = section.or("insecure", false, boolean);
    let public_url = section.optional("public_url", public_url);
    let client_ip = client_address(section);
    let introduced = introduction(section);
    let tls = tls_settings(section, shared.directory);
    let body_bytes = section.or("body_limit", 1 << 20, size(1 << 10..=64 << 20));
    let (listen, insecure, tls) = (listen?, insecure?, tls?);
    if let Some(field) = field
        && !insecure
        && tls.is_none()
        && !ClientIp::from(listen.ip()).as_ip().is_loopback()
    {
        return Err(field.refuse(LOOPBACK));
    }
    let listener = shared.listener("admin", listen, introduced?, tls);
    let (public_url, client_ip, body_bytes) = (public_url?, client_ip?, body_bytes?);
    Ok(admin::Settings { listener, client_ip, public_url, body_bytes })
}

/// Where relative paths begin, and where the database is, if that could be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) directory: &'a Path,
    pub(super) database: Option<&'a Path>,
}

/// `socket` of `[admin]`: the operator's way in, beside the database and named after it.
pub(super) fn local(
    section: &mut Section<'_>,
    places: Places<'_>,
) -> Result<Option<local::Settings>, Reported> {
    let fits = |path: &Path| path.as_os_str().len() <= local::MOST_PATH_BYTES;
    let Some(field) = section.take("socket") else {
        let Some(database) = places.database else { return Ok(None) };
        let socket = database.with_extension("sock");
        if !fits(&socket) || socket == database {
            let words = format!("{SOCKET}; the default is {}", socket.display());
            return Err(section.miss("socket", words));
        }
        return Ok(Some(local::Settings { socket }));
    };
    let socket = field.read(|node| match node.as_str() {
        Some("off") => Ok(None),
        // A bare word is more likely a misspelt `off` than a socket.
        Some(path) if path.contains(['/', '.']) => file(places.directory)(node).map(Some),
        _ => Err(SOCKET.into()),
    })?;
    match socket {
        Some(socket) if !fits(&socket) => Err(field.refuse(SOCKET)),
        Some(socket) if Some(&*socket) == places.database => {
            Err(field.refuse("another file than that of `store.path`"))
        }
        socket => Ok(socket.map(|socket| local::Settings { socket })),
    }
}

/// `[metrics]`
pub(super) fn metrics(
    section: &mut Section<'_>,
    shared: Shared<'_>,
    taken: &mut TakenAddresses,
) -> Result<Option<ListenerSettings>, Reported> {
    let field = section.take("listen");
    let listen = field.as_ref().map(|field| {
        field.read(listen).and_then(|address| taken.take(address, Some(field), section))
    });
    let tls = tls_settings(section, shared.directory)?;
    match (listen.transpose()?, tls) {
        (Some(listen), tls) => Ok(Some(shared.listener("metrics", listen, None, tls))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(section.miss("listen", METRICS_LISTEN)),
    }
}

/// `[store]`: the database and the key file.
pub(super) fn store(
    section: &mut Section<'_>,
    directory: &Path,
) -> Result<(PathBuf, PathBuf), Reported> {
    let path = section.or("path", directory.join("portcullis.db"), file(directory));
    let field = section.take("key_file");
    let key_file = match &field {
        Some(field) => field.read(file(directory)),
        None => Ok(directory.join("portcullis.key")),
    };
    let (path, key_file) = (path?, key_file?);
    match field {
        _ if path != key_file => Ok((path, key_file)),
        Some(field) => Err(field.refuse("another file than that of `store.path`")),
        None => Err(section.miss("key_file", "another file than that of `store.path`")),
    }
}

/// `[upstreams.NAME]`
pub(super) fn upstream(
    name: &str,
    section: &mut Section<'_>,
) -> Result<UpstreamSettings, Reported> {
    let secs = Duration::from_secs;
    let endpoint = section.required("endpoint", ENDPOINT, endpoint);
    let connect_timeout = section.or("connect_timeout", secs(2), duration(ms_to(TEN_MINUTES)));
    let first_byte_timeout = section.or("first_byte_timeout", secs(30), duration(ms_to(DAY)));
    let idle_timeout = section.or("idle_timeout", secs(60), duration(ms_to(DAY)));
    let keepalive_timeout = section.or("keepalive_timeout", secs(60), duration(ms_to(DAY)));
    let keepalive_connections = section.or("keepalive_connections", 64, integer(0..=65_536));
    Ok(UpstreamSettings {
        name: UpstreamName(name.into()),
        endpoint: endpoint?,
        connect_timeout: connect_timeout?,
        first_byte_timeout: first_byte_timeout?,
        idle_timeout: idle_timeout?,
        keepalive_timeout: keepalive_timeout?,
        keepalive_connections: keepalive_connections?,
    })
}

/// `[lists.NAME]`
pub(super) fn list(name: &str, section: &mut Section<'_>) -> Result<NamedList, Reported> {
    let Some(field) = section.take("entries") else {
        return Err(section.miss("entries", RANGES));
    };
    let entries = field.each_once(RANGES, entry, |entry| entry.prefix)?;
    if entries.len() > LIST_ENTRIES {
        return Err(field.refuse(format!("at most {LIST_ENTRIES} entries")));
    }
    let entries = entries.into_iter().map(|(entry, _)| entry).collect();
    Ok(NamedList { name: ListName::from(name), entries })
}

/// A range alone, or a table of a range and the end of its life.
fn entry(field: &Field<'_>) -> Result<NamedEntry, Reported> {
    if !field.is_table() {
        return Ok(NamedEntry { prefix: field.read(prefix)?, expires: None });
    }
    field.section(|section| {
        let prefix = section.required("prefix", RANGE, prefix);
        let expires = section.optional("expires", instant);
        Ok(NamedEntry { prefix: prefix?, expires: expires? })
    })
}

/// Limits of connections, of what is stored, and of failures to authenticate.
type Limits = (ConnectionLimits, control::Settings, failures::Settings);

/// `[limits]`
pub(super) fn limits(section: &mut Section<'_>) -> Result<Limits, Reported> {
    let connections = connection_limits(section);
    let failures = failure_limits(section);
    let default = control::Settings::default();
    let entries_per_list =
        section.or("entries_per_list", default.entries_per_list, integer(1..=1_000_000));
    let keys_per_organization =
        section.or("keys_per_organization", default.keys_per_organization, integer(1..=1_000_000));
    let accounts_per_organization = section.or(
        "service_accounts_per_organization",
        default.accounts_per_organization,
        integer(1..=1_000_000),
    );
    let control = control::Settings {
        entries_per_list: entries_per_list?,
        keys_per_organization: keys_per_organization?,
        accounts_per_organization: accounts_per_organization?,
        ..default
    };
    Ok((connections?, control, failures?))
}

fn failure_limits(section: &mut Section<'_>) -> Result<failures::Settings, Reported> {
    let default = failures::Settings::default();
    let capacity = section.or("auth_failures", default.capacity, integer(0..=10_000));
    let per_minute = section.or("auth_failures_per_minute", default.per_minute, integer(1..=1_000));
    Ok(failures::Settings { capacity: capacity?, per_minute: per_minute? })
}

/// `[rate_limits]`: a bucket each, or `enabled = false` for none.
pub(super) fn rate_limits(section: &mut Section<'_>) -> Result<rate::Settings, Reported> {
    let enabled = section.or("enabled", true, boolean);
    let mut settings = rate::Settings::default();
    let mut reported = None;
    for bucket in RateBucket::ALL {
        let default = Size::published(bucket);
        match section.take(bucket.label()).map(|field| rate_limit(&field, default)) {
            None => {}
            Some(Ok(size)) => settings.set(bucket, size),
            Some(Err(error)) => reported = Some(error),
        }
    }
    match reported {
        Some(error) => Err(error),
        None if enabled? => Ok(settings),
        None => Ok(rate::Settings::off()),
    }
}

/// The size of a bucket; what is left out of it has its default.
fn rate_limit(field: &Field<'_>, default: Size) -> Result<Option<Size>, Reported> {
    if !field.is_table() {
        return field.read(|node| match node.as_str() {
            Some("off") => Ok(None),
            _ => Err(RATE_LIMIT.into()),
        });
    }
    field.section(|section| {
        let capacity = section.or("capacity", default.capacity.get(), integer(1..=100_000));
        let per_minute = section.or("per_minute", default.per_minute.get(), integer(1..=100_000));
        Ok(Some(Size::new(capacity?, per_minute?)))
    })
}

fn connection_limits(section: &mut Section<'_>) -> Result<ConnectionLimits, Reported> {
    let default = ConnectionLimits::default();
    let connections = section.or("connections", default.connections, integer(1..=1_000_000));
    let handshake_timeout =
        section.or("handshake_timeout", default.handshake_timeout, duration(ms_to(TEN_MINUTES)));
    let header_timeout =
        section.or("header_timeout", default.header_timeout, duration(ms_to(TEN_MINUTES)));
    // The HTTP library panics below 8 KiB.
    let header_bytes = section.or("header_bytes", default.header_bytes, size(8 << 10..=1 << 20));
    let headers = section.or("headers", default.headers, integer(1..=1_000));
    let idle_timeout = section.or("idle_timeout", default.idle_timeout, duration(ms_to(DAY)));
    let stall_timeout = section.or("stall_timeout", default.stall_timeout, duration(ms_to(DAY)));
    let h2_streams = section.or("h2_streams", default.h2_streams, integer(1..=10_000));
    Ok(ConnectionLimits {
        connections: connections?,
        handshake_timeout: handshake_timeout?,
        header_timeout: header_timeout?,
        header_bytes: header_bytes?,
        headers: headers?,
        idle_timeout: idle_timeout?,
        stall_timeout: stall_timeout?,
        h2_streams: h2_streams?,
    })
}

/// `[digest]`
pub(super) fn digest(section: &mut Section<'_>) -> Result<digest::Settings, Reported> {
    let default = digest::Settings::default();
    let algorithms = match section.take("algorithms") {
        None => Ok(default.algorithms),
        Some(field) => match choices(&field, ALGORITHMS, ALGORITHM_NAMES) {
            Ok(none) if none.is_empty() => Err(field.refuse(ALGORITHMS)),
            algorithms => algorithms,
        },
    };
    let lifetimes = Duration::from_secs(10)..=DAY;
    let nonce_lifetime = section.or("nonce_lifetime", default.nonce_lifetime, duration(lifetimes));
    let nonces_remembered =
        section.or("nonces_remembered", default.nonces_remembered, integer(16..=1 << 22));
    Ok(digest::Settings {
        algorithms: algorithms?,
        nonce_lifetime: nonce_lifetime?,
        nonces_remembered: nonces_remembered?,
    })
}

/// `[oauth]`: how long a key signs access tokens, beside what else is stored.
pub(super) fn oauth(
    section: &mut Section<'_>,
    control: Result<control::Settings, Reported>,
) -> Result<control::Settings, Reported> {
    let default = control::Settings::default().signing_key_lifetime;
    let lifetimes = Duration::from_secs(3600)..=TEN_YEARS;
    let signing_key_lifetime = section.or("signing_key_lifetime", default, duration(lifetimes));
    Ok(control::Settings { signing_key_lifetime: signing_key_lifetime?, ..control? })
}

/// `[bearer]`
pub(super) fn bearer(section: &mut Section<'_>) -> Result<bearer::Settings, Reported> {
    let default = bearer::Settings::default();
    let tokens_cached = section.or("tokens_cached", default.tokens_cached, integer(16..=1 << 20));
    Ok(bearer::Settings { tokens_cached: tokens_cached? })
}

/// `[workers]`: how many, and how long they may drain.
pub(super) fn workers(section: &mut Section<'_>) -> Result<(usize, Duration), Reported> {
    let count = section.or("count", 0, integer(0..=1_024));
    let drain = section.or("drain_timeout", Duration::from_secs(30), duration(ms_to(DAY)));
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    Ok((Some(count?).filter(|count| *count > 0).unwrap_or_else(cores), drain?))
}

/// `[usage]`: how often it is stored, beside the limits of what is.
pub(super) fn usage(
    section: &mut Section<'_>,
    limits: Result<Limits, Reported>,
) -> Result<control::Settings, Reported> {
    let default = control::Settings::default().usage_flush_interval;
    let intervals = Duration::from_millis(100)..=TEN_MINUTES;
    let usage_flush_interval = section.or("flush_interval", default, duration(intervals));
    Ok(control::Settings { usage_flush_interval: usage_flush_interval?, ..limits?.1 })
}

/// `[log]`
pub(super) fn log(section: &mut Section<'_>, directory: &Path) -> Result<LogSettings, Reported> {
    let access = section.or("access", AccessLogTarget::Stdout, |node| match node.as_str() {
        Some("stdout") => Ok(AccessLogTarget::Stdout),
        Some("off") => Ok(AccessLogTarget::Off),
        // A bare word is more likely a misspelt `stdout` than a file.
        Some(path) if path.contains(['/', '.']) => file(directory)(node).map(AccessLogTarget::File),
        _ => Err("`stdout`, `off`, or the path of a file, as in `./access.log`".into()),
    });
    let access_queue = section.or("access_queue", 8_192, integer(1..=1 << 20));
    let level = section.or("level", "info".into(), log_filter);
    let format = section.or("format", LogFormat::Text, choice(FORMATS));
    Ok(LogSettings {
        access_log: access?,
        access_log_queue: access_queue?,
        level: level?,
        format: format?,
    })
}

/// Timeouts: not zero, which would refuse everything, and not for ever.
fn ms_to(longest: Duration) -> RangeInclusive<Duration> {
    Duration::from_millis(1)..=longest
}

/// What metrics and logs call the listeners of `[admin]` and `[metrics]`.
const RESERVED: [&str; 2] = ["admin", "metrics"];

const HEADER_OF_PROXIES: &str = "the header that `trusted_proxies` write: `x-forwarded-for`, \
    `forwarded`, or one that holds one address";

const PROXIES_OF_HEADER: &str = "the ranges of the proxies whose `client_address_header` is \
    believed, as in `[\"10.0.0.0/8\"]`";

const LOOPBACK: &str = "a loopback address, as in `127.0.0.1:8081`, or `[admin.tls]`, or `insecure = true`: \
    credentials and lists would cross the network in plain text";

const METRICS_LISTEN: &str =
    "an address of its own for what `[metrics.tls]` is set for, as in `0.0.0.0:9100`";

const SOCKET: &str = "`off`, or the path of a socket, as in `./portcullis.sock`: 95 bytes at most, its directory included";

const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

const DAY: Duration = Duration::from_secs(24 * 3600);

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Entries one named list may hold. Source: the design's domain section.
const LIST_ENTRIES: usize = 1_000_000;

pub(super) const RANGES: &str =
    "a list of addresses and ranges, as in `[\"192.0.2.7\", \"10.0.0.0/8\"]`";

const RATE_LIMIT: &str = "`off`, or a table, as in `{ capacity = 500, per_minute = 250 }`";

const ALGORITHM_NAMES: &[(&str, Algorithm)] =
    &[("MD5", Algorithm::Md5), ("SHA-256", Algorithm::Sha256)];

const ALGORITHMS: &str = "a list of at least one of `MD5`, `SHA-256`";

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
