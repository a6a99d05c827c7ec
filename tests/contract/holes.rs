//! That the table of tests has no hole: each row of the page has a test, and each test a row of the page.
//!
//! Tests name their rows in lines that begin with `//= `, between the test before and the test's own name.

use std::io::Write as _;
use std::path::Path;

use super::page::{self, Row};

/// A line above a test that says which row of the page the test is.
#[derive(Debug)]
struct Citation {
    section: u32,
    /// What the row begins with, up to the end of a word.
    words: String,
    /// The test, as the list of tests has it.
    test: String,
}

impl Citation {
    fn names(&self, row: &Row) -> bool {
        let rest = row.text.strip_prefix(&self.words);
        row.section == self.section
            && rest
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', ';', ':', '.']))
    }
}

#[test]
fn each_test_of_a_section_says_which_row_of_it_it_is() {
    let mut wrong = Vec::new();
    for file in sections() {
        let (citations, silent) = read(&file);
        let name = file.file_stem().unwrap().to_str().unwrap();
        wrong.extend(silent.into_iter().map(|test| format!("{name}::{test} names no row")));
        for Citation { section, test, .. } in &citations {
            if !name.starts_with(&format!("s{section:02}")) {
                wrong.push(format!("{name}::{test} is in another section than {section}"));
            }
        }
        assert!(!citations.is_empty(), "{name} has no tests");
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_row_of_the_page_has_a_test_and_every_test_a_row() {
    let path = page::path("CONTRACT.md");
    let Ok(page) = std::fs::read_to_string(&path) else {
        // Not by `println!`, which nobody sees while the test passes.
        let _ = writeln!(
            std::io::stdout(),
            "the contract's page is not there, so its rows were not compared: {}",
            path.display()
        );
        return;
    };
    let rows = page::rows(&page);
    assert!(rows.len() > 200, "the page was read: {} rows", rows.len());
    let citations: Vec<Citation> = sections().iter().flat_map(|file| read(file).0).collect();
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| row.is_required) {
        if !citations.iter().any(|citation| citation.names(row)) {
            wrong.push(format!("no test for section {}: {}", row.section, row.text));
        }
    }
    let mut places = Vec::new();
    for citation in &citations {
        let mut named = (0..rows.len()).filter(|index| citation.names(&rows[*index]));
        match (named.next(), named.next()) {
            (Some(place), None) => places.push((&citation.test, place)),
            _ => wrong.push(format!("none or several rows are what {citation:?} names")),
        }
    }
    wrong.extend(out_of_order(places));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Tests whose numbers come before others' in the same module though their rows come later. A test of several rows is where
/// the first of them is.
fn out_of_order(mut places: Vec<(&String, usize)>) -> Vec<String> {
    // Up to the number, names sort as the list of tests does.
    let number = |test: &str| test.rfind("::r").map(|start| test[..start + 5].to_owned());
    places.sort_by_key(|(test, place)| (number(test), *place));
    places.dedup_by_key(|(test, _)| *test);
    let wrong = places.windows(2).filter(|pair| {
        let (before, after) = (number(pair[0].0), number(pair[1].0));
        let module =
            |number: &Option<String>| number.as_ref().map(|text| text[..text.len() - 3].to_owned());
        module(&before) == module(&after) && before != after && pair[0].1 >= pair[1].1
    });
    wrong
        .map(|pair| format!("{} and {} are not in the page's order", pair[0].0, pair[1].0))
        .collect()
}

/// The files whose tests are rows.
fn sections() -> Vec<std::path::PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with('s') && name[1..3].bytes().all(|byte| byte.is_ascii_digit())
        })
        .collect();
    files.sort();
    files
}

/// What the tests of a file name, and the tests that name nothing.
fn read(file: &Path) -> (Vec<Citation>, Vec<String>) {
    let module = file.file_stem().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let (mut citations, mut silent, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(citation) = line.strip_prefix("//= ") {
            let (section, words) = citation.split_once(": ").expect("a section and words");
            pending.push((section.parse().expect("a section's number"), words.to_owned()));
        } else if let Some(name) = test_name(line) {
            if pending.is_empty() {
                silent.push(name.to_owned());
            }
            citations.extend(pending.drain(..).map(|(section, words)| Citation {
                section,
                words,
                test: format!("contract::{module}::{name}"),
            }));
        }
    }
    assert!(pending.is_empty(), "{module} ends with lines that no test follows: {pending:?}");
    (citations, silent)
}

/// The name of the test that begins on this line, as a function or as a line of a table.
fn test_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("fn ").unwrap_or(line).split('(').next()?;
    let mut bytes = name.bytes();
    let is_row = bytes.next() == Some(b'r') && bytes.take(2).all(|byte| byte.is_ascii_digit());
    (is_row && name.len() > 4 && name.as_bytes()[3] == b'_').then_some(name)
}
