//! The files under `config/` work, and the complete one is complete.

use std::collections::BTreeSet;

use portcullis::config::Config;

const ALL: [&str; 3] = ["config/portcullis.toml", "config/sidecar.toml", "config/edge.toml"];

const COMPLETE: &str = include_str!("../../config/portcullis.toml");

#[test]
fn every_example_loads() {
    for name in ALL {
        if let Err(errors) = Config::load(name.as_ref(), []) {
            panic!("{errors}");
        }
    }
}

/// `#key = value` is a default.
fn is_default(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(begins_with_key)
}

/// `# key = value` is an example without a default.
fn is_example(line: &str) -> bool {
    line.strip_prefix("# ").is_some_and(begins_with_key)
}

fn begins_with_key(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(key, _)| {
        !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_lowercase() || b"._0123456789".contains(&b))
    })
}

/// The complete example with the lines that `chosen` picks taken out of their comments.
fn uncommented(chosen: impl Fn(&str) -> bool) -> String {
    let uncomment = |line: &str| match chosen(line) {
        true => format!("{}\n", line.trim_start_matches(['#', ' '])),
        false => format!("{line}\n"),
    };
    COMPLETE.lines().map(uncomment).collect()
}

#[test]
fn every_default_in_the_complete_example_is_the_reader_s() {
    let text = uncommented(is_default);
    assert!(text.lines().count() > 100 && text != COMPLETE);
    let written_out = Config::parse(ALL[0], &text, []).unwrap();
    let left_out = Config::load(ALL[0].as_ref(), []).unwrap();
    assert_eq!(format!("{written_out:#?}"), format!("{left_out:#?}"));
}

#[test]
fn every_value_in_the_complete_example_is_valid() {
    let text = uncommented(|line| is_default(line) || is_example(line));
    if let Err(errors) = Config::parse(ALL[0], &text, []) {
        panic!("{errors}");
    }
}

#[test]
fn the_complete_example_has_every_key_that_the_reader_knows() {
    let text = uncommented(|line| is_default(line) || is_example(line));
    let document: toml::Table = text.parse().unwrap();
    let mut sections = vec![(String::new(), &document)];
    while let Some((path, table)) = sections.pop() {
        for (key, value) in table {
            if let toml::Value::Table(inner) = value {
                sections.push((format!("{path}{key}."), inner));
            }
        }
        if matches!(&*path, "listeners." | "upstreams." | "routes." | "lists.") {
            continue; // Their keys are names.
        }
        let variable = format!("PORTCULLIS__{path}NO_SUCH_KEY").replace('.', "__");
        let errors = Config::parse("t", &text, [(variable, "1".to_owned())]).unwrap_err();
        let expected = errors.iter().next().unwrap().expected().to_owned();
        let known: BTreeSet<_> = expected.split('`').skip(1).step_by(2).collect();
        let shown: BTreeSet<_> = table.keys().map(String::as_str).collect();
        assert_eq!(shown, known, "[{path}]");
    }
}
