use proptest::prelude::*;
use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use super::*;

/// Each entry as its range, and its spelling where one is kept.
fn entries(body: &Value) -> Result<Vec<(String, Option<String>)>, Violation> {
    let shown = |entry: NewEntry| (entry.prefix.to_string(), entry.spelling.map(String::from));
    Ok(parse_entries(body, 200)?.into_iter().map(shown).collect())
}

/// Where the body breaks which rule.
fn broken(body: &Value) -> (String, Rule) {
    let violation = entries(body).expect_err("a rule is broken");
    (violation.field, violation.rule)
}

fn accepted(element: &Value) -> (String, Option<String>) {
    entries(&json!([element])).unwrap().remove(0)
}

fn at(field: &str, rule: Rule) -> (String, Rule) {
    (field.to_owned(), rule)
}

#[test]
fn an_ipv4_address_is_a_range_of_one() {
    let entry = accepted(&json!({ "ipAddress": "203.0.113.10" }));
    assert_eq!(entry, ("203.0.113.10/32".to_owned(), None));
}

#[test]
fn an_ipv4_address_has_four_decimal_parts_without_leading_zeros() {
    for text in ["01.2.3.4", "256.1.1.1", "1.2.3", "1.2.3.4.5", "0x1.2.3.4", "1.2.3.4 ", "", "host"]
    {
        let rule = Rule::Address(PrefixError::Address);
        assert_eq!(broken(&json!([{ "ipAddress": text }])), at("[0].ipAddress", rule), "{text}");
    }
}

#[test]
fn an_ipv6_address_has_any_valid_text_and_keeps_its_first_spelling() {
    for (text, range, spelling) in [
        ("2001:db8::1", "2001:db8::1/128", None),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1/128", Some("2001:db8:0:0:0:0:0:1")),
        ("2001:DB8::1", "2001:db8::1/128", Some("2001:DB8::1")),
        ("::1", "::1/128", None),
    ] {
        let expected = (range.to_owned(), spelling.map(str::to_owned));
        assert_eq!(accepted(&json!({ "ipAddress": text })), expected, "{text}");
        let block = format!("{text}/128");
        assert_eq!(accepted(&json!({ "cidrBlock": block })), expected, "{block}");
    }
}

#[test]
fn an_ipv6_address_with_a_zone_or_with_ipv4_inside_is_refused() {
    for (text, error) in [
        ("fe80::1%eth0", PrefixError::Address),
        ("xx2001:db8:0:0:0:0:0:1", PrefixError::Address),
        ("::ffff:192.0.2.1", PrefixError::Mapped),
        ("::ffff:c000:201", PrefixError::Mapped),
    ] {
        let expected = at("[0].ipAddress", Rule::Address(error));
        assert_eq!(broken(&json!([{ "ipAddress": text }])), expected, "{text}");
    }
    let expected = at("[0].cidrBlock", Rule::Range(PrefixError::Mapped));
    assert_eq!(broken(&json!([{ "cidrBlock": "::ffff:192.0.2.0/120" }])), expected);
}

#[test]
fn a_prefix_length_follows_one_slash_plain_or_escaped() {
    for text in ["203.0.113.0/24", "203.0.113.0%2F24", "203.0.113.0%2f24"] {
        assert_eq!(accepted(&json!({ "cidrBlock": text })).0, "203.0.113.0/24", "{text}");
    }
    for text in [
        "10.0.0.0/8/24",
        "10.0.0.0%2F8%2F24",
        "10.0.0.0%2f8%2F24",
        "10.0.0.0/8%2F24",
        "10.0.0.0/99",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/",
    ] {
        let expected = at("[0].cidrBlock", Rule::Range(PrefixError::Length { max: 32 }));
        assert_eq!(broken(&json!([{ "cidrBlock": text }])), expected, "{text}");
    }
    for text in ["10.0.0.0%252F8", "10.0.0.0"] {
        let expected = at("[0].cidrBlock", Rule::Range(PrefixError::MissingLength));
        assert_eq!(broken(&json!([{ "cidrBlock": text }])), expected, "{text}");
    }
    for text in ["010.0.0.0/8", "999.1.1.1/24", "1/1"] {
        let expected = at("[0].cidrBlock", Rule::Range(PrefixError::Address));
        assert_eq!(broken(&json!([{ "cidrBlock": text }])), expected, "{text}");
    }
}

#[test]
fn host_bits_are_refused_and_the_range_is_named() {
    let canonical = Prefix::parse_cidr("203.0.113.0/24").unwrap();
    let expected = at("[0].cidrBlock", Rule::Range(PrefixError::HostBits { canonical }));
    assert_eq!(broken(&json!([{ "cidrBlock": "203.0.113.9/24" }])), expected);
}

