//! Section 1, aliases: one API under several prefixes and names.

use super::*;

/// A call with the headers that a prefix asks for: the older ones know no versions.
fn call_under<'a>(
    gateway: &'a Gateway,
    prefix: &str,
    method: &'a str,
    path: &str,
    body: &str,
) -> Call<'a> {
    let headers = if prefix == V2 { vec![format!("Accept: {VERSION}")] } else { Vec::new() };
    Call { headers, ..call(gateway, method, &format!("{prefix}{path}")) }.body(body)
}

/// Carries out every operation on API keys under a prefix, with `end` behind each path.
fn every_operation_answers(prefix: &str, end: &str) {
    let content_type = if prefix == V2 { V2023_TYPE } else { "application/json" };
    let gateway = gateway();
    let ask = |method, path: &str, body: &str| {
        let answer = call_under(&gateway, prefix, method, &format!("{path}{end}"), body).send();
        let case = format!("{method} {prefix}{path}{end}");
        if method == "DELETE" {
            gone(&answer, content_type, &case);
            return Value::Null;
        }
        assert_eq!(answer.header("content-type"), Some(content_type), "{case}");
        accepted(&answer, &case)
    };
    let org = "/orgs/{org}";
    assert_eq!(ask("GET", "/orgs", "")["results"][0]["id"], gateway.org.to_string());
    assert_eq!(ask("GET", org, "")["id"], gateway.org.to_string());
    let keys = format!("{org}/apiKeys");
    let made = ask("POST", &keys, r#"{"desc":"made here","roles":["ORG_MEMBER"]}"#);
    let key = format!("{keys}/{}", made["id"].as_str().unwrap());
    let listed = ask("GET", &keys, "");
    let listed = listed["results"].as_array().unwrap();
    assert!(listed.len() == 2 && listed.iter().any(|key| key["id"] == made["id"]));
    assert_eq!(ask("GET", &key, "")["desc"], "made here");
    assert_eq!(ask("PATCH", &key, r#"{"desc":"changed here"}"#)["desc"], "changed here");
    let list = format!("{key}/accessList");
    assert_eq!(ask("GET", &list, "")["results"], json!([]));
    let page = ask("POST", &list, r#"[{"ipAddress":"203.0.113.10"}]"#);
    assert_eq!(ranges(&page), ["203.0.113.10/32"]);
    let entry = format!("{list}/203.0.113.10");
    let shown = ask("GET", &entry, "");
    let members: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["cidrBlock", "count", "created", "ipAddress", "links"], "the same fields");
    ask("DELETE", &entry, "");
    assert_eq!(ask("GET", &list, "")["totalCount"], 0);
    ask("DELETE", &key, "");
    assert_eq!(ask("GET", &keys, "")["totalCount"], 1);
}

//= 1: /api/atlas/v2 | needs
#[test]
fn r30_api_atlas_v2_needs_a_versioned_accept() {
    every_operation_answers(V2, "");
    let gateway = gateway();
    let answer = call(&gateway, "GET", &format!("{V2}/orgs")).headers(&[]).send();
    refused(&answer, 406, "INVALID_VERSION_DATE", "without one");
}

table! { every_operation_answers;
    //= 1: /api/atlas/v1.0
    r31_api_atlas_v1_0_the_same_resources_in_plain_application_json("/api/atlas/v1.0", "");
    //= 1: /api/public/v1.0
    r32_api_public_v1_0_the_same_paths("/api/public/v1.0", "");
    //= 1: a trailing /
    r34_a_trailing_slash_is_accepted_under_api_atlas_v2(V2, "/");
    //= 1: a trailing /
    r34_a_trailing_slash_is_accepted_under_api_atlas_v1_0("/api/atlas/v1.0", "/");
    //= 1: a trailing /
    r34_a_trailing_slash_is_accepted_under_api_public_v1_0("/api/public/v1.0", "/");
}

//= 1: last segment whitelist, accesslist
#[test]
fn r33_the_old_names_of_access_list_are_known_under_the_two_v1_0_prefixes_only() {
    let gateway = gateway();
    for name in ["whitelist", "accesslist"] {
        for prefix in &PREFIXES[1..] {
            let list = format!("/orgs/{{org}}/apiKeys/{{key}}/{name}");
            let ask =
                |method, path: &str, body| call_under(&gateway, prefix, method, path, body).send();
            let case = format!("{prefix} {name}");
            let page = accepted(&ask("POST", &list, r#"[{"ipAddress":"203.0.113.10"}]"#), &case);
            assert_eq!(ranges(&page), ["127.0.0.1/32", "203.0.113.10/32"], "{case}");
            let entry = filled(&gateway, &format!("{prefix}{list}/203.0.113.10"));
            let href = format!("http://{}{entry}", gateway.admin());
            assert_eq!(link(&page["results"][1], "self"), Some(href.as_str()), "{case}");
            assert_eq!(accepted(&ask("GET", &list, ""), &case)["totalCount"], 2, "{case}");
            let entry = format!("{list}/203.0.113.10");
            assert_eq!(link(&accepted(&ask("GET", &entry, ""), &case), "self"), Some(&*href));
            gone(&ask("DELETE", &entry, ""), "application/json", &case);
        }
        for path in ["", "/127.0.0.1"] {
            let target = format!("{OWN_LIST}{path}").replace("accessList", name);
            let answer = call(&gateway, "GET", &target).send();
            refused(&answer, 404, "RESOURCE_NOT_FOUND", &target);
        }
    }
}

//= 1: Service accounts have only ever been published under v2
#[test]
fn r35_service_accounts_are_answered_under_v1_0_too() {
    let gateway = gateway();
    for prefix in &PREFIXES[1..] {
        let accounts = format!("{prefix}/orgs/{{org}}/serviceAccounts");
        let ask = |method, path: &str, body: &str| {
            let answer = call(&gateway, method, path).headers(&[]).body(body).send();
            assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
            answer
        };
        let body = r#"{"name":"robot","description":"new","roles":["ORG_MEMBER"],"secretExpiresAfterHours":8}"#;
        let made = succeeded(&ask("POST", &accounts, body), 201, prefix);
        let account = format!("{accounts}/{}", made["clientId"].as_str().unwrap());
        assert_eq!(accepted(&ask("GET", &account, ""), prefix)["name"], "robot");
        for name in ["accessList", "whitelist", "accesslist"] {
            let page =
                ask("POST", &format!("{account}/{name}"), r#"[{"ipAddress":"203.0.113.10"}]"#);
            assert_eq!(ranges(&accepted(&page, name)), ["203.0.113.10/32"], "{prefix} {name}");
        }
        gone(&ask("DELETE", &account, ""), "application/json", prefix);
    }
}
