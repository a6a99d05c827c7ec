//! A Portcullis as an operator sets it up: a config, `portcullis init`, `portcullis run`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::{Answer, Client, Credential, authorization};
use super::program::{Finished, Process, finish, portcullis};

/// A config file in a directory of its own, and whatever commands have made there.
#[derive(Debug)]
pub(crate) struct Deployment {
    directory: tempfile::TempDir,
}

/// What `init` printed.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) org: String,
    pub(crate) key_id: String,
    pub(crate) credential: Credential,
}

impl Deployment {
    /// A config in front of `upstream`, with sections of the test's own after it. Nothing else is made.
    pub(crate) fn of(upstream: SocketAddr, more: &str) -> Self {
        let deployment = Self { directory: tempfile::tempdir().unwrap() };
        deployment.configure(upstream, more);
        deployment
    }

    /// The same, after `portcullis init`.
    pub(crate) fn initialised(upstream: SocketAddr, more: &str) -> (Self, Owner) {
        let deployment = Self::of(upstream, more);
        let owner = Owner::in_output(&deployment.succeed("init", &[]));
        (deployment, owner)
    }

    /// Without an upstream that answers.
    pub(crate) fn without_upstream() -> (Self, Owner) {
        Self::initialised((Ipv4Addr::LOCALHOST, 9).into(), "")
    }

    /// Writes the config anew.
    pub(crate) fn configure(&self, upstream: SocketAddr, more: &str) {
        let text = format!(
            "[listeners.main]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [upstreams.main]\nendpoint = \"{upstream}\"\n[routes.main]\nupstream = \"main\"\norganizations = [\"*\"]\n\
             [log]\naccess = \"off\"\nformat = \"json\"\n{more}\n"
        );
        std::fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("portcullis.toml")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("portcullis.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.path("portcullis.key")
    }

    /// Where the operator's commands come in.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("portcullis.sock")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The names of the files that are there, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A command of the program on this config.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = portcullis([name]);
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    /// What a command printed that has to succeed.
    pub(crate) fn succeed(&self, name: &str, arguments: &[&str]) -> String {
        let Finished { code, stdout, stderr } = finish(&mut self.command(name, arguments));
        assert_eq!(code, Some(0), "{name}: {stderr}");
        stdout
    }

    /// What a command that has to fail told on standard error: an error, what to do about it, and nothing of the program's insides.
    pub(crate) fn fail(&self, name: &str, arguments: &[&str]) -> String {
        assert_complaint(finish(&mut self.command(name, arguments)))
    }

    /// One of the operator's commands, such as `org list`.
    pub(crate) fn operator(&self, arguments: &[&str]) -> Command {
        let mut command = portcullis(arguments);
        command.arg("--config").arg(self.config());
        command
    }

    /// What one of the operator's commands printed as JSON; it has to succeed.
    pub(crate) fn done(&self, arguments: &[&str]) -> serde_json::Value {
        let Finished { code, stdout, stderr } = finish(self.operator(arguments).arg("--json"));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }

    /// What one of the operator's commands told that has to be refused.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        assert_complaint(finish(&mut self.operator(arguments)))
    }

    /// Serves; when this returns, the program has said that it is ready.
    pub(crate) fn run(&self) -> Running {
        Running::start(&mut self.command("run", &[]))
    }
}

impl Owner {
    /// Reads the output of `init`.
    pub(crate) fn in_output(text: &str) -> Self {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
            let value = line.and_then(|rest| rest.split_whitespace().next());
            value.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
        };
        Self {
            org: value("organization"),
            key_id: value("API key"),
            credential: Credential {
                public_key: value("public key"),
                private_key: value("private key"),
            },
        }
    }

    /// The path of the key's access list.
    pub(crate) fn list_path(&self) -> String {
        format!("/api/atlas/v2/orgs/{}/apiKeys/{}/accessList", self.org, self.key_id)
    }
}

/// `portcullis run`, ready.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let listening = last_line(&process.stderr.until("\"listening\""));
        let ready = last_line(&process.stderr.until("\"ready\""));
        let address = |line: &serde_json::Value, field: &str| {
            line[field]
                .as_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or_else(|| panic!("{line}"))
        };
        Self { proxy: address(&listening, "address"), admin: address(&ready, "admin"), process }
    }

    /// A call of the admin API.
    pub(crate) fn api(&self, owner: &Owner, method: &str, path: &str, body: &str) -> Answer {
        Client::connect(self.admin).digest(
            &owner.credential,
            method,
            path,
            &API_HEADERS,
            body.as_bytes(),
        )
    }

    /// The ranges on the owner's access list, in order.
    pub(crate) fn list(&self, owner: &Owner) -> Vec<String> {
        let path = format!("{}?itemsPerPage=500", owner.list_path());
        let answer = self.api(owner, "GET", &path, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let entries = answer.json()["results"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["cidrBlock"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks for a challenge and gives the connection with the line that answers it, for a request that is sent later.
    pub(crate) fn challenged(&self, owner: &Owner, method: &str, path: &str) -> (Client, String) {
        let mut client = Client::connect(self.admin);
        let answer = client.request(method, path, &API_HEADERS, b"");
        let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
        let line = authorization(&owner.credential, &challenge, method, path, 1);
        (client, line)
    }

    /// Stops in good order.
    pub(crate) fn stop(self) -> Finished {
        self.process.signal("TERM");
        self.process.finish()
    }
}

pub(crate) const API_HEADERS: [&str; 2] =
    ["Accept: application/vnd.atlas.2023-01-01+json", "Content-Type: application/json"];

fn last_line(text: &str) -> serde_json::Value {
    let line = text.lines().last().unwrap();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A command failed, and told why in words for a person. Gives the words.
#[track_caller]
pub(crate) fn assert_complaint(finished: Finished) -> String {
    let Finished { code, stdout, stderr } = finished;
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(stdout, "", "what went wrong is told on standard error");
    assert!(stderr.starts_with("error: "), "{stderr}");
    for inside in ["panicked", "backtrace", "stack", "Err(", "Some(", "kind:", "src/", "std::"] {
        assert!(!stderr.contains(inside), "{inside} in {stderr}");
    }
    stderr
}
