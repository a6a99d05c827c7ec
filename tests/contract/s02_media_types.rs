//! Section 2: versions in `Accept`, and what bodies are called in both directions.

use super::*;

/// Every operation of the first version, changes with a body that would be good. The last ends what the others need.
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

/// The calls that send a body.
const CHANGES: [(&str, &str, &str); 3] = [OPERATIONS[3], OPERATIONS[5], OPERATIONS[7]];

/// A document, a list and a change are given in the first version, and say so.
fn gets_2023_01_01(accept: &str) {
    let gateway = gateway();
    for (method, path, body) in [OPERATIONS[0], OPERATIONS[4], OPERATIONS[7]] {
        let accept = format!("Accept: {accept}");
        let target = format!("{V2}{path}");
        let answer = call(&gateway, method, &target).headers(&[&accept]).body(body).send();
        accepted(&answer, &accept);
        let types: Vec<_> = answer.all("content-type").collect();
        assert_eq!(types, [V2023_TYPE], "{method} {path} with {accept}");
    }
}

/// No operation is carried out with this header line, and each tells what it expected.
fn is_406(lines: &[&str]) {
    let gateway = gateway();
    for (method, path, body) in OPERATIONS {
        let call = call(&gateway, method, &format!("{V2}{path}")).headers(lines).body(body);
        let problem = refused(&call.send(), 406, "INVALID_VERSION_DATE", path);
        tells(&problem, &["Accept", VERSION], path);
    }
    unchanged(&gateway);
}

#[track_caller]
fn unchanged(gateway: &Gateway) {
    assert_eq!(stored(gateway, OWN_LIST), ["127.0.0.1/32"]);
    let keys = call(gateway, "GET", KEYS).send().json();
    assert_eq!((&keys["totalCount"], &keys["results"][0]["desc"]), (&json!(1), &json!("owner")));
}

table! { gets_2023_01_01;
    //= 2: application/vnd.atlas.2023-01-01+json
    r01_accept_of_2023_01_01_gets_that_version("application/vnd.atlas.2023-01-01+json");
    //= 2: a later date
    r02_a_later_date_gets_the_newest_version_not_later_and_is_told_which("application/vnd.atlas.2025-03-12+json");
    //= 2: a later date
    r02_a_later_date_the_other_familys("application/vnd.atlas.2024-08-05+json");
    //= 2: several types
    r07_of_several_types_the_first_acceptable_one_by_q(
        "application/vnd.atlas.2022-01-01+json, application/vnd.atlas.2024-01-01+json;q=0.1"
    );
    //= 2: several types
    r07_of_several_types_those_that_name_no_version_are_passed_over(
        "text/html, application/json, */*, application/vnd.atlas.2023-01-01+json;q=0.5"
    );
    //= 2: several types
    r07_of_several_types_then_by_order(
        "application/vnd.atlas.2023-01-01+json, application/vnd.atlas.2023-02-01+json"
    );
    //= 2: several types
    r07_parameters_such_as_charset_are_ignored("application/vnd.atlas.2023-01-01+json; charset=utf-8");
    //= 2: several types
    r07_media_types_have_no_case("Application/VND.Atlas.2023-01-01+JSON");
    //= 2: A future date
    r09_a_future_date_resolves_like_any_later_one("application/vnd.atlas.9999-12-31+json");
}

table! { is_406;
    //= 2: a date earlier
    r03_a_date_earlier_than_the_first_version_is_406(&["Accept: application/vnd.atlas.2022-12-31+json"]);
    //= 2: none, */*
    r04_none_is_406(&["Content-Type: application/json"]);
    //= 2: none, */*
    r04_star_slash_star_is_406(&["Accept: */*"]);
    //= 2: none, */*
    r04_application_star_is_406(&["Accept: application/*"]);
    //= 2: none, */*
    r04_application_json_is_406(&["Accept: application/json"]);
    //= 2: none, */*
    r04_a_date_that_is_no_calendar_date_is_406(&["Accept: application/vnd.atlas.2023-02-30+json"]);
    //= 2: none, */*
    r04_a_date_that_is_no_date_is_406(&["Accept: application/vnd.atlas.2023-1-1+json"]);
    //= 2: none, */*
    r04_another_vendor_is_406(&["Accept: application/vnd.other.2023-01-01+json"]);
    //= 2: none, */*
    r04_another_syntax_is_406(&["Accept: application/vnd.atlas.2023-01-01+xml"]);
    //= 2: none, */*
    r04_an_empty_accept_is_406(&["Accept:"]);
    //= 2: …vnd.atlas.preview+json
    r05_preview_is_406(&["Accept: application/vnd.atlas.preview+json"]);
    //= 2: …vnd.atlas.preview+json
    r05_upcoming_is_406(&["Accept: application/vnd.atlas.2025-03-12.upcoming+json"]);
    //= 2: several types
    r07_a_type_with_q_0_is_not_acceptable(&["Accept: application/vnd.atlas.2023-01-01+json;q=0"]);
}

