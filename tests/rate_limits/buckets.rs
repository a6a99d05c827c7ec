//! Contract section 11: the admin API's buckets, their headers, and the refusal where one is empty.

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
