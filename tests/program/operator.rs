//! The operator's commands: on a node that runs, over its socket, and on a stopped one, on its store.

mod socket;

use std::process::Stdio;

use super::Deployment;
use crate::harness::account::{bearer, post_form};
use crate::harness::client::{Client, Credential};
use crate::harness::deployment::{Owner, Running, assert_complaint};
use crate::harness::program::finish;

fn text<'a>(value: &'a serde_json::Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// The member of each result of a list.
fn each(list: &serde_json::Value, member: &str) -> Vec<String> {
    let results = list["results"].as_array().unwrap_or_else(|| panic!("{list}"));
    results.iter().map(|result| text(result, member).to_owned()).collect()
}

/// The same in order: ids of one second, made by different processes, sort as it happens.
fn sorted(list: &serde_json::Value, member: &str) -> Vec<String> {
    let mut values = each(list, member);
    values.sort();
    values
}

/// Does everything an operator can do, and sees that each command finds what the one before it did.
fn every_command(deployment: &Deployment, owner: &Owner) {
    let made = deployment.done(&["org", "create", "Second"]);
    let org = text(&made, "id");
    assert_eq!((text(&made, "name"), &made["apiAccessListRequired"]), ("Second", &true.into()));
    assert_eq!(text(&deployment.done(&["org", "rename", "Second", "Büro 7"]), "id"), org);
    assert_eq!(sorted(&deployment.done(&["org", "list"]), "name"), ["Büro 7", "default"]);

    keys(deployment, org);
    service_accounts(deployment, org);
    let first = text(&deployment.done(&["signing-key", "rotate"]), "id").to_owned();
    assert_ne!(text(&deployment.done(&["signing-key", "rotate"]), "id"), first);

    let list = deployment.done(&["access-list", "list", &owner.key_id]);
    assert_eq!(each(&list, "cidrBlock"), ["127.0.0.1/32", "::1/128"], "others' lists stay");
}

fn keys(deployment: &Deployment, org: &str) {
    let new = |desc, role| {
        let arguments = [
            "key",
            "create",
            "--org",
            "Büro 7",
            "--desc",
            desc,
            "--role",
            role,
            "--role",
            "ORG_MEMBER",
        ];
        deployment
            .done(&[&arguments[..], &["--allow", "10.0.0.0/8", "--allow", "127.0.0.1"]].concat())
    };
    let (first, second) = (new("first", "ORG_OWNER"), new("second", "ORG_READ_ONLY"));
    assert_eq!((text(&first, "orgId"), &first["entries"]), (org, &2.into()));
    assert_eq!(text(&first, "privateKey").len(), 36);
    let listed = deployment.done(&["key", "list", "--org", org]);
    assert_eq!(sorted(&listed, "desc"), ["first", "second"]);
    assert!(listed["results"][0].get("privateKey").is_none(), "{listed}");

    let (id, public_key) = (text(&second, "id"), text(&second, "publicKey"));
    let list = deployment.done(&["access-list", "add", public_key, "2001:DB8::/32", "10.0.0.0/8"]);
    assert_eq!(text(&list, "credential"), id);
    assert_eq!(each(&list, "cidrBlock"), ["10.0.0.0/8", "127.0.0.1/32", "2001:DB8::/32"]);
    let gone = deployment.done(&["access-list", "rm", id, "127.0.0.1"]);
    assert_eq!(text(&gone, "removed"), "127.0.0.1/32");
    let list = deployment.done(&["access-list", "list", public_key]);
    assert_eq!(each(&list, "cidrBlock"), ["10.0.0.0/8", "2001:DB8::/32"]);

    assert_eq!(text(&deployment.done(&["key", "delete", public_key]), "removed"), id);
    assert_eq!(each(&deployment.done(&["key", "list", "--org", org]), "desc"), ["first"]);
    assert!(
        deployment
            .refused(&["access-list", "list", public_key])
            .contains("expected one that is there")
    );
}

