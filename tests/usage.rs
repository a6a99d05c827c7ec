//! How often, when and from where each entry was used: exact, whatever happens at the same time, and kept.

use std::time::{Duration, Instant};

use portcullis::identity::Role;
use portcullis::time::{Clock, Timestamp};
use serde_json::Value;

use crate::harness::client::Credential;
use crate::harness::gateway::clock_at;
use crate::harness::{Client, Gateway, Options, Session, Upstream};

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

/// A key of the gateway's, whose list only proxied requests use: the owner asks for it.
struct Key {
    list: String,
    credential: Credential,
}

fn key(gateway: &Gateway, allow: &[&str]) -> Key {
    let (id, credential) = gateway.new_key(&[Role::Member], allow);
    Key { list: format!("/orgs/{}/apiKeys/{id}/accessList", gateway.org), credential }
}

fn get(gateway: &Gateway, key: &Key, from: &str) -> u16 {
    let mut client = Client::connect_from(from.parse().unwrap(), gateway.proxy());
    client.digest(&key.credential, "GET", "/", &[], b"").status
}

/// One entry, as the API shows it.
fn entry(gateway: &Gateway, key: &Key, prefix: &str) -> Value {
    let path = format!("{}/{}", key.list, prefix.replace('/', "%2F"));
    let answer = gateway.api("GET", &path, "");
    assert_eq!(answer.status, 200, "{prefix}");
    answer.json()
}

/// The counts of the whole list, in its order.
fn counts(gateway: &Gateway, key: &Key) -> Vec<u64> {
    let page = gateway.api("GET", &key.list, "").json();
    let entries = page["results"].as_array().unwrap().iter();
    entries.map(|entry| entry["count"].as_u64().unwrap()).collect()
}

fn with_clock() -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    let options = Options { clock: Some(clock.clone()), ..Options::default() };
    (Gateway::with(Upstream::echo().address, options), clock)
}

#[test]
fn an_entry_tells_how_often_when_and_from_where_it_was_used() {
    let (gateway, clock) = with_clock();
    let key = key(&gateway, &["127.0.0.0/29"]);
    let fresh = entry(&gateway, &key, "127.0.0.0/29");
    assert_eq!(fresh["count"], 0);
    assert_eq!(fresh.get("lastUsed"), None, "left out before the first use");
    assert_eq!(fresh.get("lastUsedAddress"), None);
    for (after, from, count, at) in [
        (999, "127.0.0.1", 1, "2026-07-25T17:20:00Z"), // The fraction is cut off.
        (61_000, "127.0.0.2", 2, "2026-07-25T17:21:01Z"),
        (61_000, "127.0.0.1", 3, "2026-07-25T17:21:01Z"),
        (86_400_000, "127.0.0.7", 4, "2026-07-26T17:20:00Z"),
    ] {
        clock.set(Timestamp::from_millis(NOON + after));
        assert_eq!(get(&gateway, &key, from), 200);
        let shown = entry(&gateway, &key, "127.0.0.0/29");
        assert_eq!(shown["count"], count);
        assert_eq!(shown["lastUsed"], at);
        assert_eq!(shown["lastUsedAddress"], from);
        assert_eq!(shown["created"], "2026-07-25T17:20:00Z");
        let listed = gateway.api("GET", &key.list, "").json();
        assert_eq!(listed["results"][0], shown, "the list shows the same");
    }
}

#[test]
fn a_refused_request_changes_nothing() {
    let (gateway, clock) = with_clock();
    let key = key(&gateway, &["127.0.0.1", "127.0.0.3"]);
    assert_eq!(get(&gateway, &key, "127.0.0.1"), 200);
    let before = gateway.api("GET", &key.list, "").json();
    clock.set(Timestamp::from_millis(NOON + 1000));
    assert_eq!(get(&gateway, &key, "127.0.0.2"), 403);
    assert_eq!(gateway.client().get("/").status, 401);
    let wrong = Credential { private_key: "wrong".into(), ..key.credential.clone() };
    assert_eq!(gateway.client().digest(&wrong, "GET", "/", &[], b"").status, 401);
    assert_eq!(gateway.client().digest(&key.credential, "GET", "/a//b", &[], b"").status, 400);
    assert_eq!(gateway.api("GET", &key.list, "").json(), before);
}

#[test]
fn the_longest_prefix_counts_and_no_wider_one() {
    let gateway = Gateway::start(Upstream::echo().address);
    let key = key(&gateway, &["127.0.0.0/8", "127.0.0.1", "127.0.0.0/24"]);
    for from in ["127.0.0.1", "127.0.0.1", "127.0.0.9", "127.9.9.9"] {
        assert_eq!(get(&gateway, &key, from), 200);
    }
    assert_eq!(counts(&gateway, &key), [1, 2, 1]);
    // A narrower one that comes later takes over; what was counted stays where it was.
    let added = gateway.api("POST", &key.list, r#"[{"cidrBlock":"127.9.0.0/16"}]"#);
    assert_eq!(added.status, 200);
    assert_eq!(get(&gateway, &key, "127.9.9.9"), 200);
    assert_eq!(counts(&gateway, &key), [1, 2, 1, 1]);
}

#[test]
fn a_call_of_the_admin_api_is_a_use_too() {
    let gateway = Gateway::start(Upstream::echo().address);
    let count = || {
        let page = gateway.api("GET", &gateway.list_path(), "").json();
        page["results"][0]["count"].as_u64().unwrap()
    };
    let before = count();
    assert_eq!(count(), before + 1, "the call that asks is counted before it is answered");
}

#[test]
fn a_request_that_the_upstream_fails_was_admitted_and_counts() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(nobody);
    let key = key(&gateway, &["127.0.0.1"]);
    assert_eq!(get(&gateway, &key, "127.0.0.1"), 502);
    assert_eq!(counts(&gateway, &key), [1]);
}

