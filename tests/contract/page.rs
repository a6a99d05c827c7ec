//! The contract page, read just far enough to tell its rows apart.

use std::path::PathBuf;

/// A line of the page that promises something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    /// Its section, from 1 to 12.
    pub(super) section: u32,
    /// Its text without marks of emphasis; the cells of a table's row parted by ` | `.
    pub(super) text: String,
    /// Whether it has to have a test: a row of a table, a bullet or a step. Prose may have one.
    pub(super) is_required: bool,
}

/// Where the page is kept, if it is: beside the checkout.
pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/contract").join(name)
}

/// The rows of sections 1 to 12, in order.
pub(super) fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut section = 0;
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            let number = title.split('.').next().and_then(|number| number.parse().ok());
            section = number.unwrap_or(0);
            continue;
        }
        // The header of a table is followed by a line of dashes, which is no row either.
        let is_header = line.starts_with('|') && lines.peek().is_some_and(|next| is_rule(next));
        if section == 0 || is_header || is_rule(line) {
            continue;
        }
        rows.extend(row(section, line));
    }
    rows
}

fn is_rule(line: &str) -> bool {
    line.starts_with("|-")
}

fn row(section: u32, line: &str) -> Option<Row> {
    let (text, is_required) = if let Some(cells) = line.strip_prefix('|') {
        let cells: Vec<&str> = cells.trim_end_matches('|').split('|').map(str::trim).collect();
        (cells.join(" | "), true)
    } else if let Some(bullet) = line.strip_prefix("- ") {
        (bullet.to_owned(), true)
    } else if let Some((_, step)) = line.split_once(". ").filter(|(number, _)| is_number(number)) {
        (step.to_owned(), true)
    } else if line.is_empty() || line.starts_with('#') {
        return None;
    } else {
        (line.to_owned(), false)
    };
    Some(Row { section, text: text.replace('`', "").replace("**", ""), is_required })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn rows_bullets_and_steps_are_told_from_the_rest() {
    let page = "# Title\n\n- no section yet\n\n## 1. First\n\nProse.\n\n| a | b |\n|---|---|\n| `x` **y** | z |\n\
                - bullet\n1. step\n\n### Below\n\n## After\n\n- none of the twelve\n";
    let row = |text: &str, is_required| Row { section: 1, text: text.to_owned(), is_required };
    let expected =
        [row("Prose.", false), row("x y | z", true), row("bullet", true), row("step", true)];
    assert_eq!(rows(page), expected);
}
