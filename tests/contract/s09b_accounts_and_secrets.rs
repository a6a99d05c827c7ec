//! Section 9, accounts and secrets: what they are, who may be one, and what is shown of them.

use super::*;

use portcullis::time::{Clock, Timestamp};

use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

fn with_clock() -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    (gateway_with(Options { clock: Some(clock.clone()), ..Options::default() }), clock)
}

/// A body that makes an account, with this in place of what it names.
fn account_body(change: Value) -> Value {
    let mut body = json!({
        "name": "robot",
        "description": "for the build",
        "roles": ["ORG_MEMBER"],
        "secretExpiresAfterHours": 8,
    });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::String(text) if text == "absent" => {
                drop(body.as_object_mut().unwrap().remove(name))
            }
            value => body[name] = value.clone(),
        }
    }
    body
}

fn post(gateway: &Gateway, target: &str, body: &Value) -> Answer {
    call(gateway, "POST", target).body(body.to_string()).send()
}

fn make(gateway: &Gateway, change: Value) -> Value {
    succeeded(&post(gateway, ACCOUNTS, &account_body(change)), 201, "make an account")
}

fn path_of(account: &Value) -> String {
    format!("{ACCOUNTS}/{}", text(account, "clientId"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

//= 9: clientId
#[test]
fn r11_client_id_is_mdb_sa_id_and_24_hexadecimal() {
    let gateway = gateway();
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        let made = make(&gateway, json!({}));
        let id = text(&made, "clientId").strip_prefix("mdb_sa_id_").unwrap().to_owned();
        assert!(id.len() == 24 && is_hex(&id), "{id}");
        assert!(seen.insert(id), "no two are alike");
    }
}

//= 9: secret | mdb_sa_sk_
#[test]
fn r12_secret_is_mdb_sa_sk_and_40_characters() {
    let gateway = gateway();
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        let made = make(&gateway, json!({}));
        let rest =
            text(&made["secrets"][0], "secret").strip_prefix("mdb_sa_sk_").unwrap().to_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(rest.len() == 40 && rest.bytes().all(plain), "{rest}");
        assert!(seen.insert(rest), "no two are alike");
    }
}

//= 9: shown
#[test]
fn r13_secret_is_shown_only_in_the_answer_that_makes_it_and_masked_afterwards() {
    let mut gateway = gateway();
    let made = make(&gateway, json!({}));
    let path = path_of(&made);
    let secrets = format!("{path}/secrets");
    let second = post(&gateway, &secrets, &json!({ "secretExpiresAfterHours": 8 }));
    let second = succeeded(&second, 201, "a second secret");
    let whole = [text(&made["secrets"][0], "secret"), text(&second, "secret")];
    let masked = whole.map(|secret| format!("mdb_sa_sk_...{}", &secret[secret.len() - 4..]));
    gateway.restart();
    for (row, answer) in [
        ("alone", call(&gateway, "GET", &path).send()),
        ("changed", call(&gateway, "PATCH", &path).body("{}").send()),
        ("in a list", call(&gateway, "GET", ACCOUNTS).send()),
    ] {
        let body = accepted(&answer, row);
        let account = body.get("results").map_or(&body, |results| &results[0]);
        for (secret, masked) in account["secrets"].as_array().unwrap().iter().zip(&masked) {
            assert_eq!(text(secret, "maskedSecretValue"), masked, "{row}");
            assert_eq!(secret.get("secret"), None, "{row}");
        }
        assert!(whole.iter().all(|secret| !answer.text().contains(secret)), "{row}");
    }
    let directory = gateway.stop();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has =
            |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!whole.iter().any(|secret| has(secret)), "nor is it stored");
    }
}

