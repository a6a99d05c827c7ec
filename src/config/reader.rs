//! Typed reading of the config's tree, so that every mistake is told and none twice.
//!
//! Invariants
//! - [`Reported`] is made only where a mistake is recorded: who gets one instead of a value need not say more.
//! - A [`Section`] exists only inside the function that reads it; afterwards, what was not asked for is unknown.
//! - A misspelt key is one mistake: the key that was meant is not reported as missing as well.
//!
//! Not here: which keys there are (`sections`, `routes`), how a value is read (`value`, `place`).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use super::error::{ConfigError, ConfigErrors, Mistake};
use super::expected::{Expected, did_you_mean, one_of, suggest};
use super::source::{Source, Span};
use super::tree::{Node, Table, Value};

/// Collects what is wrong.
#[derive(Debug)]
pub(super) struct Mistakes {
    errors: RefCell<Vec<ConfigError>>,
    kept: usize,
    omitted: Cell<usize>,
}

/// Proof that a mistake was recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reported(());

impl Mistakes {
    /// A collection that keeps the first `kept` and counts the others.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { errors: RefCell::default(), kept, omitted: Cell::default() }
    }

    /// Records a mistake.
    pub(super) fn report(
        &self,
        span: &Span,
        key: Option<String>,
        mistake: Mistake,
        expected: impl Into<Expected>,
    ) -> Reported {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < self.kept {
            let (span, expected) = (span.clone(), expected.into());
            errors.push(ConfigError { span, key, mistake, expected });
        } else {
            self.omitted.set(self.omitted.get() + 1);
        }
        Reported(())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// All that were recorded.
    pub(super) fn into_errors(self) -> ConfigErrors {
        ConfigErrors::new(self.errors.into_inner(), self.omitted.get())
    }
}

/// A value under its key.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    path: Rc<str>,
    index: Option<usize>,
    node: &'a Node,
    mistakes: &'a Mistakes,
}

impl<'a> Field<'a> {
    /// The key, as in `routes.api.hosts[0]`.
    pub(super) fn key(&self) -> String {
        let mut key = self.path.to_string();
        if let Some(index) = self.index {
            _ = write!(key, "[{index}]"); // Writing to a string can't fail.
        }
        key
    }

    /// Records that the value is not `expected`.
    pub(super) fn refuse(&self, expected: impl Into<Expected>) -> Reported {
        self.mistakes.report(&self.node.span, Some(self.key()), Mistake::Value, expected)
    }

