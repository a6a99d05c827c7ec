//! Section 5: what an entry may be. The labels are the rows of its table.

use portcullis::identity::Role;

use super::*;

/// A refused element of the body: its row, itself, the code, the member that is named, and a word of the detail.
type Refusal = (&'static str, Value, &'static str, &'static str, &'static str);

const ADDRESS: &str = "INVALID_IP_ADDRESS_OR_CIDR_NOTATION";
const RANGE: &str = "INVALID_CIDR_BLOCK";
const HOST_BITS: &str = "ATLAS_NON_CANONICAL_CIDR_BLOCK";
const UNSPECIFIED: &str = "CANNOT_ADD_IP_ADDRESS_TO_API_KEY_ACCESS_LIST";

/// Posts each element to an empty list, which stays empty.
fn are_refused(refusals: impl IntoIterator<Item = Refusal>) {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = list_of(&key);
    for (row, element, code, member, told) in refusals {
        let case = format!("{row}: {element}");
        let answer = call(&gateway, "POST", &list).body(json!([element]).to_string()).send();
        let problem = refused(&answer, 400, code, &case);
        let fields = problem["badRequestDetail"]["fields"].as_array().unwrap();
        assert_eq!(fields.len(), 1, "{case}: {problem}");
        let place = if member.is_empty() { "[0]".to_owned() } else { format!("[0].{member}") };
        assert_eq!(fields[0]["field"], place, "{case}");
        assert!(!fields[0]["description"].as_str().unwrap().is_empty(), "{case}");
        tells(&problem, &[&place, told], &case);
        assert!(stored(&gateway, &list).is_empty(), "{case}");
    }
}

fn address(row: &'static str, text: &str, code: &'static str, told: &'static str) -> Refusal {
    (row, json!({ "ipAddress": text }), code, "ipAddress", told)
}

fn range(row: &'static str, text: &str, code: &'static str, told: &'static str) -> Refusal {
    (row, json!({ "cidrBlock": text }), code, "cidrBlock", told)
}

#[test]
fn text_that_is_no_address_is_refused_whatever_the_published_pattern_says() {
    let none = "expected an IPv4 or IPv6 address";
    are_refused([
        address("IPv4: no leading zeros", "01.2.3.4", ADDRESS, none),
        address("IPv4: parts up to 255", "256.1.1.1", ADDRESS, none),
        address("IPv4: four parts", "1.2.3", ADDRESS, none),
        address("IPv4: four parts", "1.2.3.4.5", ADDRESS, none),
        address("IPv4: decimal parts", "0x7f.0.0.1", ADDRESS, none),
        address("IPv4: a plain number is none", "2130706433", ADDRESS, none),
        address("no text", "", ADDRESS, none),
        address("a space before", " 203.0.113.10", ADDRESS, none),
        address("a space after", "203.0.113.10 ", ADDRESS, none),
        address("a line's end", "203.0.113.10\n", ADDRESS, none),
        address("a NUL", "203.0.113.10\0", ADDRESS, "\\u0000"),
        address("digits of another script", "２03.0.113.10", ADDRESS, none),
        address("a name", "localhost", ADDRESS, "\"localhost\""),
        address("a port", "203.0.113.10:443", ADDRESS, none),
        address(
            "the pattern's second alternative has no ^",
            "xx2001:db8:0:0:0:0:0:1",
            ADDRESS,
            none,
        ),
        address("IPv6: nine groups", "1:2:3:4:5:6:7:8:9", ADDRESS, none),
        address("IPv6: two ::", "2001::db8::1", ADDRESS, none),
        address("IPv6: brackets", "[2001:db8::1]", ADDRESS, none),
        address("IPv6: no zone", "fe80::1%eth0", ADDRESS, none),
        address("IPv4-mapped is refused", "::ffff:203.0.113.10", ADDRESS, "IPv4-mapped"),
        address("IPv4-mapped is refused", "::FFFF:cb00:710a", ADDRESS, "IPv4-mapped"),
        range("IPv4: no leading zeros", "010.0.0.0/8", RANGE, none),
        range("IPv4: parts up to 255", "999.1.1.1/24", RANGE, none),
        range("the pattern takes 1/1", "1/1", RANGE, none),
        range("IPv6: no zone", "fe80::%eth0/64", RANGE, none),
        range("IPv4-mapped is refused", "::ffff:203.0.113.0/120", RANGE, "IPv4-mapped"),
        range("IPv4-mapped is refused", "::ffff:0:0/96", RANGE, "IPv4-mapped"),
    ]);
}

