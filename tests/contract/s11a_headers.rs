//! Section 11, headers: what every answer carries, and what none does.

use super::*;

/// A success, and refusals of each kind.
fn answers(gateway: &Gateway) -> Vec<(&'static str, Answer)> {
    let orgs = format!("{V2}/orgs");
    let origin = ["Origin: https://elsewhere.example"];
    vec![
        ("a success", call(gateway, "GET", &orgs).send()),
        ("401", call(gateway, "GET", &orgs).send_anonymously()),
        ("403", call(gateway, "GET", &orgs).from("127.0.0.2").send()),
        ("404", call(gateway, "GET", "/nowhere").send()),
        ("405", call(gateway, "PUT", &orgs).send()),
        ("406 for a browser's script", call(gateway, "GET", &orgs).headers(&origin).send()),
        ("400", call(gateway, "POST", OWN_LIST).body("{").send()),
        ("204", {
            add(gateway, OWN_LIST, &json!([{ "ipAddress": "203.0.113.10" }]));
            call(gateway, "DELETE", &format!("{OWN_LIST}/203.0.113.10")).send()
        }),
    ]
}

//= 11: X-Error-Code
#[test]
fn r03_x_error_code_is_on_errors_and_on_nothing_else() {
    for (row, answer) in answers(&gateway()) {
        if answer.status < 300 {
            assert_eq!(answer.header("x-error-code"), None, "{row}");
        } else {
            let code = answer.json()["errorCode"].as_str().unwrap().to_owned();
            assert_eq!(answer.all("x-error-code").collect::<Vec<_>>(), [&code], "{row}");
        }
    }
}

//= 11: Deprecation, Sunset
#[test]
fn r04_deprecation_and_sunset_are_on_deprecated_versions_only_and_none_is() {
    for (row, answer) in answers(&gateway()) {
        assert_eq!((answer.header("deprecation"), answer.header("sunset")), (None, None), "{row}");
    }
}

//= 11: Strict-Transport-Security
#[test]
fn r05_nosniff_deny_and_no_referrer_are_on_every_answer_and_hsts_on_none_without_tls() {
    let mut ids = BTreeSet::new();
    let answers = answers(&gateway());
    for (row, answer) in &answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            // An answer may hold a private key.
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.all(name).collect::<Vec<_>>(), [value], "{row}: {name}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{row}");
        ids.insert(answer.header("x-request-id").expect("an id").to_owned());
    }
    assert_eq!(ids.len(), answers.len(), "and each has an id of its own");
}

//= 11: CORS
#[test]
fn r06_cors_none_is_sent() {
    for (row, answer) in answers(&gateway()) {
        let allows = |name: &str| name.to_lowercase().starts_with("access-control-");
        assert!(!answer.headers.iter().any(|(name, _)| allows(name)), "{row}");
    }
}

//= 11: Plain HTTP
#[test]
fn r12_plain_http_is_served_without_a_redirect() {
    for (row, answer) in answers(&gateway()) {
        assert!(!(300..400).contains(&answer.status), "{row}");
        assert_eq!(answer.header("location"), None, "{row}");
    }
}
