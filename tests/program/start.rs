//! Starts that can't succeed: each ends with exit code 1 and a message that says what to do, and nothing is made or changed.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;

use socket2::{Domain, Socket, Type};

use super::{Deployment, contents};
use crate::harness::deployment::{Owner, assert_complaint};
use crate::harness::program::{finish, portcullis};

/// Runs what can't start; what it told must hold every part, and nothing may have changed but the lock file.
fn refused(deployment: &Deployment, parts: &[&str]) {
    let before = contents(deployment);
    let told = deployment.fail("run", &[]);
    for part in parts {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.contains("\n  help: "), "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    let lock = |(name, _): &(String, Vec<u8>)| name.ends_with(".lock");
    let mut after = contents(deployment);
    if !before.iter().any(lock) {
        after.retain(|file| !lock(file));
    }
    let names = |files: &[(String, Vec<u8>)]| {
        files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&after), names(&before), "{parts:?}");
    assert!(after == before, "a file was changed: {parts:?}");
}

#[test]
fn without_a_config_it_names_the_file_it_looked_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = portcullis(["run"]);
    let told = assert_complaint(finish(command.current_dir(directory.path())));
    let place = directory.path().join("portcullis.toml");
    assert!(told.contains("portcullis.toml: can't be read: No such file"), "{told}");
    assert!(told.contains(&format!("looked for at {}", place.display())), "{told}");
    assert!(told.contains("--config FILE"), "{told}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn with_a_config_that_can_t_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let no_text = directory.path().join("no-text.toml");
    std::fs::write(&no_text, b"[admin]\nlisten = \"\xff\"\n").unwrap();
    let below_a_file = no_text.join("portcullis.toml");
    for (path, part) in [
        (directory.path(), "can't be read: Is a directory"),
        (no_text.as_path(), "no-text.toml:2:11: not UTF-8"),
        (below_a_file.as_path(), "can't be read: Not a directory"),
    ] {
        let mut command = portcullis(["run", "--config"]);
        let told = assert_complaint(finish(command.arg(path)));
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn on_a_port_that_another_program_has() {
    for (section, share_port) in
        [("main", false), ("main", true), ("admin", false), ("metrics", true)]
    {
        // What listens with `SO_REUSEPORT` would take half of the connections, were it allowed to.
        let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        taken.set_reuse_port(share_port).unwrap();
        taken.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        taken.listen(1).unwrap();
        let address = taken.local_addr().unwrap().as_socket().unwrap();
        let (deployment, _) = Deployment::without_upstream();
        let text = std::fs::read_to_string(deployment.config()).unwrap();
        let (mine, key) = match section {
            "main" => {
                (text.replacen("127.0.0.1:0", &address.to_string(), 1), "`listeners.main.listen`")
            }
            "admin" => (
                text.replace(
                    "[admin]\nlisten = \"127.0.0.1:0\"",
                    &format!("[admin]\nlisten = \"{address}\""),
                ),
                "`admin.listen`",
            ),
            _ => (format!("{text}[metrics]\nlisten = \"{address}\"\n"), "`metrics.listen`"),
        };
        std::fs::write(deployment.config(), mine).unwrap();
        let message = format!("listener {section}: cannot listen on {address}");
        refused(
            &deployment,
            &[&message, "Address already in use", "stop it, or choose another", key],
        );
    }
}

#[test]
fn on_an_address_of_another_machine() {
    let (deployment, _) = Deployment::without_upstream();
    let text = std::fs::read_to_string(deployment.config()).unwrap();
    std::fs::write(deployment.config(), text.replacen("127.0.0.1:0", "192.0.2.1:8080", 1)).unwrap();
    refused(&deployment, &["192.0.2.1:8080", "this machine has no such address"]);
}

#[test]
fn without_its_key_file_or_with_one_that_is_not_its_own() {
    let (deployment, _) = Deployment::without_upstream();
    let (other, _) = Deployment::without_upstream();
    let key_file = deployment.key_file();
    let own = std::fs::read(&key_file).unwrap();

    std::fs::set_permissions(&key_file, Permissions::from_mode(0o644)).unwrap();
    refused(&deployment, &["has mode 0644, expected 0600", "chmod 600 "]);
    std::fs::set_permissions(&key_file, Permissions::from_mode(0o600)).unwrap();

    std::fs::write(&key_file, std::fs::read(other.key_file()).unwrap()).unwrap();
    let line = own.split(|byte| *byte == b'\n').rfind(|line| line.starts_with(b"portcullis-key-1"));
    let id = String::from_utf8(line.unwrap()[17..25].to_vec()).unwrap();
    refused(
        &deployment,
        &[&format!("was sealed with key {id}"), &format!("`portcullis-key-1 {id} ")],
    );

    std::fs::write(&key_file, b"portcullis-key-1 nonsense\n").unwrap();
    refused(&deployment, &["portcullis.key, line 1: expected ", "`store.key_file`"]);

    std::fs::remove_file(&key_file).unwrap();
    refused(&deployment, &["portcullis.key does not exist", "put your copy of it back"]);
    deployment.fail("init", &[]);

    std::fs::remove_file(deployment.database()).unwrap();
    refused(&deployment, &["portcullis.key does not exist", "`portcullis init` makes it"]);
}

#[test]
fn without_its_database_or_with_a_damaged_one() {
    let (deployment, owner) = Deployment::without_upstream();
    let database = deployment.database();
    let whole = std::fs::read(&database).unwrap();
    std::fs::remove_file(&database).unwrap();
    refused(&deployment, &["portcullis.db does not exist", "`portcullis init` makes it"]);

    // Not the same bytes again and again, so that no page looks like one of a database.
    let garbage: Vec<u8> =
        (0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut page_lost = whole.clone();
    page_lost[8192..12_288].fill(0xa5);
    for (damaged, finding) in [
        (&garbage[..], "it is no SQLite database"),
        (b"", "it is no SQLite database"),
        (&whole[..20_000], "it ends in the middle of a page"),
        (&whole[..20_480], "database disk image is malformed"),
        (&page_lost, "damaged or no Portcullis database"),
    ] {
        std::fs::write(&database, damaged).unwrap();
        refused(&deployment, &["portcullis.db is damaged", finding, "nothing in it was changed"]);
    }

    std::fs::write(&database, &whole).unwrap();
    assert_eq!(deployment.run().list(&owner).len(), 2, "and the whole one still serves");
}

#[test]
fn on_a_database_that_another_process_has() {
    let (deployment, owner) = Deployment::without_upstream();
    let running = deployment.run();
    let told = deployment.fail("run", &[]);
    let expected =
        "is in use by another process\n  help: another Portcullis runs on it: stop that one";
    assert!(told.contains(expected), "{told}");
    let told = deployment.fail("init", &[]);
    assert!(told.contains("exists already"), "{told}");
    assert_eq!(running.list(&owner).len(), 2, "the first one goes on");
}

#[test]
fn where_its_files_can_t_be() {
    for (more, parts) in [
        (
            "[store]\npath = \"portcullis.toml/p.db\"\nkey_file = \"portcullis.key\"",
            &[
                "portcullis.toml/p.db: can't be found",
                "cause: Not a directory",
                "`store.path` has to",
            ][..],
        ),
        (
            "[store]\npath = \"portcullis.db\"\nkey_file = \"portcullis.toml/p.key\"",
            &[
                "portcullis.toml/p.key can't be opened",
                "cause: Not a directory",
                "`store.key_file` has to",
            ],
        ),
    ] {
        let (deployment, _) = Deployment::without_upstream();
        deployment.configure((Ipv4Addr::LOCALHOST, 9).into(), more);
        refused(&deployment, parts);
    }
    let (deployment, _) = Deployment::without_upstream();
    let text = std::fs::read_to_string(deployment.config()).unwrap();
    let text = text.replace("access = \"off\"", "access = \"portcullis.toml/access.log\"");
    std::fs::write(deployment.config(), text).unwrap();
    let file = deployment.path("portcullis.toml/access.log");
    let message = format!("the access log cannot be started on {}", file.display());
    refused(&deployment, &[&message, "cause: Not a directory", "`log.access` has to be"]);
}

#[test]
fn after_a_refused_start_a_good_one_succeeds() {
    let deployment = Deployment::of((Ipv4Addr::LOCALHOST, 9).into(), "");
    deployment.fail("run", &[]);
    assert_eq!(deployment.files(), ["portcullis.toml"]);
    let owner = Owner::in_output(&deployment.succeed("init", &[]));
    assert_eq!(deployment.run().list(&owner).len(), 2);
}
