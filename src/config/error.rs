//! Mistakes in a config: what was found where, and what was expected.
//!
//! A mistake reads on one line for a log ([`fmt::Display`] of [`ConfigErrors`]) and as a quotation with the place
//! marked for a terminal (`miette`). Nothing here decides what is a mistake: see `reader` and `value`.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::expected::Expected;
use super::source::{Position, SourceKind, Span};

/// Every mistake of a config, in the order of the file, those of environment variables last.
#[derive(Debug)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    omitted: usize,
}

impl ConfigErrors {
    /// `errors`, and the number of those that are not among them because there were too many.
    pub(super) fn new(mut errors: Vec<ConfigError>, omitted: usize) -> Self {
        errors.sort_by_key(|error| error.span.order());
        Self { errors, omitted }
    }

    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.errors.iter()
    }

    /// How many mistakes there are, those included that were too many to be kept.
    pub fn count(&self) -> usize {
        self.errors.len() + self.omitted
    }

    /// The mistakes for a terminal: a heading, then each with the place quoted and marked.
    /// What `self` shows as a diagnostic is the same, but headed by all its lines.
    pub fn report(&self) -> ConfigReport<'_> {
        ConfigReport(self)
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line a mistake: `file:line:column: key …: found …, expected …`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {error}", error.place())?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Diagnostic for ConfigErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors.iter().map(|error| error as &dyn Diagnostic)))
    }
}

/// The mistakes of a config under a heading that counts them.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReport<'a>(&'a ConfigErrors);

impl fmt::Display for ConfigReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.count() {
            1 => f.write_str("the config has a mistake"),
            count => write!(f, "the config has {count} mistakes"),
        }?;
        match self.0.omitted {
            0 => Ok(()),
            _ => write!(f, ", of which these are the first {}", self.0.errors.len()),
        }
    }
}

impl std::error::Error for ConfigReport<'_> {}

impl Diagnostic for ConfigReport<'_> {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.0.related()
    }
}

/// One mistake.
#[derive(Debug)]
pub struct ConfigError {
    pub(super) span: Span,
    pub(super) key: Option<String>,
    pub(super) mistake: Mistake,
    pub(super) expected: Expected,
}

/// What kind of mistake it is.
#[derive(Debug)]
pub enum Mistake {
    /// The file can't be opened or read.
    Unreadable(std::io::Error),
    /// The file is larger than a config may be.
    TooLarge,
    /// The file holds bytes that are no UTF-8.
    NotText,
    /// The text is no TOML.
    Syntax,
    /// A key that has no default is not set.
    Missing,
    /// There is no such key.
    Unknown,
    /// The value can't be taken.
    Value,
}

impl ConfigError {
    /// The file, or the environment variable, that the mistake is in.
    pub fn source_name(&self) -> &str {
        self.span.source().name()
    }

    /// Line and column; none where the value is an environment variable's, or the file could not be read.
    pub fn position(&self) -> Option<Position> {
        self.span.position()
    }

    /// The bytes of the file that the mistake is in. For a variable: of `NAME=value`.
    pub fn range(&self) -> Range<usize> {
        self.span.range()
    }

    /// The key, as in `routes.api.hosts[0]`; none where the text is no TOML.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What kind of mistake it is.
    pub fn mistake(&self) -> &Mistake {
        &self.mistake
    }

    /// What is written there, on one line and shortened; none where nothing is.
    pub fn found(&self) -> Option<String> {
        let quotes = matches!(self.mistake, Mistake::Value | Mistake::Unknown);
        quotes.then(|| one_line(self.span.text()))
    }

    /// What was expected.
    pub fn expected(&self) -> &str {
        &self.expected.words
    }

    /// What to do about it, where that can be told.
    pub fn advice(&self) -> Option<&str> {
        self.expected.advice.as_deref()
    }

    /// `file:line:column`, or the variable's name.
    pub fn place(&self) -> String {
        match (self.span.source().kind(), self.position()) {
            (SourceKind::Variable, _) => format!("environment variable {}", self.source_name()),
            (_, Some(at)) => format!("{}:{}:{}", self.source_name(), at.line, at.column),
            (_, None) => self.source_name().to_owned(),
        }
    }
}

/// What is wrong, without the place. The cause of an unreadable file is in it, since it must stand on one line.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "key `{}`: ", one_line(key))?;
        }
        let expected = &self.expected.words;
        match &self.mistake {
            Mistake::Unreadable(cause) => write!(f, "can't be read: {cause}"),
            Mistake::TooLarge => write!(f, "too large, expected {expected}"),
            Mistake::NotText => write!(f, "not UTF-8, expected {expected}"),
            Mistake::Syntax => write!(f, "not TOML: {expected}"),
            Mistake::Missing => write!(f, "missing, expected {expected}"),
            Mistake::Unknown => write!(f, "unknown, expected {expected}"),
            Mistake::Value => {
                write!(f, "found `{}`, expected {expected}", one_line(self.span.text()))
            }
        }?;
        match &self.expected.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        let source = self.span.source();
        (source.kind() != SourceKind::UnreadFile).then(|| source.quotable() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = match self.mistake {
            Mistake::Missing => "missing here",
            Mistake::Unknown => "unknown",
            _ => "here",
        };
        let label = LabeledSpan::new_with_span(Some(label.to_owned()), self.span.range());
        Some(Box::new(std::iter::once(label)))
    }
}

/// `text` without line breaks and control characters, and not longer than a line of a log should be.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (at, word) in text.split_whitespace().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        line.extend(word.chars().map(visible).take(QUOTED_CHARS + 1));
        if line.chars().count() > QUOTED_CHARS {
            return line.chars().take(QUOTED_CHARS).chain(['…']).collect();
        }
    }
    line
}

/// Characters of a value that a message quotes.
const QUOTED_CHARS: usize = 80;
