//! What the program tells about itself: metrics, a log of requests, a log for the operator.
//!
//! Invariants
//! - No label and no line holds a secret; no label holds anything that a client wrote.
//! - Telling never delays a request: metrics are atomic additions, the access log is a queue.
//!
//! Not here: what is worth telling (each part knows), how `/metrics` is served (`admin`).

pub mod log;
pub mod metrics;
mod operator;

use std::fmt;
use std::path::PathBuf;

pub use operator::{FilterError, InitError, check_filter, init};

/// What is logged, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogSettings {
    /// Where one JSON line a request goes.
    pub access_log: AccessLogTarget,
    /// Lines that may wait to be written; more are dropped and counted. Default 8,192.
    pub access_log_queue: usize,
    /// What the operator log tells: a `tracing` filter, such as `info` or `portcullis=debug`.
    pub level: Box<str>,
    /// How the operator log is written, to standard error.
    pub format: LogFormat,
}

/// Where the access log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccessLogTarget {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

impl fmt::Display for AccessLogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("nothing"),
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// How the operator log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}
