//! What a person is told when a command fails: what went wrong, why, and what to do about it.
//!
//! On a terminal, the mistakes of a config are quoted with the place marked. Elsewhere, as in a pipe or a journal, each is one
//! line that begins with file, line and column, so that `grep` and editors can use it.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

use miette::{Diagnostic, MietteHandlerOpts, Report, ReportHandler as _};

use crate::config::{ConfigErrors, ConfigReport};

/// An error of a part of the program, with what can be done about it. The part knows the first, the command line the second.
#[derive(Debug)]
pub(super) struct Advised<E> {
    error: E,
    advice: Option<String>,
}

impl<E: Error + Send + Sync + 'static> Advised<E> {
    pub(super) fn report(error: E, advice: Option<String>) -> Report {
        Report::new(Self { error, advice })
    }
}

impl<E: fmt::Display> fmt::Display for Advised<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: Error> Error for Advised<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl<E: Error> Diagnostic for Advised<E> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.advice.as_ref().map(|advice| Box::new(advice) as Box<dyn fmt::Display>)
    }
}

/// Tells on standard error why a command failed.
pub(super) fn complain(report: &Report) {
    let text = match report.downcast_ref::<ConfigErrors>() {
        Some(errors) if io::stderr().is_terminal() => format!("{}\n", Quoted(errors.report())),
        Some(errors) => format!("error: {}\n{errors}\n", errors.report()),
        None => explanation(report),
    };
    // Where this fails, nobody is left to be told.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The error, each cause, and the advice, on a line each: never broken in the middle of a path.
fn explanation(report: &Report) -> String {
    let mut text = format!("error: {report}\n");
    for cause in report.chain().skip(1) {
        let _ = writeln!(text, "  cause: {cause}");
    }
    if let Some(advice) = report.help() {
        let _ = writeln!(text, "  help: {advice}");
    }
    text
}

/// A config's mistakes as the diagnostics library draws them.
struct Quoted<'a>(ConfigReport<'a>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MietteHandlerOpts::new().build().debug(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn an_error_is_told_with_its_causes_and_the_advice_on_lines_of_their_own() {
        #[derive(Debug, thiserror::Error)]
        #[error("a long way to the file {0}")]
        struct Outer(String, #[source] io::Error);
        let path = "/very/long/".repeat(20);
        let error = Outer(path.clone(), io::Error::other("the disk is gone"));
        let report = Advised::report(error, Some("look for it".into()));
        let expected = format!(
            "error: a long way to the file {path}\n  cause: the disk is gone\n  help: look for it\n"
        );
        assert_eq!(explanation(&report), expected);
        let without = Advised::report(io::Error::other("lost"), None);
        assert_eq!(explanation(&without), "error: lost\n");
    }

    #[test]
    fn a_terminal_is_shown_each_mistake_once_with_its_place() {
        let text = "[listeners.main]\nlisten = \"nowhere\"\n[log]\nformat = \"xml\"\n";
        let errors = Config::parse("p.toml", text, []).unwrap_err();
        let drawn = Quoted(errors.report()).to_string();
        for part in ["the config has 2 mistakes", "p.toml:2:10", "p.toml:4:10", "\"nowhere\""] {
            assert!(drawn.contains(part), "{part} in {drawn}");
        }
        assert_eq!(drawn.matches("key `log.format`").count(), 1, "{drawn}");
    }
}
