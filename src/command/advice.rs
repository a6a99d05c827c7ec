//! What to do about an error: the sentence that follows it. The errors themselves say what was found and where.

use std::io::ErrorKind;
use std::path::Path;

use miette::Report;

use super::complaint::Advised;
use crate::app::StartError;
use crate::config::{Config, ConfigErrors, Mistake};
use crate::control::OpenError;
use crate::keys::KeyFileError;
use crate::local::SocketError;
use crate::net::listener::BindError;
use crate::net::tls::{CertificateError, ClientError, TlsError, TlsErrorKind};
use crate::store::StoreError;

/// A config that can't be used. Its mistakes speak for themselves; a file that is not there does not.
pub(super) fn on_config(errors: ConfigErrors, path: &Path) -> Report {
    let unreadable = |error| matches!(error, &Mistake::Unreadable(_));
    if !errors.iter().any(|error| unreadable(error.mistake())) {
        return Report::new(errors);
    }
    let place = match std::path::absolute(path) {
        Ok(absolute) if absolute != path => format!("looked for at {}; ", absolute.display()),
        _ => String::new(),
    };
    Advised::report(
        errors,
        Some(format!(
            "{place}`--config FILE` names another. config/sidecar.toml of the source is one to begin with; `portcullis demo` needs none"
        )),
    )
}

/// A start that failed.
pub(super) fn on_start(error: StartError, config: &Config) -> Report {
    let advice = match &error {
        StartError::Keys(error) => for_keys(error, config),
        StartError::Store(error) | StartError::Control(OpenError::Store(error)) => for_store(error),
        StartError::Bind(error) => for_bind(error, &listen_key(error, config)),
        StartError::Socket(error) => Some(for_socket(error).into()),
        StartError::Tls(error) => for_tls(error),
        StartError::AccessLog { .. } => {
            Some("`log.access` has to be `stdout`, `off`, or a file in a directory that exists and may be written to".into())
        }
        StartError::Control(_)
        | StartError::Metrics(_)
        | StartError::Random(_)
        | StartError::Thread(_) => None,
    };
    Advised::report(error, advice)
}

/// A key file that was not made or loaded.
pub(super) fn on_keys(error: KeyFileError, config: &Config) -> Report {
    let advice = for_keys(&error, config);
    Advised::report(error, advice)
}

/// A database that was not made or opened.
pub(super) fn on_store(error: StoreError) -> Report {
    let advice = for_store(&error);
    Advised::report(error, advice)
}

fn for_keys(error: &KeyFileError, config: &Config) -> Option<String> {
    let database = config.store_path.display();
    match error {
        // `init` would refuse then, and a new key file would open nothing.
        KeyFileError::Missing { .. } if config.store_path.exists() => Some(format!(
            "the database {database} was sealed with it and can't be used without it: put your copy of it back, or set `store.key_file`"
        )),
        KeyFileError::Missing { .. } => Some(
            "`portcullis init` makes it, together with the database; or set `store.key_file` to where it is".into(),
        ),
        KeyFileError::Exists { .. } => {
            Some("move it away, or set `store.key_file` to another place".into())
        }
        KeyFileError::Exposed { path, .. } => Some(format!(
            "chmod 600 {}; and think of who could read it until now: it opens what the database keeps secret",
            path.display()
        )),
        KeyFileError::Malformed { .. } => Some(
            "`store.key_file` has to name the file that `portcullis init` made; if it is that one, put your copy of it back".into(),
        ),
        KeyFileError::Io { .. } => Some(
            "`store.key_file` has to name a file in a directory that exists, and that the user running Portcullis may use".into(),
        ),
        KeyFileError::Random(_) | KeyFileError::Derivation(_) => None,
    }
}

fn for_store(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::Missing { .. } => {
            "`portcullis init` makes it; or set `store.path` to where it is".into()
        }
        StoreError::Exists { .. } => {
            "to start anew, move it away; to serve what it holds, use `portcullis run`".into()
        }
        StoreError::InUse { .. } => {
            "another Portcullis runs on it: stop that one, or give this one a database of its own by `store.path`".into()
        }
        StoreError::Io { .. } => {
            "`store.path` has to name a file in a directory that exists, and that the user running Portcullis may write to".into()
        }
        StoreError::Damaged { .. } => {
            "nothing in it was changed: put a backup in its place, or move it away and make a new one by `portcullis init`".into()
        }
        StoreError::TooNew { .. } => "run the version of Portcullis that wrote it, or a newer one".into(),
        StoreError::WrongKey { expected, .. } => format!(
            "`store.key_file` has to name the key file that has a line `portcullis-key-1 {expected} …`"
        ),
        StoreError::Database { .. } => {
            "is the disk full or read-only? Nothing that was stored before is lost".into()
        }
        StoreError::Conflict(_) | StoreError::Sealing(_) | StoreError::Closed => return None,
    })
}

fn for_socket(error: &SocketError) -> &'static str {
    match error {
        SocketError::InUse { .. } => {
            "another Portcullis listens there: stop that one, or give this one a socket of its own by `admin.socket`"
        }
        SocketError::NoSocket { .. } => {
            "nothing of it was changed: move it away, or choose another place by `admin.socket`"
        }
        SocketError::Io { .. } => {
            "`admin.socket` has to name a place in a directory that exists, that the user running Portcullis may write to, and whose \
             file system has sockets; `off` does without"
        }
    }
}

/// A listener's TLS that can't be set up.
pub(super) fn on_tls(error: TlsError) -> Report {
    let advice = for_tls(&error);
    Advised::report(error, advice)
}

fn for_tls(error: &TlsError) -> Option<String> {
    let error = match &*error.source {
        TlsErrorKind::Certificate(error) => error,
        TlsErrorKind::Clients(ClientError::File(error)) => error,
        TlsErrorKind::Clients(_) => {
            return Some("`client_ca` has to name a PEM file of issuers' certificates, `client_crl` PEM files of their lists".into());
        }
        TlsErrorKind::Library(_) => return None,
    };
    Some(match error {
        CertificateError::Unreadable { .. } => {
            "`certificates`, `client_ca` and `client_crl` have to name files that exist and that the user running Portcullis may read".into()
        }
        CertificateError::NoCertificate { .. } | CertificateError::Malformed { .. } => {
            "`cert` has to name a PEM file: the certificate, and behind it those of its issuers".into()
        }
        CertificateError::NoKey { .. } => {
            "`key` has to name a PEM file with the private key; `openssl pkey` takes a password off".into()
        }
        CertificateError::Unusable { .. } => {
            "`cert` and `key` have to be of one pair: RSA of 2048 bits or more, ECDSA, or Ed25519".into()
        }
    })
}

/// `key` is what sets the address, for the sentence to name.
pub(super) fn for_bind(error: &BindError, key: &str) -> Option<String> {
    Some(match error.source.kind() {
        ErrorKind::AddrInUse => {
            format!("another program listens there: stop it, or choose another address by {key}")
        }
        ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address: choose one of its own by {key}; 0.0.0.0 and [::] are all it has"
        ),
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or choose a higher port by {key}"
        ),
        _ => return None,
    })
}

/// The key of the config that sets the address which could not be bound.
fn listen_key(error: &BindError, config: &Config) -> String {
    let is_it = |name: &str, address| *error.name == *name && error.address == address;
    if is_it("admin", config.admin.listener.listen) {
        "`admin.listen`".into()
    } else if config.metrics.as_ref().is_some_and(|metrics| is_it("metrics", metrics.listen)) {
        "`metrics.listen`".into()
    } else {
        format!("`listeners.{}.listen`", error.name)
    }
}
