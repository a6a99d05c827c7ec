//! The demo as a newcomer meets it: started, read, and its commands pasted into a shell, with the real curl.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::deployment::assert_complaint;
use crate::harness::program::{Finished, Process, finish, portcullis};

#[test]
fn its_commands_do_what_the_lines_above_them_say() {
    let home = tempfile::tempdir().unwrap();
    let demo = Demo::start(&home.path().join("demo"));
    let [hello, add, refused, list, metrics] = demo.commands();

    let (body, rest) = json_and_rest(&paste(&hello));
    assert_eq!(rest, "status 200\n");
    let headers = &body["headers"];
    assert_eq!(body["upstream"], "echo");
    assert_eq!(headers["x-portcullis-org"], demo.value("organization"));
    assert_eq!(headers["x-portcullis-principal"], demo.value("API key"));
    assert_eq!(headers["x-portcullis-entry"], "127.0.0.1/32");
    assert_eq!(headers["authorization"], Value::Null, "the credential stays here");

    let whole = json_and_rest(&paste(&add)).0;
    assert_eq!(ranges(&whole), ["127.0.0.1/32", "::1/128", "127.0.0.3/32"]);

    let (body, rest) = json_and_rest(&paste(&refused));
    assert_eq!((rest.as_str(), &body["error"]), ("status 403\n", &Value::from(403)));
    assert_eq!(body["errorCode"], "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    assert!(body["detail"].as_str().unwrap().contains("127.0.0.2"), "{body}");
    let allowed_now = refused.replace("--interface 127.0.0.2", "--interface 127.0.0.3");
    assert!(paste(&allowed_now).ends_with("status 200\n"), "as the line above says");

    let whole = json_and_rest(&paste(&list)).0;
    let used = |at: usize, field: &str| whole["results"][at][field].clone();
    assert_eq!(used(0, "count"), 3, "one request and two calls of the API, this one included");
    assert_eq!(used(0, "lastUsedAddress"), "127.0.0.1");
    assert!(used(0, "lastUsed").as_str().unwrap().ends_with('Z'), "{whole}");
    assert_eq!((used(1, "count"), used(1, "lastUsed")), (0.into(), Value::Null));
    assert_eq!((used(2, "count"), used(2, "lastUsedAddress")), (1.into(), "127.0.0.3".into()));

    let series = "portcullis_access_decisions_total";
    let expected = format!(
        "{series}{{decision=\"admitted\",reason=\"none\",route=\"demo\"}} 2\n\
         {series}{{decision=\"refused\",reason=\"credential_missing\",route=\"demo\"}} 3\n\
         {series}{{decision=\"refused\",reason=\"not_listed\",route=\"demo\"}} 1\n"
    );
    assert_eq!(paste(&metrics), expected);

    let finished = demo.interrupt();
    let decisions: Vec<_> = finished.stdout.lines().filter_map(decision).collect();
    let admitted = ["credential_missing", "none"];
    assert_eq!(
        decisions,
        [&admitted[..], &["credential_missing", "not_listed"], &admitted].concat()
    );
    assert!(finished.stdout.trim_end().ends_with(&format!("{}.", demo_dir(home.path()))));
}

#[test]
fn its_facts_are_private_and_serve_scripts() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let demo = Demo::start(&dir);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o7777, 0o700);
    let script = format!(
        ". {}/demo.env && printf '%s\\n' \"$PROXY_URL\" \"$ADMIN_URL\" \"$ORG_ID\" \"$API_KEY_ID\" \"$PUBLIC_KEY\" \"$PRIVATE_KEY\"\n\
         curl -sS --digest --user \"$PUBLIC_KEY:$PRIVATE_KEY\" -o /dev/null -w '%{{http_code}}\\n' \"$PROXY_URL/\"",
        dir.display()
    );
    let told = ["proxy", "admin API", "organization", "API key", "public key", "private key"];
    let expected: Vec<_> =
        told.map(|name| demo.value(name)).into_iter().chain(["200".into()]).collect();
    assert_eq!(paste(&script).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn started_again_it_goes_on_with_what_is_stored_whatever_its_directory_is_called() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("it's a \"dir\" $HOME");
    let first = Demo::start(&dir);
    let facts = ["organization", "API key", "public key"].map(|name| first.value(name));
    let private_key = first.value("private key");
    for command in first.commands() {
        paste(&command);
    }
    first.interrupt();

    let again = Demo::start(&dir);
    assert_eq!(["organization", "API key", "public key"].map(|name| again.value(name)), facts);
    assert!(!again.said.contains(&private_key), "the key is shown once");
    assert_eq!(again.value("private key"), "shown at the first start; demo.env has it");
    let env = std::fs::canonicalize(dir.join("demo.env")).unwrap();
    assert_eq!(again.value("all of this"), env.display().to_string());
    let [hello, _, refused, list, _] = again.commands();
    assert!(paste(&hello).ends_with("status 200\n"));
    assert!(paste(&refused).ends_with("status 403\n"));
    let whole = json_and_rest(&paste(&list)).0;
    assert_eq!(ranges(&whole), ["127.0.0.1/32", "::1/128", "127.0.0.3/32"]);
    assert_eq!(whole["results"][0]["count"], 5, "three of the first time, and two of this");
    again.interrupt();
}