//= 9: fields
#[test]
fn r14_fields_id_created_at_expires_at_always_and_last_used_at_after_use() {
    let (gateway, clock) = with_clock();
    let made = make(&gateway, json!({ "secretExpiresAfterHours": 24 }));
    let secret = &made["secrets"][0];
    assert!(text(secret, "id").len() == 24 && is_hex(text(secret, "id")));
    assert_eq!(text(secret, "createdAt"), "2026-07-25T17:20:00Z");
    assert_eq!(text(secret, "expiresAt"), "2026-07-26T17:20:00Z");
    let shown = || accepted(&call(&gateway, "GET", &path_of(&made)).send(), "GET");
    assert_eq!(shown()["secrets"][0].get("lastUsedAt"), None);
    clock.set(Timestamp::from_millis(NOON + 90_000));
    let account = Account {
        client_id: text(&made, "clientId").to_owned(),
        secret_id: text(secret, "id").to_owned(),
        secret: text(secret, "secret").to_owned(),
    };
    account.token(&gateway);
    let after = shown();
    assert_eq!(text(&after["secrets"][0], "lastUsedAt"), "2026-07-25T17:21:30Z");
    for name in ["id", "createdAt", "expiresAt"] {
        assert_eq!(after["secrets"][0][name], secret[name], "{name}");
    }
}

/// Both the account's first secret and a later one may be asked for so many hours.
fn hours_are(hours: Value, is_good: bool) {
    let gateway = gateway();
    let path = path_of(&make(&gateway, json!({})));
    let body = json!({ "secretExpiresAfterHours": hours });
    for answer in [
        post(&gateway, ACCOUNTS, &account_body(body.clone())),
        post(&gateway, &format!("{path}/secrets"), &body),
    ] {
        if is_good {
            succeeded(&answer, 201, "within");
            continue;
        }
        assert_eq!(answer.status, 400, "{hours}: {}", answer.text());
        assert_eq!(place_named(&answer.json(), "hours"), "secretExpiresAfterHours");
        tells(&answer.json(), &[&hours.to_string(), "expected a whole number"], "the value");
    }
}

table! { hours_are;
    //= 9: life
    r15_life_of_8_hours_is_the_least(json!(8), true);
    //= 9: life
    r15_life_of_8760_hours_is_the_most(json!(8760), true);
    //= 9: life
    r15_life_of_7_hours_is_400(json!(7), false);
    //= 9: life
    r15_life_of_8761_hours_is_400(json!(8761), false);
    //= 9: life
    r15_life_of_0_hours_is_400(json!(0), false);
    //= 9: life
    r15_life_below_0_is_400(json!(-8), false);
    //= 9: life
    r15_life_of_half_an_hour_more_is_400(json!(8.5), false);
    //= 9: life
    r15_life_beyond_any_number_is_400(json!(1e30), false);
    //= 9: life
    r15_life_as_a_text_is_400(json!("8"), false);
}

//= 9: life
#[test]
fn r15_life_is_not_above_the_organizations_own_maximum() {
    let gateway = gateway();
    let settings = call(&gateway, "PATCH", &format!("{V2}/orgs/{{org}}/settings"));
    let body = r#"{"maxServiceAccountSecretValidityInHours":24}"#;
    accepted(&settings.body(body).send(), "settings");
    let path = path_of(&make(&gateway, json!({ "secretExpiresAfterHours": 24 })));
    let body = json!({ "secretExpiresAfterHours": 25 });
    for answer in [
        post(&gateway, ACCOUNTS, &account_body(body.clone())),
        post(&gateway, &format!("{path}/secrets"), &body),
    ] {
        assert_eq!(answer.status, 400, "{}", answer.text());
        tells(&answer.json(), &["25", "24"], "what was asked for, and the maximum");
    }
}

//= 9: life
#[test]
fn r15_life_once_over_the_secret_gives_no_token_and_those_it_gave_are_void() {
    let (gateway, clock) = with_clock();
    let account = Account::for_hours(&gateway, 8, Role::Member, &["127.0.0.1"]);
    clock.set(Timestamp::from_millis(NOON + 8 * 3_600_000 - 60_000));
    let answer = account.ask(&gateway);
    assert_eq!(accepted(&answer, "a minute before")["expires_in"], 60, "not beyond the secret");
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let orgs = || call(&gateway, "GET", &format!("{V2}/orgs")).send_bearing(&token);
    accepted(&orgs(), "a minute before");
    clock.set(Timestamp::from_millis(NOON + 8 * 3_600_000));
    refused(&orgs(), 401, "UNEXPECTED_ERROR", "with its secret");
    assert_eq!(account.ask(&gateway).status, 401);
}

