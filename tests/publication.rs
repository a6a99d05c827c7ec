//! A change that was acknowledged is in force for the next request, whatever happens at the same time.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::channel;

use portcullis::identity::Role;

use crate::harness::client::Credential;
use crate::harness::{Client, Flag, Gateway, Options, Session, Upstream};

/// A key that may always come from 127.0.0.77, so that its list is never empty.
fn key(gateway: &Gateway) -> (String, Credential) {
    gateway.new_key(&[Role::Member], &["127.0.0.77"])
}

fn list_of(gateway: &Gateway, key: &str) -> String {
    format!("/orgs/{}/apiKeys/{key}/accessList", gateway.org)
}

fn add(gateway: &Gateway, key: &str, address: &str) {
    let body = format!("[{{\"ipAddress\":\"{address}\"}}]");
    assert_eq!(gateway.api("POST", &list_of(gateway, key), &body).status, 200);
}

fn remove(gateway: &Gateway, key: &str, address: &str) {
    let path = format!("{}/{address}", list_of(gateway, key));
    assert_eq!(gateway.api("DELETE", &path, "").status, 204);
}

fn get(gateway: &Gateway, credential: &Credential, from: &str) -> u16 {
    let mut client = Client::connect_from(from.parse().unwrap(), gateway.proxy());
    client.digest(credential, "GET", "/", &[], b"").status
}

#[test]
fn an_entry_is_in_force_once_its_post_is_answered_and_out_of_force_once_its_delete_is() {
    let gateway = Gateway::start(Upstream::echo().address);
    let (id, credential) = key(&gateway);
    // One connection, on which requests go before and after each change.
    let from = Client::connect_from("127.0.0.9".parse().unwrap(), gateway.proxy());
    let mut session = Session::open(from, &credential);
    for cycle in 0..60 {
        assert_eq!(session.get("/").status, 403, "cycle {cycle}");
        add(&gateway, &id, "127.0.0.9");
        assert_eq!(session.get("/").status, 200, "cycle {cycle}");
        remove(&gateway, &id, "127.0.0.9");
    }
    assert_eq!(session.get("/").status, 403);
}

#[test]
fn a_key_is_good_once_it_is_made_and_no_longer_once_it_is_deleted() {
    let gateway = Gateway::start(Upstream::echo().address);
    let keys = format!("/orgs/{}/apiKeys", gateway.org);
    let made = gateway.api("POST", &keys, r#"{"desc":"a test's","roles":["ORG_MEMBER"]}"#).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let credential = Credential { public_key: text("publicKey"), private_key: text("privateKey") };
    assert_eq!(get(&gateway, &credential, "127.0.0.1"), 403, "known, but its list is empty");
    add(&gateway, &text("id"), "127.0.0.1");
    let mut session = Session::open(gateway.client(), &credential);
    assert_eq!(session.get("/").status, 200);
    assert_eq!(gateway.api("DELETE", &format!("{keys}/{}", text("id")), "").status, 204);
    assert_eq!(session.get("/").status, 401);
}

#[test]
fn a_change_of_roles_decides_the_next_request() {
    let options = Options {
        route: "organizations = [\"*\"]\nroles = [\"ORG_READ_ONLY\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let (id, credential) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let mut session = Session::open(gateway.client(), &credential);
    let path = format!("/orgs/{}/apiKeys/{id}", gateway.org);
    for (roles, status) in [
        ("ORG_READ_ONLY", 200),
        ("ORG_BILLING_ADMIN", 403),
        ("ORG_OWNER", 200),
        ("ORG_MEMBER", 403),
    ] {
        let body = format!("{{\"roles\":[\"{roles}\"]}}");
        assert_eq!(gateway.api("PATCH", &path, &body).status, 200);
        assert_eq!(session.get("/").status, status, "{roles}");
    }
}

#[test]
fn a_change_is_kept_by_a_restart() {
    let mut gateway = Gateway::start(Upstream::echo().address);
    let (id, credential) = key(&gateway);
    add(&gateway, &id, "127.0.0.9");
    gateway.restart();
    assert_eq!(get(&gateway, &credential, "127.0.0.9"), 200);
    remove(&gateway, &id, "127.0.0.9");
    gateway.restart();
    assert_eq!(get(&gateway, &credential, "127.0.0.9"), 403);
}

/// Where the one entry is, by a number that only grows: `n % 4` is 0 from the answer to a removal to the next addition's
/// beginning, and 2 from the answer to an addition to the next removal's beginning. In between anything may be true.
#[derive(Default)]
struct Phase(AtomicU64);

impl Phase {
    fn now(&self) -> u64 {
        self.0.load(SeqCst)
    }

    fn next(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn no_request_begun_after_the_answer_to_a_removal_passes() {
    const CYCLES: usize = 40;
    const CLIENTS: usize = 4;
    let gateway = Gateway::start(Upstream::echo().address);
    let (id, credential) = key(&gateway);
    let (phase, done) = (Phase::default(), Flag::default());
    let (judged, verdicts) = channel();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (credential, phase, done) = (&credential, &phase, &done);
            let (proxy, judged) = (gateway.proxy(), judged.clone());
            scope.spawn(move || {
                let from = Client::connect_from("127.0.0.9".parse().unwrap(), proxy);
                let mut session = Session::open(from, credential);
                while !done.is_raised() {
                    let before = phase.now();
                    let status = session.get("/").status;
                    // What began and ended in one phase must have been judged by it.
                    if phase.now() == before && before.is_multiple_of(2) {
                        let _ = judged.send((client, before, status));
                    } else {
                        assert!(matches!(status, 200 | 403), "{status}");
                    }
                }
            });
        }
        drop(judged);
        let wait_for_verdict = |phase: u64| {
            loop {
                let (client, of, status) =
                    verdicts.recv().expect("clients go on until they are told");
                let expected = if of % 4 == 0 { 403 } else { 200 };
                assert_eq!(status, expected, "client {client} in phase {of}");
                if of == phase {
                    break;
                }
            }
        };
        let end = done.raise_at_end();
        for _ in 0..CYCLES {
            wait_for_verdict(phase.now());
            phase.next();
            add(&gateway, &id, "127.0.0.9");
            phase.next();
            wait_for_verdict(phase.now());
            phase.next();
            remove(&gateway, &id, "127.0.0.9");
            phase.next();
        }
        drop(end);
        for (client, of, status) in verdicts.iter() {
            let expected = if of % 4 == 0 { 403 } else { 200 };
            assert_eq!(status, expected, "client {client} in phase {of}");
        }
    });
}

#[test]
fn changes_of_other_lists_refuse_no_request_that_may_pass() {
    const CHANGES: usize = 60;
    let gateway = Gateway::start(Upstream::echo().address);
    let (other, _) = key(&gateway);
    let done = Flag::default();
    let (proxy, owner) = (gateway.proxy(), &gateway.owner);
    std::thread::scope(|scope| {
        let hammers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut session = Session::open(Client::connect(proxy), owner);
                    let mut requests = 0_u32;
                    while !done.is_raised() {
                        assert_eq!(session.get("/").status, 200);
                        requests += 1;
                    }
                    requests
                })
            })
            .collect();
        let end = done.raise_at_end();
        for number in 0..CHANGES {
            add(&gateway, &other, &format!("127.0.1.{number}"));
            if number % 2 == 0 {
                remove(&gateway, &other, &format!("127.0.1.{number}"));
            }
        }
        drop(end);
        for hammer in hammers {
            assert!(hammer.join().unwrap() > 0);
        }
    });
}
