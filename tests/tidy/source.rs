//! A source file, read just far enough to see what it names.

use std::fs;
use std::path::Path;

/// One file.
pub(super) struct Source {
    /// From the root, with forward slashes: `src/access/entry.rs`.
    pub(super) path: String,
    /// Lines, as an editor counts them.
    pub(super) lines: usize,
    /// Without comments and literals.
    pub(super) all_code: String,
    /// Without comments and literals, and without what is compiled for tests or models only.
    pub(super) code: String,
    /// Modules declared for tests or models only, as paths without `.rs`: `src/access/usage/tests`.
    pub(super) test_modules: Vec<String>,
}

impl Source {
    /// Reads a file below `root`.
    pub(super) fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        Self::parse(path, &text)
    }

    fn parse(path: String, text: &str) -> Self {
        let all_code = without_comments_and_literals(text);
        let (code, modules) = without_test_items(&all_code);
        let children = path.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        let children = match children.as_str() {
            "src/lib" | "src/main" => "src",
            other => other,
        };
        let test_modules = modules.iter().map(|name| format!("{children}/{name}")).collect();
        Self { lines: text.lines().count(), path, all_code, code, test_modules }
    }

    /// The module at the top of `src` that the file belongs to.
    pub(super) fn part(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
    }

    /// The parts that the file names, in `use` lines and elsewhere.
    pub(super) fn imported_parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for root in ["crate", "portcullis"] {
            for (at, _) in word_starts(&self.code, root) {
                let after = self.code[at + root.len()..].trim_start();
                if let Some(path) = after.strip_prefix("::") {
                    parts.extend(first_names(path));
                }
            }
        }
        parts.extend(self.parts_by_super());
        parts.sort();
        parts.dedup();
        parts
    }

    /// Whether the file names a library: as the first part of a path, which may begin with `::`.
    pub(super) fn names_library(&self, library: &str) -> bool {
        word_starts(&self.code, library).any(|(at, _)| {
            let before = self.code[..at].trim_end();
            let after = self.code[at + library.len()..].trim_start();
            let is_first = !before.ends_with("::")
                || before.trim_end_matches(':').ends_with(char::is_whitespace)
                || before.trim_end_matches(':').is_empty();
            let is_path = after.starts_with("::");
            let is_import = before.ends_with("use") || before.ends_with("extern crate");
            is_first && (is_path || is_import)
        })
    }

    /// The parts that are reached by going up with `super::` as far as the top.
    fn parts_by_super(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let below = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let depth = below.trim_end_matches("/mod").split('/').count();
        for (at, _) in word_starts(&self.code, "super") {
            let (mut ups, mut rest) = (0, &self.code[at..]);
            while let Some(after) = rest.strip_prefix("super::") {
                (ups, rest) = (ups + 1, after);
            }
            if ups == depth && !self.code[..at].ends_with("super::") {
                parts.extend(first_names(rest));
            }
        }
        parts
    }
}

