//! Bodies that cannot be used: each answer names the member, what stands there and what was expected.

use super::*;

/// The body of a new account with one member changed, or taken out where `value` is none.
fn with(name: &str, value: Option<Value>) -> String {
    let mut body = new_account();
    match value {
        Some(value) => body[name] = value,
        None => {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body.to_string()
}

#[test]
fn what_a_new_account_lacks_or_has_wrong_is_named() {
    let gateway = gateway();
    let long = "x".repeat(65);
    for (name, value, code, words) in [
        ("name", None, "MISSING_ATTRIBUTE", &["name", "absent"][..]),
        ("description", Some(Value::Null), "MISSING_ATTRIBUTE", &["description", "absent"]),
        ("roles", None, "MISSING_ATTRIBUTE", &["roles", "absent", "at least one role"]),
        ("name", Some(json!("a/b")), "VALIDATION_ERROR", &["name", "a/b", "1 to 64"]),
        ("name", Some(json!("")), "VALIDATION_ERROR", &["name", "\"\"", "1 to 64"]),
        ("name", Some(json!(long)), "VALIDATION_ERROR", &["name", &long, "1 to 64"]),
        ("description", Some(json!("a\u{0}")), "VALIDATION_ERROR", &["description", "1 to 250"]),
        ("name", Some(json!(7)), "INVALID_ATTRIBUTE", &["name", "7", "a string"]),
        ("roles", Some(json!([])), "VALIDATION_ERROR", &["roles", "at least one role"]),
        ("roles", Some(json!(["ROOT"])), "INVALID_ROLE_FOR_ORG", &["roles[0]", "ROOT"]),
        ("roles", Some(json!("ORG_OWNER")), "INVALID_ATTRIBUTE", &["roles", "ORG_OWNER"]),
        (
            "secretExpiresAfterHours",
            None,
            "MISSING_ATTRIBUTE",
            &["8 to 8760", "withoutInitialSecret"],
        ),
        ("secretExpiresAfterHours", Some(json!(7)), "VALIDATION_ERROR", &["7", "8 to 8760"]),
        ("secretExpiresAfterHours", Some(json!(8761)), "VALIDATION_ERROR", &["8761", "8 to 8760"]),
        ("secretExpiresAfterHours", Some(json!(8.5)), "VALIDATION_ERROR", &["8.5", "8 to 8760"]),
        (
            "secretExpiresAfterHours",
            Some(json!("8")),
            "INVALID_ATTRIBUTE",
            &["\"8\"", "whole number"],
        ),
        (
            "withoutInitialSecret",
            Some(json!(true)),
            "VALIDATION_ERROR",
            &["secretExpiresAfterHours", "8", "withoutInitialSecret"],
        ),
        (
            "withoutInitialSecret",
            Some(json!(1)),
            "INVALID_ATTRIBUTE",
            &["withoutInitialSecret", "1"],
        ),
        (
            "clientId",
            Some(json!("x")),
            "INVALID_ATTRIBUTE",
            &["clientId", "\"x\"", "expected only"],
        ),
    ] {
        let body = with(name, value);
        let refusal = refused(&call(&gateway, "POST", "", &body), 400, code);
        tells(&refusal, words);
        let field = refusal["badRequestDetail"]["fields"][0]["field"].as_str().unwrap();
        assert!(
            words[0] == field || field.starts_with(name) || field == "secretExpiresAfterHours",
            "{field}: {body}"
        );
    }
    assert_eq!(accepted(&call(&gateway, "GET", "", ""), 200)["totalCount"], 0);
}

#[test]
fn a_body_that_is_none_is_refused_cleanly_wherever_there_is_one() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    for (method, path) in [
        ("POST", String::new()),
        ("PATCH", path.clone()),
        ("POST", format!("{path}/secrets")),
        ("POST", format!("{path}/accessList")),
    ] {
        let send = |headers: &[&str], body: &[u8]| {
            let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts{path}", gateway.org);
            let accept = format!("Accept: {VERSION}");
            let lines = [&[accept.as_str()], headers].concat();
            Client::connect(gateway.admin()).digest(&gateway.owner, method, &target, &lines, body)
        };
        for (body, code) in [
            (&b""[..], "MALFORMED_JSON"),
            (b"{", "MALFORMED_JSON"),
            (b"\"\xff\"", "MALFORMED_JSON"),
            (br#"{"name":"a","name":"b"}"#, "INVALID_JSON"),
            (b"null", "INVALID_ATTRIBUTE"),
            (b"7", "INVALID_ATTRIBUTE"),
        ] {
            let answer = send(&[], body);
            assert_eq!(
                (answer.status, answer.error_code().as_str()),
                (400, code),
                "{method} {path}"
            );
        }
        let typed = send(&["Content-Type: text/plain"], b"{}");
        assert_eq!((typed.status, typed.error_code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
        let large = send(&[], &vec![b' '; (1 << 20) + 1]);
        assert_eq!((large.status, large.error_code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    }
}

#[test]
fn a_change_has_no_secret_in_it() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    for name in ["secretExpiresAfterHours", "withoutInitialSecret", "secrets", "systemManaged"] {
        let body = json!({ name: null }).to_string();
        let refusal = refused(&call(&gateway, "PATCH", &path, &body), 400, "INVALID_ATTRIBUTE");
        tells(&refusal, &[name, "description, name and roles"]);
    }
}
