//! Section 5, our rule: what an entry may be. Wider than the published patterns where they are needlessly narrow,
//! tighter where they are wrong.

use super::*;

pub(super) const ADDRESS: &str = "INVALID_IP_ADDRESS_OR_CIDR_NOTATION";
pub(super) const RANGE: &str = "INVALID_CIDR_BLOCK";
const HOST_BITS: &str = "ATLAS_NON_CANONICAL_CIDR_BLOCK";
const UNSPECIFIED: &str = "CANNOT_ADD_IP_ADDRESS_TO_API_KEY_ACCESS_LIST";
const BOTH: &str = "BAD_ACCESS_LIST_ADD_REQUEST";
const MISSING: &str = "MISSING_ONE_OF_ATTRIBUTES";
const ATTRIBUTE: &str = "INVALID_ATTRIBUTE";
/// What a refused text is told.
const NONE: &str = "expected an IPv4 or IPv6 address";
const LENGTH: &str = "expected a prefix length";
const V4: &str = "expected a prefix length from 0 to 32";
const V6: &str = "expected a prefix length from 0 to 128";

pub(super) fn single(text: &str) -> Value {
    json!({ "ipAddress": text })
}

pub(super) fn range(text: &str) -> Value {
    json!({ "cidrBlock": text })
}

/// A gateway, and an empty list of each family.
fn empty_lists() -> (Gateway, [String; 2]) {
    let (gateway, of_key) = with_list(&[]);
    let of_account = list_of_account(&Account::new(&gateway, Role::Member, &[]));
    (gateway, [of_key, of_account])
}

/// Posts an element to empty lists, which then have these ranges, shown alike ever after.
pub(super) fn is_added(element: Value, shown: &[&str]) {
    are_added(json!([element]), shown);
}

fn are_added(body: Value, shown: &[&str]) {
    let (gateway, lists) = empty_lists();
    for list in &lists {
        let page = add(&gateway, list, &body);
        assert_eq!(ranges(&page), shown, "{body}");
        for entry in page["results"].as_array().unwrap() {
            let cidr = entry["cidrBlock"].as_str().unwrap();
            let single = cidr.strip_suffix("/32").filter(|text| !text.contains(':'));
            let single = single.or(cidr.strip_suffix("/128"));
            assert_eq!(entry.get("ipAddress").and_then(Value::as_str), single, "{body}");
        }
        assert_eq!(stored(&gateway, list), shown, "{body}");
    }
}

/// Posts an element to empty lists, which stay empty: the refusal has the code, and names the member and `told`.
pub(super) fn is_refused(element: Value, code: &str, member: &str, told: &str) {
    refusal_tells(&element, code, member, &[told]);
}

fn refusal_tells(element: &Value, code: &str, member: &str, told: &[&str]) {
    let (gateway, lists) = empty_lists();
    for list in &lists {
        let case = format!("{list}: {element}");
        let answer = call(&gateway, "POST", list).body(json!([element]).to_string()).send();
        let problem = refused(&answer, 400, code, &case);
        let place = if member.is_empty() { "[0]".to_owned() } else { format!("[0].{member}") };
        assert_eq!(place_named(&problem, &case), place, "{case}");
        tells(&problem, told, &case);
        assert!(stored(&gateway, list).is_empty(), "{case}");
    }
}

/// Refused with what was expected and, quoted, what was sent.
fn address_is_refused(text: &str, told: &str) {
    refusal_tells(&single(text), ADDRESS, "ipAddress", &[told, &json!(text).to_string()]);
}

fn range_is_refused(text: &str, told: &str) {
    refusal_tells(&range(text), RANGE, "cidrBlock", &[told, &json!(text).to_string()]);
}

