//! Keeps the house in order: imports go one way, one library has one door, files stay readable.
//!
//! Reads the sources as text. What is compiled for tests or models only (`#[cfg(test)]`, `tests.rs`) is exempt: a test
//! may reach for anything.

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// Which parts a part may import besides itself. A part is a module at the top of `src`.
///
/// Read from the bottom: a line imports from lines above it. A new part needs a row of its own here.
const DIRECTIONS: &[(&str, &[&str], &str)] = &[
    // Vocabulary: leaves that anything may use.
    ("sync", &[], "stands in for the standard library in models"),
    ("private_file", &[], "a file mode and nothing else"),
    ("time", &[], "a leaf"),
    ("addr", &[], "a leaf"),
    ("id", &["time"], "a generated identifier begins with its second"),
    ("problem", &[], "the published error body; it knows nobody's errors, each plane maps its own"),
    ("keys", &["private_file"], "derives keys and knows none of their uses"),
    // Domain: pure.
    (
        "access",
        &["addr", "id", "sync", "time"],
        "the rules of lists hold wherever a request comes from",
    ),
    (
        "identity",
        &["addr", "id", "keys", "sync", "time"],
        "who it is never depends on where it may go",
    ),
    (
        "snapshot",
        &["access", "id", "identity", "sync"],
        "an image of the domain; how it is stored or served is not its business",
    ),
    // What both planes stand on.
    ("telemetry", &["addr", "id", "time"], "parts tell it what happened; it asks nobody"),
    (
        "net",
        &["addr", "problem", "telemetry", "time"],
        "sockets and addresses come before any credential",
    ),
    // Data plane: never waits for a store, an administrator or a file.
    (
        "proxy",
        &["access", "addr", "id", "identity", "net", "problem", "snapshot", "telemetry", "time"],
        "a request is judged by the snapshot alone; the control plane's trouble never delays it",
    ),
    (
        "worker",
        &["addr", "id", "identity", "net", "proxy", "snapshot", "telemetry", "time"],
        "a thread, its listeners and its pools, for the data plane only",
    ),
    // Control plane.
    (
        "store",
        &["access", "addr", "id", "identity", "keys", "private_file", "time"],
        "keeps the domain; what is published of it is not its business",
    ),
    (
        "control",
        &["access", "addr", "id", "identity", "snapshot", "store", "sync", "telemetry", "time"],
        "the one place where a change becomes stored and published; it answers callers, it knows none",
    ),
    (
        "admin",
        &[
            "access",
            "addr",
            "control",
            "id",
            "identity",
            "net",
            "problem",
            "snapshot",
            "telemetry",
            "time",
        ],
        "changes go through `control`: a handler that wrote to the store would skip the rules and the publishing",
    ),
    (
        "local",
        &["access", "addr", "control", "id", "identity", "private_file", "snapshot", "store"],
        "the operator's commands go through `control` as any other change does; of the store it knows the errors",
    ),
    (
        "config",
        &[
            "access",
            "addr",
            "admin",
            "control",
            "id",
            "identity",
            "local",
            "net",
            "proxy",
            "telemetry",
            "time",
        ],
        "fills each part's settings; no part sees it, so that each can be built and tested without a file",
    ),
    // On top: these may see everything below.
    ("app", EVERYTHING, "the composition root, the only part that knows every other"),
    ("command", EVERYTHING, "what an operator types, over the whole program"),
    ("main", EVERYTHING, "the program"),
];

/// What the composition root and what stands on it may import: everything.
const EVERYTHING: &[&str] = &["*"];

/// Libraries, and where they may be named: in files whose path begins with one of these.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("ip_network_table", &["src/access/prefix_table"], "the table's shape is ours to change"),
    ("rusqlite", &["src/store/"], "SQL stays behind the trait that a second store implements too"),
    (
        "axum",
        &["src/admin/", "src/console/", "src/app"],
        "the data plane is plain hyper, which is what it is measured with",
    ),
    ("toml", &["src/config/"], "the file's form ends where settings begin"),
    (
        "prometheus",
        &["src/telemetry/"],
        "a metric that is made elsewhere escapes the golden list of names and labels",
    ),
    (
        "utoipa",
        &["src/admin/", "src/problem"],
        "the API's own document describes what the admin API does, and no more",
    ),
    (
        "jsonwebtoken",
        &["src/identity/bearer/"],
        "it computes by a process-wide provider, which that file installs, and knows a clock, which that file leaves out",
    ),
    ("tracing_subscriber", &["src/telemetry/"], "a process has one operator log"),
    ("x509_parser", &["src/net/tls/"], "what a certificate says is read in one place"),
];