fn service_accounts(deployment: &Deployment, org: &str) {
    let made = deployment.done(&[
        "service-account",
        "create",
        "--org",
        org,
        "--name",
        "ci",
        "--desc",
        "of the build",
        "--role",
        "ORG_READ_ONLY",
        "--allow",
        "192.0.2.1",
        "--secret-hours",
        "24",
    ]);
    let id = text(&made, "clientId");
    assert!(text(&made["secrets"][0], "secret").starts_with("mdb_sa_sk_"), "{made}");
    let second = deployment.done(&["service-account", "secret", "create", id, "--hours", "8"]);
    assert_eq!((text(&second, "clientId"), text(&second, "secret").len()), (id, 50));
    let told = deployment.refused(&["service-account", "secret", "create", id, "--hours", "8"]);
    assert!(told.contains("may have 2 secrets\n  help: remove one first"), "{told}");

    let first = text(&made["secrets"][0], "id");
    deployment.done(&["service-account", "secret", "delete", id, first]);
    let listed = deployment.done(&["service-account", "list", "--org", org]);
    let secrets = &listed["results"][0]["secrets"];
    assert_eq!(
        (secrets.as_array().unwrap().len(), text(&secrets[0], "id")),
        (1, text(&second, "id"))
    );
    assert!(secrets[0].get("secret").is_none(), "{listed}");

    assert_eq!(each(&deployment.done(&["access-list", "list", id]), "ipAddress"), ["192.0.2.1"]);
    assert_eq!(text(&deployment.done(&["service-account", "delete", id]), "removed"), id);
    assert_eq!(each(&deployment.done(&["service-account", "list", "--org", org]), "name"), [""; 0]);
}

#[test]
fn every_command_works_on_a_node_that_runs() {
    let (deployment, owner) = Deployment::without_upstream();
    let running = deployment.run();
    every_command(&deployment, &owner);
    assert_eq!(running.list(&owner).len(), 2);
    assert_eq!(running.stop().code, Some(0));
    assert_eq!(sorted(&deployment.done(&["org", "list"]), "name"), ["Büro 7", "default"]);
}

#[test]
fn every_command_works_on_a_stopped_node() {
    let (deployment, owner) = Deployment::without_upstream();
    every_command(&deployment, &owner);
    let running = deployment.run();
    assert_eq!(running.list(&owner).len(), 2);
    assert_eq!(sorted(&deployment.done(&["org", "list"]), "name"), ["Büro 7", "default"]);
}

#[test]
fn an_owner_who_has_locked_themselves_out_gets_back_in_with_the_next_request() {
    let (deployment, owner) = Deployment::without_upstream();
    let running = deployment.run();
    let status = |running: &Running| running.api(&owner, "GET", &owner.list_path(), "").status;
    for entry in ["127.0.0.1", "::1"] {
        deployment.done(&["access-list", "rm", &owner.key_id, entry]);
    }
    assert_eq!(status(&running), 403, "an empty list admits nobody");
    deployment.done(&["access-list", "add", &owner.key_id, "192.0.2.0/24"]);
    assert_eq!(status(&running), 403, "a list of others' addresses does not either");
    deployment.done(&["access-list", "add", &owner.credential.public_key, "127.0.0.0/8"]);
    assert_eq!(status(&running), 200);

    let list = deployment.done(&["access-list", "list", &owner.key_id]);
    let used = &list["results"][1];
    assert_eq!((&used["count"], text(used, "lastUsedAddress")), (&1.into(), "127.0.0.1"), "{list}");
    let table = finish(&mut deployment.operator(&["access-list", "list", &owner.key_id])).stdout;
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0].join(" "), "ENTRY COUNT LAST USED LAST ADDRESS ADDED");
    assert_eq!(rows[2][..3], ["127.0.0.0/8", "1", text(used, "lastUsed")], "{table}");
}