table! { is_added;
    //= 5: IPv4 |
    r10_ipv4_four_decimal_parts(single("203.0.113.10"), &["203.0.113.10/32"]);
    //= 5: IPv4 |
    r10_ipv4_the_last_address(single("255.255.255.255"), &["255.255.255.255/32"]);
    //= 5: IPv6 |
    r11_ipv6_eight_groups(single("2001:db8:0:0:0:0:0:1"), &["2001:db8:0:0:0:0:0:1/128"]);
    //= 5: IPv6 |
    r11_ipv6_compressed_as_terraform_has_it(single("2001:db8::1"), &["2001:db8::1/128"]);
    //= 5: IPv6 |
    r11_ipv6_either_case(single("2001:DB8::A"), &["2001:DB8::A/128"]);
    //= 5: IPv6 |
    r11_ipv6_a_dotted_end(single("64:ff9b::203.0.113.10"), &["64:ff9b::203.0.113.10/128"]);
    //= 5: prefix |
    r12_prefix_slash_n(range("203.0.113.0/24"), &["203.0.113.0/24"]);
    //= 5: prefix |
    r12_prefix_percent_2f_n(range("203.0.113.0%2F24"), &["203.0.113.0/24"]);
    //= 5: prefix |
    r12_prefix_percent_2f_n_in_small_letters(range("203.0.113.0%2f24"), &["203.0.113.0/24"]);
    //= 5: prefix |
    r12_prefix_32_is_one_address(range("203.0.113.10/32"), &["203.0.113.10/32"]);
    //= 5: prefix |
    r12_prefix_percent_2f_32_is_one_address(range("203.0.113.10%2F32"), &["203.0.113.10/32"]);
    //= 5: prefix |
    r12_prefix_128_is_one_address(range("2001:db8::1%2F128"), &["2001:db8::1/128"]);
    //= 5: 0.0.0.0/0, ::/0
    r14_everything_in_ipv4_is_accepted(range("0.0.0.0/0"), &["0.0.0.0/0"]);
    //= 5: 0.0.0.0/0, ::/0
    r14_everything_in_ipv6_is_accepted(range("::/0"), &["::/0"]);
    //= 5: one null, one set
    r18_a_null_cidr_block_is_as_if_absent(
        json!({ "ipAddress": "203.0.113.10", "cidrBlock": null }), &["203.0.113.10/32"]
    );
    //= 5: one null, one set
    r18_a_null_ip_address_is_as_if_absent(json!({ "ipAddress": null, "cidrBlock": "10.0.0.0/8" }), &["10.0.0.0/8"]);
}

