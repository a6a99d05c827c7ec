//! Section 11, limits: each bucket's scope, capacity and refill, and what is told of it.

use super::*;

use portcullis::time::{Clock, Timestamp};

use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

/// A gateway whose clock stands at noon.
fn limited(lines: &str) -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    let more = format!("[rate_limits]\n{lines}");
    (gateway_with(Options { clock: Some(clock.clone()), more, ..Options::default() }), clock)
}

fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("no {name}: {}", answer.text()));
    value.parse().unwrap()
}

//= 11: RateLimit-Limit, RateLimit-Remaining
#[test]
fn r01_rate_limit_limit_and_remaining_are_on_every_success() {
    let (gateway, _) = limited("");
    let account = Account::new(&gateway, Role::Member, &["203.0.113.10"]);
    let path = format!("{ACCOUNTS}/{}", account.client_id);
    let body = r#"{"name":"robot","description":"new","roles":["ORG_MEMBER"],"secretExpiresAfterHours":8}"#;
    for (method, target, body) in [
        ("GET", format!("{V2}/orgs"), ""),
        ("HEAD", format!("{V2}/orgs"), ""),
        ("GET", format!("{V2}/orgs/{{org}}"), ""),
        ("GET", format!("{V2}/orgs/{{org}}/settings"), ""),
        ("GET", KEYS.to_owned(), ""),
        ("POST", KEYS.to_owned(), r#"{"desc":"new","roles":["ORG_MEMBER"]}"#),
        ("PATCH", format!("{KEYS}/{{key}}"), "{}"),
        ("POST", OWN_LIST.to_owned(), r#"[{"ipAddress":"203.0.113.10"}]"#),
        ("GET", format!("{OWN_LIST}/203.0.113.10"), ""),
        ("DELETE", format!("{OWN_LIST}/203.0.113.10"), ""),
        ("POST", ACCOUNTS.to_owned(), body),
        ("GET", path.clone(), ""),
        ("DELETE", format!("{}/203.0.113.10", list_of_account(&account)), ""),
        ("DELETE", path, ""),
        ("GET", V2.to_owned(), ""),
        ("GET", "/api/private/ipinfo".to_owned(), ""),
    ] {
        let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
        let answer = call(&gateway, method, &target).headers(&accept).body(body).send();
        assert!((200..300).contains(&answer.status), "{method} {target}: {}", answer.text());
        let (limit, left) =
            (number(&answer, "ratelimit-limit"), number(&answer, "ratelimit-remaining"));
        assert!(left < limit, "{method} {target}: {left} of {limit}");
    }
}

//= 11: Retry-After
#[test]
fn r02_retry_after_is_on_429_in_seconds_and_parameters_tell_the_bucket() {
    let (gateway, clock) = limited("caller = { capacity = 2, per_minute = 6 }");
    let ask = || call(&gateway, "GET", &format!("{V2}/orgs?pretty=true")).send();
    accepted(&ask(), "one");
    accepted(&ask(), "two");
    let answer = ask();
    let problem = refused(&answer, 429, "RATE_LIMITED", "an empty bucket");
    assert_eq!(number(&answer, "retry-after"), 10);
    // Path, seconds to wait, capacity, refill, period.
    assert_eq!(problem["parameters"], json!(["/api/atlas/v2/orgs", 10, 2, 6, 60]));
    assert_eq!(answer.header("www-authenticate"), None);
    clock.set(Timestamp::from_millis(NOON + 9_999));
    refused(&ask(), 429, "RATE_LIMITED", "a moment too early");
    clock.set(Timestamp::from_millis(NOON + 10_000));
    accepted(&ask(), "after as many seconds as were told");
}

/// One call takes from a bucket of this capacity, and time gives back as much as the refill says.
fn bucket_is(target: &str, capacity: u64, per_minute: u64) {
    let (gateway, clock) = limited("");
    let ask = || {
        let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
        let answer = call(&gateway, "GET", target).headers(&accept).send();
        accepted(&answer, target);
        (number(&answer, "ratelimit-limit"), number(&answer, "ratelimit-remaining"))
    };
    for taken in 1..=6 {
        assert_eq!(ask(), (capacity, capacity - taken), "{target}");
    }
    // As long as three tokens take, to the millisecond, rounded up.
    let wait = i64::try_from((3 * 60_000_u64).div_ceil(per_minute)).unwrap();
    clock.set(Timestamp::from_millis(NOON + wait));
    assert_eq!(ask(), (capacity, capacity - 4), "three have come back and one was taken");
}

table! { bucket_is;
    //= 11: API keys, service accounts and their lists
    r07_api_keys_and_their_lists_500_and_250_a_minute(KEYS, 500, 250);
    //= 11: API keys, service accounts and their lists
    r07_service_accounts_and_their_lists_500_and_250_a_minute(ACCOUNTS, 500, 250);
    //= 11: GET /orgs |
    r08_get_orgs_300_and_100_a_minute("/api/atlas/v2/orgs", 300, 100);
    //= 11: GET /orgs/{orgId}
    r09_get_one_org_500_and_250_a_minute("/api/atlas/v2/orgs/{org}", 500, 250);
    //= 11: organization settings
    r10_organization_settings_10_and_5_a_minute("/api/atlas/v2/orgs/{org}/settings", 10, 5);
}

/// What is left after a call of this caller.
fn left(gateway: &Gateway, caller: &Credential, target: &str) -> u64 {
    let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
    let answer = call(gateway, "GET", target).by(caller).headers(&accept).send();
    accepted(&answer, target);
    number(&answer, "ratelimit-remaining")
}

//= 11: API keys, service accounts and their lists
#[test]
fn r07_the_scope_of_keys_accounts_and_lists_is_the_organization() {
    let (gateway, _) = limited("");
    let (_, second) = gateway.new_key(&[Role::Owner], &["127.0.0.1"]);
    let (other, _, stranger) = gateway.new_organization("others");
    let account = Account::new(&gateway, Role::Member, &[]);
    assert_eq!(left(&gateway, &gateway.owner, KEYS), 499);
    assert_eq!(left(&gateway, &second, OWN_LIST), 498);
    assert_eq!(left(&gateway, &gateway.owner, ACCOUNTS), 497);
    assert_eq!(left(&gateway, &second, &list_of_account(&account)), 496);
    assert_eq!(left(&gateway, &stranger, &format!("{V2}/orgs/{other}/apiKeys")), 499);
}

//= 11: GET /orgs |
#[test]
fn r08_the_scope_of_get_orgs_is_the_caller() {
    let (gateway, _) = limited("");
    let (_, second) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let orgs = format!("{V2}/orgs");
    assert_eq!(left(&gateway, &gateway.owner, &orgs), 299);
    assert_eq!(left(&gateway, &gateway.owner, &orgs), 298);
    assert_eq!(left(&gateway, &second, &orgs), 299);
}

//= 11: GET /orgs/{orgId}
//= 11: organization settings
#[test]
fn r09_the_scope_of_one_org_and_of_its_settings_is_the_organization() {
    let (gateway, _) = limited("");
    let (_, second) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let org = format!("{V2}/orgs/{{org}}");
    let settings = format!("{org}/settings");
    assert_eq!(left(&gateway, &gateway.owner, &org), 499);
    assert_eq!(left(&gateway, &second, &org), 498);
    assert_eq!(left(&gateway, &gateway.owner, &settings), 9);
    assert_eq!(left(&gateway, &second, &settings), 8);
}

//= 11: token
#[test]
fn r11_token_10_requests_a_minute_for_each_caller() {
    let (gateway, clock) = limited("");
    let account = Account::new(&gateway, Role::Member, &[]);
    let other = Account::new(&gateway, Role::Member, &[]);
    for _ in 0..10 {
        accepted(&account.ask(&gateway), "one of ten");
    }
    assert_eq!(account.ask(&gateway).status, 429);
    accepted(&other.ask(&gateway), "another caller");
    clock.set(Timestamp::from_millis(NOON + 60_000));
    for _ in 0..10 {
        accepted(&account.ask(&gateway), "ten more a minute later");
    }
    assert_eq!(account.ask(&gateway).status, 429);
}