#[test]
fn a_prefix_is_one_slash_and_one_plain_number() {
    let v4 = "expected a prefix length from 0 to 32";
    let v6 = "expected a prefix length from 0 to 128";
    are_refused([
        range("prefix: n <= 32", "10.0.0.0/33", RANGE, v4),
        range("prefix: n <= 32", "10.0.0.0/99", RANGE, v4),
        range("prefix: n <= 32", "10.0.0.0/4294967304", RANGE, v4),
        range("prefix: n <= 128", "2001:db8::/129", RANGE, v6),
        range("prefix: no sign", "10.0.0.0/+8", RANGE, v4),
        range("prefix: no sign", "10.0.0.0/-8", RANGE, v4),
        range("prefix: no leading zero", "10.0.0.0/08", RANGE, v4),
        range("prefix: no leading zero", "0.0.0.0/00", RANGE, v4),
        range("prefix: a number", "10.0.0.0/", RANGE, v4),
        range("prefix: a number", "10.0.0.0/255.0.0.0", RANGE, v4),
        range("prefix: no space", "10.0.0.0/8 ", RANGE, v4),
        range("prefix: one slash; a slip in the pattern", "10.0.0.0/8/24", RANGE, v4),
        range("prefix: one slash, of either form", "10.0.0.0/8%2F24", RANGE, v4),
        range("prefix: one slash, of either form", "10.0.0.0%2F8%2F24", RANGE, v4),
        range(
            "prefix: %2F and no further escape",
            "10.0.0.0%252F8",
            RANGE,
            "expected a prefix length",
        ),
        range("cidrBlock without a prefix", "203.0.113.10", RANGE, "expected a prefix length"),
        range("cidrBlock without a prefix", "2001:db8::1", RANGE, "expected a prefix length"),
        address("ipAddress with one", "203.0.113.10/32", ADDRESS, "without a prefix length"),
        address(
            "ipAddress with one",
            "203.0.113.10%2F32",
            ADDRESS,
            "expected an IPv4 or IPv6 address",
        ),
        address("ipAddress with one", "2001:db8::1/128", ADDRESS, "without a prefix length"),
    ]);
}

#[test]
fn host_bits_are_refused_and_the_range_that_may_be_meant_is_told() {
    are_refused([
        range("host bits set", "203.0.113.9/24", HOST_BITS, "203.0.113.0/24"),
        range("host bits set", "203.0.113.9%2F24", HOST_BITS, "203.0.113.0/24"),
        range("host bits set", "10.0.0.1/0", HOST_BITS, "0.0.0.0/0"),
        range("host bits set", "2001:db8::1/32", HOST_BITS, "2001:db8::/32"),
        range("host bits set", "::1/0", HOST_BITS, "::/0"),
    ]);
}

#[test]
fn the_address_that_stands_for_none_cannot_be_added() {
    are_refused([
        address("0.0.0.0", "0.0.0.0", UNSPECIFIED, "\"0.0.0.0\""),
        range("0.0.0.0/32", "0.0.0.0/32", UNSPECIFIED, "\"0.0.0.0/32\""),
        range("0.0.0.0/32", "0.0.0.0%2F32", UNSPECIFIED, "\"0.0.0.0%2F32\""),
        address("::", "::", UNSPECIFIED, "\"::\""),
        address("::", "0:0:0:0:0:0:0:0", UNSPECIFIED, "\"0:0:0:0:0:0:0:0\""),
        range("::/128", "::/128", UNSPECIFIED, "\"::/128\""),
    ]);
}