#[test]
fn from_anywhere_is_accepted() {
    assert_eq!(accepted(&json!({ "cidrBlock": "0.0.0.0/0" })).0, "0.0.0.0/0");
    assert_eq!(accepted(&json!({ "cidrBlock": "::/0" })).0, "::/0");
}

#[test]
fn the_address_that_stands_for_none_is_refused() {
    for (member, text) in [
        ("ipAddress", "0.0.0.0"),
        ("ipAddress", "::"),
        ("cidrBlock", "0.0.0.0/32"),
        ("cidrBlock", "::/128"),
        ("cidrBlock", "0:0::0/128"),
    ] {
        let expected = at(&format!("[0].{member}"), Rule::Specified);
        assert_eq!(broken(&json!([{ member: text }])), expected, "{text}");
    }
}

#[test]
fn both_members_or_neither_are_refused() {
    let both = json!([{ "ipAddress": "10.0.0.1", "cidrBlock": "10.0.0.1/32" }]);
    assert_eq!(broken(&both), at("[0]", Rule::OneAddress));
    for neither in [json!([{}]), json!([{ "ipAddress": null, "cidrBlock": null }])] {
        assert_eq!(broken(&neither), at("[0]", Rule::AnAddress), "{neither}");
    }
}

#[test]
fn null_is_as_good_as_absent() {
    let entry = accepted(&json!({ "ipAddress": null, "cidrBlock": "10.0.0.0/8" }));
    assert_eq!(entry.0, "10.0.0.0/8");
}

#[test]
fn each_member_takes_its_own_form_only() {
    let rule = Rule::Address(PrefixError::UnexpectedLength);
    assert_eq!(broken(&json!([{ "ipAddress": "10.0.0.1/32" }])), at("[0].ipAddress", rule));
    let rule = Rule::Range(PrefixError::MissingLength);
    assert_eq!(broken(&json!([{ "cidrBlock": "10.0.0.1" }])), at("[0].cidrBlock", rule));
}

#[test]
fn an_empty_array_adds_nothing() {
    assert_eq!(entries(&json!([])), Ok(vec![]));
}

#[test]
fn what_is_no_array_of_objects_with_known_members_is_refused() {
    let one = json!({ "ipAddress": "10.0.0.1" });
    assert_eq!(broken(&one), at("body", Rule::Type("an array of entries")));
    assert_eq!(broken(&json!([one, "10.0.0.1"])), at("[1]", Rule::Type("an object")));
    let typed = json!([{ "ipAddress": 7 }]);
    assert_eq!(broken(&typed), at("[0].ipAddress", Rule::Type("a string")));
    let commented = json!([{ "ipAddress": "10.0.0.1", "comment": "home" }]);
    let rule = Rule::Members("cidrBlock and ipAddress");
    assert_eq!(broken(&commented), at("[0].comment", rule));
}

#[test]
fn more_entries_than_the_limit_are_refused() {
    let body: Value = (0..201).map(|n| json!({ "ipAddress": format!("10.0.0.{n}") })).collect();
    assert_eq!(broken(&body), at("body", Rule::Entries { limit: 200 }));
    assert_eq!(parse_entries(&body, 201).unwrap().len(), 201);
}

#[test]
fn a_violation_names_place_value_and_expectation_and_stays_short() {
    let violation = parse_entries(&json!([{ "ipAddress": "x".repeat(5000) }]), 200).unwrap_err();
    assert_eq!(violation.name, "ipAddress");
    let text = violation.to_string();
    assert!(text.starts_with("[0].ipAddress is \"xxx"), "{text}");
    assert!(text.ends_with("\"; expected an IPv4 or IPv6 address"), "{text}");
    assert!(text.len() < 300, "{text}");
    let violation = parse_entries(&json!([{ "y".repeat(5000): 1 }]), 200).unwrap_err();
    assert!(violation.to_string().len() < 300, "{violation}");
}

#[test]
fn a_new_key_has_a_description_and_roles() {
    let key = parse_new_key(&json!({ "desc": "ci", "roles": ["ORG_OWNER", "ORG_OWNER"] })).unwrap();
    assert_eq!(key.description, "ci");
    assert_eq!(key.roles, [Role::Owner].into_iter().collect());
}