/// Libraries that the domain may not name: it is pure, so that it can be tested as plain functions.
const NOT_IN_THE_DOMAIN: &[&str] = &["tokio", "hyper", "axum", "rusqlite", "serde_json", "toml"];

/// Where the domain is.
const DOMAIN: &[&str] = &["src/access", "src/identity"];

/// Lines a file may have. A reader stops long before; the style page asks for a second look past 500.
const MAX_LINES: usize = 600;

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for file in sources() {
        let part = file.part();
        let Some((_, allowed, reason)) = DIRECTIONS.iter().find(|(name, ..)| *name == part) else {
            if part != "lib" {
                wrong.push(format!("{}: the part `{part}` has no row in tests/tidy.rs", file.path));
            }
            continue;
        };
        for imported in file.imported_parts() {
            if imported != part && *allowed != EVERYTHING && !allowed.contains(&imported.as_str()) {
                wrong.push(format!("{} imports `{imported}`: {reason}", file.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_table_of_directions_has_no_circle() {
    // Each row imports only rows above it: then no walk along imports can come back.
    for (index, (part, allowed, _)) in DIRECTIONS.iter().enumerate() {
        for imported in allowed.iter().filter(|name| **name != "*") {
            let above = DIRECTIONS[..index].iter().any(|(name, ..)| name == imported);
            assert!(above, "`{part}` may import `{imported}`, which is not above it");
        }
    }
}

#[test]
fn only_the_top_of_the_house_sees_the_config() {
    for (part, allowed, _) in DIRECTIONS {
        assert!(!allowed.contains(&"config"), "`{part}` may import `config`");
        let on_top = ["app", "command", "main"].contains(part);
        assert_eq!(*allowed == EVERYTHING, on_top, "`{part}` may import everything");
    }
}

#[test]
fn each_library_has_one_door() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (library, doors, reason) in DOORS {
            let inside = doors.iter().any(|door| file.path.starts_with(door));
            if !inside && file.names_library(library) {
                wrong.push(format!("{} names `{library}`: {reason}", file.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_domain_is_pure() {
    let mut wrong = Vec::new();
    for file in sources() {
        let in_the_domain = DOMAIN.iter().any(|part| file.path.starts_with(part));
        for library in NOT_IN_THE_DOMAIN.iter().filter(|_| in_the_domain) {
            if file.names_library(library) {
                wrong.push(format!("{} names `{library}`", file.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn files_stay_short_enough_to_read() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|file| file.lines > MAX_LINES)
        .map(|file| format!("{} has {} lines; {MAX_LINES} are the most", file.path, file.lines))
        .collect();
    assert_none(&long);
}

#[test]
fn nothing_is_left_to_be_done() {
    let mut wrong = Vec::new();
    for directory in ["src", "tests", "benches"] {
        for path in rust_files(&root().join(directory)) {
            let code = Source::read(&root(), &path).all_code;
            for macro_name in ["todo!", "unimplemented!", "dbg!"] {
                if code.contains(macro_name) {
                    wrong.push(format!("{} has a `{macro_name}`", path.display()));
                }
            }
        }
    }
    assert_none(&wrong);
}

/// Every file of `src` that is part of the program, tests left out.
fn sources() -> Vec<Source> {
    let root = root();
    let files: Vec<Source> =
        rust_files(&root.join("src")).iter().map(|path| Source::read(&root, path)).collect();
    assert!(files.len() > 10, "the sources were not found");
    let for_tests: Vec<String> =
        files.iter().flat_map(|file| file.test_modules.iter().cloned()).collect();
    files
        .into_iter()
        .filter(|file| {
            let stem = file.path.trim_end_matches(".rs");
            !for_tests.iter().any(|test| stem == test || stem.starts_with(&format!("{test}/")))
        })
        .collect()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    // A directory that is not there holds no files.
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