/// Service accounts, asked for with this header line, are given in their own version.
fn gets_2024_08_05(accept: &str) {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["203.0.113.10"]);
    for target in
        [ACCOUNTS, &format!("{ACCOUNTS}/{}", account.client_id), &list_of_account(&account)]
    {
        let answer = call(&gateway, "GET", target).headers(&[accept]).send();
        accepted(&answer, target);
        let types: Vec<_> = answer.all("content-type").collect();
        assert_eq!(types, [V2024_TYPE], "{target} with {accept}");
    }
}

table! { gets_2024_08_05;
    //= 2: application/vnd.atlas.2023-01-01+json
    r01_accept_of_2024_08_05_gets_that_version_of_service_accounts("Accept: application/vnd.atlas.2024-08-05+json");
    //= 2: a later date
    r02_a_later_date_gets_2024_08_05_of_service_accounts("Accept: application/vnd.atlas.2025-03-12+json");
    //= 2: several types
    r07_of_several_types_the_one_that_service_accounts_have(
        "Accept: application/vnd.atlas.2023-01-01+json, application/vnd.atlas.2024-08-05+json;q=0.1"
    );
    //= 2: A future date
    r09_a_future_date_resolves_for_service_accounts_too("Accept: application/vnd.atlas.9999-12-31+json");
}

//= 2: a date earlier
#[test]
fn r03_2023_01_01_is_earlier_than_the_first_version_of_service_accounts() {
    let gateway = gateway();
    for accept in [
        "Accept: application/vnd.atlas.2023-01-01+json",
        "Accept: application/vnd.atlas.2024-08-04+json",
        "Accept: application/json",
        "Accept: */*",
    ] {
        let answer = call(&gateway, "GET", ACCOUNTS).headers(&[accept]).send();
        let problem = refused(&answer, 406, "INVALID_VERSION_DATE", accept);
        tells(&problem, &[VERSION_2024], "the version that there is");
    }
}

