//! Section 3, what a POST does: a list only grows by it, all at once, and is shown whole.

use super::*;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

//= 3: Body: a JSON array
#[test]
fn r12_the_body_is_a_json_array_even_for_one_entry() {
    let (gateway, list) = with_list(&[]);
    for body in [r#"{"ipAddress":"203.0.113.10"}"#, "\"203.0.113.10\"", "null", "true", "7", "{}"] {
        let answer = call(&gateway, "POST", &list).body(body).send();
        let problem = refused(&answer, 400, "INVALID_ATTRIBUTE", body);
        tells(&problem, &["an array"], body);
        assert_eq!(place_named(&problem, body), "body");
    }
    assert!(stored(&gateway, &list).is_empty());
    let page = add(&gateway, &list, &json!([{ "ipAddress": "203.0.113.10" }]));
    assert_eq!(ranges(&page), ["203.0.113.10/32"]);
}

//= 3: Entries not yet in the list are added
#[test]
fn r13_entries_not_yet_in_the_list_are_added_and_nothing_is_replaced_or_removed() {
    let (gateway, list) = with_list(&["203.0.113.30", "10.0.0.0/8"]);
    let page = add(
        &gateway,
        &list,
        &json!([{ "ipAddress": "203.0.113.30" }, { "ipAddress": "10.0.0.1" }]),
    );
    assert_eq!(ranges(&page), ["203.0.113.30/32", "10.0.0.0/8", "10.0.0.1/32"]);
    assert_eq!(stored(&gateway, &list), ["203.0.113.30/32", "10.0.0.0/8", "10.0.0.1/32"]);
}

//= 3: Entries not yet in the list are added
#[test]
fn r13_all_or_nothing_one_bad_element_and_none_is_stored() {
    let (gateway, list) = with_list(&[]);
    for (row, bad) in [
        ("an unreadable address", json!({ "ipAddress": "nowhere" })),
        ("an unreadable range", json!({ "cidrBlock": "10.0.0.0/33" })),
        ("host bits", json!({ "cidrBlock": "10.0.0.1/8" })),
        ("an address that stands for none", json!({ "ipAddress": "0.0.0.0" })),
        ("both members", json!({ "ipAddress": "10.0.0.9", "cidrBlock": "10.0.0.9/32" })),
        ("neither", json!({})),
        ("no object", json!(7)),
        ("an unknown member", json!({ "ipAddress": "10.0.0.9", "comment": "mine" })),
    ] {
        let good = |n: u8| json!({ "ipAddress": format!("10.0.0.{n}") });
        for (place, body) in [
            ("[0]", json!([bad, good(1), good(2)])),
            ("[2]", json!([good(1), good(2), bad, good(3)])),
            ("[1]", json!([good(1), bad])),
        ] {
            let answer = call(&gateway, "POST", &list).body(body.to_string()).send();
            assert_eq!(answer.status, 400, "{row}");
            let named = place_named(&answer.json(), row);
            assert!(named.starts_with(place), "{row}: {place} is named: {named}");
            assert!(stored(&gateway, &list).is_empty(), "{row}");
        }
    }
}

//= 3: The answer is 200 and a page
#[test]
fn r14_the_answer_is_200_and_a_page_of_the_whole_list_after_the_change() {
    let (gateway, list) = with_list(&["203.0.113.30"]);
    let page = add(&gateway, &list, &json!([{ "ipAddress": "203.0.113.20" }]));
    assert_eq!(ranges(&page), ["203.0.113.30/32", "203.0.113.20/32"], "no echo of what was sent");
    assert_eq!(page["totalCount"], 2);
    assert_eq!(call(&gateway, "GET", &list).send().json(), page, "the same as a GET's page");
}

//= 3: The answer is 200 and a page
#[test]
fn r14_the_page_is_cut_by_the_query() {
    let (gateway, list) = with_list(&[]);
    let body = json!([{ "ipAddress": "10.0.0.1" }, { "ipAddress": "10.0.0.2" }, { "ipAddress": "10.0.0.3" }]);
    let page = add(&gateway, &format!("{list}?itemsPerPage=2&pageNum=2"), &body);
    assert_eq!((ranges(&page), &page["totalCount"]), (vec!["10.0.0.3/32"], &json!(3)));
    let previous = follow(&gateway, link(&page, "previous").unwrap());
    assert_eq!(ranges(&accepted(&previous, "its links")), ["10.0.0.1/32", "10.0.0.2/32"]);
}