//= 9: number
#[test]
fn r16_number_2_secrets_per_account() {
    let gateway = gateway();
    let made = make(&gateway, json!({}));
    let secrets = format!("{}/secrets", path_of(&made));
    let body = json!({ "secretExpiresAfterHours": 8 });
    succeeded(&post(&gateway, &secrets, &body), 201, "the second");
    let answer = post(&gateway, &secrets, &body);
    let problem = refused(&answer, 400, "MAX_SECRETS_PER_SERVICE_ACCOUNT_EXCEEDED", "the third");
    assert_eq!(problem["parameters"], json!([2]));
    tells(&problem, &["2"], "the third");
    let first = format!("{secrets}/{}", text(&made["secrets"][0], "id"));
    gone(&call(&gateway, "DELETE", &first).send(), V2024_TYPE, "one less");
    succeeded(&post(&gateway, &secrets, &body), 201, "makes room");
}

//= 9: number
#[test]
fn r16_number_200_accounts_per_organization() {
    let gateway = gateway();
    for _ in 0..199 {
        Account::new(&gateway, Role::Member, &[]);
    }
    make(&gateway, json!({}));
    let answer = post(&gateway, ACCOUNTS, &account_body(json!({})));
    let problem = refused(&answer, 400, "MAX_SERVICE_ACCOUNTS_PER_ORG_EXCEEDED", "the 201st");
    assert_eq!(problem["parameters"], json!([200]));
    tells(&problem, &["200"], "the 201st");
}

/// A body that may not make an account is refused by code, the member is named with its value, and none is made.
fn create_is_refused(change: Value, code: &str, member: &str, told: &str) {
    let gateway = gateway();
    let answer = post(&gateway, ACCOUNTS, &account_body(change));
    let problem = refused(&answer, 400, code, member);
    assert_eq!(place_named(&problem, code), member);
    tells(&problem, &[told], member);
    assert_eq!(call(&gateway, "GET", ACCOUNTS).send().json()["totalCount"], 0);
}