//= 2: a version past its sunset
#[test]
fn r06_a_version_past_its_sunset_would_be_410_and_there_is_none_yet() {
    let gateway = gateway();
    for (method, path, body) in OPERATIONS {
        let answer = call(&gateway, method, &format!("{V2}{path}")).body(body).send();
        // The last of them would remove the only owner.
        assert!(matches!(answer.status, 200 | 204 | 409), "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("sunset"), None, "{method} {path}");
    }
}

//= 2: No endpoint of the slice
#[test]
fn r08_no_endpoint_has_a_2025_03_12_version() {
    let gateway = gateway();
    for (method, path, body) in &OPERATIONS[..10] {
        let answer = call(&gateway, method, &format!("{V2}{path}"))
            .headers(&["Accept: application/vnd.atlas.2025-03-12+json"])
            .body(body)
            .send();
        assert!(matches!(answer.status, 200 | 204), "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(V2023_TYPE), "{method} {path}");
    }
    let answer = call(&gateway, "GET", ACCOUNTS)
        .headers(&["Accept: application/vnd.atlas.2025-03-12+json"])
        .send();
    assert_eq!(answer.header("content-type"), Some(V2024_TYPE));
}

//= 2: Response Content-Type
#[test]
fn r10_a_204_has_the_content_type_no_body_and_no_content_length() {
    let gateway = gateway();
    add(&gateway, OWN_LIST, &json!([{ "ipAddress": "203.0.113.10" }]));
    let answer = call(&gateway, "DELETE", &format!("{OWN_LIST}/203.0.113.10")).send();
    gone(&answer, V2023_TYPE, "DELETE");
}

//= 2: Response Content-Type
#[test]
fn r10_errors_are_always_application_json() {
    let gateway = gateway();
    for prefix in PREFIXES {
        let answer = call(&gateway, "GET", &format!("{prefix}/orgs/{NOTHING}")).send();
        refused(&answer, 404, "ORG_NOT_FOUND", prefix);
        let answer = call(&gateway, "GET", &format!("{prefix}/orgs")).send_anonymously();
        refused(&answer, 401, "UNEXPECTED_ERROR", prefix);
    }
}

//= 2: Response Content-Type
#[test]
fn r10_under_v1_0_it_is_application_json_whatever_accept_says() {
    let gateway = gateway();
    for prefix in &PREFIXES[1..] {
        for accept in
            [&["Accept: text/html"][..], &[], &["Accept: */*"], &[&format!("Accept: {VERSION}")]]
        {
            let answer = call(&gateway, "GET", &format!("{prefix}/orgs")).headers(accept).send();
            accepted(&answer, prefix);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{accept:?}");
        }
    }
}

/// A body called so is read, under every prefix.
fn is_json(content_type: &[&str]) {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    let lines: Vec<&str> = [&*accept].into_iter().chain(content_type.iter().copied()).collect();
    for prefix in PREFIXES {
        let target = OWN_LIST.replace(V2, prefix);
        let answer = call(&gateway, "POST", &target).headers(&lines).body("[]").send();
        accepted(&answer, prefix);
    }
}

/// A body called so is refused, whatever it is for.
fn is_415(content_type: &[&str], named: &str) {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    let lines: Vec<&str> = [&*accept].into_iter().chain(content_type.iter().copied()).collect();
    for (method, path, body) in CHANGES {
        let answer =
            call(&gateway, method, &format!("{V2}{path}")).headers(&lines).body(body).send();
        let problem = refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", path);
        tells(&problem, &[named, "application/json", VERSION], path);
    }
    unchanged(&gateway);
}

table! { is_json;
    //= 2: Request Content-Type
    r11_a_request_may_be_application_json(&["Content-Type: application/json"]);
    //= 2: Request Content-Type
    r11_a_request_may_be_application_json_with_a_charset(&["Content-Type: Application/JSON; charset=utf-8"]);
    //= 2: Request Content-Type
    r11_a_request_may_be_the_vendor_type(&["Content-Type: application/vnd.atlas.2023-01-01+json"]);
    //= 2: Request Content-Type
    r11_a_request_may_be_the_vendor_type_of_any_date(&["Content-Type: application/vnd.atlas.2025-03-12+json;charset=utf-8"]);
    //= 2: Request Content-Type
    r11_a_request_without_content_type_is_treated_as_json(&[]);
}

table! { is_415;
    //= 2: Request Content-Type
    r11_a_form_is_415(&["Content-Type: application/x-www-form-urlencoded"], "application/x-www-form-urlencoded");
    //= 2: Request Content-Type
    r11_text_is_415(&["Content-Type: text/plain"], "text/plain");
    //= 2: Request Content-Type
    r11_another_vendors_type_is_415(&["Content-Type: application/vnd.other.2023-01-01+json"], "application/vnd.other");
    //= 2: Request Content-Type
    r11_what_only_begins_like_json_is_415(&["Content-Type: application/jsonp"], "application/jsonp");
    //= 2: Request Content-Type
    r11_an_empty_type_is_415(&["Content-Type:"], "\"\"");
    //= 2: Request Content-Type
    r11_two_types_are_415(&["Content-Type: application/json", "Content-Type: text/plain"], "application/json");
    //= 2: Request Content-Type
    r11_a_compressed_body_is_415(&["Content-Type: application/json", "Content-Encoding: gzip"], "gzip");
}

//= 2: Request Content-Type
#[test]
fn r11_without_a_body_its_type_does_not_matter() {
    let gateway = gateway();
    let accept = format!("Accept: {VERSION}");
    let answer = call(&gateway, "GET", &format!("{V2}/orgs"))
        .headers(&[&accept, "Content-Type: text/plain"])
        .send();
    accepted(&answer, "a GET that names a type");
}

//= 2: Routing and authentication come before Accept
#[test]
fn r12_routing_and_authentication_come_before_accept() {
    let gateway = gateway();
    for lines in [&[][..], &["Accept: */*"], &["Accept: application/vnd.atlas.preview+json"]] {
        let ask = |target: &str| call(&gateway, "GET", target).headers(lines).send_anonymously();
        refused(&ask(&format!("{V2}/nowhere")), 404, "RESOURCE_NOT_FOUND", "no such path");
        let answer = ask(&format!("{V2}/orgs"));
        refused(&answer, 401, "UNEXPECTED_ERROR", "a digest client's first request");
        assert!(answer.header("www-authenticate").is_some_and(|line| line.starts_with("Digest ")));
    }
}