#[test]
fn an_element_is_an_object_with_exactly_one_of_the_two_members() {
    let (both, missing) = ("BAD_ACCESS_LIST_ADD_REQUEST", "MISSING_ONE_OF_ATTRIBUTES");
    let unknown = "INVALID_ATTRIBUTE";
    are_refused([
        (
            "both members set",
            json!({ "ipAddress": "203.0.113.10", "cidrBlock": "203.0.113.10/32" }),
            both,
            "",
            "not both",
        ),
        (
            "both members set, one unreadable",
            json!({ "ipAddress": "", "cidrBlock": "10.0.0.0/8" }),
            both,
            "",
            "not both",
        ),
        ("neither", json!({}), missing, "", "ipAddress or cidrBlock"),
        (
            "both null",
            json!({ "ipAddress": null, "cidrBlock": null }),
            missing,
            "",
            "ipAddress or cidrBlock",
        ),
        (
            "one null, the other absent",
            json!({ "cidrBlock": null }),
            missing,
            "",
            "ipAddress or cidrBlock",
        ),
        ("element not an object: a text", json!("203.0.113.10"), unknown, "", "an object"),
        ("element not an object: a number", json!(1), unknown, "", "an object"),
        ("element not an object: null", json!(null), unknown, "", "an object"),
        (
            "element not an object: an array",
            json!([{ "ipAddress": "203.0.113.10" }]),
            unknown,
            "",
            "an object",
        ),
        (
            "unknown member",
            json!({ "ipAddress": "203.0.113.10", "comment": "office" }),
            unknown,
            "comment",
            "\"office\"",
        ),
        (
            "unknown member: what an answer holds",
            json!({ "ipAddress": "203.0.113.10", "count": 0 }),
            unknown,
            "count",
            "0",
        ),
        (
            "unknown member: names have a case",
            json!({ "ipaddress": "203.0.113.10" }),
            unknown,
            "ipaddress",
            "ipAddress",
        ),
        (
            "unknown member, though null",
            json!({ "ipAddress": "203.0.113.10", "x": null }),
            unknown,
            "x",
            "null",
        ),
        (
            "wrong type: a number",
            json!({ "ipAddress": 3_405_803_786_u32 }),
            unknown,
            "ipAddress",
            "a string",
        ),
        (
            "wrong type: an array",
            json!({ "cidrBlock": ["10.0.0.0/8"] }),
            unknown,
            "cidrBlock",
            "a string",
        ),
        ("wrong type: false", json!({ "cidrBlock": false }), unknown, "cidrBlock", "a string"),
    ]);
}

#[test]
fn what_a_refusal_is_about_stands_in_its_parameters() {
    let gateway = gateway();
    for (code, body, parameters) in [
        ("INVALID_ATTRIBUTE", json!([{ "x": 1 }]), json!(["x"])),
        ("INVALID_ATTRIBUTE", json!({ "ipAddress": "203.0.113.10" }), json!(["body"])),
        (ADDRESS, json!([{ "ipAddress": "x" }]), json!(["ipAddress"])),
        (RANGE, json!([{ "cidrBlock": "x" }]), json!(["cidrBlock"])),
        ("MISSING_ONE_OF_ATTRIBUTES", json!([{}]), json!(["ipAddress", "cidrBlock"])),
    ] {
        let answer = call(&gateway, "POST", &list_of("{key}")).body(body.to_string()).send();
        assert_eq!(refused(&answer, 400, code, code)["parameters"], parameters, "{code}");
    }
}

#[test]
fn a_body_that_is_not_an_array_is_refused() {
    let gateway = gateway();
    for body in [r#"{"ipAddress":"203.0.113.10"}"#, "\"203.0.113.10\"", "null", "true", "7", "{}"] {
        let answer = call(&gateway, "POST", &list_of("{key}")).body(body).send();
        let problem = refused(&answer, 400, "INVALID_ATTRIBUTE", body);
        tells(&problem, &["an array"], body);
        assert_eq!(problem["badRequestDetail"]["fields"][0]["field"], "body", "{body}");
    }
    assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"]);
}

#[test]
fn a_long_text_of_the_client_is_not_repeated_whole() {
    let gateway = gateway();
    let body = json!([{ "ipAddress": "9".repeat(100_000) }]);
    let answer = call(&gateway, "POST", &list_of("{key}")).body(body.to_string()).send();
    refused(&answer, 400, ADDRESS, "a long text");
    assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
}

