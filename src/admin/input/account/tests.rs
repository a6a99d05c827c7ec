use serde_json::json;

use super::*;
use crate::identity::Role;

fn new(members: &Value) -> Value {
    let mut body = json!({
        "description": "builds", "name": "ci", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8,
    });
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::String(absent) if absent == "absent" => {
                body.as_object_mut().unwrap().remove(name);
            }
            value => body[name] = value.clone(),
        }
    }
    body
}

#[track_caller]
fn refused(body: &Value, field: &str, rule: &Rule) {
    let violation = parse_new_account(body).unwrap_err();
    assert_eq!((violation.field.as_str(), &violation.rule), (field, rule), "{body}");
}

#[test]
fn a_new_account_is_read_whole() {
    let account = parse_new_account(&new(&json!({}))).unwrap();
    assert_eq!((account.name.as_str(), account.description.as_str()), ("ci", "builds"));
    assert!(account.roles.contains(Role::Member));
    assert_eq!(account.secret_hours, Some(8));
}

#[test]
fn a_first_secret_is_made_unless_the_client_says_that_it_wants_none() {
    for (members, hours) in [
        (json!({ HOURS: 8760 }), Some(8760)),
        (json!({ WITHOUT: false }), Some(8)),
        (json!({ WITHOUT: null }), Some(8)),
        (json!({ WITHOUT: true, HOURS: "absent" }), None),
        (json!({ WITHOUT: true, HOURS: null }), None),
    ] {
        assert_eq!(parse_new_account(&new(&members)).unwrap().secret_hours, hours, "{members}");
    }
    refused(&new(&json!({ WITHOUT: true })), HOURS, &Rule::NoHours);
    for absent in [json!({ HOURS: "absent" }), json!({ HOURS: null, WITHOUT: false })] {
        refused(&new(&absent), HOURS, &Rule::Member(HOURS_UNLESS));
    }
    refused(&new(&json!({ WITHOUT: "true" })), WITHOUT, &Rule::Type("true or false"));
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    for text in ["720", "720.0", "7.2e2", "72E1"] {
        let hours: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_new_secret(&json!({ HOURS: hours })), Ok(720), "{text}");
    }
}

#[test]
fn hours_are_a_whole_number_from_8_to_8760() {
    for hours in [json!(7), json!(0), json!(-8), json!(8761), json!(8.5), json!(1e300), json!(-8.0)]
    {
        refused(&new(&json!({ HOURS: hours })), HOURS, &Rule::Number(HOURS_EXPECTED));
        let violation = parse_new_secret(&json!({ HOURS: hours })).unwrap_err();
        assert_eq!(violation.rule, Rule::Number(HOURS_EXPECTED));
    }
    refused(&new(&json!({ HOURS: [8] })), HOURS, &Rule::Type("a whole number"));
    assert_eq!(parse_new_secret(&json!({ HOURS: 8 })), Ok(8));
    for body in [json!({}), json!({ HOURS: null })] {
        let violation = parse_new_secret(&body).unwrap_err();
        assert_eq!(violation.rule, Rule::Member(HOURS_EXPECTED), "{body}");
    }
    assert!(parse_new_secret(&json!({ HOURS: 8, "name": "x" })).is_err());
}

#[test]
fn names_and_descriptions_hold_letters_and_digits_of_any_script_and_a_few_signs() {
    for text in ["ci", "Bau Nr. 7", "O'Neil, Jr.", "a-b_c", "构建", "сборка", "٣", "Ⅷ", " "]
    {
        let account = parse_new_account(&new(&json!({ "name": text, "description": text })));
        assert_eq!(account.unwrap().name, text, "{text}");
    }
    for text in ["a/b", "a\nb", "a\u{0}", "a:b", "<b>", "a\u{a0}b", "\u{903}", "😀", "a\"", "a@b"]
    {
        let rule = Rule::PlainText { most: 64 };
        refused(&new(&json!({ "name": text })), "name", &rule);
        let rule = Rule::PlainText { most: 250 };
        refused(&new(&json!({ "description": text })), "description", &rule);
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    for (name, most) in [("name", 64), ("description", 250)] {
        assert!(parse_new_account(&new(&json!({ name: "ä".repeat(most) }))).is_ok());
        let rule = Rule::PlainText { most };
        refused(&new(&json!({ name: "ä".repeat(most + 1) })), name, &rule);
        refused(&new(&json!({ name: "" })), name, &rule);
    }
}

#[test]
fn what_is_not_there_is_named() {
    for (name, expected) in
        [("name", "a name"), ("description", "a description"), ("roles", "at least one role")]
    {
        for nothing in [json!("absent"), Value::Null] {
            refused(&new(&json!({ name: nothing })), name, &Rule::Member(expected));
        }
    }
}

#[test]
fn roles_are_organization_roles_and_at_least_one() {
    refused(&new(&json!({ "roles": [] })), "roles", &Rule::ARole);
    refused(&new(&json!({ "roles": ["GROUP_OWNER"] })), "roles[0]", &Rule::OrganizationRole);
    refused(&new(&json!({ "roles": "ORG_OWNER" })), "roles", &Rule::Type("an array of role names"));
}

#[test]
fn members_that_there_are_not_are_refused() {
    refused(&new(&json!({ "clientId": "x" })), "clientId", &Rule::Members(NEW_WORDS));
    for name in [HOURS, WITHOUT, "secrets", "desc"] {
        let violation = parse_account_update(&json!({ name: null })).unwrap_err();
        assert_eq!(violation.rule, Rule::Members(UPDATE_WORDS), "{name}");
    }
    for body in [json!([]), json!(null), json!("x")] {
        assert_eq!(parse_account_update(&body).unwrap_err().rule, Rule::Type("an object"));
        assert_eq!(parse_new_secret(&body).unwrap_err().rule, Rule::Type("an object"));
        refused(&body, "body", &Rule::Type("an object"));
    }
}

#[test]
fn a_change_is_any_part_and_null_is_no_change() {
    let nothing = AccountUpdate::default();
    for body in [json!({}), json!({ "name": null, "description": null, "roles": null })] {
        assert_eq!(parse_account_update(&body), Ok(nothing.clone()), "{body}");
    }
    let update = parse_account_update(&json!({ "name": "cd" })).unwrap();
    assert_eq!(update, AccountUpdate { name: Some("cd".to_owned()), ..nothing });
    let violation = parse_account_update(&json!({ "roles": [] })).unwrap_err();
    assert_eq!(violation.rule, Rule::ARole);
}