#[test]
fn a_first_key_of_a_new_organization_signs_in_at_once() {
    let (deployment, _) = Deployment::without_upstream();
    let running = deployment.run();
    deployment.done(&["org", "create", "Second"]);
    let made = finish(&mut deployment.operator(&[
        "key",
        "create",
        "--org",
        "Second",
        "--desc",
        "owner",
        "--role",
        "ORG_OWNER",
        "--allow",
        "127.0.0.1",
    ]));
    let owner = Owner::in_output(&made.stdout);
    assert_eq!(made.stdout.matches(&owner.credential.private_key).count(), 1, "{}", made.stdout);
    assert_eq!(running.list(&owner), ["127.0.0.1/32"]);
    // And on the proxy: the upstream is away, which is not the credential's fault.
    let answer = Client::connect(running.proxy).digest(&owner.credential, "GET", "/", &[], b"");
    assert_eq!(answer.status, 502);
    let wrong = Credential { private_key: "wrong".into(), ..owner.credential.clone() };
    assert_eq!(Client::connect(running.proxy).digest(&wrong, "GET", "/", &[], b"").status, 401);
    let told = running.stop().stderr;
    assert!(!told.contains(&owner.credential.private_key), "{told}");
}

#[test]
fn a_service_account_s_token_outlives_a_new_signing_key_and_ends_with_the_account() {
    let (deployment, _) = Deployment::without_upstream();
    let running = deployment.run();
    let made = deployment.done(&[
        "service-account",
        "create",
        "--name",
        "ci",
        "--desc",
        "of the build",
        "--role",
        "ORG_READ_ONLY",
        "--allow",
        "127.0.0.1",
        "--secret-hours",
        "24",
    ]);
    let id = text(&made, "clientId");
    let token = || {
        let secret = text(&made["secrets"][0], "secret");
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let admin = &mut Client::connect(running.admin);
        let answer = post_form(admin, "/api/oauth/token", &[], &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        text(&answer.json(), "access_token").to_owned()
    };
    let status = |token: &str| {
        Client::connect(running.proxy).request("GET", "/", &[&bearer(token)], b"").status
    };
    let before = token();
    assert_eq!(status(&before), 502, "let through to an upstream that is away");
    deployment.done(&["signing-key", "rotate"]);
    let after = token();
    assert_ne!(after.split('.').next(), before.split('.').next(), "signed with another key");
    assert_eq!((status(&before), status(&after)), (502, 502));
    deployment.done(&["service-account", "delete", id]);
    assert_eq!((status(&before), status(&after)), (401, 401));
}

#[test]
fn a_change_is_told_in_the_operator_s_log_with_who_gave_it() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut running = deployment.run();
    deployment.done(&["access-list", "add", &owner.key_id, "192.0.2.1"]);
    let line = running.process.stderr.until("\"entries added\"");
    let line: serde_json::Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    let own =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(deployment.database()).unwrap());
    assert_eq!(line["span"], serde_json::json!({ "name": "operator", "uid": own }), "{line}");
    assert_eq!(line["credential"], owner.key_id, "{line}");
}

#[test]
fn a_change_over_the_admin_api_is_told_with_who_made_it_from_where() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut running = deployment.run();
    let answer = running.api(&owner, "POST", &owner.list_path(), r#"[{"ipAddress":"192.0.2.1"}]"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let line = running.process.stderr.until("\"entries added\"");
    let line: serde_json::Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    let caller = serde_json::json!({
        "name": "caller", "principal": owner.key_id, "client": "127.0.0.1",
        "request_id": answer.header("x-request-id").unwrap(),
    });
    assert_eq!(line["span"], caller, "{line}");
}

