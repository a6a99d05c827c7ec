//! The settings of an organization: the two that hold here, and those that can only be said to be off.

use portcullis::identity::Role;
use serde_json::{Value, json};

use crate::harness::client::Answer;
use crate::harness::{Gateway, Options, Upstream};

fn gateway() -> Gateway {
    let more = "[rate_limits]\norganization_settings = \"off\"".to_owned();
    Gateway::with(Upstream::echo().address, Options { more, ..Options::default() })
}

fn path(gateway: &Gateway) -> String {
    format!("/orgs/{}/settings", gateway.org)
}

fn shown(gateway: &Gateway) -> Value {
    let answer = gateway.api("GET", &path(gateway), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn patch(gateway: &Gateway, body: &Value) -> Answer {
    gateway.api("PATCH", &path(gateway), &body.to_string())
}

#[test]
fn settings_say_what_holds_and_keep_what_is_set() {
    let mut gateway = gateway();
    let mut expected = json!({
        "apiAccessListRequired": true,
        "customSessionTimeouts": null,
        "genAIFeaturesEnabled": true,
        "maxServiceAccountSecretValidityInHours": null,
        "multiFactorAuthRequired": false,
        "operationsContact": null,
        "restrictEmployeeAccess": false,
        "securityContact": null,
        "streamsCrossGroupEnabled": false,
    });
    assert_eq!(shown(&gateway), expected);
    for (name, value) in [
        ("apiAccessListRequired", json!(false)),
        ("maxServiceAccountSecretValidityInHours", json!(8)),
        ("maxServiceAccountSecretValidityInHours", json!(8760)),
        ("maxServiceAccountSecretValidityInHours", Value::Null),
        ("maxServiceAccountSecretValidityInHours", json!(720)),
        ("apiAccessListRequired", json!(true)),
    ] {
        expected[name] = value.clone();
        let answer = patch(&gateway, &json!({ name: value }));
        assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{name}");
        assert_eq!(shown(&gateway), expected, "{name}");
    }
    assert_eq!(patch(&gateway, &json!({})).json(), expected, "nothing changes nothing");
    assert_eq!(patch(&gateway, &expected).json(), expected, "what was read can be sent back");
    gateway.restart();
    assert_eq!(shown(&gateway), expected);
}

#[test]
fn a_setting_that_nothing_here_would_keep_is_refused_by_its_name() {
    let gateway = gateway();
    let before = shown(&gateway);
    for (name, value, code) in [
        ("multiFactorAuthRequired", json!(true), "VALIDATION_ERROR"),
        ("restrictEmployeeAccess", json!(true), "VALIDATION_ERROR"),
        ("genAIFeaturesEnabled", json!(false), "VALIDATION_ERROR"),
        ("streamsCrossGroupEnabled", json!(true), "VALIDATION_ERROR"),
        ("securityContact", json!("security@example.com"), "VALIDATION_ERROR"),
        ("operationsContact", json!("ops@example.com"), "VALIDATION_ERROR"),
        ("customSessionTimeouts", json!({}), "VALIDATION_ERROR"),
        ("maxServiceAccountSecretValidityInHours", json!(7), "VALIDATION_ERROR"),
        ("maxServiceAccountSecretValidityInHours", json!(8761), "VALIDATION_ERROR"),
        ("maxServiceAccountSecretValidityInHours", json!("8"), "INVALID_ATTRIBUTE"),
        ("apiAccessListRequired", json!("no"), "INVALID_ATTRIBUTE"),
        ("name", json!("Acme"), "INVALID_ATTRIBUTE"),
    ] {
        let answer = patch(&gateway, &json!({ "apiAccessListRequired": false, name: value }));
        assert_eq!((answer.status, answer.error_code().as_str()), (400, code), "{name}");
        let body = answer.json();
        assert!(body["detail"].as_str().unwrap().contains(name), "{body}");
        assert_eq!(body["badRequestDetail"]["fields"][0]["field"], name);
        assert_eq!(shown(&gateway), before, "all or nothing");
    }
}

#[test]
fn who_has_an_empty_list_cannot_lock_itself_out_by_requiring_lists() {
    let gateway = gateway();
    let (_, unlisted) = gateway.new_key(&[Role::Owner], &[]);
    let require = || {
        let target = format!("/api/atlas/v1.0{}", path(&gateway));
        let body = r#"{"apiAccessListRequired":true}"#;
        gateway.api_with(&unlisted, "PATCH", &target, &[], body)
    };
    assert_eq!(require().status, 403, "while they are required it is nobody");
    assert_eq!(patch(&gateway, &json!({ "apiAccessListRequired": false })).status, 200);
    let answer = require();
    assert_eq!((answer.status, answer.error_code().as_str()), (409, "ORG_REQUIRES_ACCESS_LIST"));
    assert_eq!(answer.json()["parameters"], json!(["127.0.0.1"]));
    assert_eq!(shown(&gateway)["apiAccessListRequired"], false);
}
