//! Processes: the real program as a user runs it, and the peers it is run with.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The program with arguments; nothing of the environment is meant for it.
pub(crate) fn portcullis<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let ours = std::env::vars_os()
        .filter(|(name, _)| name.to_string_lossy().to_ascii_uppercase().starts_with("PORTCULLIS"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    // A backtrace, if the program would print one, is to be seen.
    command.args(arguments).env("RUST_BACKTRACE", "1");
    command
}

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Finished {
    /// None: a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a process to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    Process::start(command).finish()
}

/// A process under way. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Pipe,
    pub(crate) stderr: Pipe,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Pipe::reading(child.stdout.take().unwrap());
        let stderr = Pipe::reading(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Sends a signal, by a name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let send = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &send]).status().unwrap();
        assert!(sent.success(), "{send}");
    }

    /// Ends it by SIGKILL, as a crash or a lack of memory does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        Finished { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process writes, line by line.
#[derive(Debug)]
pub(crate) struct Pipe {
    lines: Receiver<String>,
    seen: String,
}

impl Pipe {
    fn reading(stream: impl Read + Send + 'static) -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self { lines, seen: String::new() }
    }

    /// Everything up to the next line that has `part` in it, waiting for it.
    pub(crate) fn until(&mut self, part: &str) -> String {
        self.until_any(&[part])
    }

    /// Everything up to the next line that has one of `parts` in it.
    pub(crate) fn until_any(&mut self, parts: &[&str]) -> String {
        let mut text = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {parts:?} after {}{text}", self.seen));
            text.push_str(&line);
            if parts.iter().any(|part| line.contains(part)) {
                self.seen.push_str(&text);
                return text;
            }
        }
    }

    /// Everything up to the end, what was read before included.
    fn rest(&mut self) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push_str(&line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(_) => panic!("the process does not end; it wrote {}", self.seen),
            }
        }
        std::mem::take(&mut self.seen)
    }
}

/// Far above anything that is waited for: a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(60);
