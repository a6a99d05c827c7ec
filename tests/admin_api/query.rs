//! Section 4: paging, links, and the form of an answer.

use portcullis::identity::Role;

use super::*;
use crate::harness::client::authorization;

/// A gateway with a key that has these entries and makes no calls.
fn with_list(entries: &[&str]) -> (Gateway, String) {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], entries);
    (gateway, list_of(&key))
}

const FIVE: [&str; 5] = ["10.0.0.5", "10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1"];

#[test]
fn a_parameter_outside_its_range_is_refused_and_named() {
    let (gateway, list) = with_list(&[]);
    let pages = [
        ("GET", format!("{V2}/orgs"), ""),
        ("GET", format!("{V2}/orgs/{{org}}/apiKeys"), ""),
        ("GET", list.clone(), ""),
        ("POST", list.clone(), r#"[{"ipAddress":"203.0.113.10"}]"#),
    ];
    for (row, query, name, told) in [
        ("itemsPerPage < 1", "itemsPerPage=0", "itemsPerPage", "\"0\""),
        ("itemsPerPage < 1", "itemsPerPage=-1", "itemsPerPage", "\"-1\""),
        ("itemsPerPage > 500", "itemsPerPage=501", "itemsPerPage", "from 1 to 500"),
        (
            "itemsPerPage far beyond any number",
            "itemsPerPage=99999999999999999999999",
            "itemsPerPage",
            "from 1 to 500",
        ),
        ("itemsPerPage not a number", "itemsPerPage=ten", "itemsPerPage", "\"ten\""),
        ("itemsPerPage not a whole number", "itemsPerPage=1.5", "itemsPerPage", "\"1.5\""),
        ("itemsPerPage empty", "itemsPerPage=", "itemsPerPage", "\"\""),
        ("itemsPerPage twice", "itemsPerPage=1&itemsPerPage=2", "itemsPerPage", "one value"),
        ("pageNum < 1", "pageNum=0", "pageNum", "\"0\""),
        ("pageNum < 1", "pageNum=-1", "pageNum", "from 1"),
        ("pageNum not a number", "pageNum=0x1", "pageNum", "\"0x1\""),
        (
            "includeCount neither true nor false",
            "includeCount=yes",
            "includeCount",
            "true or false",
        ),
        ("envelope neither true nor false", "envelope=1", "envelope", "true or false"),
        ("pretty neither true nor false", "pretty=TRUE", "pretty", "true or false"),
        ("a value that is no text", "envelope=%FF", "envelope", "UTF-8"),
    ] {
        for (method, target, body) in &pages {
            let case = format!("{row}: {method} {target}?{query}");
            let answer = call(&gateway, method, &format!("{target}?{query}")).body(body).send();
            let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", &case);
            assert_eq!(problem["parameters"], json!([name]), "{case}");
            tells(&problem, &[name, told], &case);
        }
    }
    assert!(stored(&gateway, &list).is_empty(), "a POST with a bad query adds nothing");
    for query in ["envelope=maybe", "pretty=maybe"] {
        let answer = call(&gateway, "GET", &format!("{V2}/orgs/{{org}}?{query}")).send();
        refused(&answer, 400, "INVALID_QUERY_PARAMETER", query);
    }
}

#[test]
fn a_parameter_within_its_range_is_taken_and_an_unknown_one_ignored() {
    let (gateway, list) = with_list(&FIVE);
    for (row, query, count) in [
        ("no query", "", 5),
        ("itemsPerPage least", "itemsPerPage=1", 1),
        ("itemsPerPage most", "itemsPerPage=500", 5),
        ("pageNum past the end", "pageNum=2", 0),
        ("pageNum far past the end", "pageNum=99999999999999999999999999", 0),
        ("the last page is shorter", "itemsPerPage=3&pageNum=2", 2),
        ("unknown parameters", "x=1&ItemsPerPage=0&PAGENUM=0&=&&%zz=%zz", 5),
        ("percent-encoding in names and values", "items%50erPage=%32", 2),
    ] {
        let page = accepted(&call(&gateway, "GET", &format!("{list}?{query}")).send(), row);
        assert_eq!((ranges(&page).len(), &page["totalCount"]), (count, &json!(5)), "{row}");
    }
    let document = format!("{V2}/orgs/{{org}}?itemsPerPage=0&pageNum=0&includeCount=maybe");
    accepted(&call(&gateway, "GET", &document).send(), "a document knows no paging");
}

#[test]
fn a_hundred_items_make_a_page_unless_more_are_asked_for() {
    let addresses: Vec<String> = (0..=100).map(|n| format!("10.0.0.{n}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let (gateway, list) = with_list(&addresses);
    let page = accepted(&call(&gateway, "GET", &list).send(), "the default");
    assert_eq!((ranges(&page).len(), &page["totalCount"]), (100, &json!(101)));
    let rest = accepted(&follow(&gateway, link(&page, "next").unwrap()), "its next page");
    assert_eq!(ranges(&rest), ["10.0.0.100/32"]);
    let whole = accepted(&call(&gateway, "GET", &format!("{list}?itemsPerPage=500")).send(), "all");
    assert_eq!(ranges(&whole).len(), 101);
}

#[test]
fn links_lead_through_the_pages_and_back_again() {
    let (gateway, list) = with_list(&FIVE);
    let base = filled(&gateway, &format!("http://{}{list}", gateway.admin()));
    let href = |page| format!("{base}?includeCount=true&itemsPerPage=2&pageNum={page}");
    let first = call(&gateway, "GET", &format!("{list}?pageNum=1&itemsPerPage=2")).send();
    let mut page = accepted(&first, "the first page");
    assert_eq!(link(&page, "self"), Some(href(1).as_str()));
    assert_eq!(link(&page, "previous"), None, "not on the first page");
    let mut seen: Vec<String> = ranges(&page).into_iter().map(str::to_owned).collect();
    for number in 2..=3 {
        let next = link(&page, "next").expect("a next page").to_owned();
        assert_eq!(next, href(number));
        page = accepted(&follow(&gateway, &next), "the next page");
        assert_eq!(link(&page, "self"), Some(href(number).as_str()));
        seen.extend(ranges(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(link(&page, "next"), None, "not on the last page");
    assert_eq!(seen, FIVE.map(|address| format!("{address}/32")), "each entry once, in order");
    page = accepted(&follow(&gateway, link(&page, "previous").unwrap()), "the page before");
    assert_eq!(ranges(&page), ["10.0.0.3/32", "10.0.0.2/32"]);
    let beyond = call(&gateway, "GET", &format!("{list}?pageNum=4&itemsPerPage=2")).send();
    let beyond = accepted(&beyond, "past the end");
    assert_eq!((&beyond["results"], link(&beyond, "next")), (&json!([]), None));
    assert_eq!(link(&beyond, "previous"), Some(href(3).as_str()));
}

#[test]
fn a_page_that_ends_with_the_list_is_the_last() {
    let (gateway, list) = with_list(&FIVE[..4]);
    for (query, has_next) in [
        ("itemsPerPage=4", false),
        ("itemsPerPage=2&pageNum=2", false),
        ("itemsPerPage=1&pageNum=4", false),
        ("itemsPerPage=3", true),
        ("itemsPerPage=1&pageNum=3", true),
    ] {
        let page = accepted(&call(&gateway, "GET", &format!("{list}?{query}")).send(), query);
        assert_eq!(link(&page, "next").is_some(), has_next, "{query}");
    }
}

#[test]
fn links_keep_the_prefix_the_name_of_the_list_and_the_form() {
    let (gateway, list) = with_list(&FIVE);
    let list = filled(&gateway, &list);
    for base in [
        list.clone(),
        list.replace(V2, "/api/atlas/v1.0"),
        list.replace(V2, "/api/public/v1.0"),
        list.replace(V2, "/api/public/v1.0").replace("accessList", "whitelist"),
        list.replace(V2, "/api/atlas/v1.0").replace("accessList", "accesslist"),
    ] {
        let query = "itemsPerPage=4&includeCount=false&envelope=true&pretty=true";
        let page = accepted(&call(&gateway, "GET", &format!("{base}/?{query}")).send(), &base);
        for rel in ["self", "next"] {
            let href = link(&page, rel).unwrap();
            assert!(href.starts_with(&format!("http://{}{base}?", gateway.admin())), "{href}");
            for part in query.split('&') {
                assert!(href.contains(part), "{part} in {href}");
            }
        }
        let answer = follow(&gateway, link(&page, "next").unwrap());
        let next = accepted(&answer, &base);
        assert_eq!((ranges(&next), &next["status"]), (vec!["10.0.0.1/32"], &json!(200)));
        assert!(next.get("totalCount").is_none() && answer.text().contains('\n'), "the form stays");
        let entry = link(&next["results"][0], "self").unwrap().to_owned();
        assert_eq!(entry, format!("http://{}{base}/10.0.0.1", gateway.admin()));
        let entry = accepted(&follow(&gateway, &entry), &entry);
        assert_eq!(entry["ipAddress"], "10.0.0.1");
    }
}

#[test]
fn links_name_the_host_that_the_request_named() {
    let gateway = gateway();
    let target = format!("{V2}/orgs");
    let mut client = Client::connect(gateway.admin());
    let challenge = client.get(&target).header("www-authenticate").unwrap().to_owned();
    let line = authorization(&gateway.owner, &challenge, "GET", &target, 1);
    client.send(format!(
        "GET {target} HTTP/1.1\r\nHost: Gateway.Example:8443\r\nAccept: {VERSION}\r\n{line}\r\n\r\n"
    ));
    let page = accepted(&client.read_answer(), "another host");
    let own = link(&page, "self").unwrap().to_lowercase();
    assert!(own.starts_with("http://gateway.example:8443/api/atlas/v2/orgs?"), "{own}");
}

#[test]
fn links_begin_with_the_public_url_where_the_config_fixes_one() {
    let gateway = gateway_with(Options {
        admin: "public_url = \"https://api.example.com\"".into(),
        ..Options::default()
    });
    let page = call(&gateway, "GET", &format!("{V2}/orgs")).send().json();
    for href in [link(&page, "self"), link(&page["results"][0], "self")] {
        assert!(href.unwrap().starts_with("https://api.example.com/api/atlas/v2/orgs"), "{href:?}");
    }
}

#[test]
fn without_include_count_a_page_does_not_tell_the_total() {
    let (gateway, list) = with_list(&FIVE);
    for (method, query, told) in [
        ("GET", "includeCount=false", false),
        ("GET", "includeCount=true", true),
        ("POST", "includeCount=false", false),
    ] {
        let answer = call(&gateway, method, &format!("{list}?{query}")).body("[]").send();
        let page = accepted(&answer, query);
        assert_eq!(page.get("totalCount").is_some(), told, "{method} {query}");
        assert_eq!(ranges(&page).len(), 5);
    }
}

#[test]
fn an_envelope_repeats_the_status_in_the_body() {
    let (gateway, list) = with_list(&FIVE);
    let org = format!("{V2}/orgs/{{org}}");
    let plain = call(&gateway, "GET", &org).send().json();
    let document = call(&gateway, "GET", &format!("{org}?envelope=true")).send();
    assert_eq!(accepted(&document, "one document"), json!({ "content": plain, "status": 200 }));

    let page = accepted(&call(&gateway, "GET", &format!("{list}?envelope=true")).send(), "a list");
    let members: Vec<_> = page.as_object().unwrap().keys().collect();
    assert_eq!(members, ["links", "results", "status", "totalCount"]);
    assert_eq!(page["status"], 200);

    let keys = format!("{V2}/orgs/{{org}}/apiKeys?envelope=true");
    let made = call(&gateway, "POST", &keys).body(r#"{"desc":"new","roles":["ORG_MEMBER"]}"#);
    let made = accepted(&made.send(), "a new key");
    assert_eq!((&made["status"], &made["content"]["desc"]), (&json!(200), &json!("new")));

    for (row, target, status, code) in [
        ("an error", format!("{V2}/orgs/{NOTHING}"), 404, "ORG_NOT_FOUND"),
        (
            "an error of the query itself",
            list.clone() + "?pageNum=0",
            400,
            "INVALID_QUERY_PARAMETER",
        ),
        ("an error of the route", "/nowhere".to_owned(), 404, "RESOURCE_NOT_FOUND"),
    ] {
        let joint = if target.contains('?') { '&' } else { '?' };
        let answer = call(&gateway, "GET", &format!("{target}{joint}envelope=true")).send();
        assert_eq!(refused(&answer, status, code, row)["status"], status, "{row}");
    }
    let answer = call(&gateway, "GET", &format!("{org}?envelope=true")).send_anonymously();
    let body = refused(&answer, 401, "UNEXPECTED_ERROR", "the status stays the real one");
    assert_eq!(body["status"], 401);
    let answer = call(&gateway, "DELETE", &format!("{list}/10.0.0.1?envelope=true")).send();
    gone(&answer, &format!("{VERSION};charset=utf-8"), "204 stays 204 without a body");
}

#[test]
fn a_pretty_body_says_the_same_on_several_lines() {
    let (gateway, list) = with_list(&FIVE);
    for target in [&list, &format!("{V2}/orgs/{{org}}"), &format!("{V2}/orgs/{NOTHING}")] {
        let plain = call(&gateway, "GET", target).send();
        let same = call(&gateway, "GET", &format!("{target}?pretty=false")).send();
        let pretty = call(&gateway, "GET", &format!("{target}?pretty=true")).send();
        assert!(!plain.text().contains('\n') && !same.text().contains('\n'), "{target}");
        assert!(pretty.text().starts_with("{\n  \""), "{target}: {}", pretty.text());
        assert_eq!(pretty.status, plain.status, "{target}");
        let without_links = |answer: &Answer| {
            let mut body = answer.json();
            // A page's own link tells the form that was asked for.
            body.as_object_mut().unwrap().remove("links");
            body
        };
        assert_eq!(without_links(&pretty), without_links(&plain), "{target}");
    }
}

#[test]
fn organizations_are_filtered_by_the_beginning_of_their_name_in_any_case() {
    let gateway = gateway();
    for (name, count) in
        [("", 1), ("t", 1), ("TES", 1), ("tests", 1), ("testsx", 0), ("ests", 0), ("%74ests", 1)]
    {
        let page = call(&gateway, "GET", &format!("{V2}/orgs?name={name}")).send();
        let page = accepted(&page, name);
        assert_eq!(page["totalCount"], count, "{name}");
        assert_eq!(page["results"].as_array().unwrap().len(), count, "{name}");
        let again = accepted(&follow(&gateway, link(&page, "self").unwrap()), name);
        assert_eq!(again["totalCount"], count, "the link keeps the filter: {name}");
    }
}
