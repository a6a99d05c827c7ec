//! Section 3, what a POST does, and the limit of a list: entries as they are shown, added and kept.

use portcullis::identity::Role;
use portcullis::time::Timestamp;

use super::*;
use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00.987Z
const START: i64 = 1_785_000_000_987;

/// A gateway with a key that has no entries and makes no calls.
fn with_empty_list() -> (Gateway, String) {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    (gateway, list_of(&key))
}

/// `count` entries, each another address.
fn many(count: usize) -> Value {
    (0..count).map(|n| json!({ "ipAddress": format!("10.1.{}.{}", n / 250, n % 250) })).collect()
}

#[test]
fn an_entry_has_the_published_members_and_its_usage_only_after_a_use() {
    let clock = clock_at(START);
    let gateway = gateway_with(Options { clock: Some(clock.clone()), ..Options::default() });
    let list = filled(&gateway, &list_of("{key}"));
    let body = json!([{ "ipAddress": "127.0.0.9" }, { "cidrBlock": "198.51.100.0/24" }]);
    let page = add(&gateway, &list, &body);
    let href = |entry: &str| format!("http://{}{list}/{entry}", gateway.admin());
    let unused = json!({
        "cidrBlock": "127.0.0.9/32",
        "count": 0,
        "created": "2026-07-25T17:20:00Z",
        "ipAddress": "127.0.0.9",
        "links": [{ "href": href("127.0.0.9"), "rel": "self" }],
    });
    assert_eq!(page["results"][1], unused, "a single address");
    let range = json!({
        "cidrBlock": "198.51.100.0/24",
        "count": 0,
        "created": "2026-07-25T17:20:00Z",
        "links": [{ "href": href("198.51.100.0%2F24"), "rel": "self" }],
    });
    assert_eq!(page["results"][2], range, "a range has no ipAddress");

    clock.set(Timestamp::from_millis(START + 90_000));
    let answer = call(&gateway, "GET", &format!("{list}/127.0.0.9")).from("127.0.0.9").send();
    let mut used = unused;
    used["count"] = json!(1);
    used["lastUsed"] = json!("2026-07-25T17:21:30Z");
    used["lastUsedAddress"] = json!("127.0.0.9");
    assert_eq!(accepted(&answer, "the call that reads it is its first use"), used);
}