#[test]
fn what_the_table_accepts_is_stored_as_one_canonical_range_in_the_spelling_sent() {
    let gateway = gateway();
    let address = |text: &str| json!([{ "ipAddress": text }]);
    let range = |text: &str| json!([{ "cidrBlock": text }]);
    for (row, body, shown) in [
        ("IPv4", address("203.0.113.10"), &["203.0.113.10/32"][..]),
        ("IPv4, the last address", address("255.255.255.255"), &["255.255.255.255/32"]),
        ("prefix: /n", range("203.0.113.0/24"), &["203.0.113.0/24"]),
        ("prefix: %2Fn", range("203.0.113.0%2F24"), &["203.0.113.0/24"]),
        ("prefix: %2fn", range("203.0.113.0%2f24"), &["203.0.113.0/24"]),
        ("a single address as /32", range("203.0.113.10/32"), &["203.0.113.10/32"]),
        ("a single address as %2F32", range("203.0.113.10%2F32"), &["203.0.113.10/32"]),
        (
            "IPv6: eight groups, as the pattern has it",
            address("2001:db8:0:0:0:0:0:1"),
            &["2001:db8:0:0:0:0:0:1/128"],
        ),
        ("IPv6: compressed, as Terraform has it", address("2001:db8::1"), &["2001:db8::1/128"]),
        ("IPv6: either case", address("2001:DB8::A"), &["2001:DB8::A/128"]),
        ("IPv6: a dotted end", address("64:ff9b::203.0.113.10"), &["64:ff9b::203.0.113.10/128"]),
        ("IPv6: :: at an end", range("2001:db8::/32"), &["2001:db8::/32"]),
        ("IPv6: :: at an end", range("::1/128"), &["::1/128"]),
        ("IPv6: spelling kept in ranges", range("2001:0DB8:0000::%2F48"), &["2001:0DB8:0000::/48"]),
        ("0.0.0.0/0", range("0.0.0.0/0"), &["0.0.0.0/0"]),
        ("::/0", range("::/0"), &["::/0"]),
        (
            "one null, one set",
            json!([{ "ipAddress": "203.0.113.10", "cidrBlock": null }]),
            &["203.0.113.10/32"],
        ),
        (
            "one null, one set",
            json!([{ "ipAddress": null, "cidrBlock": "10.0.0.0/8" }]),
            &["10.0.0.0/8"],
        ),
        (
            "the same range twice in one body",
            json!([{ "ipAddress": "203.0.113.10" }, { "cidrBlock": "203.0.113.10/32" }, { "cidrBlock": "203.0.113.10%2F32" }]),
            &["203.0.113.10/32"],
        ),
        (
            "the same range twice, spelled in two ways",
            json!([{ "ipAddress": "2001:DB8::1" }, { "ipAddress": "2001:db8:0:0:0:0:0:1" }]),
            &["2001:DB8::1/128"],
        ),
        (
            "overlap with another entry",
            json!([{ "cidrBlock": "10.0.0.0/8" }, { "ipAddress": "10.0.0.1" }]),
            &["10.0.0.0/8", "10.0.0.1/32"],
        ),
        ("empty array", json!([]), &[]),
    ] {
        let (key, _) = gateway.new_key(&[Role::Member], &[]);
        let list = list_of(&key);
        let page = add(&gateway, &list, &body);
        assert_eq!(ranges(&page), shown, "{row}");
        for entry in page["results"].as_array().unwrap() {
            let cidr = entry["cidrBlock"].as_str().unwrap();
            let single = cidr.strip_suffix("/32").filter(|text| !text.contains(':'));
            let single = single.or(cidr.strip_suffix("/128"));
            assert_eq!(entry.get("ipAddress").and_then(Value::as_str), single, "{row}");
        }
        assert_eq!(stored(&gateway, &list), shown, "{row}: and shown alike ever after");
    }
}

#[test]
fn a_spelling_outlasts_a_restart() {
    let mut gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = list_of(&key);
    add(
        &gateway,
        &list,
        &json!([{ "ipAddress": "2001:DB8:0:0::A" }, { "cidrBlock": "2001:0DB8::/32" }]),
    );
    gateway.restart();
    assert_eq!(stored(&gateway, &list), ["2001:DB8:0:0::A/128", "2001:0DB8::/32"]);
}