#[test]
fn what_is_wrong_with_a_key_is_named() {
    let long = "ä".repeat(251);
    for (body, field, rule) in [
        (json!([]), "body", Rule::Type("an object")),
        (json!({ "roles": ["ORG_MEMBER"] }), "desc", Rule::Description),
        (json!({ "desc": null, "roles": ["ORG_MEMBER"] }), "desc", Rule::Description),
        (json!({ "desc": "", "roles": ["ORG_MEMBER"] }), "desc", Rule::DescriptionLength),
        (json!({ "desc": long, "roles": ["ORG_MEMBER"] }), "desc", Rule::DescriptionLength),
        (json!({ "desc": "a\0b", "roles": ["ORG_MEMBER"] }), "desc", Rule::DescriptionLength),
        (json!({ "desc": 1, "roles": ["ORG_MEMBER"] }), "desc", Rule::Type("a string")),
        (json!({ "desc": "ci" }), "roles", Rule::SomeRole),
        (json!({ "desc": "ci", "roles": null }), "roles", Rule::SomeRole),
        (json!({ "desc": "ci", "roles": [] }), "roles", Rule::SomeRole),
        (
            json!({ "desc": "ci", "roles": "ORG_MEMBER" }),
            "roles",
            Rule::Type("an array of role names"),
        ),
        (json!({ "desc": "ci", "roles": [null] }), "roles[0]", Rule::Type("a role name")),
        (
            json!({ "desc": "ci", "roles": ["ORG_MEMBER", "org_owner"] }),
            "roles[1]",
            Rule::OrganizationRole,
        ),
        (json!({ "desc": "ci", "roles": ["GROUP_OWNER"] }), "roles[0]", Rule::OrganizationRole),
        (json!({ "desc": "ci", "role": [] }), "role", Rule::Members("desc and roles")),
    ] {
        let violation = parse_new_key(&body).unwrap_err();
        assert_eq!((violation.field.as_str(), violation.rule), (field, rule), "{body}");
    }
}

#[test]
fn a_description_of_250_characters_of_any_alphabet_fits() {
    let body = json!({ "desc": "ä".repeat(250), "roles": ["ORG_READ_ONLY"] });
    assert!(parse_new_key(&body).is_ok());
}

#[test]
fn a_change_may_say_anything_or_nothing() {
    let nothing = parse_key_update(&json!({ "desc": null })).unwrap();
    assert!(nothing.description.is_none() && nothing.roles.is_none());
    let roles = parse_key_update(&json!({ "roles": ["ORG_MEMBER"] })).unwrap().roles;
    assert_eq!(roles, Some([Role::Member].into_iter().collect()));
    assert_eq!(parse_key_update(&json!({ "roles": [] })).unwrap_err().rule, Rule::SomeRole);
}

proptest! {
    #[test]
    fn an_accepted_range_is_canonical_and_spelled_as_sent(text in "[0-9a-fA-F:.]{1,20}(/|%2F)[0-9]{1,3}") {
        if let Ok(accepted) = entries(&json!([{ "cidrBlock": text }])) {
            let (range, spelling) = &accepted[0];
            let prefix = Prefix::parse_cidr(range).unwrap();
            let address = spelling.clone().unwrap_or_else(|| prefix.network().to_string());
            prop_assert_eq!(format!("{address}/{}", prefix.length()), text.replace("%2F", "/"));
        }
    }
}

/// The bodies that the document shows as examples.
fn examples<T: ToSchema>() -> Vec<Value> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.examples,
        RefOr::T(Schema::Array(array)) => array.examples,
        _ => Vec::new(),
    }
}

#[test]
fn a_body_that_the_document_shows_is_taken() {
    let (keys, updates) = (examples::<schema::NewApiKey>(), examples::<schema::ApiKeyUpdate>());
    let lists = examples::<schema::NewEntries>();
    assert!(!keys.is_empty() && !updates.is_empty() && !lists.is_empty());
    for body in keys {
        assert!(parse_new_key(&body).is_ok(), "{body}");
        // Whatever makes a key may change one.
        assert!(parse_key_update(&body).is_ok(), "{body}");
    }
    for body in updates {
        assert!(parse_key_update(&body).is_ok(), "{body}");
    }
    for body in lists {
        assert!(entries(&body).is_ok(), "{body}");
    }
}

#[test]
fn a_body_has_the_members_that_the_document_says_it_has() {
    for (schema, refused) in [
        (schema::NewApiKey::schema(), parse_new_key(&json!({ "x": 1 })).unwrap_err()),
        (schema::ApiKeyUpdate::schema(), parse_key_update(&json!({ "x": 1 })).unwrap_err()),
    ] {
        let RefOr::T(Schema::Object(object)) = schema else { panic!("{refused} is no object's") };
        let described: Vec<_> = object.properties.keys().map(String::as_str).collect();
        assert_eq!(refused.rule, Rule::Members("desc and roles"));
        assert_eq!(described, ["desc", "roles"]);
    }
}
