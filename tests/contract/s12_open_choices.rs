//! Section 12: what the contract left open, and how it was chosen.

use super::*;

fn orgs(gateway: &Gateway) -> Call<'_> {
    call(gateway, "GET", &format!("{V2}/orgs"))
}

//= 12: entry already present
#[test]
fn r01_entry_already_present_200_unchanged() {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &["203.0.113.10"]);
    let list = list_of(&key);
    let before = call(&gateway, "GET", &list).send().json();
    for body in [one_address("203.0.113.10"), r#"[{"cidrBlock":"203.0.113.10/32"}]"#.to_owned()] {
        let answer = call(&gateway, "POST", &list).body(body).send();
        assert_eq!(accepted(&answer, "a retry is safe"), before);
    }
}

//= 12: host bits
#[test]
fn r02_host_bits_refuse() {
    let gateway = gateway();
    let answer = call(&gateway, "POST", OWN_LIST).body(r#"[{"cidrBlock":"203.0.113.9/24"}]"#);
    let problem = refused(&answer.send(), 400, "ATLAS_NON_CANONICAL_CIDR_BLOCK", "a typing error");
    tells(&problem, &["203.0.113.9/24", "203.0.113.0/24"], "and what may be meant");
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"], "nothing was widened");
}

//= 12: role too small
#[test]
fn r03_role_too_small_403_user_unauthorized_without_a_challenge() {
    let gateway = gateway();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        let (_, caller) = gateway.new_key(&[role], &["127.0.0.1"]);
        let answer = call(&gateway, "POST", OWN_LIST).by(&caller).body("[]").send();
        let problem = refused(&answer, 403, "USER_UNAUTHORIZED", role.as_str());
        assert_eq!(problem["parameters"], json!(["ORG_OWNER"]));
        assert_eq!(answer.header("www-authenticate"), None, "asking again won't help");
    }
}

