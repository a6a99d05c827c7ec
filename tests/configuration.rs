//! The config file: the examples load, and every mistake is told with its place and what was expected.

mod examples;
mod mistakes;
mod tls;

use portcullis::config::{Config, ConfigErrors, Mistake};
use portcullis::telemetry::{AccessLogTarget, LogFormat};
use proptest::prelude::*;

/// A config that has what is required. Its six lines come before those of a test.
const BASE: &str = r#"[listeners.main]
listen = "127.0.0.1:8080"
[upstreams.app]
endpoint = "127.0.0.1:9000"
[lists.office]
entries = ["192.0.2.0/24"]
"#;

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse("t", text, [])
}

/// The base with `lines` after it.
fn with(lines: &str) -> String {
    format!("{BASE}{lines}")
}

fn with_variables(lines: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Config::parse("t", &with(lines), variables.iter().map(owned))
}

/// What is wrong with the base and `lines` after it, a line a mistake.
fn mistakes(lines: &str) -> Vec<String> {
    match parse(&with(lines)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

#[track_caller]
fn assert_mistake(lines: &str, expected: &str) {
    assert_eq!(mistakes(lines), [format!("t:{expected}")], "{lines}");
}

mod a_file {
    use super::*;

    #[test]
    fn with_seven_mistakes_has_seven_errors_in_its_order() {
        let errors = parse(
            r#"
[listeners.main]
listen = "80"

[upstreams.app]
endpoint = "app"
idle_timout = "5s"

[routes.api]
upstream = "api"

[limits]
headers = 0

[log]
format = "xml"
"#,
        )
        .unwrap_err();
        let places: Vec<_> = errors
            .iter()
            .map(|error| {
                let at = error.position().unwrap();
                (at.line, at.column, error.key().unwrap())
            })
            .collect();
        assert_eq!(
            places,
            [
                (3, 10, "listeners.main.listen"),
                (6, 12, "upstreams.app.endpoint"),
                (7, 1, "upstreams.app.idle_timout"),
                (9, 1, "routes.api.organizations"),
                (10, 12, "routes.api.upstream"),
                (13, 11, "limits.headers"),
                (16, 10, "log.format"),
            ]
        );
        assert_eq!(errors.count(), 7);
    }

    #[test]
    fn that_is_no_toml_is_told_with_every_line_that_is_none() {
        for (text, expected) in [
            ("a = \"x\nb = 1\nc = = 3\n", vec!["t:1:7: not TOML: ", "t:3:5: not TOML: "]),
            ("[a]\nx = 1\n[a]\n", vec!["t:3:2: not TOML: duplicate key"]),
            ("[a\n", vec!["t:1:3: not TOML: "]),
        ] {
            let errors = parse(text).unwrap_err().to_string();
            let lines: Vec<_> = errors.lines().collect();
            assert_eq!(lines.len(), expected.len(), "{errors}");
            for (line, beginning) in lines.iter().zip(expected) {
                assert!(line.starts_with(beginning), "{line}");
            }
        }
    }

    #[test]
    fn of_another_kind_is_told_briefly() {
        let errors = parse(&"upstream app { server 10.0.0.1; }\n".repeat(5_000)).unwrap_err();
        assert_eq!(errors.iter().count(), 10);
        assert!(errors.to_string().ends_with(&format!("and {} more", errors.count() - 10)));
        let unknown: String = (0..5_000).map(|at| format!("key{at} = 1\n")).collect();
        let errors = parse(&unknown).unwrap_err();
        assert_eq!((errors.iter().count(), errors.count()), (1_000, 5_001));
    }

    #[test]
    fn that_can_t_be_read_is_told_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none.toml");
        let errors = Config::load(&path, []).unwrap_err();
        assert_eq!(
            errors.to_string(),
            format!("{}: can't be read: No such file or directory (os error 2)", path.display())
        );
        assert!(matches!(errors.iter().next().unwrap().mistake(), Mistake::Unreadable(_)));
    }

    #[test]
    fn that_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.toml");
        std::fs::File::create(&path).unwrap().set_len((256 << 20) + 1).unwrap();
        let errors = Config::load(&path, []).unwrap_err();
        assert_eq!(
            errors.to_string(),
            format!("{}: too large, expected at most 256 MiB", path.display())
        );
    }

    #[test]
    fn that_is_no_text_is_told_where_it_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("latin1.toml");
        std::fs::write(&path, b"# ok\nx = \"\xe4\"\n").unwrap();
        let errors = Config::load(&path, []).unwrap_err();
        assert_eq!(
            errors.to_string(),
            format!("{}:2:6: not UTF-8, expected text in UTF-8", path.display())
        );
    }

    #[test]
    fn is_where_relative_paths_begin() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        let lines = "[store]\npath = \"data/p.db\"\n[log]\naccess = \"./access.log\"";
        std::fs::write(&path, with(lines)).unwrap();
        let key_file = ("PORTCULLIS__STORE__KEY_FILE".to_owned(), "/etc/p.key".to_owned());
        let config = Config::load(&path, [key_file]).unwrap();
        assert_eq!(config.store_path, directory.path().join("data/p.db"));
        assert_eq!(config.key_file.to_str(), Some("/etc/p.key"));
        let access_log = directory.path().join("./access.log");
        assert_eq!(config.log.access_log, AccessLogTarget::File(access_log));
    }

    #[test]
    fn keeps_the_database_and_its_key_apart() {
        assert_mistake(
            "[store]\npath = \"p\"\nkey_file = \"p\"",
            "9:12: key `store.key_file`: found `\"p\"`, expected another file than that of `store.path`",
        );
    }

    #[test]
    fn is_quoted_at_each_mistake_in_the_report() {
        let errors = parse(&with("[log]\nformat = \"xml\"")).unwrap_err();
        let mut report = String::new();
        let theme = miette::GraphicalTheme::none();
        miette::GraphicalReportHandler::new_themed(theme)
            .render_report(&mut report, &errors.report())
            .unwrap();
        for part in
            ["the config has a mistake", "t:8:10", "8 | format = \"xml\"", "key `log.format`"]
        {
            assert!(report.contains(part), "{part} in {report}");
        }
    }
}

