//! Contract section 11: the admin API's buckets, their headers, and the refusal where one is empty.

use portcullis::identity::Role;
use serde_json::json;

use super::*;

/// A gateway whose `[rate_limits]` are `lines`.
fn limited(lines: &str) -> (Gateway, Clock) {
    gateway_with(Options { more: format!("[rate_limits]\n{lines}"), ..Options::default() })
}

/// What an answer tells of its bucket.
fn told(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("ratelimit-limit"), answer.header("ratelimit-remaining"))
}

#[track_caller]
fn assert_left(answer: &Answer, status: u16, limit: &str, remaining: &str) {
    assert_eq!(told(answer), (status, Some(limit), Some(remaining)), "{}", answer.text());
}

#[track_caller]
fn assert_limited(answer: &Answer, seconds: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.error_code(), "RATE_LIMITED");
    assert_eq!(answer.header("retry-after"), Some(seconds));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn every_success_tells_the_published_capacity_and_what_is_left_of_it() {
    let (gateway, _) = limited("");
    let (org, list) = (format!("/orgs/{}", gateway.org), gateway.list_path());
    let keys = format!("{org}/apiKeys");
    let entry = format!("{list}/192.0.2.1");
    // One bucket for keys and lists, whoever of the organization calls.
    for (method, path, body, status, limit, remaining) in [
        ("GET", "/orgs", "", 200, "300", "299"),
        ("HEAD", "/orgs", "", 200, "300", "298"),
        ("GET", &*org, "", 200, "500", "499"),
        ("GET", &*keys, "", 200, "500", "499"),
        ("POST", &*list, r#"[{"ipAddress":"192.0.2.1"}]"#, 200, "500", "498"),
        ("GET", &*entry, "", 200, "500", "497"),
        ("DELETE", &*entry, "", 204, "500", "496"),
        ("GET", "/orgs?envelope=true", "", 200, "300", "297"),
        ("GET", &*org, "", 200, "500", "498"),
    ] {
        let answer = gateway.api(method, path, body);
        assert_left(&answer, status, limit, remaining);
    }
    let (_, other) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let accept = ["Accept: application/vnd.atlas.2023-01-01+json"];
    let get =
        |path: &str| gateway.api_with(&other, "GET", &format!("/api/atlas/v2{path}"), &accept, "");
    assert_left(&get("/orgs"), 200, "300", "299");
    assert_left(&get(&keys), 200, "500", "495");
}

#[test]
fn an_empty_bucket_refuses_until_it_has_a_token_and_tells_when() {
    let (gateway, clock) = limited("caller = { capacity = 2, per_minute = 6 }");
    assert_left(&gateway.api("GET", "/orgs", ""), 200, "2", "1");
    assert_left(&gateway.api("GET", "/orgs", ""), 200, "2", "0");
    let refused = gateway.api("GET", "/orgs?pretty=true", "");
    assert_limited(&refused, "10");
    // Path, seconds to wait, capacity, refill, period.
    assert_eq!(refused.json()["parameters"], json!(["/api/atlas/v2/orgs", 10, 2, 6, 60]));
    assert_eq!(refused.json()["reason"], "Too Many Requests");
    assert_eq!(told(&refused), (429, None, None));
    at(&clock, 9 * SECOND + SECOND / 2);
    assert_limited(&gateway.api("GET", "/orgs", ""), "1");
    at(&clock, 10 * SECOND);
    assert_left(&gateway.api("GET", "/orgs", ""), 200, "2", "0");
    assert_limited(&gateway.api("GET", "/orgs", ""), "10");
    let metrics = gateway.metrics();
    let counted = "portcullis_admin_rate_limited_total{bucket=\"caller\"} 3\n";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn the_rate_comes_after_the_caller_s_list_and_before_the_organization() {
    let (gateway, _) = limited("organization_resources = { capacity = 1, per_minute = 1 }");
    let (_, unlisted) = gateway.new_key(&[Role::Owner], &["192.0.2.1"]);
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let wrong = Credential { private_key: "wrong".into(), ..member.clone() };
    let keys = format!("/api/atlas/v2/orgs/{}/apiKeys", gateway.org);
    let call = |credential: &Credential, method: &str, target: &str| {
        let answer = gateway.api_with(credential, method, target, &[], "");
        (answer.status, answer.error_code())
    };
    let told = |status, code: &str| (status, code.to_owned());
    let refused_earlier = || {
        assert_eq!(call(&member, "PUT", &keys), told(405, "METHOD_NOT_ALLOWED"));
        assert_eq!(call(&wrong, "GET", &keys), told(401, "UNEXPECTED_ERROR"));
        assert_eq!(call(&unlisted, "GET", &keys), told(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"));
    };
    refused_earlier(); // They take no token:
    let nowhere = "/api/atlas/v2/orgs/000000000000000000000000/apiKeys";
    assert_eq!(call(&member, "GET", nowhere), told(404, "ORG_NOT_FOUND"));
    // What is refused later has taken one, and from its own organization's bucket.
    for (method, target) in [("GET", nowhere), ("POST", &keys), ("GET", &keys)] {
        assert_eq!(call(&member, method, target), told(429, "RATE_LIMITED"), "{method} {target}");
    }
    refused_earlier();
}

#[test]
fn another_organization_and_another_kind_of_call_are_not_held_up() {
    let (gateway, _) = limited("organization_resources = { capacity = 1, per_minute = 1 }");
    let keys = format!("/orgs/{}/apiKeys", gateway.org);
    assert_left(&gateway.api("GET", &keys, ""), 200, "1", "0");
    assert_limited(&gateway.api("GET", &keys, ""), "60");
    assert_eq!(gateway.api("GET", &format!("/orgs/{}", gateway.org), "").status, 200);
    assert_eq!(gateway.api("GET", "/orgs", "").status, 200);
    assert_eq!(gateway.get_from("127.0.0.1", "/").status, 200, "proxied requests have no limit");
    let (other, _, key) = gateway.new_organization("other");
    let target = format!("/api/atlas/v1.0/orgs/{other}/apiKeys");
    assert_left(&gateway.api_with(&key, "GET", &target, &[], ""), 200, "1", "0");
}

#[test]
fn a_limit_that_is_off_refuses_nobody_and_has_no_headers() {
    let small = "organization = { capacity = 1, per_minute = 1 }";
    for lines in [format!("caller = \"off\"\n{small}"), format!("enabled = false\n{small}")] {
        let all_off = lines.contains("enabled");
        let (gateway, _) = limited(&lines);
        for _ in 0..3 {
            assert_eq!(told(&gateway.api("GET", "/orgs", "")), (200, None, None), "{lines}");
        }
        let org = format!("/orgs/{}", gateway.org);
        assert_eq!(gateway.api("GET", &org, "").status, 200);
        let again = gateway.api("GET", &org, "").status;
        assert_eq!(again, if all_off { 200 } else { 429 }, "{lines}");
    }
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let (gateway, clock) = limited("caller = { capacity = 1, per_minute = 60 }");
    assert_left(&gateway.api("GET", "/orgs", ""), 200, "1", "0");
    clock.set(Timestamp::from_millis(NOON - 120_000));
    assert_limited(&gateway.api("GET", "/orgs", ""), "1");
    clock.set(Timestamp::from_millis(NOON - 119_000));
    assert_left(&gateway.api("GET", "/orgs", ""), 200, "1", "0");
}