#[test]
fn a_port_in_use_is_told_with_what_to_do_and_the_next_start_succeeds() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command =
        portcullis(["demo", "--admin-listen", "127.0.0.1:0", "--proxy-listen", &address]);
    let told = assert_complaint(finish(command.arg("--dir").arg(&dir)));
    assert!(told.contains(&format!("cannot listen on {address}")), "{told}");
    assert!(told.contains("another address by --proxy-listen or --admin-listen"), "{told}");

    let demo = Demo::start(&dir);
    let [hello, ..] = demo.commands();
    assert!(paste(&hello).ends_with("status 200\n"), "the key that was made first is not lost");
}

#[test]
fn a_directory_that_is_not_a_demo_s_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let mine = home.path().join("portcullis.toml");
    std::fs::write(&mine, "# mine\n").unwrap();
    for (dir, part) in
        [(home.path(), "neither empty nor an earlier demo's"), (&mine, "cannot use the directory")]
    {
        let mut command = portcullis(["demo", "--dir"]);
        let told = assert_complaint(finish(command.arg(dir)));
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "# mine\n");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

/// A demo that has said what to do.
struct Demo {
    process: Process,
    said: String,
}

impl Demo {
    fn start(dir: &Path) -> Self {
        let listen = ["--proxy-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut command = portcullis(["demo", "--dir"]);
        let mut process = Process::start(command.arg(dir).args(listen));
        let said = process.stdout.until("Ctrl-C stops the demo.");
        Self { process, said }
    }

    /// What stands behind a name in the greeting: the first word, or a sentence.
    fn value(&self, name: &str) -> String {
        let line = self.said.lines().find_map(|line| line.trim_start().strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name} in {}", self.said)).trim();
        value.split("  ").next().unwrap().to_owned()
    }

    /// What to paste: each command under a line that says what it does.
    fn commands(&self) -> [String; 5] {
        let lines: Vec<_> = self.said.lines().collect();
        let commands = lines.windows(2).filter(|pair| pair[1].starts_with("curl "));
        let commands: Vec<_> = commands
            .map(|pair| {
                assert!(pair[0].starts_with('#'), "{} says what {} does", pair[0], pair[1]);
                pair[1].to_owned()
            })
            .collect();
        commands.try_into().unwrap()
    }

    /// As Ctrl-C does.
    fn interrupt(self) -> Finished {
        self.process.signal("INT");
        let finished = self.process.finish();
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
        finished
    }
}

/// What a command writes that is pasted into another terminal, in another directory.
#[track_caller]
fn paste(command: &str) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(elsewhere.path()).env("HOME", elsewhere.path());
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        shell.env_remove(proxy);
    }
    let finished = finish(&mut shell);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{command}");
    finished.stdout
}

/// The JSON value that a text begins with, and what follows on the lines after it.
fn json_and_rest(text: &str) -> (Value, String) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next().unwrap().unwrap_or_else(|error| panic!("{error}: {text}"));
    (value, text[values.byte_offset()..].trim_start().to_owned())
}

fn ranges(list: &Value) -> Vec<&str> {
    let entries = list["results"].as_array().unwrap();
    entries.iter().map(|entry| entry["cidrBlock"].as_str().unwrap()).collect()
}

/// The reason in a line of the access log.
fn decision(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line["reason"].as_str()?.to_owned())
}

fn demo_dir(home: &Path) -> String {
    std::fs::canonicalize(home).unwrap().join("demo").display().to_string()
}
