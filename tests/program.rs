//! The program as an operator runs it: the real binary, its arguments, its files, its signals and its exit code.

mod crash;
mod operator;
mod start;
mod tls;

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::harness::Deployment;
use crate::harness::client::{Client, authorization};
use crate::harness::deployment::{Owner, Running, assert_complaint};
use crate::harness::program::{Finished, finish, portcullis};
use crate::harness::upstream::RawUpstream;

mod the_command_line {
    use super::*;

    #[test]
    fn tells_its_version_and_every_command() {
        let version = finish(&mut portcullis(["--version"]));
        let expected = format!("portcullis {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((version.code, version.stdout), (Some(0), expected));

        let help = finish(&mut portcullis(["--help"]));
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
        for line in [
            "  demo ",
            "  init ",
            "  run ",
            "  check ",
            "  openapi ",
            "portcullis demo\n",
            "PORTCULLIS__",
        ] {
            assert!(help.stdout.contains(line), "{line:?} in {}", help.stdout);
        }
        for (group, _) in OPERATOR {
            assert!(help.stdout.contains(&format!("  {group} ")), "{group} in {}", help.stdout);
        }
        for command in ["demo", "init", "run", "check"] {
            let help = finish(&mut portcullis([command, "--help"]));
            assert_eq!(help.code, Some(0), "{command}");
            assert!(help.stdout.contains("[default: "), "{}", help.stdout);
        }
        for (group, commands) in OPERATOR {
            let help = finish(&mut portcullis([group, "--help"]));
            assert!(help.stdout.contains("no credential is asked for"), "{}", help.stdout);
            for command in *commands {
                assert!(help.stdout.contains(&format!("  {command} ")), "{}", help.stdout);
                let help = finish(&mut portcullis([group, command, "--help"]));
                assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{group} {command}");
            }
        }
    }

    /// The operator's commands, by group.
    const OPERATOR: &[(&str, &[&str])] = &[
        ("org", &["create", "list", "rename"]),
        ("key", &["create", "list", "delete"]),
        ("service-account", &["create", "list", "delete", "secret"]),
        ("access-list", &["add", "rm", "list"]),
        ("signing-key", &["rotate"]),
    ];

    #[test]
    fn that_makes_no_sense_is_told_apart_from_a_failure() {
        for (arguments, part) in [
            (&[][..], "Usage: portcullis <COMMAND>"),
            (&["serve"], "unrecognized subcommand 'serve'"),
            (&["run", "--port", "80"], "unexpected argument '--port'"),
            (&["init", "--allow", "10.0.0.1/8"], "host bits are set; expected 10.0.0.0/8"),
            (&["init", "--allow", "10.0.0.0/33"], "expected a prefix length from 0 to 32"),
            (&["init", "--allow", "office"], "expected an IPv4 or IPv6 address"),
            (&["init", "--organization", ""], "expected 1 to 64 characters"),
            (&["demo", "--proxy-listen", "localhost:80"], "as in 127.0.0.1:8080"),
            (&["org"], "Usage: portcullis org <COMMAND>"),
            (&["org", "create", " x"], "expected 1 to 64 characters on one line"),
            (&["key", "create", "--desc", "x"], "--role <ROLE>"),
            (
                &["key", "create", "--desc", "", "--role", "ORG_OWNER"],
                "expected 1 to 250 characters",
            ),
            (&["key", "create", "--desc", "x", "--role", "OWNER"], "expected one of ORG_OWNER, "),
            (&["key", "delete", "1"], "expected an API key's id (24 lower-case"),
            (&["access-list", "add", "abcdefgh"], "<ENTRY>..."),
            (&["access-list", "add", "abcdefgh", "10.0.0.1/8"], "expected 10.0.0.0/8"),
            (
                &["access-list", "add", "abcdefgh", "0.0.0.0"],
                "an address that requests can come from",
            ),
            (&["service-account", "create", "--name", "a/b"], "expected 1 to 64 letters, digits"),
            (
                &["service-account", "secret", "create", "abcdefgh", "--hours", "7"],
                "hours from 8 to 8760",
            ),
        ] {
            let Finished { code, stdout, stderr } = finish(&mut portcullis(arguments));
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
            assert!(stderr.contains(part), "{arguments:?}: {stderr}");
        }
    }

    #[test]
    fn whose_output_nobody_takes_ends_in_a_message() {
        let (deployment, _) = Deployment::without_upstream();
        let full =
            || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let child = deployment.command("check", &[]).stdout(full()).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: cannot write to standard output\n  cause: "), "{told}");
    }
}

mod check {
    use super::*;