/// The names that a path or a tree of paths begins with: `a` of `a::b`, `a` and `b` of `{a::c, b}`.
fn first_names(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(tree) = path.strip_prefix('{') else {
        let name: String = path.chars().take_while(|c| is_word(*c)).collect();
        return if name.is_empty() { Vec::new() } else { vec![name] };
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(first_names(&tree[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// Where `word` stands as a word of its own.
fn word_starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    code.match_indices(word).filter(move |(at, _)| {
        !code[..*at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with every comment gone and every literal's content gone.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let starts_word = !code.ends_with(is_word);
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| starts_word) {
            length
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' && is_char_literal(rest) {
            quoted(rest, '\'')
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skip..];
    }
    code
}

/// The length of the block comment, which may hold others, that the text begins with.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the raw string that the text begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = content.find(&end).map_or(content.len(), |at| at + end.len());
    Some(text.len() - content.len() + length)
}

/// The length of the quoted literal that the text begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Whether `'` begins a literal, as in `'a'`, and not a lifetime, as in `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// The code without the items that are compiled for tests or models only, and the names of the modules among these.
fn without_test_items(code: &str) -> (String, Vec<String>) {
    let (mut kept, mut modules, mut rest) = (String::new(), Vec::new(), code);
    while let Some(at) = rest.find("#[cfg(") {
        let (before, attribute) = rest.split_at(at);
        kept.push_str(before);
        let condition = &attribute[..attribute.find(']').map_or(attribute.len(), |end| end + 1)];
        if is_for_tests(condition) {
            let item = &attribute[condition.len()..];
            let length = item_length(item);
            modules.extend(declared_module(&item[..length]));
            rest = &item[length..];
        } else {
            kept.push_str(condition);
            rest = &attribute[condition.len()..];
        }
    }
    kept.push_str(rest);
    (kept, modules)
}

fn is_for_tests(condition: &str) -> bool {
    let names = |word| word_starts(condition, word).next().is_some();
    (names("test") || names("portcullis_loom")) && !names("not")
}

/// The length of an item, its further attributes included: to its `;`, or to the end of its braces.
fn item_length(item: &str) -> usize {
    let mut depth = 0_i32;
    for (at, c) in item.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// The name in `mod name;`.
fn declared_module(item: &str) -> Option<String> {
    let declaration = item.trim().strip_suffix(';')?;
    let (_, name) = declaration.rsplit_once("mod ")?;
    Some(name.trim().to_owned())
}

#[test]
fn parts_are_found_however_they_are_named() {
    for (code, parts) in [
        ("use crate::addr::ClientIp;", &["addr"][..]),
        ("use crate::{admin, control::{A, B}, id::{C, self}};", &["admin", "control", "id"]),
        ("fn f(x: crate::net::Limits) {}", &["net"]),
        ("use portcullis::app::App;", &["app"]),
        ("use super::entry::Entry;", &[]),
        ("use super::super::config::Config;", &["config"]),
        ("// use crate::config\nconst X: &str = \"crate::config\";", &[]),
        ("/* crate::a /* crate::b */ crate::c */ use crate::d;", &["d"]),
        ("const X: &str = r#\"crate::a \" crate::b\"#; use crate::c;", &["c"]),
        (
            "fn f<'a>(x: &'a str) { match c { '\"' => crate::a(), '\\'' => crate::b() } }",
            &["a", "b"],
        ),
        ("pub(crate) fn f() {}", &[]),
        ("#[cfg(test)]\nmod tests { use crate::config; }\nuse crate::id;", &["id"]),
        ("#[cfg(test)] use crate::config;\nuse crate::id;", &["id"]),
        ("#[cfg(not(test))] use crate::config;", &["config"]),
        ("#[cfg(all(test, unix))]\n#[allow(x)]\nfn f() { crate::config::x(); }", &[]),
    ] {
        let source = Source::parse("src/access/entry.rs".into(), code);
        assert_eq!(source.imported_parts(), parts, "{code}");
    }
}

#[test]
fn a_library_is_seen_only_where_a_path_begins_with_it() {
    for (code, named) in [
        ("use toml::de::Error;", true),
        ("use toml;", true),
        ("fn f() -> toml::Value {}", true),
        ("fn f() -> ::toml::Value {}", true),
        ("use crate::config::toml::X;", false),
        ("let toml = 1;", false),
        ("use toml_edit::X;", false),
        ("// toml::X", false),
    ] {
        let source = Source::parse("src/access/entry.rs".into(), code);
        assert_eq!(source.names_library("toml"), named, "{code}");
    }
}

#[test]
fn modules_for_tests_are_known_by_their_declaration() {
    for (path, expected) in [
        ("src/access/usage.rs", "src/access/usage/tests"),
        ("src/access/mod.rs", "src/access/tests"),
        ("src/lib.rs", "src/tests"),
    ] {
        let source = Source::parse(path.into(), "mod kept;\n#[cfg(test)]\nmod tests;\n");
        assert_eq!(source.test_modules, [expected]);
        assert!(source.code.contains("mod kept;"));
    }
}