//= 12: unknown organization
#[test]
fn r04_unknown_organization_or_one_the_caller_may_not_see_alike_404_org_not_found() {
    let gateway = gateway();
    let (other, other_key, _) = gateway.new_organization("others");
    let other = other.to_string();
    for (method, path, body) in [
        ("GET", "", ""),
        ("GET", "/apiKeys", ""),
        ("POST", "/apiKeys", r#"{"desc":"new","roles":["ORG_OWNER"]}"#),
        ("GET", "/apiKeys/{their}", ""),
        ("PATCH", "/apiKeys/{their}", r#"{"desc":"changed"}"#),
        ("DELETE", "/apiKeys/{their}", ""),
        ("GET", "/apiKeys/{their}/accessList", ""),
        ("POST", "/apiKeys/{their}/accessList", r#"[{"cidrBlock":"0.0.0.0/0"}]"#),
        ("GET", "/apiKeys/{their}/accessList/127.0.0.1", ""),
        ("DELETE", "/apiKeys/{their}/accessList/127.0.0.1", ""),
        ("GET", "/apiKeys/{key}", ""),
    ] {
        let path = path.replace("{their}", &other_key);
        let heard = [&other, NOTHING].map(|org| {
            let answer =
                call(&gateway, method, &format!("{V2}/orgs/{org}{path}")).body(body).send();
            let problem = refused(&answer, 404, "ORG_NOT_FOUND", &format!("{method} {path}"));
            assert_eq!(problem["parameters"], json!([org]), "{method} {path}");
            problem.to_string().replace(org, "{org}")
        });
        assert_eq!(heard[0], heard[1], "{method} {path}");
    }
}

//= 12: removing the entry one stands on
#[test]
fn r05_removing_the_entry_one_stands_on_is_refused() {
    let gateway = gateway();
    add(&gateway, OWN_LIST, &json!([{ "ipAddress": "127.0.0.2" }, { "cidrBlock": "10.0.0.0/8" }]));
    for (from, form) in
        [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.1%2F32"), ("127.0.0.2", "127.0.0.2")]
    {
        let answer = call(&gateway, "DELETE", &format!("{OWN_LIST}/{form}")).from(from).send();
        let problem = refused(&answer, 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST", form);
        assert_eq!(problem["parameters"], json!([from]), "{form}");
        tells(&problem, &[from], form);
    }
    let list = ["127.0.0.1/32", "127.0.0.2/32", "10.0.0.0/8"];
    assert_eq!(stored(&gateway, OWN_LIST), list);
}

//= 12: removing the entry one stands on
#[test]
fn r05_only_when_the_caller_edits_its_own_list() {
    let gateway = gateway();
    let (key, other) = gateway.new_key(&[Role::Owner], &["127.0.0.1"]);
    let answer = call(&gateway, "DELETE", &format!("{}/127.0.0.1", list_of(&key))).send();
    gone(&answer, V2023_TYPE, "another credential's last entry");
    let answer = orgs(&gateway).by(&other).send();
    refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", "its list is empty now");
}

//= 12: adding entries that lock the caller out
#[test]
fn r06_adding_entries_that_lock_the_caller_out_is_allowed_and_the_answer_still_goes_out() {
    let gateway = gateway();
    let (key, fresh) = gateway.new_key(&[Role::Owner], &[]);
    let settings = call(&gateway, "PATCH", &format!("{V2}/orgs/{{org}}/settings"));
    accepted(&settings.body(r#"{"apiAccessListRequired":false}"#).send(), "no lists required");
    let post = call(&gateway, "POST", &list_of(&key)).by(&fresh).body(one_address("127.0.0.3"));
    assert_eq!(ranges(&accepted(&post.send(), "the first entry")), ["127.0.0.3/32"]);
    let answer = orgs(&gateway).by(&fresh).send();
    refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "from then on");
    accepted(&orgs(&gateway).by(&fresh).from("127.0.0.3").send(), "from the entry");
}

//= 12: itemsPerPage out of range
#[test]
fn r07_items_per_page_out_of_range_400() {
    let gateway = gateway();
    for value in ["0", "501"] {
        let answer = call(&gateway, "GET", &format!("{OWN_LIST}?itemsPerPage={value}")).send();
        let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", value);
        tells(&problem, &["itemsPerPage", value, "from 1 to 500"], value);
    }
}

//= 12: IPv6 spelling
#[test]
fn r08_ipv6_spelling_echo_first_spelling() {
    let gateway = gateway();
    for text in ["2001:DB8::A", "2001:db8:0:0:0:0:0:a", "2001:db8::a"] {
        let page = add(&gateway, OWN_LIST, &json!([{ "ipAddress": text }]));
        assert_eq!(page["results"][1]["ipAddress"], "2001:DB8::A", "{text}");
        assert_eq!(page["results"][1]["cidrBlock"], "2001:DB8::A/128", "{text}");
        let one = call(&gateway, "GET", &format!("{OWN_LIST}/{text}")).send();
        assert_eq!(accepted(&one, text)["ipAddress"], "2001:DB8::A", "{text}");
    }
}

//= 12: 0.0.0.0/0
#[test]
fn r09_0_0_0_0_slash_0_is_allowed() {
    let gateway = gateway();
    let (key, caller) = gateway.new_key(&[Role::Member], &[]);
    let page = add(&gateway, &list_of(&key), &json!([{ "cidrBlock": "0.0.0.0/0" }]));
    assert_eq!(ranges(&page), ["0.0.0.0/0"], "and visible in the list");
    accepted(&orgs(&gateway).by(&caller).from("127.200.0.9").send(), "from anywhere");
}

//= 12: limit for keys' lists
#[test]
fn r10_limit_for_keys_lists_200() {
    let (gateway, list) = with_list(&[]);
    let many = |count: usize| -> Value {
        (0..count)
            .map(|n| json!({ "ipAddress": format!("10.1.{}.{}", n / 250, n % 250) }))
            .collect()
    };
    let page = add(&gateway, &format!("{list}?itemsPerPage=500"), &many(200));
    assert_eq!((ranges(&page).len(), &page["totalCount"]), (200, &json!(200)));
    let answer = call(&gateway, "POST", &list).body(one_address("10.2.0.1")).send();
    let problem = refused(&answer, 400, "VALIDATION_ERROR", "the 201st");
    assert_eq!(problem["parameters"], json!([200]));
}

/// A call that breaks the rule of one check and of every later one, as far as it can.
struct Fault<'a> {
    check: &'a str,
    method: &'a str,
    target: String,
    by: &'a Credential,
    from: &'a str,
    lines: &'a [&'a str],
    told: (u16, &'a str),
}

//= 12: order of checks
#[test]
fn r11_order_of_checks_of_several_faults_the_earliest_is_told() {
    let gateway = gateway();
    let (member_key, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let wrong = forged(&member);
    let accept = format!("Accept: {VERSION}");
    let (text, unversioned, versioned_text, good) = (
        ["Content-Type: text/plain"],
        ["Content-Type: application/json"],
        [&*accept, "Content-Type: text/plain"],
        [&*accept],
    );
    let list = |org: &str, key: &str| format!("{V2}/orgs/{org}/apiKeys/{key}/accessList");
    let (own, owner) = (gateway.org.to_string(), &gateway.owner);
    let bad = |org: &str| list(org, "x") + "?pageNum=0";
    let (here, elsewhere) = ("127.0.0.1", "127.0.0.2");
    let fault = |check, target, by, from, lines, told| Fault {
        check,
        method: "POST",
        target,
        by,
        from,
        lines,
        told,
    };
    let faults = [
        fault(
            "route",
            format!("{V2}/nothing?pageNum=0"),
            &wrong,
            elsewhere,
            &text[..],
            (404, "RESOURCE_NOT_FOUND"),
        ),
        Fault {
            method: "PUT",
            ..fault(
                "route: method",
                bad(NOTHING),
                &wrong,
                elsewhere,
                &text,
                (405, "METHOD_NOT_ALLOWED"),
            )
        },
        fault("credentials", bad(NOTHING), &wrong, elsewhere, &text, (401, "UNEXPECTED_ERROR")),
        fault(
            "caller's list",
            bad(NOTHING),
            &member,
            elsewhere,
            &text,
            (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"),
        ),
        fault("organization", bad(NOTHING), &member, here, &text, (404, "ORG_NOT_FOUND")),
        fault("role", bad(&own), &member, here, &text, (403, "USER_UNAUTHORIZED")),
        fault("version", bad(&own), owner, here, &unversioned, (406, "INVALID_VERSION_DATE")),
        fault("query", bad(&own), owner, here, &versioned_text, (400, "INVALID_QUERY_PARAMETER")),
        fault(
            "path",
            list(&own, "x"),
            owner,
            here,
            &versioned_text,
            (400, "PATH_PARAM_PARSE_ERROR"),
        ),
        fault(
            "body: type",
            list(&own, NOTHING),
            owner,
            here,
            &versioned_text,
            (415, "UNSUPPORTED_MEDIA_TYPE"),
        ),
        fault("body", list(&own, NOTHING), owner, here, &good, (400, "MALFORMED_JSON")),
    ];
    for Fault { check, method, target, by, from, lines, told: (status, code) } in faults {
        let call = call(&gateway, method, &target).by(by).from(from).headers(lines);
        refused(&call.body("nonsense").send(), status, code, check);
    }
    let absent = call(&gateway, "POST", &list(&own, NOTHING)).body(one_address("10.0.0.1"));
    refused(&absent.send(), 404, "API_KEY_NOT_FOUND", "existence");
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
    assert_eq!(stored(&gateway, &list_of(&member_key)), ["127.0.0.1/32"]);
}

//= 12: order of checks
#[test]
fn r11_rate_comes_after_the_callers_list_and_before_the_organization() {
    let gateway = gateway_with(Options {
        more: "[rate_limits]\norganization_resources = { capacity = 1, per_minute = 1 }".into(),
        ..Options::default()
    });
    accepted(&call(&gateway, "GET", KEYS).send(), "the one that the bucket holds");
    let earlier = [
        (call(&gateway, "GET", &format!("{V2}/nothing")).send(), 404, "RESOURCE_NOT_FOUND"),
        (call(&gateway, "PUT", KEYS).send(), 405, "METHOD_NOT_ALLOWED"),
        (call(&gateway, "GET", KEYS).send_anonymously(), 401, "UNEXPECTED_ERROR"),
        (
            call(&gateway, "GET", KEYS).from("127.0.0.2").send(),
            403,
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
        ),
    ];
    for (answer, status, code) in earlier {
        refused(&answer, status, code, "an earlier check");
    }
    let nowhere = format!("{V2}/orgs/{NOTHING}/apiKeys");
    for call in [
        call(&gateway, "GET", &nowhere),
        call(&gateway, "GET", KEYS).headers(&["Accept: */*"]),
        call(&gateway, "GET", &format!("{KEYS}?pageNum=0")),
        call(&gateway, "POST", KEYS).body("nonsense"),
    ] {
        refused(&call.send(), 429, "RATE_LIMITED", "before a later check");
    }
}

//= 12: order of checks
#[test]
fn r11_a_call_refused_by_any_check_changes_nothing_however_good_its_body() {
    let gateway = gateway();
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let post = || call(&gateway, "POST", OWN_LIST).body(r#"[{"cidrBlock":"0.0.0.0/0"}]"#);
    refused(&post().send_anonymously(), 401, "UNEXPECTED_ERROR", "no credential");
    refused(&post().by(&forged(&gateway.owner)).send(), 401, "UNEXPECTED_ERROR", "a wrong one");
    refused(&post().from("127.0.0.2").send(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "elsewhere");
    refused(&post().by(&member).send(), 403, "USER_UNAUTHORIZED", "no owner");
    refused(&post().headers(&[]).send(), 406, "INVALID_VERSION_DATE", "no version");
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
}