table! { create_is_refused;
    //= 9: create account
    r17_create_name_is_required(json!({ "name": "absent" }), "MISSING_ATTRIBUTE", "name", "name");
    //= 9: create account
    r17_create_name_null_is_as_good_as_none(json!({ "name": null }), "MISSING_ATTRIBUTE", "name", "name");
    //= 9: create account
    r17_create_name_of_0_characters(json!({ "name": "" }), "VALIDATION_ERROR", "name", "\"\"");
    //= 9: create account
    r17_create_name_of_65_characters(json!({ "name": "x".repeat(65) }), "VALIDATION_ERROR", "name", "64");
    //= 9: create account
    r17_create_name_with_a_slash(json!({ "name": "a/b" }), "VALIDATION_ERROR", "name", "\"a/b\"");
    //= 9: create account
    r17_create_name_with_a_line_end(json!({ "name": "a\nb" }), "VALIDATION_ERROR", "name", "expected");
    //= 9: create account
    r17_create_name_with_a_nul(json!({ "name": "a\0b" }), "VALIDATION_ERROR", "name", "expected");
    //= 9: create account
    r17_create_name_with_a_sign_that_is_no_letter(json!({ "name": "a\u{1f600}" }), "VALIDATION_ERROR", "name", "expected");
    //= 9: create account
    r17_create_name_that_is_no_text(json!({ "name": 7 }), "INVALID_ATTRIBUTE", "name", "7");
    //= 9: create account
    r17_create_description_is_required(json!({ "description": "absent" }), "MISSING_ATTRIBUTE", "description", "description");
    //= 9: create account
    r17_create_description_of_0_characters(json!({ "description": "" }), "VALIDATION_ERROR", "description", "\"\"");
    //= 9: create account
    r17_create_description_of_251_characters(
        json!({ "description": "x".repeat(251) }), "VALIDATION_ERROR", "description", "250"
    );
    //= 9: create account
    r17_create_description_with_a_colon(json!({ "description": "a:b" }), "VALIDATION_ERROR", "description", "\"a:b\"");
    //= 9: create account
    r17_create_roles_are_required(json!({ "roles": "absent" }), "MISSING_ATTRIBUTE", "roles", "roles");
    //= 9: create account
    r17_create_roles_at_least_one(json!({ "roles": [] }), "VALIDATION_ERROR", "roles", "at least one");
    //= 9: create account
    r17_create_roles_that_are_no_array(json!({ "roles": "ORG_OWNER" }), "INVALID_ATTRIBUTE", "roles", "\"ORG_OWNER\"");
    //= 9: create account
    r17_create_a_role_that_there_is_not(
        json!({ "roles": ["ORG_MEMBER", "ORG_KING"] }), "INVALID_ROLE_FOR_ORG", "roles[1]", "\"ORG_KING\""
    );
    //= 9: create account
    r17_create_hours_are_required(
        json!({ "secretExpiresAfterHours": "absent" }), "MISSING_ATTRIBUTE", "secretExpiresAfterHours", "withoutInitialSecret"
    );
    //= 9: create account
    r17_create_hours_are_required_where_without_initial_secret_is_false(
        json!({ "secretExpiresAfterHours": "absent", "withoutInitialSecret": false }),
        "MISSING_ATTRIBUTE", "secretExpiresAfterHours", "withoutInitialSecret"
    );
    //= 9: create account
    r17_create_hours_must_be_absent_without_initial_secret(
        json!({ "withoutInitialSecret": true }), "VALIDATION_ERROR", "secretExpiresAfterHours", "8"
    );
    //= 9: create account
    r17_create_without_initial_secret_that_is_no_boolean(
        json!({ "withoutInitialSecret": "yes" }), "INVALID_ATTRIBUTE", "withoutInitialSecret", "\"yes\""
    );
    //= 9: create account
    r17_create_an_unknown_member(json!({ "secret": "mine" }), "INVALID_ATTRIBUTE", "secret", "\"mine\"");
}

//= 9: create account
#[test]
fn r17_create_names_and_descriptions_of_letters_and_digits_of_any_script_and_seven_signs() {
    let gateway = gateway();
    for (name, description) in [
        ("x".to_owned(), "x".to_owned()),
        ("ä".repeat(64), "ä".repeat(250)),
        ("a-b_c.d,e'f g".to_owned(), "Bot 7, für das 東京 team's build-up_2.0".to_owned()),
    ] {
        let made = make(&gateway, json!({ "name": name, "description": description }));
        assert_eq!((text(&made, "name"), text(&made, "description")), (&*name, &*description));
    }
}

//= 9: create account
#[test]
fn r17_create_without_initial_secret_makes_an_account_that_has_none() {
    let gateway = gateway();
    let change = json!({ "withoutInitialSecret": true, "secretExpiresAfterHours": "absent" });
    let made = make(&gateway, change);
    assert_eq!(made["secrets"], json!([]));
    let change = json!({ "withoutInitialSecret": true, "secretExpiresAfterHours": null });
    assert_eq!(make(&gateway, change)["secrets"], json!([]), "null is as good as absent");
    let secrets = format!("{}/secrets", path_of(&made));
    let secret = post(&gateway, &secrets, &json!({ "secretExpiresAfterHours": 8 }));
    succeeded(&secret, 201, "its first secret may come later");
}

