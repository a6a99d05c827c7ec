//! The texts that a config is made of, and places in them.
//!
//! The file is one text. Each environment variable that sets a key is another, written `NAME=value`, so that
//! every value, wherever it was set, can be quoted and pointed at in the same way.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

/// A text that values were read from.
pub(super) struct Source {
    text: NamedSource<Arc<str>>,
    kind: SourceKind,
    rank: usize,
    line_starts: Vec<usize>,
}

/// Where a text came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceKind {
    /// The config file.
    File,
    /// A file of which no text could be had, so that nothing in it can be pointed at.
    UnreadFile,
    /// One environment variable.
    Variable,
}

impl Source {
    /// The config file.
    pub(super) fn file(name: &str, text: &str) -> Arc<Self> {
        Self::new(name, text.into(), SourceKind::File, 0)
    }

    /// A config file that could not be read.
    pub(super) fn unread_file(name: &str) -> Arc<Self> {
        Self::new(name, "".into(), SourceKind::UnreadFile, 0)
    }

    /// The environment variable `name`, the `rank`th one that is read, counted from 1.
    pub(super) fn variable(name: &str, value: &str, rank: usize) -> Arc<Self> {
        Self::new(name, format!("{name}={value}").into(), SourceKind::Variable, rank)
    }

    fn new(name: &str, text: Arc<str>, kind: SourceKind, rank: usize) -> Arc<Self> {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { text: NamedSource::new(name, text), kind, rank, line_starts })
    }

    /// The path of the file or the name of the variable.
    pub(super) fn name(&self) -> &str {
        self.text.name()
    }

    /// Where the text came from.
    pub(super) fn kind(&self) -> SourceKind {
        self.kind
    }

    /// The whole text.
    pub(super) fn text(&self) -> &str {
        self.text.inner()
    }

    /// The text as diagnostics quote it.
    pub(super) fn quotable(&self) -> &NamedSource<Arc<str>> {
        &self.text
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at)).copied();
        let before = self.text().get(start.unwrap_or(0)..offset).unwrap_or_default();
        // A byte order mark is no character of the first line.
        Position { line, column: before.trim_start_matches('\u{feff}').chars().count() + 1 }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A stretch of a text.
#[derive(Clone, Debug)]
pub(super) struct Span {
    source: Arc<Source>,
    range: Range<usize>,
}

impl Span {
    /// Bytes `range` of `source`; what lies beyond its end is cut off.
    pub(super) fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let end = source.text().len();
        Self { source: Arc::clone(source), range: range.start.min(end)..range.end.min(end) }
    }

    /// The text that the stretch is of.
    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The bytes it takes of its text.
    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is written there.
    pub(super) fn text(&self) -> &str {
        self.source.text().get(self.range()).unwrap_or_default()
    }

    /// Line and column of its beginning; none where there is no file to look into.
    pub(super) fn position(&self) -> Option<Position> {
        (self.source.kind == SourceKind::File).then(|| self.source.position(self.range.start))
    }

    /// Sorts the file's places before those of variables, and each text's from its beginning to its end.
    pub(super) fn order(&self) -> (usize, usize) {
        (self.source.rank, self.range.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let source = Source::file("x", "é = 1\n\nkey = 'ü' # \nlast");
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (7, 2, 1), (8, 3, 1), (17, 3, 9)] {
            let expected = Some(Position { line, column });
            assert_eq!(Span::new(&source, offset..offset).position(), expected, "{offset}");
        }
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let source = Source::file("x", "\u{feff}a = 1");
        assert_eq!(Span::new(&source, 3..4).position(), Some(Position { line: 1, column: 1 }));
    }

    #[test]
    fn a_place_beyond_the_end_is_the_end() {
        let source = Source::file("x", "a");
        assert_eq!(Span::new(&source, 7..9).position(), Some(Position { line: 1, column: 2 }));
    }
}
