//! Section 2: versions in `Accept`, and what bodies are called in both directions.

use super::*;

/// Every operation once, changes with a body that would be good. The last ends what the others need.
const OPERATIONS: [(&str, &str, &str); 11] = [
    ("GET", "/orgs", ""),
    ("GET", "/orgs/{org}", ""),
    ("GET", "/orgs/{org}/apiKeys", ""),
    ("POST", "/orgs/{org}/apiKeys", r#"{"desc":"new","roles":["ORG_MEMBER"]}"#),
    ("GET", "/orgs/{org}/apiKeys/{key}", ""),
    ("PATCH", "/orgs/{org}/apiKeys/{key}", r#"{"desc":"changed"}"#),
    ("GET", "/orgs/{org}/apiKeys/{key}/accessList", ""),
    ("POST", "/orgs/{org}/apiKeys/{key}/accessList", r#"[{"ipAddress":"203.0.113.10"}]"#),
    ("GET", "/orgs/{org}/apiKeys/{key}/accessList/203.0.113.10", ""),
    ("DELETE", "/orgs/{org}/apiKeys/{key}/accessList/203.0.113.10", ""),
    ("DELETE", "/orgs/{org}/apiKeys/{key}", ""),
];

#[test]
fn an_accept_header_that_names_a_date_gets_the_version_in_force_then() {
    let gateway = gateway();
    for (row, accept) in [
        ("that version", VERSION),
        ("a later date", "application/vnd.atlas.2025-03-12+json"),
        ("a later date: the other family's", "application/vnd.atlas.2024-08-05+json"),
        ("a later date: one in the future", "application/vnd.atlas.9999-12-31+json"),
        (
            "several types: by q",
            "application/vnd.atlas.2022-01-01+json, application/vnd.atlas.2024-01-01+json;q=0.1",
        ),
        (
            "several types: the acceptable one",
            "text/html, application/json, */*, application/vnd.atlas.2023-01-01+json;q=0.5",
        ),
        (
            "several types: by order",
            "application/vnd.atlas.2023-01-01+json, application/vnd.atlas.2023-02-01+json",
        ),
        ("parameters are ignored", "application/vnd.atlas.2023-01-01+json; charset=utf-8"),
        ("media types have no case", "Application/VND.Atlas.2023-01-01+JSON"),
    ] {
        for (method, path, body) in [OPERATIONS[0], OPERATIONS[4], OPERATIONS[7]] {
            let accept = format!("Accept: {accept}");
            let target = format!("{V2}{path}");
            let answer = call(&gateway, method, &target).headers(&[&accept]).body(body).send();
            accepted(&answer, row);
            let types: Vec<_> = answer.all("content-type").collect();
            assert_eq!(types, [format!("{VERSION};charset=utf-8")], "{row}: {method} {path}");
        }
    }
}

#[test]
fn an_accept_header_without_an_acceptable_version_is_refused() {
    let gateway = gateway();
    for (row, accept) in [
        ("a date earlier than the first version", Some("application/vnd.atlas.2022-12-31+json")),
        ("none", None),
        ("*/*", Some("*/*")),
        ("application/*", Some("application/*")),
        ("application/json", Some("application/json")),
        ("a date that is no calendar date", Some("application/vnd.atlas.2023-02-30+json")),
        ("a date that is no date", Some("application/vnd.atlas.2023-1-1+json")),
        ("another vendor", Some("application/vnd.other.2023-01-01+json")),
        ("another syntax", Some("application/vnd.atlas.2023-01-01+xml")),
        ("preview", Some("application/vnd.atlas.preview+json")),
        ("upcoming", Some("application/vnd.atlas.2025-03-12.upcoming+json")),
        ("a version that is not wanted", Some("application/vnd.atlas.2023-01-01+json;q=0")),
        ("nothing", Some("")),
    ] {
        let line = accept.map(|accept| format!("Accept: {accept}"));
        let lines: Vec<&str> = line.iter().map(String::as_str).collect();
        let answer = call(&gateway, "GET", &format!("{V2}/orgs")).headers(&lines).send();
        let body = refused(&answer, 406, "INVALID_VERSION_DATE", row);
        tells(&body, &["Accept", VERSION], row);
    }
}

#[test]
fn every_operation_asks_for_a_version_and_does_nothing_without_one() {
    let gateway = gateway();
    for (method, path, body) in OPERATIONS {
        let target = format!("{V2}{path}");
        let answer = call(&gateway, method, &target)
            .headers(&["Accept: application/json", "Content-Type: application/json"])
            .body(body)
            .send();
        refused(&answer, 406, "INVALID_VERSION_DATE", &format!("{method} {path}"));
    }
    assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"]);
    let keys = call(&gateway, "GET", &format!("{V2}/orgs/{{org}}/apiKeys")).send().json();
    assert_eq!(keys["totalCount"], 1);
    assert_eq!(keys["results"][0]["desc"], "owner");
}

#[test]
fn the_older_prefixes_know_no_versions() {
    let gateway = gateway();
    for prefix in &PREFIXES[1..] {
        for accept in
            [&["Accept: text/html"][..], &[], &["Accept: */*"], &[&format!("Accept: {VERSION}")]]
        {
            let target = format!("{prefix}/orgs");
            let answer = call(&gateway, "GET", &target).headers(accept).send();
            accepted(&answer, prefix);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{accept:?}");
        }
    }
}

#[test]
fn a_body_may_be_called_json_by_any_of_its_names() {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    for (row, content_type) in [
        ("application/json", Some("application/json")),
        ("application/json with a charset", Some("application/json; charset=utf-8")),
        ("media types have no case", Some("Application/JSON")),
        ("the vendor's type", Some("application/vnd.atlas.2023-01-01+json")),
        (
            "the vendor's type of any date",
            Some("application/vnd.atlas.2025-03-12+json;charset=utf-8"),
        ),
        ("no Content-Type: treat as JSON", None),
    ] {
        let line = content_type.map(|name| format!("Content-Type: {name}"));
        let lines: Vec<&str> = [accept.as_str()].into_iter().chain(line.as_deref()).collect();
        for prefix in PREFIXES {
            let target = format!("{prefix}/orgs/{{org}}/apiKeys/{{key}}/accessList");
            let answer = call(&gateway, "POST", &target).headers(&lines).body("[]").send();
            accepted(&answer, &format!("{row}: {prefix}"));
        }
    }
}

#[test]
fn a_body_called_anything_else_is_refused_and_changes_nothing() {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    for (row, lines, named) in [
        (
            "what curl says of -d",
            &["Content-Type: application/x-www-form-urlencoded"][..],
            "application/x-www-form-urlencoded",
        ),
        ("text", &["Content-Type: text/plain"], "text/plain"),
        (
            "another vendor",
            &["Content-Type: application/vnd.other.2023-01-01+json"],
            "application/vnd.other",
        ),
        ("almost JSON", &["Content-Type: application/jsonp"], "application/jsonp"),
        ("an empty name", &["Content-Type:"], "\"\""),
        (
            "two names",
            &["Content-Type: application/json", "Content-Type: text/plain"],
            "application/json",
        ),
        ("a coding", &["Content-Type: application/json", "Content-Encoding: gzip"], "gzip"),
    ] {
        let lines: Vec<&str> = [accept.as_str()].into_iter().chain(lines.iter().copied()).collect();
        for (method, path, body) in [OPERATIONS[3], OPERATIONS[5], OPERATIONS[7]] {
            let target = format!("{V2}{path}");
            let answer = call(&gateway, method, &target).headers(&lines).body(body).send();
            let problem = refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", row);
            tells(&problem, &[named, "application/json", VERSION], row);
        }
    }
    assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"]);
    let keys = call(&gateway, "GET", &format!("{V2}/orgs/{{org}}/apiKeys")).send().json();
    assert_eq!((&keys["totalCount"], &keys["results"][0]["desc"]), (&json!(1), &json!("owner")));
}

#[test]
fn without_a_body_its_name_does_not_matter() {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    let answer = call(&gateway, "GET", &format!("{V2}/orgs"))
        .headers(&[&accept, "Content-Type: text/plain"])
        .send();
    accepted(&answer, "a GET that names a type");
}