//= 9: change account
#[test]
fn r18_change_account_any_of_name_description_roles_and_null_is_as_absent() {
    let mut gateway = gateway();
    let made = make(&gateway, json!({ "roles": ["ORG_READ_ONLY"] }));
    let path = path_of(&made);
    let (robot, build) = ("robot", "for the build");
    for (body, name, description, roles) in [
        (json!({ "name": "second" }), "second", build, &["ORG_READ_ONLY"][..]),
        (json!({ "description": "other" }), "second", "other", &["ORG_READ_ONLY"]),
        (
            json!({ "roles": ["ORG_OWNER", "ORG_MEMBER"] }),
            "second",
            "other",
            &["ORG_OWNER", "ORG_MEMBER"],
        ),
        (
            json!({ "name": null, "description": null, "roles": null }),
            "second",
            "other",
            &["ORG_OWNER", "ORG_MEMBER"],
        ),
        (json!({}), "second", "other", &["ORG_OWNER", "ORG_MEMBER"]),
        (
            json!({ "name": robot, "description": build, "roles": ["ORG_MEMBER"] }),
            robot,
            build,
            &["ORG_MEMBER"],
        ),
    ] {
        let answer = call(&gateway, "PATCH", &path).body(body.to_string()).send();
        let changed = accepted(&answer, &body.to_string());
        let shown = (text(&changed, "name"), text(&changed, "description"), &changed["roles"]);
        assert_eq!(shown, (name, description, &json!(roles)), "{body}");
        assert_eq!(changed["clientId"], made["clientId"]);
        assert_eq!(call(&gateway, "GET", &path).send().json(), changed);
    }
    let before = call(&gateway, "GET", &path).send().json();
    gateway.restart();
    assert_eq!(call(&gateway, "GET", &path).send().json(), before, "and after a restart");
}

/// A change that may not be is refused by code, and the member is named.
fn change_is_refused(body: Value, code: &str, member: &str) {
    let gateway = gateway();
    let made = make(&gateway, json!({}));
    let answer = call(&gateway, "PATCH", &path_of(&made)).body(body.to_string()).send();
    let problem = refused(&answer, 400, code, &body.to_string());
    assert_eq!(place_named(&problem, code), member);
    let now = call(&gateway, "GET", &path_of(&made)).send().json();
    assert_eq!((&now["name"], &now["roles"]), (&made["name"], &made["roles"]), "all or nothing");
}

table! { change_is_refused;
    //= 9: change account
    r18_change_name_to_0_characters(json!({ "description": "good", "name": "" }), "VALIDATION_ERROR", "name");
    //= 9: change account
    r18_change_description_to_251_characters(
        json!({ "name": "good", "description": "x".repeat(251) }), "VALIDATION_ERROR", "description"
    );
    //= 9: change account
    r18_change_roles_to_none(json!({ "name": "good", "roles": [] }), "VALIDATION_ERROR", "roles");
    //= 9: change account
    r18_change_of_hours_is_no_change_of_an_account(
        json!({ "secretExpiresAfterHours": 9 }), "INVALID_ATTRIBUTE", "secretExpiresAfterHours"
    );
    //= 9: change account
    r18_change_that_is_no_object(json!(["name"]), "INVALID_ATTRIBUTE", "body");
}

//= 9: answer | clientId
#[test]
fn r19_answer_client_id_created_at_name_description_roles_secrets_system_managed_and_no_links() {
    let (gateway, _) = with_clock();
    let made = make(&gateway, json!({ "roles": ["ORG_READ_ONLY", "ORG_MEMBER"] }));
    let expected = json!({
        "clientId": made["clientId"],
        "createdAt": "2026-07-25T17:20:00Z",
        "description": "for the build",
        "name": "robot",
        "roles": ["ORG_MEMBER", "ORG_READ_ONLY"],
        "secrets": [{
            "createdAt": "2026-07-25T17:20:00Z",
            "expiresAt": "2026-07-26T01:20:00Z",
            "id": made["secrets"][0]["id"],
            "secret": made["secrets"][0]["secret"],
        }],
        "systemManaged": false,
    });
    assert_eq!(made, expected);
    let alone = accepted(&call(&gateway, "GET", &path_of(&made)).send(), "alone");
    let members =
        |account: &Value| account.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&alone), members(&made));
    let page = accepted(&call(&gateway, "GET", ACCOUNTS).send(), "in a list");
    assert_eq!(page["results"], json!([alone]));
}