#[test]
fn members_come_in_alphabetical_order() {
    let gateway = gateway();
    let text = call(&gateway, "GET", &list_of("{key}")).send().text();
    let names =
        ["cidrBlock", "count", "created", "ipAddress", "lastUsed", "lastUsedAddress", "links"];
    let entry = &text[text.find("cidrBlock").unwrap() - 1..];
    let places: Vec<_> = names.map(|name| entry.find(&format!("\"{name}\":")).unwrap()).to_vec();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_post_adds_to_the_list_and_answers_with_the_whole_of_it() {
    let (gateway, list) = with_empty_list();
    add(&gateway, &list, &json!([{ "ipAddress": "203.0.113.30" }]));
    let page = add(
        &gateway,
        &list,
        &json!([{ "ipAddress": "203.0.113.20" }, { "ipAddress": "203.0.113.10" }]),
    );
    let whole = ["203.0.113.30/32", "203.0.113.20/32", "203.0.113.10/32"];
    assert_eq!(ranges(&page), whole, "oldest first, ties by position in the request");
    assert_eq!(page["totalCount"], 3);
    assert_eq!(call(&gateway, "GET", &list).send().json(), page, "the same as a GET's page");
}

#[test]
fn the_page_that_answers_a_post_is_cut_by_the_query() {
    let (gateway, list) = with_empty_list();
    let body = json!([{ "ipAddress": "10.0.0.1" }, { "ipAddress": "10.0.0.2" }, { "ipAddress": "10.0.0.3" }]);
    let page = add(&gateway, &format!("{list}?itemsPerPage=2&pageNum=2"), &body);
    assert_eq!((ranges(&page), &page["totalCount"]), (vec!["10.0.0.3/32"], &json!(3)));
    let previous = follow(&gateway, link(&page, "previous").unwrap());
    assert_eq!(ranges(&accepted(&previous, "its links")), ["10.0.0.1/32", "10.0.0.2/32"]);
}

#[test]
fn the_order_of_a_list_outlasts_changes_and_a_restart() {
    let (mut gateway, list) = with_empty_list();
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.3" }, { "cidrBlock": "10.0.0.0/8" }]));
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.2" }, { "ipAddress": "10.0.0.1" }]));
    let entry = format!("{list}/10.0.0.0%2F8");
    gone(&call(&gateway, "DELETE", &entry).send(), &format!("{VERSION};charset=utf-8"), "delete");
    add(&gateway, &list, &json!([{ "cidrBlock": "10.0.0.0/8" }]));
    let order = ["10.0.0.3/32", "10.0.0.2/32", "10.0.0.1/32", "10.0.0.0/8"];
    assert_eq!(stored(&gateway, &list), order, "an entry that left comes back as the youngest");
    gateway.restart();
    assert_eq!(stored(&gateway, &list), order);
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.0" }]));
    gateway.restart();
    assert_eq!(stored(&gateway, &list), [&order[..], &["10.0.0.0/32"]].concat());
}

#[test]
fn one_bad_element_and_none_is_stored() {
    let (gateway, list) = with_empty_list();
    for (row, bad) in [
        ("an unreadable address", json!({ "ipAddress": "nowhere" })),
        ("host bits", json!({ "cidrBlock": "10.0.0.1/8" })),
        ("no object", json!(7)),
        ("an unknown member", json!({ "ipAddress": "10.0.0.9", "comment": "mine" })),
    ] {
        let good = |n: u8| json!({ "ipAddress": format!("10.0.0.{n}") });
        let body = json!([good(1), good(2), bad, good(3)]);
        let answer = call(&gateway, "POST", &list).body(body.to_string()).send();
        assert_eq!(answer.status, 400, "{row}");
        let place = &answer.json()["badRequestDetail"]["fields"][0]["field"];
        assert!(place.as_str().unwrap().starts_with("[2]"), "{row}: the third is named: {place}");
        assert!(stored(&gateway, &list).is_empty(), "{row}");
    }
}

#[test]
fn adding_what_is_there_already_changes_nothing_of_it() {
    let clock = clock_at(START);
    let gateway = gateway_with(Options { clock: Some(clock.clone()), ..Options::default() });
    let list = list_of("{key}");
    add(&gateway, &list, &json!([{ "ipAddress": "2001:DB8::A" }]));
    let entry = |index: usize| {
        let target = format!("{list}?pageNum={}&itemsPerPage=1", index + 1);
        call(&gateway, "GET", &target).send().json()["results"][0].clone()
    };
    let (standing_on, spelled) = (entry(0), entry(1));
    clock.set(Timestamp::from_millis(START + 3_600_000));
    for again in [
        json!([{ "ipAddress": "127.0.0.1" }, { "ipAddress": "2001:db8::a" }]),
        json!([{ "cidrBlock": "127.0.0.1/32" }, { "cidrBlock": "2001:db8:0:0:0:0:0:a%2F128" }]),
    ] {
        assert_eq!(add(&gateway, &list, &again)["totalCount"], 2);
    }
    assert_eq!(entry(1), spelled, "the first spelling and the time of the first adding stay");
    let standing_now = entry(0);
    assert_eq!(standing_now["created"], standing_on["created"]);
    // Since it was read: the entry's reading, two POSTs, another reading, and this one.
    let count = |entry: &Value| entry["count"].as_u64().unwrap();
    assert_eq!(count(&standing_now), count(&standing_on) + 5, "its count goes on");
}

#[test]
fn entries_that_overlap_are_all_kept() {
    let (gateway, list) = with_empty_list();
    let body = json!([{ "cidrBlock": "10.0.0.0/8" }, { "cidrBlock": "10.0.0.0/16" }, { "ipAddress": "10.0.0.0" }, { "cidrBlock": "0.0.0.0/0" }]);
    let page = add(&gateway, &list, &body);
    assert_eq!(ranges(&page), ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/32", "0.0.0.0/0"]);
}

#[test]
fn a_list_holds_two_hundred_entries_and_not_one_more() {
    let (gateway, list) = with_empty_list();
    let post = |body: &Value| call(&gateway, "POST", &list).body(body.to_string()).send();
    let full = |answer: &Answer, case: &str| {
        let problem = refused(answer, 400, "VALIDATION_ERROR", case);
        assert_eq!(problem["parameters"], json!([200]), "{case}");
        assert_eq!(problem["badRequestDetail"]["fields"][0]["field"], "body", "{case}");
        tells(&problem, &["200"], case);
    };
    full(&post(&many(201)), "more than 200 in the body");
    let same: Value = std::iter::repeat_n(json!({ "ipAddress": "10.0.0.1" }), 201).collect();
    full(&post(&same), "more than 200 in the body, though all the same");
    assert!(stored(&gateway, &list).is_empty());
    assert_eq!(accepted(&post(&many(199)), "199")["totalCount"], 199);
    full(
        &post(&json!([{ "ipAddress": "10.0.0.1" }, { "ipAddress": "10.0.0.2" }])),
        "more than 200 in the list",
    );
    assert_eq!(accepted(&post(&many(200)), "199 that are there and one more")["totalCount"], 200);
    full(&post(&json!([{ "ipAddress": "10.0.0.1" }])), "one more than 200");
    assert_eq!(accepted(&post(&many(200)), "what is there already")["totalCount"], 200);
    let first = format!("{list}/10.1.0.0");
    gone(&call(&gateway, "DELETE", &first).send(), &format!("{VERSION};charset=utf-8"), "one less");
    let page = accepted(&post(&json!([{ "ipAddress": "10.0.0.1" }])), "one makes room for one");
    assert_eq!(page["totalCount"], 200);
}

#[test]
fn the_limit_of_a_list_is_the_config_s() {
    let gateway = gateway_with(Options {
        more: "[limits]\nentries_per_list = 250".into(),
        ..Options::default()
    });
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = list_of(&key);
    let page = add(&gateway, &format!("{list}?itemsPerPage=500"), &many(250));
    assert_eq!((ranges(&page).len(), &page["totalCount"]), (250, &json!(250)));
    let one_more = call(&gateway, "POST", &list).body(r#"[{"ipAddress":"10.0.0.1"}]"#).send();
    let problem = refused(&one_more, 400, "VALIDATION_ERROR", "one more");
    assert_eq!(problem["parameters"], json!([250]));
}