    #[test]
    fn says_that_a_good_config_is_good_and_makes_nothing() {
        let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
        let said = deployment.succeed("check", &[]);
        assert_eq!(said, format!("{}: ok\n", deployment.config().display()));
        assert_eq!(deployment.files(), ["portcullis.toml"]);
    }

    #[test]
    fn lists_every_mistake_with_its_place_value_and_expectation() {
        let deployment = Deployment::of(
            (Ipv4Addr::LOCALHOST, 9).into(),
            "colour = \"red\"\n[limits]\nheader_timeout = \"soon\"\n[usage]\nflush = 7",
        );
        let told = deployment.fail("check", &[]);
        let lines: Vec<_> = told.lines().collect();
        let [heading, mistakes @ ..] = &lines[..] else { panic!("{told}") };
        assert_eq!(*heading, "error: the config has 3 mistakes", "{told}");
        let file = deployment.config().display().to_string();
        for (line, parts) in mistakes.iter().zip([
            [":13:1: ", "key `log.colour`", "unknown", "expected one of `access`"],
            [":15:18: ", "key `limits.header_timeout`", "found `\"soon\"`", "expected "],
            [":17:1: ", "key `usage.flush`", "unknown", "expected "],
        ]) {
            assert!(line.starts_with(&file), "{line}");
            for part in parts {
                assert!(line.contains(part), "{part} in {line}");
            }
        }
        assert_eq!(mistakes.len(), 3, "each once: {told}");
    }

    #[test]
    fn and_run_obey_the_environment() {
        let (deployment, _) = Deployment::without_upstream();
        let listen = "PORTCULLIS__ADMIN__LISTEN";
        for command in ["check", "run"] {
            let mut refused = deployment.command(command, &[]);
            let told = assert_complaint(finish(refused.env(listen, "nowhere")));
            let expected =
                format!("environment variable {listen}: key `admin.listen`: found `nowhere`");
            assert!(told.contains(&expected), "{told}");
        }
        let mut command = deployment.command("run", &[]);
        let running = Running::start(command.env(listen, "127.0.0.2:0"));
        assert_eq!(running.admin.ip(), Ipv4Addr::new(127, 0, 0, 2));
    }

    #[test]
    fn passes_over_variables_that_are_no_text_unless_they_are_for_the_config() {
        let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
        let no_text = std::ffi::OsStr::from_bytes(b"\xff");
        let mut passed_over = deployment.command("check", &[]);
        assert_eq!(finish(passed_over.env("X", no_text).env(no_text, "x")).code, Some(0));
        let mut refused = deployment.command("check", &[]);
        let told = assert_complaint(finish(refused.env("PORTCULLIS__LOG__LEVEL", no_text)));
        assert_eq!(told, "error: environment variable PORTCULLIS__LOG__LEVEL: not UTF-8\n");
    }
}

mod init {
    use super::*;

    #[test]
    fn makes_private_files_and_an_owner_who_may_come_from_where_it_was_told() {
        let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
        let allow = ["--allow", "10.0.0.0/8", "--allow", "127.0.0.1", "--allow", "2001:db8::7"];
        let said = deployment.succeed("init", &[&allow[..], &["--organization", "Tests"]].concat());
        let owner = Owner::in_output(&said);
        assert_eq!(said.matches(&owner.credential.private_key).count(), 1, "shown once: {said}");
        for part in [
            "(Tests)",
            "allowed from  127.0.0.1, ::1, 10.0.0.0/8, 2001:db8::7\n",
            &format!("portcullis run --config {}\n", deployment.config().display()),
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        for file in [deployment.database(), deployment.key_file()] {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }

        let running = deployment.run();
        let expected = ["127.0.0.1/32", "::1/128", "10.0.0.0/8", "2001:db8::7/128"];
        assert_eq!(running.list(&owner), expected);
        let org = running.api(&owner, "GET", &format!("/api/atlas/v2/orgs/{}", owner.org), "");
        assert_eq!(org.json()["name"], "Tests");
        let key = format!("/api/atlas/v2/orgs/{}/apiKeys/{}", owner.org, owner.key_id);
        assert_eq!(
            running.api(&owner, "GET", &key, "").json()["roles"][0]["roleName"],
            "ORG_OWNER"
        );
        assert!(!std::fs::read(deployment.database()).unwrap().is_empty());
    }

    #[test]
    fn refuses_a_second_time_and_leaves_what_is_there() {
        let (deployment, _) = Deployment::without_upstream();
        let before = contents(&deployment);
        let told = deployment.fail("init", &[]);
        let database = deployment.database();
        assert!(told.contains(&format!("{} exists already", database.display())), "{told}");
        assert!(told.contains("help: to start anew") && told.contains("portcullis run"), "{told}");
        assert_eq!(contents(&deployment), before);
    }

    #[test]
    fn leaves_nothing_half_made() {
        let below_a_file =
            "[store]\npath = \"portcullis.toml/p.db\"\nkey_file = \"portcullis.key\"";
        let key_below_a_file = "[store]\npath = \"p.db\"\nkey_file = \"portcullis.toml/p.key\"";
        let no_directory = "[store]\npath = \"no/p.db\"\nkey_file = \"portcullis.key\"";
        for (store, part) in [
            (below_a_file, "portcullis.toml/p.db"),
            (key_below_a_file, "portcullis.toml/p.key can't be made"),
            (no_directory, "no/p.db: its directory can't be found"),
        ] {
            let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), store);
            let told = deployment.fail("init", &[]);
            assert!(told.contains(part) && told.contains("  help: `store."), "{told}");
            assert_eq!(deployment.files(), ["portcullis.toml"], "{store}");
        }
    }

