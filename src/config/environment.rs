//! Environment variables over the file: `PORTCULLIS__ROUTES__API__PATH` sets `path` of `[routes.api]`.
//!
//! - Names are read in either case. `-` in a table's name is `_` in a variable's, since no shell takes a `-` there.
//! - A variable replaces what the file says under its key, or adds it; a table that the file lacks is made.
//! - A variable that names no key is a mistake, like an unknown key of the file.
//! - One underscore after `PORTCULLIS` makes a variable that is not for the config, and is passed over.

use super::error::Mistake;
use super::reader::Mistakes;
use super::source::{Source, Span};
use super::tree::{Node, Table, TableEntry, Value, parse_variable};

/// Puts the variables of `environment` that concern the config into `root`.
pub(super) fn overlay(
    root: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    mistakes: &Mistakes,
) {
    let mut variables: Vec<_> =
        environment.into_iter().filter_map(|(name, value)| Variable::read(name, value)).collect();
    // The order of the environment is chance; and a table must come before the keys inside it.
    variables.sort_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    for (at, variable) in variables.iter().enumerate() {
        let twin = at.checked_sub(1).and_then(|before| variables.get(before));
        let twin = twin.filter(|twin| twin.path == variable.path).map(|twin| twin.name.as_str());
        variable.set(root, twin, at + 1, mistakes);
    }
}

/// A variable for the config.
struct Variable {
    name: String,
    value: String,
    /// What follows the prefix, in lower case.
    path: String,
}

impl Variable {
    fn read(name: String, value: String) -> Option<Self> {
        let (prefix, path) = name.split_at_checked(PREFIX.len())?;
        let path = prefix.eq_ignore_ascii_case(PREFIX).then(|| path.to_ascii_lowercase())?;
        Some(Self { name, value, path })
    }

    fn set(&self, root: &mut Table, twin: Option<&str>, rank: usize, mistakes: &Mistakes) {
        let source = Source::variable(&self.name, &self.value, rank);
        let name = Span::new(&source, 0..self.name.len());
        let keys: Vec<&str> = self.path.split("__").collect();
        let refuse = |span: &Span, mistake, expected: String| {
            mistakes.report(span, Some(keys.join(".")), mistake, expected);
        };
        let node = parse_variable(&source, self.name.len() + 1);
        if let Some(twin) = twin {
            refuse(&node.span, Mistake::Value, format!("one variable a key; {twin} sets it too"));
        } else if keys.len() > DEEPEST || keys.iter().any(|key| key.is_empty()) {
            refuse(&name, Mistake::Unknown, format!("{PREFIX}SECTION__KEY"));
        } else if place(root, &keys, node, &name).is_err() {
            refuse(&name, Mistake::Unknown, "a key of a table; the key before is none".to_owned());
        }
    }
}

/// A key on the way is there and is no table.
struct NoTable;

/// Puts `node` under `keys`, of which there is at least one.
fn place(root: &mut Table, keys: &[&str], node: Node, name: &Span) -> Result<(), NoTable> {
    let Some((last, tables)) = keys.split_last() else { return Err(NoTable) };
    let mut table = root;
    for key in tables {
        let empty =
            || Node { value: Value::Table(Table::default()), span: name.clone(), bare: false };
        let at = position(table, key).unwrap_or_else(|| push(table, key, empty(), name));
        match table.entries.get_mut(at).map(|entry| &mut entry.node.value) {
            Some(Value::Table(inner)) => table = inner,
            _ => return Err(NoTable),
        }
    }
    match position(table, last).and_then(|at| table.entries.get_mut(at)) {
        Some(entry) => entry.node = node,
        None => _ = push(table, last, node, name),
    }
    Ok(())
}

fn position(table: &Table, key: &str) -> Option<usize> {
    let exact = |entry: &TableEntry| &*entry.key == key;
    let spelled = |entry: &TableEntry| entry.key.replace('-', "_") == key;
    table.entries.iter().position(exact).or_else(|| table.entries.iter().position(spelled))
}

fn push(table: &mut Table, key: &str, node: Node, name: &Span) -> usize {
    table.entries.push(TableEntry { key: key.into(), key_span: name.clone(), node });
    table.entries.len() - 1
}

/// What the name of every variable for the config begins with.
pub const PREFIX: &str = "PORTCULLIS__";

/// Keys that one name may hold: more than the deepest key of the config has.
const DEEPEST: usize = 4;