//= 3: Order of the list
#[test]
fn r15_the_order_of_the_list_is_oldest_first_and_ties_by_position_in_the_request() {
    let (mut gateway, list) = with_list(&[]);
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.3" }, { "cidrBlock": "10.0.0.0/8" }]));
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.2" }, { "ipAddress": "10.0.0.1" }]));
    let order = ["10.0.0.3/32", "10.0.0.0/8", "10.0.0.2/32", "10.0.0.1/32"];
    assert_eq!(stored(&gateway, &list), order);
    gone(&call(&gateway, "DELETE", &format!("{list}/10.0.0.0%2F8")).send(), V2023_TYPE, "delete");
    add(&gateway, &list, &json!([{ "cidrBlock": "10.0.0.0/8" }]));
    let order = ["10.0.0.3/32", "10.0.0.2/32", "10.0.0.1/32", "10.0.0.0/8"];
    assert_eq!(stored(&gateway, &list), order, "an entry that left comes back as the youngest");
    gateway.restart();
    assert_eq!(stored(&gateway, &list), order);
    add(&gateway, &list, &json!([{ "ipAddress": "10.0.0.0" }]));
    gateway.restart();
    assert_eq!(stored(&gateway, &list), [&order[..], &["10.0.0.0/32"]].concat());
}

/// The addresses that one walk through the pages is about: what is there before, and what others add after each page.
#[derive(Debug)]
struct Walk {
    items_per_page: usize,
    before: usize,
    added_after_each_page: Vec<usize>,
}

fn walks() -> impl Strategy<Value = Walk> {
    let added = proptest::collection::vec(0_usize..6, 0..8);
    (1_usize..12, 0_usize..25, added).prop_map(|(items_per_page, before, added_after_each_page)| {
        Walk { items_per_page, before, added_after_each_page }
    })
}

/// `count` entries from number `first` on, in an order that is not that of the addresses.
fn numbered(first: usize, count: usize) -> Value {
    (first..first + count)
        .map(|n| json!({ "ipAddress": format!("10.{}.0.{n}", 255 - n) }))
        .collect()
}

//= 3: Order of the list
#[test]
fn r15_following_next_visits_each_entry_once_in_stable_order_while_others_add() {
    let gateway = gateway();
    // Few cases: each is a walk over real sockets. The pages alone have many, in `admin::page`.
    let config =
        ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let walk_through = |walk: Walk| {
        let (key, _) = gateway.new_key(&[Role::Member], &[]);
        let list = list_of(&key);
        let mut there = walk.before;
        add(&gateway, &list, &numbered(0, walk.before));
        let mut additions = walk.added_after_each_page.iter();
        let first = format!("{list}?itemsPerPage={}&includeCount=false", walk.items_per_page);
        let mut page = accepted(&call(&gateway, "GET", &first).send(), "page one");
        let mut seen: Vec<String> = Vec::new();
        loop {
            seen.extend(ranges(&page).into_iter().map(str::to_owned));
            let next = link(&page, "next").map(str::to_owned);
            if let Some(count) = additions.next() {
                add(&gateway, &list, &numbered(there, *count));
                there += count;
            }
            let Some(next) = next else { break };
            page = accepted(&follow(&gateway, &next), &next);
        }
        let whole = stored(&gateway, &list);
        prop_assert_eq!(whole.len(), there);
        // What was added behind the last page was not there to be seen.
        prop_assert!(seen.len() >= walk.before);
        prop_assert_eq!(&seen, &whole[..seen.len()]);
        let distinct: BTreeSet<_> = seen.iter().collect();
        prop_assert_eq!(distinct.len(), seen.len());
        Ok(())
    };
    TestRunner::new(config).run(&walks(), walk_through).unwrap();
}
