//! Section 1, outside the slice: what clients ask for that are otherwise supported.

use super::*;

//= 1: GET /api/private/ipinfo
#[test]
fn r27_get_api_private_ipinfo_tells_the_callers_address_behind_authentication_without_a_version() {
    let gateway = gateway();
    let target = "/api/private/ipinfo";
    let ask = || call(&gateway, "GET", target).headers(&[]);
    let answer = ask().send();
    assert_eq!(accepted(&answer, target), json!({ "currentIpv4Address": "127.0.0.1" }));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    refused(&ask().send_anonymously(), 401, "UNEXPECTED_ERROR", "behind authentication");
    refused(&ask().from("127.0.0.2").send(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "and a list");
    let (_, elsewhere) = gateway.new_key(&[Role::Member], &["127.0.0.2"]);
    let answer = ask().by(&elsewhere).from("127.0.0.2").send();
    assert_eq!(accepted(&answer, target)["currentIpv4Address"], "127.0.0.2");
}

//= 1: GET /api/atlas/v2 (2023-01-01)
#[test]
fn r28_get_api_atlas_v2_tells_app_name_build_ip_address_api_key_and_throttling() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", V2).send();
    assert_eq!(answer.header("content-type"), Some(V2023_TYPE));
    let body = accepted(&answer, "the system's status");
    assert_eq!(body["ipAddress"], "127.0.0.1");
    assert!(body["appName"].is_string() && body["build"].is_string(), "{body}");
    assert!(body["throttling"].is_boolean(), "{body}");
    assert_eq!(body["apiKey"]["accessList"][0]["cidrBlock"], "127.0.0.1/32");
    assert_eq!(body["apiKey"]["publicKey"], gateway.owner.public_key);
    let text = body.to_string();
    assert!(!text.contains(&gateway.owner.private_key), "{text}");
    assert_eq!(accepted(&call(&gateway, "GET", &format!("{V2}/")).send(), "with a slash"), body);
}

/// An organization's settings.
const SETTINGS: &str = "/api/atlas/v2/orgs/{org}/settings";

//= 1: GET/PATCH /orgs/{orgId}/settings
#[test]
fn r29_get_and_patch_settings_api_access_list_required() {
    let gateway = gateway();
    let before = accepted(&call(&gateway, "GET", SETTINGS).send(), "GET");
    assert_eq!(before["apiAccessListRequired"], true);
    let (_, fresh) = gateway.new_key(&[Role::Owner], &[]);
    for required in [false, true, false] {
        let body = json!({ "apiAccessListRequired": required });
        let answer = call(&gateway, "PATCH", SETTINGS).body(body.to_string()).send();
        let mut expected = before.clone();
        expected["apiAccessListRequired"] = json!(required);
        assert_eq!(accepted(&answer, "PATCH"), expected, "and nothing else has changed");
        assert_eq!(accepted(&call(&gateway, "GET", SETTINGS).send(), "GET"), expected);
        let proxied = gateway.client().digest(&fresh, "GET", "/", &[], b"").status;
        assert_eq!(proxied, if required { 403 } else { 200 }, "in force for the next request");
    }
}

//= 1: GET/PATCH /orgs/{orgId}/settings
#[test]
fn r29_max_service_account_secret_validity_in_hours_8_to_8760() {
    let gateway = gateway();
    let patch = |hours: Value| {
        let body = json!({ "maxServiceAccountSecretValidityInHours": hours });
        call(&gateway, "PATCH", SETTINGS).body(body.to_string()).send()
    };
    for hours in [8, 24, 8760] {
        let name = "maxServiceAccountSecretValidityInHours";
        assert_eq!(accepted(&patch(json!(hours)), "within")[name], hours);
    }
    for hours in [json!(7), json!(8761), json!(0), json!(-8), json!(8.5), json!("24")] {
        let answer = patch(hours.clone());
        assert_eq!(answer.status, 400, "{hours}: {}", answer.text());
        let place = place_named(&answer.json(), "hours");
        assert_eq!(place, "maxServiceAccountSecretValidityInHours", "{hours}");
        tells(&answer.json(), &[&hours.to_string()], "the value");
    }
}

//= 1: GET/PATCH /orgs/{orgId}/settings
#[test]
fn r29_settings_are_read_by_every_role_and_changed_by_an_owner() {
    let more = "[rate_limits]\norganization_settings = \"off\"".to_owned();
    let gateway = gateway_with(Options { more, ..Options::default() });
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        let (_, caller) = gateway.new_key(&[role], &["127.0.0.1"]);
        let answer = call(&gateway, "PATCH", SETTINGS)
            .by(&caller)
            .body(r#"{"apiAccessListRequired":false}"#)
            .send();
        let problem = refused(&answer, 403, "USER_UNAUTHORIZED", role.as_str());
        assert_eq!(problem["parameters"], json!(["ORG_OWNER"]));
        accepted(&call(&gateway, "GET", SETTINGS).by(&caller).send(), role.as_str());
    }
    let settings = accepted(&call(&gateway, "GET", SETTINGS).send(), "GET");
    assert_eq!(settings["apiAccessListRequired"], true);
}