    #[test]
    fn keeps_nothing_of_a_key_that_it_could_not_show() {
        let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = deployment.command("init", &[]).stdout(full).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: nothing was made"), "{told}");
        assert_eq!(deployment.files(), ["portcullis.toml"]);
        deployment.succeed("init", &[]);
    }

    #[test]
    fn uses_a_key_file_that_is_there_already() {
        let (deployment, _) = Deployment::without_upstream();
        std::fs::remove_file(deployment.database()).unwrap();
        let key = std::fs::read(deployment.key_file()).unwrap();
        deployment.succeed("init", &[]);
        assert_eq!(std::fs::read(deployment.key_file()).unwrap(), key);
    }
}

mod run {
    use super::*;

    #[test]
    fn answers_what_is_in_flight_before_it_ends_on_sigterm() {
        let upstream = RawUpstream::start();
        let (deployment, owner) = Deployment::initialised(upstream.address, "");
        let mut running = deployment.run();
        let mut client = Client::connect(running.proxy);
        let challenge = client.get("/slow").header("www-authenticate").unwrap().to_owned();
        let line = authorization(&owner.credential, &challenge, "GET", "/slow", 1);
        client.send_request("GET", "/slow", &[&line], b"");
        let mut connection = upstream.accept();
        RawUpstream::read_head(&mut connection);

        running.process.signal("TERM");
        running.process.stderr.until("\"stopping: requests in flight are finished first\"");
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
        connection.get_mut().write_all(response).unwrap();
        let answer = client.read_answer();
        assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
        assert!(client.is_closed());
        let finished = running.process.finish();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stderr.contains("\"stopped\""), "{}", finished.stderr);
    }

    #[test]
    fn lives_on_after_sighup_and_says_that_it_changed_nothing() {
        let (deployment, owner) = Deployment::without_upstream();
        let mut running = deployment.run();
        running.process.signal("HUP");
        running.process.stderr.until("SIGHUP changes nothing");
        assert_eq!(running.list(&owner), ["127.0.0.1/32", "::1/128"]);
        assert_eq!(running.stop().code, Some(0));
    }

    #[test]
    fn stops_in_good_order_however_early_it_is_told_to() {
        let (deployment, _) = Deployment::without_upstream();
        for _ in 0..10 {
            let finished = deployment.run().stop();
            assert_eq!(finished.code, Some(0), "{}", finished.stderr);
            assert!(finished.stderr.contains("\"stopped\""), "{}", finished.stderr);
        }
    }

    #[test]
    fn keeps_the_counts_of_its_last_seconds_when_it_is_stopped_and_takes_two_signals_at_once_for_one()
     {
        let (deployment, owner) = Deployment::without_upstream();
        let running = deployment.run();
        for _ in 0..3 {
            running.list(&owner);
        }
        // As `timeout` sends it: to the process, and then to its group.
        running.process.signal("TERM");
        running.process.signal("TERM");
        assert_eq!(running.process.finish().code, Some(0));
        let running = deployment.run();
        let list = running.api(&owner, "GET", &owner.list_path(), "").json();
        assert_eq!(list["results"][0]["count"], 4);
        assert_eq!(running.stop().code, Some(0));
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Every file that is there, with its bytes.
fn contents(deployment: &Deployment) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = std::fs::read(deployment.path(&name)).unwrap();
        (name, bytes)
    };
    deployment.files().into_iter().map(read).collect()
}
