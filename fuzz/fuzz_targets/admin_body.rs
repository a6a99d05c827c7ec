//! A body of the admin API is taken whole or not at all, and what was taken is what was asked for.
//!
//! Input: a line with the operation (`entries`, `new key`, `key`, `new account`, `account`, `secret`, `account entries` or
//! `settings`), then the body.

#![no_main]

use std::cell::RefCell;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::Prefix;
use portcullis::id::CredentialId;
use portcullis::identity::Roles;
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
        let org = format!("/api/atlas/v1.0/orgs/{}", house.org);
        let (keys, accounts) = (format!("{org}/apiKeys"), format!("{org}/serviceAccounts"));
        let account = format!("{accounts}/{}", house.account.client_id());
        let (method, target) = match operation {
            "entries" => (Method::POST, format!("{keys}/{}/accessList", house.member)),
            "new key" => (Method::POST, keys),
            "key" => (Method::PATCH, format!("{keys}/{}", house.member)),
            "new account" => (Method::POST, accounts),
            "account" => (Method::PATCH, account),
            "secret" => (Method::POST, format!("{account}/secrets")),
            "account entries" => (Method::POST, format!("{account}/accessList")),
            "settings" => (Method::PATCH, format!("{org}/settings")),
            _ => return,
        };
        let target: Uri = target.parse().expect("a target");
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        let before = house.snapshot();
        let heard = house.call(&method, &target, headers, body);
        house.check(&method, &target, &heard, &before);
        if heard.status.is_success() {
            let asked: Value = serde_json::from_slice(body).expect("what was taken is JSON");
            match operation {
                "entries" => holds(house, house.member, &[], &asked),
                "account entries" => holds(house, house.account.id, &["127.0.0.1"], &asked),
                "key" | "new key" => describes(house, &before, operation, &asked),
                "secret" => gives_a_secret(house, &asked),
                "settings" => sets(house, &asked),
                _ => describes_account(house, &before, operation, &asked),
            }
        }
        if !house.is_new(&before) {
            *house = House::new();
        }
    });
});

/// Checks that the list, which held `before`, holds the ranges asked for as well and no other.
fn holds(house: &House, owner: CredentialId, before: &[&str], asked: &Value) {
    let range = |element: &Value| {
        let text = |name: &str| element[name].as_str().map(str::to_owned);
        let text = text("ipAddress").or_else(|| text("cidrBlock")).expect("one of the two");
        let text = text.replace("%2F", "/").replace("%2f", "/");
        Prefix::parse(&text).expect("what was taken is a range")
    };
    let before = before.iter().map(|text| Prefix::parse(text).expect("a range"));
    let asked = asked.as_array().expect("an array").iter().map(range);
    let mut ranges: Vec<Prefix> = before.chain(asked).collect();
    ranges.sort();
    ranges.dedup();
    let snapshot = house.snapshot();
    let list = snapshot.lists.find(owner);
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
    has_roles(key.roles, asked);
}

/// Checks that one account is described as asked, and has the roles and the secret asked for.
fn describes_account(house: &House, before: &Snapshot, operation: &str, asked: &Value) {
    let snapshot = house.snapshot();
    let account = match operation {
        "account" => snapshot.credentials.account(house.org, house.account.id),
        _ => snapshot
            .credentials
            .accounts_of(house.org)
            .find(|account| before.credentials.account(house.org, account.id).is_none()),
    };
    let account = account.expect("the account is there");
    for (name, held) in [("name", &account.name), ("description", &account.description)] {
        if let Some(text) = asked[name].as_str() {
            assert_eq!(&**held, text);
        }
    }
    has_roles(account.roles, asked);
    if operation == "new account" {
        let hours = asked["secretExpiresAfterHours"].as_u64();
        assert_eq!(account.secrets.len(), usize::from(hours.is_some()));
        assert_eq!(hours.is_none(), asked["withoutInitialSecret"] == true);
    }
}

/// Checks that the account, which had one secret, has one more, for as long as asked.
fn gives_a_secret(house: &House, asked: &Value) {
    let snapshot = house.snapshot();
    let account = snapshot.credentials.account(house.org, house.account.id).expect("the account");
    let [_, new] = &*account.secrets else { panic!("{} secrets", account.secrets.len()) };
    let hours = new.expires.since(new.created).as_secs() / 3600;
    assert_eq!(asked["secretExpiresAfterHours"].as_u64(), Some(hours));
    assert!((8..=8760).contains(&hours));
}

/// Checks that the organization is set to what was asked for, and that nothing was asked for that is not so.
fn sets(house: &House, asked: &Value) {
    let snapshot = house.snapshot();
    let organization = snapshot.credentials.organization(house.org).expect("the organization");
    for (name, value) in asked.as_object().expect("an object") {
        match (name.as_str(), value) {
            ("apiAccessListRequired", Value::Bool(required)) => {
                assert_eq!(organization.access_list_required, *required);
            }
            ("maxServiceAccountSecretValidityInHours", hours) => {
                assert_eq!(organization.most_secret_hours.map(u64::from), hours.as_u64());
            }
            ("securityContact", Value::String(nobody)) => assert_eq!(nobody, ""),
            (_, Value::Null | Value::Bool(false)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn has_roles(roles: Roles, asked: &Value) {
    if let Some(asked) = asked["roles"].as_array() {
        let mut asked: Vec<&str> = asked.iter().filter_map(Value::as_str).collect();
        let mut held: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        asked.sort_unstable();
        asked.dedup();
        held.sort_unstable();
        assert_eq!(held, asked);
    }
}
