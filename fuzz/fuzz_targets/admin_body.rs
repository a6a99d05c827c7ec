//! A body of the admin API is taken whole or not at all, and what was taken is what was asked for.
//!
//! Input: a line with the operation (`entries`, `new key` or `key`), then the body.

#![no_main]

use std::cell::RefCell;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::Prefix;
use portcullis::snapshot::Snapshot;
use portcullis_fuzz::first_line;
use portcullis_fuzz::house::House;
use serde_json::Value;

thread_local! {
    static HOUSE: RefCell<House> = RefCell::new(House::new());
}

fuzz_target!(|bytes: &[u8]| {
    HOUSE.with_borrow_mut(|house| {
        let Some((operation, body)) = first_line(bytes) else { return };
        let keys = format!("/api/atlas/v1.0/orgs/{}/apiKeys", house.org);
        let (method, target) = match operation {
            "entries" => (Method::POST, format!("{keys}/{}/accessList", house.member)),
            "new key" => (Method::POST, keys),
            "key" => (Method::PATCH, format!("{keys}/{}", house.member)),
            _ => return,
        };
        let target: Uri = target.parse().expect("a target");
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        let before = house.snapshot();
        let heard = house.call(&method, &target, headers, body);
        house.check(&method, &heard, &before);
        if heard.status.is_success() {
            let asked: Value = serde_json::from_slice(body).expect("what was taken is JSON");
            match operation {
                "entries" => holds(house, &asked),
                _ => describes(house, &before, operation, &asked),
            }
        }
        if !house.is_new(&before) {
            *house = House::new();
        }
    });
});

/// Checks that the list, which was empty, holds the ranges asked for and no other.
fn holds(house: &House, asked: &Value) {
    let range = |element: &Value| {
        let text = |name: &str| element[name].as_str().map(str::to_owned);
        let text = text("ipAddress").or_else(|| text("cidrBlock")).expect("one of the two");
        let text = text.replace("%2F", "/").replace("%2f", "/");
        Prefix::parse(&text).expect("what was taken is a range")
    };
    let mut ranges: Vec<Prefix> = asked.as_array().expect("an array").iter().map(range).collect();
    ranges.sort();
    ranges.dedup();
    let snapshot = house.snapshot();
    let list = snapshot.lists.find(house.member);
    let mut held: Vec<Prefix> =
        list.iter().flat_map(|list| list.entries()).map(|entry| entry.prefix).collect();
    held.sort();
    assert_eq!(held, ranges);
}

/// Checks that one key is described as asked, and has the roles asked for.
fn describes(house: &House, before: &Snapshot, operation: &str, asked: &Value) {
    let snapshot = house.snapshot();
    let key = match operation {
        "key" => snapshot.credentials.key(house.org, house.member),
        _ => snapshot
            .credentials
            .keys_of(house.org)
            .find(|key| before.credentials.key(house.org, key.id).is_none()),
    };
    let key = key.expect("the key is there");
    if let Some(description) = asked["desc"].as_str() {
        assert_eq!(&*key.description, description);
    }
    if let Some(roles) = asked["roles"].as_array() {
        let mut asked: Vec<&str> = roles.iter().filter_map(Value::as_str).collect();
        let mut held: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
        asked.sort_unstable();
        asked.dedup();
        held.sort_unstable();
        assert_eq!(held, asked);
    }
}