mod a_variable {
    use super::*;

    #[test]
    fn overrides_the_file_and_adds_to_it_in_either_case() {
        let config = with_variables(
            "[log]\nlevel = \"warn\"",
            &[
                ("PORTCULLIS__LOG__LEVEL", "debug"),
                ("portcullis__log__format", "json"),
                ("PORTCULLIS__LIMITS__HEADERS", "50"),
                ("PORTCULLIS__ADMIN__INSECURE", "true"),
                ("PORTCULLIS__UPSTREAMS__MORE__ENDPOINT", "more:80"),
                ("PORTCULLIS__LISTS__OFFICE__ENTRIES", r#"["10.0.0.0/8", { prefix = "::1" }]"#),
                ("PORTCULLIS_HOME", "not for the config"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!((&*config.log.level, config.log.format), ("debug", LogFormat::Json));
        assert_eq!(config.admin.listener.limits.headers, 50);
        assert_eq!(&*config.proxy.upstreams[1].name.0, "more");
        assert_eq!(config.lists[0].entries.len(), 2);
    }

    #[test]
    fn reaches_a_name_with_a_hyphen() {
        let lines = "[upstreams.my-app]\nendpoint = \"a:1\"";
        let variable = ("PORTCULLIS__UPSTREAMS__MY_APP__ENDPOINT", "b:2");
        let config = with_variables(lines, &[variable]).unwrap();
        assert_eq!(config.proxy.upstreams.len(), 2);
        assert_eq!(&*config.proxy.upstreams[1].endpoint.host, "b");
    }

    #[test]
    fn may_look_like_a_number_where_a_text_is_expected() {
        let lines = "[upstreams.2026]\nendpoint = \"a:1\"\n[routes.a]\norganizations = [\"*\"]";
        let config = with_variables(lines, &[("PORTCULLIS__ROUTES__A__UPSTREAM", "2026")]).unwrap();
        assert_eq!(&*config.proxy.routes[0].upstream.0, "2026");
    }

    #[test]
    fn with_a_mistake_is_named() {
        for (variables, expected) in [
            (
                &[("PORTCULLIS__LIMITS__HEADERS", "many")][..],
                "environment variable PORTCULLIS__LIMITS__HEADERS: key `limits.headers`: found `many`, expected a whole number from 1 to 1000",
            ),
            (
                &[("Portcullis__Log__Levle", "info")],
                "environment variable Portcullis__Log__Levle: key `log.levle`: unknown, expected one of `access`, `access_queue`, `format`, `level`; did you mean `level`?",
            ),
            (
                &[("PORTCULLIS__", "1")],
                "environment variable PORTCULLIS__: key ``: unknown, expected PORTCULLIS__SECTION__KEY",
            ),
            (
                &[("PORTCULLIS__LOG", "debug")],
                "environment variable PORTCULLIS__LOG: key `log`: found `debug`, expected a table",
            ),
            (
                &[("PORTCULLIS__LISTENERS__MAIN__LISTEN__PORT", "1")],
                "environment variable PORTCULLIS__LISTENERS__MAIN__LISTEN__PORT: key `listeners.main.listen.port`: unknown, expected a key of a table; the key before is none",
            ),
            (
                &[("PORTCULLIS__LOG__LEVEL", "info"), ("portcullis__log__level", "warn")],
                "environment variable portcullis__log__level: key `log.level`: found `warn`, expected one variable a key; PORTCULLIS__LOG__LEVEL sets it too",
            ),
            (
                &[("PORTCULLIS__LISTS__OFFICE__ENTRIES", "[\"10.0.0.0/8\", 5]")],
                "environment variable PORTCULLIS__LISTS__OFFICE__ENTRIES: key `lists.office.entries[1]`: found `5`, expected an address or a range, as in `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`",
            ),
            (
                &[("PORTCULLIS__UPSTREAMS__AP__IDLE_TIMEOUT", "5s")],
                "environment variable PORTCULLIS__UPSTREAMS__AP__IDLE_TIMEOUT: key `upstreams.ap.endpoint`: missing, expected host:port, as in `127.0.0.1:9000`, `app.internal:80` or `[::1]:9000`",
            ),
        ] {
            let errors = with_variables("", variables).unwrap_err().to_string();
            assert_eq!(errors, expected);
        }
    }
}

/// Pieces of config files, so that what is put together of them gets past the first lines of the reader.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "[listeners.main]\n",
        "[routes.a]\n",
        "[lists.office]\n",
        "[log]\n",
        "[[routes]]\n",
        "listen",
        "hosts",
        "path",
        "entries",
        "expires",
        "prefix",
        " = ",
        "\"127.0.0.1:80\"",
        "\"/..;\"",
        "\"[::1]:80\"",
        "\"5s\"",
        "\"*.\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "\n",
        "#",
        "\"",
        "'''",
        "1e9",
        "0x_1",
        "-",
        "2027-01-01T00:00:00Z",
        "24:00:00",
        "\u{feff}",
        "\\u0000",
        "é",
        "999999999999999999999999",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}", 1 => any::<String>()]
}

/// Keys that take a text, each through its variable.
const TEXT_KEYS: [&str; 12] = [
    "LISTENERS__MAIN__LISTEN",
    "LISTENERS__MAIN__CLIENT_ADDRESS_HEADER",
    "UPSTREAMS__APP__ENDPOINT",
    "UPSTREAMS__APP__IDLE_TIMEOUT",
    "ROUTES__A__HOSTS",
    "ROUTES__A__PATH",
    "ROUTES__A__ORGANIZATIONS",
    "LISTS__OFFICE__ENTRIES",
    "ADMIN__PUBLIC_URL",
    "ADMIN__BODY_LIMIT",
    "LOG__LEVEL",
    "LOG__ACCESS",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        match parse(&text) {
            Ok(config) => prop_assert!(!config.proxy.listeners.is_empty()),
            Err(errors) => {
                prop_assert!(errors.count() > 0);
                prop_assert!(errors.to_string().lines().count() >= errors.iter().count());
                for error in &errors {
                    prop_assert!(error.range().end <= text.len());
                }
            }
        }
    }

    #[test]
    fn no_value_makes_the_parser_panic(
        key in prop::sample::select(TEXT_KEYS.to_vec()),
        value in prop_oneof![any::<String>(), "[\\[\"a-z0-9.:/*% -]{0,30}"],
        in_array in any::<bool>(),
    ) {
        let value = if in_array { format!("[{}]", toml::Value::from(value)) } else { value };
        let name = format!("PORTCULLIS__{key}");
        if let Err(errors) = with_variables("", &[(&name, &value)]) {
            prop_assert!(errors.count() > 0);
        }
    }
}