#[test]
fn an_entry_that_is_added_again_keeps_its_count_and_one_that_was_removed_starts_anew() {
    let gateway = Gateway::start(Upstream::echo().address);
    let key = key(&gateway, &["127.0.0.1", "127.0.0.77"]);
    assert_eq!(get(&gateway, &key, "127.0.0.1"), 200);
    let add = || gateway.api("POST", &key.list, r#"[{"ipAddress":"127.0.0.1"}]"#).status;
    assert_eq!(add(), 200);
    assert_eq!(counts(&gateway, &key), [1, 0]);
    let path = format!("{}/127.0.0.1", key.list);
    assert_eq!(gateway.api("DELETE", &path, "").status, 204);
    assert_eq!(add(), 200);
    assert_eq!(counts(&gateway, &key), [0, 0]);
}

#[test]
fn counts_are_exact_while_64_clients_use_an_entry_that_is_read_and_republished() {
    const CLIENTS: u64 = 64;
    const REQUESTS: u64 = 20;
    let mut gateway = Gateway::start(Upstream::echo().address);
    let key = key(&gateway, &["127.0.0.0/8", "127.0.0.1"]);
    let proxy = gateway.proxy();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let credential = &key.credential;
                scope.spawn(move || {
                    let mut session = Session::open(Client::connect(proxy), credential);
                    for _ in 0..REQUESTS {
                        assert_eq!(session.get("/").status, 200);
                    }
                })
            })
            .collect();
        // Every publication makes a new list, with the same entry in it.
        let mut seen = 0;
        let mut publications = 0;
        while clients.iter().any(|client| !client.is_finished()) {
            let body = format!("[{{\"ipAddress\":\"10.0.0.{}\"}}]", publications % 200 + 1);
            assert_eq!(gateway.api("POST", &key.list, &body).status, 200);
            let other = format!("{}/10.0.0.{}", key.list, publications % 200 + 1);
            let count = entry(&gateway, &key, "127.0.0.1")["count"].as_u64().unwrap();
            assert!((seen..=CLIENTS * REQUESTS).contains(&count), "{count} after {seen}");
            seen = count;
            assert_eq!(gateway.api("DELETE", &other, "").status, 204);
            publications += 2;
        }
        assert!(publications > 0);
    });
    assert_eq!(counts(&gateway, &key), [0, CLIENTS * REQUESTS]);
    for restart in 1..=2 {
        gateway.restart();
        assert_eq!(counts(&gateway, &key), [0, CLIENTS * REQUESTS], "restart {restart}");
    }
    assert_eq!(get(&gateway, &key, "127.0.0.1"), 200);
    gateway.restart();
    assert_eq!(counts(&gateway, &key), [0, CLIENTS * REQUESTS + 1], "and it goes on from there");
}

#[test]
fn the_last_use_survives_a_restart() {
    let (mut gateway, clock) = with_clock();
    let key = key(&gateway, &["127.0.0.0/29"]);
    clock.set(Timestamp::from_millis(NOON + 5_000));
    assert_eq!(get(&gateway, &key, "127.0.0.3"), 200);
    let before = entry(&gateway, &key, "127.0.0.0/29");
    clock.set(Timestamp::from_millis(NOON + 9_000));
    gateway.restart();
    let mut after = entry(&gateway, &key, "127.0.0.0/29");
    assert_eq!(after["lastUsed"], "2026-07-25T17:20:05Z");
    // Links name the address that was asked, which is another one after the restart.
    after["links"] = before["links"].clone();
    assert_eq!(after, before);
}

#[test]
fn usage_is_stored_on_its_interval() {
    let more = "[usage]\nflush_interval = \"100ms\"".into();
    let options = Options { more, ..Options::default() };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let key = key(&gateway, &["127.0.0.1"]);
    // Another reader of the file, as after a crash: what it sees would be there.
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(gateway.database(), flags).unwrap();
    let stored = || -> i64 {
        let sum = "SELECT coalesce(sum(count), 0) FROM usage";
        store.query_row(sum, [], |row| row.get(0)).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    for requests in 1..=3 {
        assert_eq!(get(&gateway, &key, "127.0.0.1"), 200);
        while stored() < requests {
            assert!(Instant::now() < deadline, "{} of {requests} stored", stored());
            std::thread::yield_now();
        }
        assert_eq!(stored(), requests);
    }
}
