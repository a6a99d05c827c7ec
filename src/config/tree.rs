//! The config as written: values with the places where they stand.
//!
//! The library's own tree borrows from one text and sorts keys by name. This one keeps the order of the file and
//! lets values of several texts, the file and environment variables, stand side by side.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};
use toml::value::Datetime;

use super::source::{Source, Span};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
    /// The whole value of an environment variable: its text may be meant where it looks like a number.
    pub(super) bare: bool,
}

/// A value of one of TOML's types.
#[derive(Debug)]
pub(super) enum Value {
    String(Box<str>),
    Integer(i64),
    Boolean(bool),
    Datetime(Datetime),
    Array(Vec<Node>),
    Table(Table),
    /// A fraction, or an integer of more than 64 bits: no key takes one.
    Number,
}

/// A table, its keys in the order written.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<TableEntry>,
}

/// A key of a table and its value.
#[derive(Debug)]
pub(super) struct TableEntry {
    pub(super) key: Box<str>,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Node {
    /// The text, where the value is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Array(_) | Value::Table(_) => None,
            // `…__UPSTREAM=123` names the upstream `123`: a variable's author has no way to write quotes by type.
            _ if self.bare => Some(self.span.text()),
            _ => None,
        }
    }

    /// The number, where the value is one.
    pub(super) fn as_integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self.value { Some(number) } else { None }
    }

    /// Yes or no, where the value is that.
    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Value::Boolean(yes) = self.value { Some(yes) } else { None }
    }
}

impl Table {
    /// The value of `key`.
    pub(super) fn find(&self, key: &str) -> Option<&TableEntry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}

/// A text that is no TOML: why, and where in it.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) range: Range<usize>,
}

/// Reads a whole file.
///
/// # Errors
/// Every place at which it is no TOML.
pub(super) fn parse_file(source: &Arc<Source>) -> Result<Table, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Ok(Converter { source, offset: 0 }.table(table.into_inner()));
    }
    let syntax_error = |error: toml::de::Error| SyntaxError {
        message: error.message().to_owned(),
        range: error.span().unwrap_or_default(),
    };
    Err(errors.into_iter().map(syntax_error).collect())
}

/// Reads the value of a variable: as a TOML value when it is one, else as a text. It begins at `offset` of `source`.
pub(super) fn parse_variable(source: &Arc<Source>, offset: usize) -> Node {
    let text = source.text().get(offset..).unwrap_or_default();
    let span = Span::new(source, offset..source.text().len());
    match DeValue::parse(text) {
        Ok(value) => {
            let value = Converter { source, offset }.value(value.into_inner());
            Node { value, span, bare: true }
        }
        Err(_) => Node { value: Value::String(text.into()), span, bare: true },
    }
}

/// Makes our tree of the library's. Depth: the library refuses more than 80 levels.
struct Converter<'a> {
    source: &'a Arc<Source>,
    offset: usize,
}

impl Converter<'_> {
    fn table(&self, table: DeTable<'_>) -> Table {
        let mut entries: Vec<_> =
            table.into_iter().map(|(key, value)| self.entry(key, value)).collect();
        entries.sort_by_key(|entry| entry.key_span.range().start);
        Table { entries }
    }

    fn entry(&self, key: Spanned<DeString<'_>>, value: Spanned<DeValue<'_>>) -> TableEntry {
        let key_span = self.span(key.span());
        TableEntry { key: key.into_inner().into(), key_span, node: self.node(value) }
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let span = self.span(value.span());
        Node { value: self.value(value.into_inner()), span, bare: false }
    }

    fn value(&self, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.into()),
            DeValue::Integer(number) => integer(&number).map_or(Value::Number, Value::Integer),
            DeValue::Float(_) => Value::Number,
            DeValue::Boolean(yes) => Value::Boolean(yes),
            DeValue::Datetime(at) => Value::Datetime(at),
            DeValue::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range.start + self.offset..range.end + self.offset)
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
