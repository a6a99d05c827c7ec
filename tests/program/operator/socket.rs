//! The socket: whose it is, what becomes of it, and what it bears.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{Deployment, each};
use crate::harness::deployment::assert_complaint;
use crate::harness::program::{Process, finish};

/// Sends bytes, says that there are no more, and gives what comes back: nothing, where the connection was cut.
fn exchange(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    // A server that has heard enough takes no more.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &str) -> Vec<u8> {
    format!("POST /command HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[test]
fn is_private_while_the_node_runs_and_gone_afterwards() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut command = deployment.command("run", &[]);
    let mut process = Process::start(&mut command);
    let ready = process.stderr.until("\"ready\"");
    let ready: serde_json::Value = serde_json::from_str(ready.lines().last().unwrap()).unwrap();
    assert_eq!(ready["socket"], deployment.socket().display().to_string());
    assert_eq!(super::super::mode(&deployment.socket()), 0o600);
    assert_eq!(each(&deployment.done(&["key", "list"]), "id"), [owner.key_id]);
    process.signal("TERM");
    assert_eq!(process.finish().code, Some(0));
    assert!(!deployment.socket().exists());
    let kinds = ["portcullis.db", "portcullis.db.lock", "portcullis.key", "portcullis.toml"];
    assert_eq!(deployment.files(), kinds, "nor is anything else left");
}

#[test]
fn hears_nobody_but_its_own_user_and_root() {
    let (deployment, owner) = Deployment::without_upstream();
    let _running = deployment.run();
    assert_eq!(each(&deployment.done(&["key", "list"]), "id"), [owner.key_id.as_str()]);
    let own = std::fs::metadata(deployment.socket()).unwrap().uid();
    if own != 0 {
        return; // To become another user takes root; a test of the server's own holds the rule for everybody.
    }
    // The program where another user finds it.
    let program = deployment.path("program");
    std::fs::copy(env!("CARGO_BIN_EXE_portcullis"), &program).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(deployment.directory(), Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(deployment.config(), Permissions::from_mode(0o644)).unwrap();
    let as_nobody = || {
        let mut command = Command::new(&program);
        command.args(["key", "list", "--config"]).arg(deployment.config()).uid(NOBODY).gid(NOBODY);
        assert_complaint(finish(&mut command))
    };
    let told = as_nobody();
    assert!(told.contains("can't be connected to\n  cause: Permission denied"), "{told}");
    assert!(
        told.contains("help: run this as the user that Portcullis runs as, or as root"),
        "{told}"
    );

    std::fs::set_permissions(deployment.socket(), Permissions::from_mode(0o666)).unwrap();
    let told = as_nobody();
    assert!(told.contains("no reply") && told.contains("it hears only root"), "{told}");
    assert!(!told.contains(&owner.key_id), "{told}");
}

#[test]
fn that_a_crashed_node_left_is_replaced() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut running = deployment.run();
    running.process.kill();
    assert!(deployment.socket().exists());
    let running = deployment.run();
    assert_eq!(each(&deployment.done(&["key", "list"]), "id"), [owner.key_id]);
    assert_eq!(running.stop().code, Some(0));
    assert!(!deployment.socket().exists());
}

#[test]
fn of_another_node_is_left_to_it() {
    let (first, owner) = Deployment::without_upstream();
    let running = first.run();
    let socket =
        format!("[admin]\nlisten = \"127.0.0.1:0\"\nsocket = \"{}\"", first.socket().display());
    let (second, other) = Deployment::without_upstream();
    let text = std::fs::read_to_string(second.config()).unwrap();
    let sharing = text.replace("[admin]\nlisten = \"127.0.0.1:0\"", &socket);
    assert_ne!(sharing, text);
    std::fs::write(second.config(), sharing).unwrap();
    let told = second.fail("run", &[]);
    let message = format!("socket {} is in use by another process", first.socket().display());
    assert!(told.contains(&message) && told.contains("of its own by `admin.socket`"), "{told}");
    assert_eq!(
        each(&first.done(&["key", "list"]), "id"),
        [owner.key_id.as_str()],
        "the first one goes on"
    );

    // With a socket each, each hears its own operator.
    std::fs::write(second.config(), text).unwrap();
    let _second = second.run();
    assert_eq!(each(&first.done(&["key", "list"]), "id"), [owner.key_id]);
    assert_eq!(each(&second.done(&["key", "list"]), "id"), [other.key_id]);
    assert_eq!(running.stop().code, Some(0));
}

#[test]
fn is_not_made_over_anything_else_or_where_none_can_be() {
    let (deployment, _) = Deployment::without_upstream();
    std::fs::write(deployment.socket(), "mine").unwrap();
    let told = deployment.fail("run", &[]);
    assert!(
        told.contains("there is something else of that name\n  help: nothing of it was changed"),
        "{told}"
    );
    assert_eq!(std::fs::read(deployment.socket()).unwrap(), b"mine");
    for (place, part) in
        [("no/p.sock", "No such file or directory"), ("portcullis.toml/p.sock", "Not a directory")]
    {
        let mut command = deployment.command("run", &[]);
        let told = assert_complaint(finish(command.env("PORTCULLIS__ADMIN__SOCKET", place)));
        assert!(
            told.contains(part) && told.contains("`admin.socket` has to name a place"),
            "{told}"
        );
    }
}

#[test]
fn can_be_off_and_then_the_commands_are_for_a_stopped_node() {
    let (deployment, owner) = Deployment::without_upstream();
    let off = |mut command: Command| {
        command.env("PORTCULLIS__ADMIN__SOCKET", "off");
        command
    };
    let mut process = Process::start(&mut off(deployment.command("run", &[])));
    let ready = process.stderr.until("\"ready\"");
    assert!(ready.contains("\"socket\":\"off\""), "{ready}");
    assert!(!deployment.socket().exists());
    let told = assert_complaint(finish(&mut off(deployment.operator(&["key", "list"]))));
    assert!(
        told.contains(
            "is in use by another process\n  help: Portcullis runs on it, with its socket off"
        ),
        "{told}"
    );
    let told = deployment.refused(&["key", "list"]);
    let message = format!("does not listen on {}", deployment.socket().display());
    assert!(told.contains(&message) && told.contains("starting or stopping"), "{told}");
    process.signal("TERM");
    assert_eq!(process.finish().code, Some(0));
    let listed = finish(&mut off(deployment.operator(&["key", "list"])));
    assert!(listed.stdout.contains(&owner.key_id), "{}", listed.stdout);
}

#[test]
fn bears_whatever_is_sent_to_it() {
    let (deployment, owner) = Deployment::without_upstream();
    let running = deployment.run();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let large =
        format!("{{\"command\":\"createOrganization\",\"name\":\"{}\"}}", "x".repeat(1 << 20));
    for (sent, status) in [
        (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), "HTTP/1.1 400"),
        (b"GET /command HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "HTTP/1.1 405"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), "HTTP/1.1 404"),
        (post(""), "HTTP/1.1 400"),
        (post("\u{0}"), "HTTP/1.1 400"),
        (post(&deep), "HTTP/1.1 400"),
        (post("[]"), "HTTP/1.1 400"),
        (post("{\"command\":\"dropTables\"}"), "HTTP/1.1 400"),
        (post("{\"command\":\"deleteKey\",\"credential\":7}"), "HTTP/1.1 400"),
        (post("{\"command\":\"createOrganization\",\"name\":\"\",\"extra\":1}"), "HTTP/1.1 400"),
        (post("{\"command\":\"createOrganization\",\"name\":\"\"}"), "HTTP/1.1 422"),
        (
            post("{\"command\":\"createKey\",\"description\":\"x\",\"roles\":[],\"allow\":[]}"),
            "HTTP/1.1 422",
        ),
        (
            post("{\"command\":\"createSecret\",\"credential\":\"abcdefgh\",\"hours\":4294967295}"),
            "HTTP/1.1 422",
        ),
        (
            post("{\"command\":\"addEntries\",\"credential\":\"abcdefgh\",\"entries\":[]}"),
            "HTTP/1.1 422",
        ),
    ] {
        let answer = exchange(&deployment.socket(), &sent);
        assert!(answer.starts_with(status), "{status}, not {answer:?}");
    }
    // Too much: an answer, or a connection that is cut while it is sent.
    let answer = exchange(&deployment.socket(), &post(&large));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Half a request, and a client that has gone before its answer.
    UnixStream::connect(deployment.socket()).unwrap().write_all(b"POST /comm").unwrap();
    UnixStream::connect(deployment.socket())
        .unwrap()
        .write_all(&post("{\"command\":\"listOrganizations\"}"))
        .unwrap();

    assert_eq!(each(&deployment.done(&["org", "list"]), "name"), ["default"], "nothing was made");
    assert_eq!(running.list(&owner).len(), 2);
    let finished = running.stop();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn takes_so_many_at_once_and_lets_the_next_wait() {
    let (deployment, _) = Deployment::without_upstream();
    let running = deployment.run();
    let silent: Vec<_> =
        (0..16).map(|_| UnixStream::connect(deployment.socket()).unwrap()).collect();
    let waiting = Process::start(&mut deployment.operator(&["org", "list"]));
    // The proxy and the admin API know nothing of it.
    assert_eq!(crate::harness::Client::connect(running.admin).get("/readyz").status, 200);
    drop(silent);
    let finished = waiting.finish();
    assert!(finished.stdout.contains("default"), "{}", finished.stderr);
}

#[test]
fn does_not_hold_up_a_stop() {
    let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
    deployment.succeed("init", &[]);
    let running = deployment.run();
    let mut silent = UnixStream::connect(deployment.socket()).unwrap();
    let mut half = UnixStream::connect(deployment.socket()).unwrap();
    half.write_all(b"POST /command HTTP/1.1\r\nHost: x\r\n").unwrap();
    let begun = Instant::now();
    assert_eq!(running.stop().code, Some(0));
    assert!(begun.elapsed().as_secs() < 8, "nobody waited for the rest of the request");
    let mut rest = Vec::new();
    assert_eq!(silent.read_to_end(&mut rest).unwrap_or(0), 0);
}

/// A user that owns nothing.
const NOBODY: u32 = 65_534;