    /// The value, as `read` takes it.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Node) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        read(self.node).map_err(|expected| self.refuse(expected))
    }

    /// The elements of an array, each as `read` takes it; every one that it does not take is reported.
    pub(super) fn each<T>(
        &self,
        expected: &'static str,
        read: impl Fn(Field<'a>) -> Result<T, Reported>,
    ) -> Result<Vec<T>, Reported> {
        let Value::Array(items) = &self.node.value else { return Err(self.refuse(expected)) };
        let element = |(index, node)| Field { index: Some(index), node, ..self.clone() };
        let results: Vec<_> = items.iter().enumerate().map(|item| read(element(item))).collect();
        results.into_iter().collect()
    }

    /// The elements of an array as [`each`](Self::each) has them, with the place of each. One that has the `identity` of
    /// an earlier one is refused.
    pub(super) fn each_once<T, K: Eq + Hash>(
        &self,
        expected: &'static str,
        read: impl Fn(&Field<'a>) -> Result<T, Reported>,
        identity: impl Fn(&T) -> K,
    ) -> Result<Vec<(T, Field<'a>)>, Reported> {
        let seen = RefCell::new(HashMap::new());
        self.each(expected, |field| {
            let value = read(&field)?;
            match seen.borrow_mut().entry(identity(&value)) {
                Entry::Vacant(new) => {
                    new.insert(field.index);
                    Ok((value, field))
                }
                Entry::Occupied(first) => {
                    let first = Field { index: *first.get(), ..self.clone() }.key();
                    Err(field.refuse(format!("each value once; it is the same as `{first}`")))
                }
            }
        })
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// Reads the value as a table.
    pub(super) fn section<T>(
        &self,
        read: impl FnOnce(&mut Section<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let mut section = Section {
            path: self.key().into(),
            span: self.node.span.clone(),
            table: None,
            broken: None,
            known: Vec::new(),
            missing: Vec::new(),
            mistakes: self.mistakes,
        };
        match &self.node.value {
            Value::Table(table) => section.table = Some(table),
            _ => section.broken = Some(self.refuse("a table")),
        }
        section.run(read)
    }
}

/// A table whose keys are asked for one by one.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: Rc<str>,
    /// Where something is said to be missing.
    span: Span,
    /// None: the file does not have it, and every key has its default.
    table: Option<&'a Table>,
    /// It is there and is no table, which was said: nothing is missing in it.
    broken: Option<Reported>,
    known: Vec<&'static str>,
    missing: Vec<(&'static str, Expected)>,
    mistakes: &'a Mistakes,
}

impl<'a> Section<'a> {
    /// Reads the whole config.
    pub(super) fn read_root<T>(
        table: &'a Table,
        source: &Arc<Source>,
        mistakes: &'a Mistakes,
        read: impl FnOnce(&mut Section<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let root = Section {
            path: "".into(),
            span: Span::new(source, 0..0),
            table: Some(table),
            broken: None,
            known: Vec::new(),
            missing: Vec::new(),
            mistakes,
        };
        root.run(read)
    }

    fn run<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let result = read(&mut self);
        self.refuse_rest();
        result
    }

    /// The full name of `key`.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of `key`, if it is set.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let node = &self.table?.find(key)?.node;
        Some(Field { path: self.key(key).into(), index: None, node, mistakes: self.mistakes })
    }

    /// Records that `key` is not set and has to be.
    pub(super) fn miss(&mut self, key: &'static str, expected: impl Into<Expected>) -> Reported {
        self.broken.unwrap_or_else(|| {
            self.missing.push((key, expected.into()));
            Reported(()) // Recorded at the end: under this key, or as the misspelt one that was meant.
        })
    }

    /// The value of `key`, which has to be set.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        expected: impl Into<Expected>,
        read: impl FnOnce(&Node) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        match self.take(key) {
            Some(field) => field.read(read),
            None => Err(self.miss(key, expected)),
        }
    }

    /// The value of `key`, or none.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node) -> Result<T, Expected>,
    ) -> Result<Option<T>, Reported> {
        self.take(key).map(|field| field.read(read)).transpose()
    }

    /// The value of `key`, or its default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Node) -> Result<T, Expected>,
    ) -> Result<T, Reported> {
        Ok(self.optional(key, read)?.unwrap_or(default))
    }

    /// Records that this table should not be there as it is.
    pub(super) fn refuse(&self, expected: impl Into<Expected>) -> Reported {
        self.mistakes.report(&self.span, Some(self.path.to_string()), Mistake::Value, expected)
    }

    /// The table under `key`; when it is not there, an empty one.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        if let Some(field) = self.take(key) {
            return field.section(read);
        }
        let empty = Section {
            path: self.key(key).into(),
            span: self.span.clone(),
            table: None,
            broken: self.broken,
            known: Vec::new(),
            missing: Vec::new(),
            mistakes: self.mistakes,
        };
        empty.run(read)
    }

    /// The names of the tables under `key`, whether or not what they hold is right.
    pub(super) fn names(&self, key: &str) -> Vec<&'a str> {
        match self.table.and_then(|table| table.find(key)).map(|entry| &entry.node.value) {
            Some(Value::Table(table)) => table.entries.iter().map(|entry| &*entry.key).collect(),
            _ => Vec::new(),
        }
    }

    /// The tables under `key`, each with its name, in the order written.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Section<'a>) -> Result<T, Reported>,
    ) -> Result<Vec<T>, Reported> {
        let Some(field) = self.take(key) else { return Ok(Vec::new()) };
        let Value::Table(table) = &field.node.value else {
            return Err(field.refuse(format!("tables with names of their own, `[{key}.NAME]`")));
        };
        let mut names = HashMap::new();
        let mut results = Vec::new();
        for entry in &table.entries {
            let path = format!("{}.{}", field.path, entry.key);
            if let Err(expected) = check_name(&entry.key, &mut names) {
                let key = Some(path.clone());
                let reported = self.mistakes.report(&entry.key_span, key, Mistake::Value, expected);
                results.push(Err(reported));
            }
            let node = &entry.node;
            let field = Field { path: path.into(), node, ..field.clone() };
            results.push(field.section(|section| read(&entry.key, section)));
        }
        results.into_iter().collect()
    }

    /// Records what is in the table and was not asked for, and what is missing.
    fn refuse_rest(mut self) {
        self.known.sort_unstable();
        let missing = std::mem::take(&mut self.missing);
        let mut meant = Vec::new();
        for entry in self.table.map_or([].as_slice(), |table| &table.entries) {
            if self.known.contains(&&*entry.key) {
                continue;
            }
            let suggestion = suggest(&entry.key, self.known.iter().copied());
            meant.extend(suggestion);
            let expected =
                Expected::from(one_of(self.known.iter().copied())).advise(did_you_mean(suggestion));
            let key = Some(self.key(&entry.key));
            self.mistakes.report(&entry.key_span, key, Mistake::Unknown, expected);
        }
        for (key, expected) in missing {
            if !meant.contains(&key) {
                self.mistakes.report(&self.span, Some(self.key(key)), Mistake::Missing, expected);
            }
        }
    }
}

/// Checks the name of a table, which metrics, logs and environment variables carry.
fn check_name<'a>(name: &'a str, seen: &mut HashMap<String, &'a str>) -> Result<(), Expected> {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > NAME_BYTES
        || !bytes.iter().copied().all(inside)
        || !edge(bytes.first())
        || !edge(bytes.last())
        || name.contains("__")
    {
        return Err(Expected::from(NAME));
    }
    match seen.insert(name.replace('-', "_"), name) {
        None => Ok(()),
        Some(first) => Err(Expected::from(format!(
            "a name that differs from `{first}` in more than `-` and `_`, which are one in an environment variable"
        ))),
    }
}

/// Bytes of a table's name.
const NAME_BYTES: usize = 64;

const NAME: &str = "a name of at most 64 lower-case letters, digits, and `-` or `_` between them";