table! { address_is_refused;
    //= 5: IPv4 |
    r10_ipv4_no_leading_zeros("01.2.3.4", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_part_over_255("256.1.1.1", NONE);
    //= 5: IPv4 |
    r10_ipv4_not_three_parts("1.2.3", NONE);
    //= 5: IPv4 |
    r10_ipv4_not_five_parts("1.2.3.4.5", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_hexadecimal_parts("0x7f.0.0.1", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_plain_number("2130706433", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_empty_text("", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_space_before(" 203.0.113.10", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_space_after("203.0.113.10 ", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_line_end("203.0.113.10\n", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_nul("203.0.113.10\0", "\\u0000");
    //= 5: IPv4 |
    r10_ipv4_no_digits_of_another_script("２03.0.113.10", NONE);
    //= 5: IPv4 |
    r10_ipv4_no_name("localhost", "\"localhost\"");
    //= 5: IPv4 |
    r10_ipv4_no_port("203.0.113.10:443", NONE);
    //= 5: IPv6 |
    r11_ipv6_not_nine_groups("1:2:3:4:5:6:7:8:9", NONE);
    //= 5: IPv6 |
    r11_ipv6_not_two_double_colons("2001::db8::1", NONE);
    //= 5: IPv6 |
    r11_ipv6_no_brackets("[2001:db8::1]", NONE);
    //= 5: IPv6 |
    r11_ipv6_no_zone("fe80::1%eth0", NONE);
    //= 5: IPv6 |
    r11_ipv6_mapped_ipv4_is_refused("::ffff:203.0.113.10", "IPv4-mapped");
    //= 5: IPv6 |
    r11_ipv6_mapped_ipv4_in_hexadecimal_is_refused("::FFFF:cb00:710a", "IPv4-mapped");
    //= 5: cidrBlock without a prefix
    r19_ip_address_with_a_prefix_is_400("203.0.113.10/32", "without a prefix length");
    //= 5: cidrBlock without a prefix
    r19_ip_address_with_an_escaped_prefix_is_400("203.0.113.10%2F32", NONE);
    //= 5: cidrBlock without a prefix
    r19_ip_address_with_a_prefix_in_ipv6_is_400("2001:db8::1/128", "without a prefix length");
}

table! { range_is_refused;
    //= 5: IPv6 |
    r11_ipv6_no_zone_in_a_range("fe80::%eth0/64", NONE);
    //= 5: IPv6 |
    r11_ipv6_mapped_ipv4_in_a_range_is_refused("::ffff:203.0.113.0/120", "IPv4-mapped");
    //= 5: IPv6 |
    r11_ipv6_mapped_ipv4_as_a_whole_is_refused("::ffff:0:0/96", "IPv4-mapped");
    //= 5: prefix |
    r12_prefix_n_up_to_32("10.0.0.0/33", V4);
    //= 5: prefix |
    r12_prefix_n_that_wraps_around("10.0.0.0/4294967304", V4);
    //= 5: prefix |
    r12_prefix_n_up_to_128("2001:db8::/129", V6);
    //= 5: prefix |
    r12_prefix_no_plus_sign("10.0.0.0/+8", V4);
    //= 5: prefix |
    r12_prefix_no_minus_sign("10.0.0.0/-8", V4);
    //= 5: prefix |
    r12_prefix_no_leading_zero("10.0.0.0/08", V4);
    //= 5: prefix |
    r12_prefix_no_two_zeros("0.0.0.0/00", V4);
    //= 5: prefix |
    r12_prefix_no_empty_one("10.0.0.0/", V4);
    //= 5: prefix |
    r12_prefix_no_net_mask("10.0.0.0/255.0.0.0", V4);
    //= 5: prefix |
    r12_prefix_no_space("10.0.0.0/8 ", V4);
    //= 5: prefix |
    r12_prefix_one_slash("10.0.0.0/8/24", V4);
    //= 5: prefix |
    r12_prefix_one_slash_of_either_form("10.0.0.0/8%2F24", V4);
    //= 5: prefix |
    r12_prefix_one_escaped_slash("10.0.0.0%2F8%2F24", V4);
    //= 5: prefix |
    r12_prefix_no_further_escape("10.0.0.0%252F8", LENGTH);
    //= 5: cidrBlock without a prefix
    r19_cidr_block_without_a_prefix_is_400("203.0.113.10", LENGTH);
    //= 5: cidrBlock without a prefix
    r19_cidr_block_without_a_prefix_in_ipv6_is_400("2001:db8::1", LENGTH);
}

table! { is_refused;
    //= 5: host bits set
    r13_host_bits_set_are_refused(range("203.0.113.9/24"), HOST_BITS, "cidrBlock", "203.0.113.0/24");
    //= 5: host bits set
    r13_host_bits_set_behind_percent_2f(range("203.0.113.9%2F24"), HOST_BITS, "cidrBlock", "203.0.113.0/24");
    //= 5: host bits set
    r13_host_bits_set_before_0(range("10.0.0.1/0"), HOST_BITS, "cidrBlock", "0.0.0.0/0");
    //= 5: host bits set
    r13_host_bits_set_in_ipv6(range("2001:db8::1/32"), HOST_BITS, "cidrBlock", "2001:db8::/32");
    //= 5: host bits set
    r13_host_bits_set_in_ipv6_before_0(range("::1/0"), HOST_BITS, "cidrBlock", "::/0");
    //= 5: 0.0.0.0 or
    r15_0_0_0_0_is_refused(single("0.0.0.0"), UNSPECIFIED, "ipAddress", "\"0.0.0.0\"");
    //= 5: 0.0.0.0 or
    r15_0_0_0_0_slash_32_is_refused(range("0.0.0.0/32"), UNSPECIFIED, "cidrBlock", "\"0.0.0.0/32\"");
    //= 5: 0.0.0.0 or
    r15_0_0_0_0_percent_2f_32_is_refused(range("0.0.0.0%2F32"), UNSPECIFIED, "cidrBlock", "\"0.0.0.0%2F32\"");
    //= 5: 0.0.0.0 or
    r15_double_colon_is_refused(single("::"), UNSPECIFIED, "ipAddress", "\"::\"");
    //= 5: 0.0.0.0 or
    r15_double_colon_in_eight_groups_is_refused(
        single("0:0:0:0:0:0:0:0"), UNSPECIFIED, "ipAddress", "\"0:0:0:0:0:0:0:0\""
    );
    //= 5: 0.0.0.0 or
    r15_double_colon_slash_128_is_refused(range("::/128"), UNSPECIFIED, "cidrBlock", "\"::/128\"");
    //= 5: both members set
    r16_both_members_set_is_400(
        json!({ "ipAddress": "203.0.113.10", "cidrBlock": "203.0.113.10/32" }), BOTH, "", "not both"
    );
    //= 5: both members set
    r16_both_members_set_one_of_them_unreadable_is_400(
        json!({ "ipAddress": "", "cidrBlock": "10.0.0.0/8" }), BOTH, "", "not both"
    );
    //= 5: neither; both null
    r17_neither_is_400(json!({}), MISSING, "", "ipAddress or cidrBlock");
    //= 5: neither; both null
    r17_both_null_is_400(json!({ "ipAddress": null, "cidrBlock": null }), MISSING, "", "ipAddress or cidrBlock");
    //= 5: neither; both null
    r17_one_null_and_the_other_absent_is_400(json!({ "cidrBlock": null }), MISSING, "", "ipAddress or cidrBlock");
    //= 5: not an array
    r24_an_element_that_is_a_text_is_400(json!("203.0.113.10"), ATTRIBUTE, "", "an object");
    //= 5: not an array
    r24_an_element_that_is_a_number_is_400(json!(1), ATTRIBUTE, "", "an object");
    //= 5: not an array
    r24_an_element_that_is_null_is_400(json!(null), ATTRIBUTE, "", "an object");
    //= 5: not an array
    r24_an_element_that_is_an_array_is_400(json!([{ "ipAddress": "203.0.113.10" }]), ATTRIBUTE, "", "an object");
    //= 5: not an array
    r24_an_unknown_member_is_400_and_named_with_its_value(
        json!({ "ipAddress": "203.0.113.10", "comment": "office" }), ATTRIBUTE, "comment", "\"office\""
    );
    //= 5: not an array
    r24_a_member_that_only_answers_have_is_400(
        json!({ "ipAddress": "203.0.113.10", "count": 0 }), ATTRIBUTE, "count", "0"
    );
    //= 5: not an array
    r24_a_member_in_another_case_is_400(
        json!({ "ipaddress": "203.0.113.10" }), ATTRIBUTE, "ipaddress", "ipAddress"
    );
    //= 5: not an array
    r24_an_unknown_member_that_is_null_is_400(
        json!({ "ipAddress": "203.0.113.10", "x": null }), ATTRIBUTE, "x", "null"
    );
    //= 5: not an array
    r24_a_number_where_a_text_belongs_is_400(
        json!({ "ipAddress": 3_405_803_786_u32 }), ATTRIBUTE, "ipAddress", "a string"
    );
    //= 5: not an array
    r24_an_array_where_a_text_belongs_is_400(json!({ "cidrBlock": ["10.0.0.0/8"] }), ATTRIBUTE, "cidrBlock", "a string");
    //= 5: not an array
    r24_false_where_a_text_belongs_is_400(json!({ "cidrBlock": false }), ATTRIBUTE, "cidrBlock", "a string");
}

table! { are_added;
    //= 5: the same range twice
    r20_the_same_range_twice_in_one_body_counts_once(
        json!([single("203.0.113.10"), range("203.0.113.10/32"), range("203.0.113.10%2F32")]), &["203.0.113.10/32"]
    );
    //= 5: the same range twice
    r20_the_same_range_twice_in_two_spellings_counts_once_in_the_first(
        json!([single("2001:DB8::1"), single("2001:db8:0:0:0:0:0:1")]), &["2001:DB8::1/128"]
    );
    //= 5: overlap with another entry
    r22_overlap_with_another_entry_is_allowed_and_both_are_kept(
        json!([range("10.0.0.0/8"), range("10.0.0.0/16"), single("10.0.0.0"), range("0.0.0.0/0")]),
        &["10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/32", "0.0.0.0/0"]
    );
    //= 5: empty array
    r23_an_empty_array_is_200_with_the_unchanged_page(json!([]), &[]);
}

//= 5: already in the list
#[test]
fn r21_what_is_already_in_the_list_is_200_and_its_created_and_count_are_kept() {
    let clock = crate::harness::gateway::clock_at(1_785_000_000_987);
    let gateway = gateway_with(Options { clock: Some(clock.clone()), ..Options::default() });
    add(&gateway, OWN_LIST, &json!([single("2001:DB8::A")]));
    let entry = |index: usize| {
        let target = format!("{OWN_LIST}?pageNum={}&itemsPerPage=1", index + 1);
        call(&gateway, "GET", &target).send().json()["results"][0].clone()
    };
    let (standing_on, spelled) = (entry(0), entry(1));
    clock.set(portcullis::time::Timestamp::from_millis(1_785_000_000_987 + 3_600_000));
    for again in [
        json!([single("127.0.0.1"), single("2001:db8::a")]),
        json!([range("127.0.0.1/32"), range("2001:db8:0:0:0:0:0:a%2F128")]),
    ] {
        assert_eq!(add(&gateway, OWN_LIST, &again)["totalCount"], 2);
    }
    assert_eq!(entry(1), spelled, "the first spelling and the time of the first adding stay");
    let standing_now = entry(0);
    assert_eq!(standing_now["created"], standing_on["created"]);
    // Since it was read: the entry's reading, two POSTs, another reading, and this one.
    let count = |entry: &Value| entry["count"].as_u64().unwrap();
    assert_eq!(count(&standing_now), count(&standing_on) + 5, "its count goes on");
}

//= 5: not an array
#[test]
fn r24_a_body_that_is_not_an_array_is_400() {
    let gateway = gateway();
    for body in [r#"{"ipAddress":"203.0.113.10"}"#, "\"203.0.113.10\"", "null", "true", "7", "{}"] {
        let answer = call(&gateway, "POST", OWN_LIST).body(body).send();
        let problem = refused(&answer, 400, "INVALID_ATTRIBUTE", body);
        assert_eq!(place_named(&problem, body), "body");
    }
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
}

/// `count` entries, each another address.
fn many(count: usize) -> Value {
    (0..count).map(|n| single(&format!("10.1.{}.{}", n / 250, n % 250))).collect()
}

//= 5: more than 200 in the body
#[test]
fn r25_more_than_200_in_the_body_or_in_the_list_is_400() {
    let (gateway, lists) = empty_lists();
    for list in lists {
        at_most_200(&gateway, &list);
    }
}

fn at_most_200(gateway: &Gateway, list: &str) {
    let post = |body: &Value| call(gateway, "POST", list).body(body.to_string()).send();
    let full = |answer: &Answer, case: &str| {
        let problem = refused(answer, 400, "VALIDATION_ERROR", case);
        assert_eq!(problem["parameters"], json!([200]), "{case}");
        assert_eq!(problem["badRequestDetail"]["fields"][0]["field"], "body", "{case}");
        tells(&problem, &["200"], case);
    };
    full(&post(&many(201)), "more than 200 in the body");
    let same: Value = std::iter::repeat_n(single("10.0.0.1"), 201).collect();
    full(&post(&same), "more than 200 in the body, though all the same");
    assert!(stored(gateway, list).is_empty());
    assert_eq!(accepted(&post(&many(199)), "199")["totalCount"], 199);
    full(&post(&json!([single("10.0.0.1"), single("10.0.0.2")])), "more than 200 in the list");
    assert_eq!(accepted(&post(&many(200)), "199 that are there and one more")["totalCount"], 200);
    full(&post(&json!([single("10.0.0.1")])), "one more than 200");
    assert_eq!(accepted(&post(&many(200)), "what is there already")["totalCount"], 200);
    let delete = call(gateway, "DELETE", &format!("{list}/10.1.0.0")).send();
    assert_eq!(delete.status, 204, "one less");
    let page = accepted(&post(&json!([single("10.0.0.1")])), "one makes room for one");
    assert_eq!(page["totalCount"], 200);
}

//= 5: body over 1 MiB
#[test]
fn r26_a_body_over_1_mib_is_413_in_the_error_shape() {
    let gateway = gateway();
    let body = |bytes: usize| format!("[{}]", " ".repeat(bytes - 2));
    let answer = call(&gateway, "POST", OWN_LIST).body(body(1 << 20)).send();
    assert_eq!(accepted(&answer, "1 MiB")["totalCount"], 1);
    // How each way of sending more is answered is in `admin_api::bodies`.
    let length = format!("Content-Length: {}", (1 << 20) + 1);
    let accept = format!("Accept: {VERSION}");
    let target = filled(&gateway, OWN_LIST);
    let mut client = Client::connect(gateway.admin());
    let challenge = client.get(&target).header("www-authenticate").unwrap().to_owned();
    let line = authorization(&gateway.owner, &challenge, "POST", &target, 1);
    client.send_request("POST", &target, &[&accept, &line, &length], b"");
    let problem = refused(&client.read_answer(), 413, "PAYLOAD_TOO_LARGE", "one byte more");
    assert_eq!(problem["parameters"], json!([1 << 20]));
    tells(&problem, &["1048576"], "one byte more");
}

//= 5: Identity of an entry
#[test]
fn r27_the_identity_of_an_entry_is_its_canonical_range() {
    let (gateway, list) = with_list(&[]);
    for (element, segment) in [
        (single("203.0.113.10"), "203.0.113.10%2F32"),
        (range("203.0.113.10/32"), "203.0.113.10"),
        (range("203.0.113.10%2F32"), "203.0.113.10"),
        (single("2001:DB8::A"), "2001:db8:0:0:0:0:0:a%2F128"),
    ] {
        add(&gateway, &list, &json!([element]));
        let answer = call(&gateway, "DELETE", &format!("{list}/{segment}")).send();
        gone(&answer, V2023_TYPE, segment);
    }
}

//= 5: Identity of an entry
#[test]
fn r27_the_spelling_of_ipv6_is_kept_as_it_was_entered_the_first_time() {
    let (mut gateway, list) = with_list(&[]);
    add(&gateway, &list, &json!([single("2001:DB8:0:0::A"), range("2001:0DB8:0000::%2F48")]));
    let shown = ["2001:DB8:0:0::A/128", "2001:0DB8:0000::/48"];
    let page = add(&gateway, &list, &json!([single("2001:db8::a"), range("2001:db8::/48")]));
    assert_eq!(ranges(&page), shown);
    gateway.restart();
    assert_eq!(stored(&gateway, &list), shown);
}
