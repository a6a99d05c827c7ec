//! The operator's log: what the program did and what went wrong, on standard error, by `tracing`.
//!
//! Not here: requests (`log`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use super::{LogFormat, LogSettings};

/// Starts the operator's log. To be called once, before anything is told.
///
/// # Errors
/// [`InitError::Filter`]: the level is no filter; [`InitError::Started`]: the log was started before, and goes on as it was.
pub fn init(settings: &LogSettings) -> Result<(), InitError> {
    let filter = parse_filter(&settings.level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
        // On a terminal the library decides by itself, and heeds NO_COLOR.
        LogFormat::Text if std::io::stderr().is_terminal() => builder.finish().try_init()?,
        LogFormat::Text => builder.with_ansi(false).finish().try_init()?,
    }
    Ok(())
}

/// Why the operator's log was not started.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The configured level is no filter.
    #[error("the log level is no filter")]
    Filter(#[from] FilterError),
    /// There is a log already.
    #[error("the operator log was started before")]
    Started(#[from] TryInitError),
}

/// Checks what [`LogSettings::level`] says, for the config's errors.
///
/// # Errors
/// See [`FilterError`].
pub fn check_filter(text: &str) -> Result<(), FilterError> {
    parse_filter(text).map(drop)
}

/// Why a text is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A word stands alone and is no level. The library would take it for a part of the program and log nothing
    /// else, so that a slip of the pen silences the log.
    #[error("`{0}` is no level; expected off, error, warn, info, debug or trace")]
    Level(Box<str>),
    /// Anything else that the library does not read.
    #[error("expected a level, or parts with levels as in `info,portcullis::proxy=debug`")]
    Syntax(#[from] ParseError),
}

fn parse_filter(text: &str) -> Result<EnvFilter, FilterError> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    for word in words.iter().filter(|word| !word.contains(['=', '['])) {
        if word.parse::<LevelFilter>().is_err() || word.is_empty() {
            return Err(FilterError::Level((*word).into()));
        }
    }
    Ok(EnvFilter::builder().parse(words.join(","))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::AccessLogTarget;

    #[test]
    fn a_level_or_a_level_for_each_part_is_a_filter() {
        for text in ["info", "off", "WARN", "info,portcullis::proxy=debug", "warn, hyper=error"] {
            assert!(check_filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_misspelled_level_is_refused_instead_of_silencing_the_log() {
        for text in ["inof", "", "info,", "portcullis=loud", "info,debg"] {
            assert!(check_filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn starting_twice_is_an_error_and_no_panic() {
        let settings = LogSettings {
            access_log: AccessLogTarget::Off,
            access_log_queue: 1,
            level: "error".into(),
            format: LogFormat::Text,
        };
        let first_or_later = init(&settings);
        assert!(matches!(first_or_later, Ok(()) | Err(InitError::Started(_))));
        assert!(matches!(init(&settings), Err(InitError::Started(_))));
        let bad = LogSettings { level: "inof".into(), format: LogFormat::Json, ..settings };
        assert!(matches!(init(&bad), Err(InitError::Filter(_))));
    }
}
