//! What the program tells about itself.

pub mod metrics;

use std::path::PathBuf;

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

/// How the operator log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}