#[test]
fn a_command_that_is_refused_names_the_field_the_value_and_what_was_expected() {
    let (deployment, owner) = Deployment::without_upstream();
    let unknown = "32b6e34b3d91647abb20e7b8";
    let client = format!("mdb_sa_id_{unknown}");
    let key = owner.key_id.as_str();
    deployment.done(&["org", "create", "Twin"]);
    deployment.done(&["org", "create", "Twin"]);
    let refusals: &[(&[&str], &str, &str)] = &[
        (
            &["key", "list"],
            "organization: not given, expected the id or the name of one: there are 3",
            "--org",
        ),
        (
            &["key", "list", "--org", "x\u{7}y"],
            "organization: found \"x\\u{7}y\", expected the id or the name of one",
            "org list",
        ),
        (
            &["org", "rename", "Twin", "x"],
            "organization: found \"Twin\", expected an id: more than one",
            "org list",
        ),
        (
            &["key", "delete", unknown],
            &format!("credential: found \"{unknown}\", expected one that is there"),
            "key list",
        ),
        (
            &["key", "delete", "zzzzzzzz"],
            "credential: found \"zzzzzzzz\", expected one that is there",
            "key list",
        ),
        (
            &["key", "delete", key],
            "the credential is the last owner of its organization",
            "make another owner first",
        ),
        (
            &["service-account", "delete", key],
            "an API key, expected a service account",
            "service-account list",
        ),
        (
            &["service-account", "delete", &client],
            &format!("found \"{client}\", expected one that is there"),
            "list",
        ),
        (
            &["access-list", "rm", key, "192.0.2.0/24"],
            &format!("entry: found 192.0.2.0/24, expected a range that is on the list of {key}"),
            "exactly",
        ),
    ];
    for (arguments, part, help) in refusals {
        let on_the_store = deployment.refused(arguments);
        assert!(on_the_store.contains(part), "{part} in {on_the_store}");
        let (_, advice) = on_the_store.split_once("\n  help: ").expect("advice");
        assert!(advice.contains(help), "{help} in {advice}");
    }
    let _running = deployment.run();
    for (arguments, part, _) in refusals {
        let on_the_node = deployment.refused(arguments);
        assert!(on_the_node.contains(part) && on_the_node.contains("  help: "), "{on_the_node}");
    }
}

#[test]
fn what_was_made_and_could_not_be_shown_is_named() {
    let (deployment, _) = Deployment::without_upstream();
    let _running = deployment.run();
    let create = ["key", "create", "--desc", "lost", "--role", "ORG_READ_ONLY"];
    for json in [&[][..], &["--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = deployment.operator(&create);
        let child = command.args(json).stdout(full).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: cannot write to standard output: "), "{told}");
        let (_, rest) = told.split_once("`portcullis key delete ").expect("a way to remove it");
        let id = rest.split('`').next().unwrap();
        assert_eq!(text(&deployment.done(&["key", "delete", id]), "removed"), id);
    }
}

#[test]
fn an_answer_outlives_a_kill_9_that_comes_right_after_it() {
    let (deployment, owner) = Deployment::without_upstream();
    let mut expected = vec!["127.0.0.1/32".to_owned(), "::1/128".to_owned()];
    for round in 1..=8 {
        let mut running = deployment.run();
        let entry = format!("198.51.100.{round}");
        deployment.done(&["access-list", "add", &owner.key_id, &entry]);
        running.process.kill();
        expected.push(format!("{entry}/32"));
        // On the store, since the socket that the killed node left is nobody's.
        let list = deployment.done(&["access-list", "list", &owner.key_id]);
        assert_eq!(each(&list, "cidrBlock"), expected, "after kill {round}");
    }
}

#[test]
fn a_store_that_is_not_there_or_not_its_own_is_told_as_at_a_start() {
    let deployment = Deployment::of((std::net::Ipv4Addr::LOCALHOST, 9).into(), "");
    let told = deployment.refused(&["org", "list"]);
    assert!(
        told.contains("portcullis.key does not exist") && told.contains("`portcullis init`"),
        "{told}"
    );
    assert_eq!(deployment.files(), ["portcullis.toml"]);
    let mut command = deployment.operator(&["org", "list"]);
    let told = assert_complaint(finish(command.env("PORTCULLIS__ADMIN__SOCKET", "of")));
    assert!(
        told.contains("key `admin.socket`: found `of`, expected `off`, or the path of a socket"),
        "{told}"
    );
}
