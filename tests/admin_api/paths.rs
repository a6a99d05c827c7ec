//! Section 5, the path segment of GET-one and DELETE-one: which entry a path means.

use portcullis::identity::Role;

use super::*;

#[test]
fn every_form_of_the_path_means_one_range() {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = list_of(&key);
    for (row, form, range) in [
        ("203.0.113.10", "203.0.113.10", "203.0.113.10/32"),
        ("203.0.113.10%2F32", "203.0.113.10%2F32", "203.0.113.10/32"),
        ("203.0.113.10/32 with a real slash", "203.0.113.10/32", "203.0.113.10/32"),
        ("198.51.100.0%2F24", "198.51.100.0%2F24", "198.51.100.0/24"),
        ("198.51.100.0%2f24", "198.51.100.0%2f24", "198.51.100.0/24"),
        ("198.51.100.0/24 with a real slash", "198.51.100.0/24", "198.51.100.0/24"),
        ("a final slash", "198.51.100.0%2F24/", "198.51.100.0/24"),
        ("a final slash after a real one", "198.51.100.0/24/", "198.51.100.0/24"),
        ("escaped where it need not be", "203%2E0.113.%31%30", "203.0.113.10/32"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::1/128"),
        ("2001:db8::1, colons escaped", "2001%3Adb8%3A%3A1", "2001:db8::1/128"),
        ("the range is compared, not the text", "2001:0DB8:0:0:0:0:0:1%2F128", "2001:db8::1/128"),
        ("2001:db8::%2F32", "2001:db8::%2F32", "2001:db8::/32"),
        ("2001:db8::/32 with a real slash", "2001:db8::/32", "2001:db8::/32"),
        ("from anywhere", "0.0.0.0%2F0", "0.0.0.0/0"),
    ] {
        add(&gateway, &list, &json!([{ "cidrBlock": range }, { "ipAddress": "192.0.2.99" }]));
        let target = format!("{list}/{form}");
        let entry = accepted(&call(&gateway, "GET", &target).send(), row);
        assert_eq!(entry["cidrBlock"], range, "{row}");
        let own = accepted(&follow(&gateway, link(&entry, "self").unwrap()), row);
        assert_eq!(own, entry, "{row}: its link leads to it");
        let answer = call(&gateway, "DELETE", &target).send();
        gone(&answer, &format!("{VERSION};charset=utf-8"), row);
        assert_eq!(stored(&gateway, &list), ["192.0.2.99/32"], "{row}: that one and no other");
        for method in ["GET", "DELETE"] {
            let answer = call(&gateway, method, &target).send();
            let problem = refused(&answer, 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", row);
            let address = range.strip_suffix("/32").filter(|text| !text.contains("::"));
            let address = address.or(range.strip_suffix("/128")).unwrap_or(range);
            assert_eq!(problem["parameters"], json!([address, key]), "{row}: {method}");
            tells(&problem, &[address, &key], row);
        }
    }
}

#[test]
fn a_range_is_not_found_by_a_part_of_it_or_by_one_around_it() {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &["198.51.100.0/24"]);
    let list = list_of(&key);
    for form in ["198.51.100.0", "198.51.100.7", "198.51.100.0%2F25", "198.51.0.0%2F16"] {
        for method in ["GET", "DELETE"] {
            let answer = call(&gateway, method, &format!("{list}/{form}")).send();
            refused(&answer, 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", form);
        }
    }
    assert_eq!(stored(&gateway, &list), ["198.51.100.0/24"]);
}

#[test]
fn a_segment_that_cannot_be_read_is_refused_by_name() {
    let gateway = gateway();
    let list = "{org}/apiKeys/{key}/accessList";
    for (row, path, name) in [
        ("198.51.100.0%252F24", format!("{list}/198.51.100.0%252F24"), "ipAddress"),
        ("203.0.113.10%252F32", format!("{list}/203.0.113.10%252F32"), "ipAddress"),
        ("host bits", format!("{list}/203.0.113.9%2F24"), "ipAddress"),
        ("no address", format!("{list}/localhost"), "ipAddress"),
        ("no address: parts up to 255", format!("{list}/256.1.1.1"), "ipAddress"),
        ("IPv4-mapped", format!("{list}/::ffff:127.0.0.1"), "ipAddress"),
        ("a broken escape", format!("{list}/127.0.0.1%2"), "ipAddress"),
        ("no UTF-8", format!("{list}/127.0.0.1%FF"), "ipAddress"),
        ("a NUL", format!("{list}/127.0.0.1%00"), "ipAddress"),
        ("two prefixes", format!("{list}/10.0.0.0%2F8/8"), "ipAddress"),
        ("dots", format!("{list}/../127.0.0.1"), "ipAddress"),
        (
            "a key's id that is none",
            "{org}/apiKeys/nobody/accessList/127.0.0.1".into(),
            "apiUserId",
        ),
        (
            "a public key where an id belongs",
            format!("{{org}}/apiKeys/{}/accessList/127.0.0.1", gateway.owner.public_key),
            "apiUserId",
        ),
        (
            "an id in capitals",
            format!("{{org}}/apiKeys/{}/accessList/127.0.0.1", "A".repeat(24)),
            "apiUserId",
        ),
        (
            "an organization's id that is none",
            "tests/apiKeys/{key}/accessList/127.0.0.1".into(),
            "orgId",
        ),
        (
            "an id too short",
            format!("{}/apiKeys/{{key}}/accessList/127.0.0.1", &NOTHING[1..]),
            "orgId",
        ),
    ] {
        let target = format!("{V2}/orgs/{path}");
        for method in ["GET", "DELETE"] {
            let answer = call(&gateway, method, &target).send();
            let problem = refused(&answer, 400, "PATH_PARAM_PARSE_ERROR", row);
            assert_eq!(problem["parameters"].as_array().unwrap().len(), 1, "{row}: the path");
            tells(&problem, &[name, "expected"], row);
        }
    }
    assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"]);
}

#[test]
fn every_operation_on_a_key_takes_its_id_and_never_its_public_key() {
    let gateway = gateway();
    let key = format!("{V2}/orgs/{{org}}/apiKeys/{}", gateway.owner.public_key);
    for (method, target, body) in [
        ("GET", key.clone(), ""),
        ("PATCH", key.clone(), r#"{"desc":"changed"}"#),
        ("DELETE", key.clone(), ""),
        ("GET", format!("{key}/accessList"), ""),
        ("POST", format!("{key}/accessList"), r#"[{"ipAddress":"203.0.113.10"}]"#),
        ("GET", format!("{key}/accessList/127.0.0.1"), ""),
        ("DELETE", format!("{key}/accessList/127.0.0.1"), ""),
    ] {
        let answer = call(&gateway, method, &target).body(body).send();
        let problem = refused(&answer, 400, "PATH_PARAM_PARSE_ERROR", &target);
        tells(&problem, &["apiUserId", &gateway.owner.public_key], &target);
    }
}

#[test]
fn deleting_an_entry_twice_is_not_found_the_second_time() {
    let gateway = gateway();
    let list = list_of("{key}");
    add(&gateway, &list, &json!([{ "ipAddress": "203.0.113.10" }]));
    let delete = || call(&gateway, "DELETE", &format!("{list}/203.0.113.10")).send();
    gone(&delete(), &format!("{VERSION};charset=utf-8"), "the first time");
    refused(&delete(), 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", "the second time");
}
