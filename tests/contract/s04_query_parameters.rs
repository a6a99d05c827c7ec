//! Section 4: paging, links, and the form of an answer.

use super::*;

const FIVE: [&str; 5] = ["10.0.0.5", "10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1"];

/// Where a list is five entries long, the page that `query` asks for has so many of them.
fn page_has(query: &str, entries: usize) {
    let (gateway, list) = with_list(&FIVE);
    for method in ["GET", "POST"] {
        let answer = call(&gateway, method, &format!("{list}?{query}")).body("[]").send();
        let page = accepted(&answer, query);
        assert_eq!((ranges(&page).len(), &page["totalCount"]), (entries, &json!(5)), "{query}");
    }
}

/// Each operation that knows the parameter refuses its value, and tells `told` of it.
fn is_400(name: &str, value: &str, told: &str) {
    let (gateway, list) = with_list(&[]);
    let pages = [
        ("GET", format!("{V2}/orgs"), ""),
        ("GET", KEYS.to_owned(), ""),
        ("GET", list.clone(), ""),
        ("POST", list.clone(), r#"[{"ipAddress":"203.0.113.10"}]"#),
    ];
    let documents =
        [("GET", format!("{V2}/orgs/{{org}}"), ""), ("GET", format!("{KEYS}/{{key}}"), "")];
    let form = matches!(name, "envelope" | "pretty");
    for (method, target, body) in pages.iter().chain(documents.iter().filter(|_| form)) {
        let case = format!("{method} {target}?{name}={value}");
        let answer = call(&gateway, method, &format!("{target}?{name}={value}")).body(body).send();
        let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", &case);
        assert_eq!(problem["parameters"], json!([name]), "{case}");
        tells(&problem, &[name, told], &case);
    }
    assert!(stored(&gateway, &list).is_empty(), "a POST with a bad query adds nothing");
}

table! { page_has;
    //= 4: itemsPerPage
    r01_items_per_page_1_is_the_least("itemsPerPage=1", 1);
    //= 4: itemsPerPage
    r01_items_per_page_500_is_the_most("itemsPerPage=500", 5);
    //= 4: pageNum
    r02_page_num_2("itemsPerPage=3&pageNum=2", 2);
    //= 4: pageNum
    r02_page_num_past_the_end_is_no_error("pageNum=2", 0);
    //= 4: pageNum
    r02_page_num_far_past_the_end_is_no_error("pageNum=99999999999999999999999999", 0);
    //= 4: Not a number
    r06_unknown_parameters_are_ignored("x=1&ItemsPerPage=0&PAGENUM=0&=&&%zz=%zz", 5);
    //= 4: Not a number
    r06_names_and_values_may_be_percent_encoded("items%50erPage=%32", 2);
}

//= 4: itemsPerPage
#[test]
fn r01_items_per_page_is_100_by_default() {
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

//= 4: pageNum
#[test]
fn r02_page_num_is_1_by_default_and_past_the_end_results_is_empty() {
    let (gateway, list) = with_list(&FIVE);
    let ask = |query: &str| {
        accepted(&call(&gateway, "GET", &format!("{list}?itemsPerPage=2{query}")).send(), query)
    };
    assert_eq!(ask(""), ask("&pageNum=1"));
    assert_eq!(ask("&pageNum=4")["results"], json!([]));
}

//= 4: includeCount
#[test]
fn r03_include_count_false_leaves_total_count_out() {
    let (gateway, list) = with_list(&FIVE);
    for (method, query, told) in [
        ("GET", "", true),
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

//= 4: envelope |
#[test]
fn r04_envelope_is_false_by_default() {
    let (gateway, list) = with_list(&FIVE);
    for target in [list, format!("{V2}/orgs/{{org}}")] {
        let plain = accepted(&call(&gateway, "GET", &target).send(), "no word");
        assert_eq!(plain.get("status"), None);
        let no = accepted(&call(&gateway, "GET", &format!("{target}?envelope=false")).send(), "no");
        assert_eq!(no.get("status"), None);
    }
}

//= 4: pretty
#[test]
fn r05_pretty_indents_the_body_and_is_false_by_default() {
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

table! { is_400;
    //= 4: Not a number
    r06_items_per_page_0_is_400("itemsPerPage", "0", "\"0\"");
    //= 4: Not a number
    r06_items_per_page_below_0_is_400("itemsPerPage", "-1", "\"-1\"");
    //= 4: Not a number
    r06_items_per_page_501_is_400("itemsPerPage", "501", "from 1 to 500");
    //= 4: Not a number
    r06_items_per_page_beyond_any_number_is_400("itemsPerPage", "99999999999999999999999", "from 1 to 500");
    //= 4: Not a number
    r06_items_per_page_not_a_number_is_400("itemsPerPage", "ten", "\"ten\"");
    //= 4: Not a number
    r06_items_per_page_not_a_whole_number_is_400("itemsPerPage", "1.5", "\"1.5\"");
    //= 4: Not a number
    r06_items_per_page_empty_is_400("itemsPerPage", "", "\"\"");
    //= 4: Not a number
    r06_items_per_page_given_twice_is_400("itemsPerPage", "1&itemsPerPage=2", "one value");
    //= 4: Not a number
    r06_page_num_0_is_400("pageNum", "0", "\"0\"");
    //= 4: Not a number
    r06_page_num_below_0_is_400("pageNum", "-1", "from 1");
    //= 4: Not a number
    r06_page_num_not_a_number_is_400("pageNum", "0x1", "\"0x1\"");
    //= 4: Not a number
    r06_include_count_neither_true_nor_false_is_400("includeCount", "yes", "true or false");
    //= 4: Not a number
    r06_envelope_neither_true_nor_false_is_400("envelope", "1", "true or false");
    //= 4: Not a number
    r06_pretty_neither_true_nor_false_is_400("pretty", "TRUE", "true or false");
    //= 4: Not a number
    r06_a_value_that_is_no_text_is_400("envelope", "%FF", "UTF-8");
}

//= 4: Not a number
#[test]
fn r06_a_document_knows_no_paging_and_ignores_its_parameters() {
    let gateway = gateway();
    let document = format!("{V2}/orgs/{{org}}?itemsPerPage=0&pageNum=0&includeCount=maybe");
    accepted(&call(&gateway, "GET", &document).send(), "a document");
}

//= 4: envelope=true, one document
#[test]
fn r07_envelope_of_one_document_is_status_and_content() {
    let gateway = gateway();
    let org = format!("{V2}/orgs/{{org}}");
    let plain = call(&gateway, "GET", &org).send().json();
    let document = call(&gateway, "GET", &format!("{org}?envelope=true")).send();
    assert_eq!(accepted(&document, "one document"), json!({ "content": plain, "status": 200 }));
    let made = call(&gateway, "POST", &format!("{KEYS}?envelope=true"))
        .body(r#"{"desc":"new","roles":["ORG_MEMBER"]}"#);
    let made = accepted(&made.send(), "a new key");
    assert_eq!((&made["status"], &made["content"]["desc"]), (&json!(200), &json!("new")));
}

//= 4: envelope=true, one document
#[test]
fn r07_envelope_of_a_list_is_the_page_itself_and_status() {
    let (gateway, list) = with_list(&FIVE);
    for method in ["GET", "POST"] {
        let answer = call(&gateway, method, &format!("{list}?envelope=true")).body("[]").send();
        let page = accepted(&answer, "a list");
        let members: Vec<_> = page.as_object().unwrap().keys().collect();
        assert_eq!(members, ["links", "results", "status", "totalCount"]);
        assert_eq!(page["status"], 200);
    }
}

//= 4: envelope=true, one document
#[test]
fn r07_envelope_leaves_the_status_real_and_an_error_its_own_shape() {
    let (gateway, list) = with_list(&[]);
    for (row, target, status, code) in [
        ("an error", format!("{V2}/orgs/{NOTHING}?envelope=true"), 404, "ORG_NOT_FOUND"),
        ("of the query", list + "?pageNum=0&envelope=true", 400, "INVALID_QUERY_PARAMETER"),
        ("of the route", "/nowhere?envelope=true".to_owned(), 404, "RESOURCE_NOT_FOUND"),
    ] {
        let answer = call(&gateway, "GET", &target).send();
        assert_eq!(refused(&answer, status, code, row)["status"], status, "{row}");
    }
    let org = format!("{V2}/orgs/{{org}}?envelope=true");
    let answer = call(&gateway, "GET", &org).send_anonymously();
    let body = refused(&answer, 401, "UNEXPECTED_ERROR", "SDKs judge by the status");
    assert_eq!(body["status"], 401);
}

//= 4: envelope=true, one document
#[test]
fn r07_envelope_leaves_204_without_a_body() {
    let (gateway, list) = with_list(&FIVE);
    let answer = call(&gateway, "DELETE", &format!("{list}/10.0.0.1?envelope=true")).send();
    gone(&answer, V2023_TYPE, "204 stays 204");
}

//= 4: links: self always
#[test]
fn r08_links_are_self_always_previous_not_on_the_first_page_next_not_on_the_last() {
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

//= 4: links: self always
#[test]
fn r08_a_page_that_ends_with_the_list_has_no_next() {
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

//= 4: links: self always
#[test]
fn r08_links_keep_the_prefix_the_name_of_the_list_and_the_form() {
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
