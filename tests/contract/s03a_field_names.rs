//! Section 3: what the members of an entry are called, and when they are there.

use super::*;

use portcullis::time::Timestamp;

use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00.987Z
const START: i64 = 1_785_000_000_987;

/// Entries of one key's list, an address, an IPv6 address and a range, before and after the first was used.
struct Shown {
    href: String,
    unused: Value,
    used: Value,
}

/// The key's own entry is used by one request, 90 seconds after it was added.
fn of_a_key() -> Shown {
    let clock = clock_at(START);
    let gateway = gateway_with(Options { clock: Some(clock.clone()), ..Options::default() });
    let (key, credential) = gateway.new_key(&[Role::Member], &[]);
    let list = filled(&gateway, &list_of(&key));
    let entries = json!([
        { "ipAddress": "127.0.0.9" },
        { "ipAddress": "2001:db8::1" },
        { "cidrBlock": "198.51.100.0/24" },
    ]);
    let unused = add(&gateway, &list, &entries)["results"].clone();
    clock.set(Timestamp::from_millis(START + 90_000));
    let orgs = format!("{V2}/orgs");
    accepted(&call(&gateway, "GET", &orgs).by(&credential).from("127.0.0.9").send(), "a use");
    let used = call(&gateway, "GET", &list).send().json()["results"].clone();
    Shown { href: format!("http://{}{list}", gateway.admin()), unused, used }
}

/// The same entries of a service account's list, whose first one is used by a call with a token.
fn of_an_account() -> Shown {
    let clock = clock_at(START);
    let gateway = gateway_with(Options { clock: Some(clock.clone()), ..Options::default() });
    let account = Account::new(&gateway, Role::Member, &[]);
    let list = filled(&gateway, &list_of_account(&account));
    let entries = json!([
        { "ipAddress": "127.0.0.9" },
        { "ipAddress": "2001:db8::1" },
        { "cidrBlock": "198.51.100.0/24" },
    ]);
    let page = call(&gateway, "POST", &list).body(entries.to_string()).send();
    let unused = accepted(&page, "add")["results"].clone();
    let token = account.token(&gateway);
    clock.set(Timestamp::from_millis(START + 90_000));
    let orgs = call(&gateway, "GET", &format!("{V2}/orgs")).from("127.0.0.9");
    accepted(&orgs.send_bearing(&token), "a use");
    let used = call(&gateway, "GET", &list).send().json()["results"].clone();
    Shown { href: format!("http://{}{list}", gateway.admin()), unused, used }
}

/// One member of each entry, `null` where it is left out.
fn members(entries: &Value, name: &str) -> Value {
    let entries = entries.as_array().unwrap();
    entries.iter().map(|entry| entry.get(name).cloned().unwrap_or(Value::Null)).collect()
}

//= 3: range
#[test]
fn r01_range_is_cidr_block_always_a_single_address_as_32_or_128() {
    let shown = of_a_key();
    let expected = json!(["127.0.0.9/32", "2001:db8::1/128", "198.51.100.0/24"]);
    assert_eq!(members(&shown.unused, "cidrBlock"), expected);
    assert_eq!(members(&shown.used, "cidrBlock"), expected);
}

//= 3: address
#[test]
fn r02_address_is_ip_address_of_single_addresses_only_and_left_out_else() {
    let shown = of_a_key();
    let expected = json!(["127.0.0.9", "2001:db8::1", null]);
    assert_eq!(members(&shown.unused, "ipAddress"), expected);
    assert!(shown.unused[2].get("ipAddress").is_none(), "left out, not null");
}

//= 3: requests seen
#[test]
fn r03_requests_seen_is_count_always_and_0_before_the_first() {
    let shown = of_a_key();
    assert_eq!(members(&shown.unused, "count"), json!([0, 0, 0]));
    assert_eq!(members(&shown.used, "count"), json!([1, 0, 0]));
}

//= 3: added at
#[test]
fn r04_added_at_is_created_always() {
    let shown = of_a_key();
    let at = "2026-07-25T17:20:00Z";
    assert_eq!(members(&shown.unused, "created"), json!([at, at, at]));
    assert_eq!(members(&shown.used, "created"), json!([at, at, at]), "a use does not change it");
}

//= 3: last request at
#[test]
fn r05_last_request_at_is_last_used_only_after_one() {
    let shown = of_a_key();
    assert_eq!(members(&shown.unused, "lastUsed"), json!([null, null, null]));
    assert!(shown.unused[0].get("lastUsed").is_none(), "left out, not null");
    assert_eq!(members(&shown.used, "lastUsed"), json!(["2026-07-25T17:21:30Z", null, null]));
}

//= 3: its address
#[test]
fn r06_its_address_is_last_used_address_only_after_one() {
    let shown = of_a_key();
    assert!(shown.unused[0].get("lastUsedAddress").is_none(), "left out, not null");
    assert_eq!(members(&shown.used, "lastUsedAddress"), json!(["127.0.0.9", null, null]));
}

//= 3: links | links
#[test]
fn r07_links_are_one_self() {
    let Shown { href, unused, .. } = of_a_key();
    let own = |entry: &str| json!([{ "href": format!("{href}/{entry}"), "rel": "self" }]);
    let expected = json!([own("127.0.0.9"), own("2001:db8::1"), own("198.51.100.0%2F24")]);
    assert_eq!(members(&unused, "links"), expected);
}

//= 3: range
//= 3: address
#[test]
fn r01_range_and_address_of_a_service_accounts_entry_have_the_same_names() {
    let shown = of_an_account();
    let ranges = json!(["127.0.0.9/32", "2001:db8::1/128", "198.51.100.0/24"]);
    assert_eq!(members(&shown.unused, "cidrBlock"), ranges);
    assert_eq!(members(&shown.used, "cidrBlock"), ranges);
    assert_eq!(members(&shown.unused, "ipAddress"), json!(["127.0.0.9", "2001:db8::1", null]));
}

//= 3: requests seen
#[test]
fn r03_requests_seen_is_request_count_for_a_service_account() {
    let shown = of_an_account();
    assert_eq!(members(&shown.unused, "requestCount"), json!([0, 0, 0]));
    assert_eq!(members(&shown.used, "requestCount"), json!([1, 0, 0]));
    assert_eq!(members(&shown.used, "count"), json!([null, null, null]));
}

//= 3: added at
#[test]
fn r04_added_at_is_created_at_for_a_service_account() {
    let shown = of_an_account();
    let at = "2026-07-25T17:20:00Z";
    assert_eq!(members(&shown.used, "createdAt"), json!([at, at, at]));
    assert_eq!(members(&shown.used, "created"), json!([null, null, null]));
}

//= 3: last request at
#[test]
fn r05_last_request_at_is_last_used_at_for_a_service_account() {
    let shown = of_an_account();
    assert!(shown.unused[0].get("lastUsedAt").is_none());
    assert_eq!(members(&shown.used, "lastUsedAt"), json!(["2026-07-25T17:21:30Z", null, null]));
    assert_eq!(members(&shown.used, "lastUsed"), json!([null, null, null]));
}

//= 3: its address
#[test]
fn r06_its_address_is_last_used_address_for_a_service_account_too() {
    let shown = of_an_account();
    assert!(shown.unused[0].get("lastUsedAddress").is_none());
    assert_eq!(members(&shown.used, "lastUsedAddress"), json!(["127.0.0.9", null, null]));
}

//= 3: links | links
#[test]
fn r07_a_service_accounts_entry_has_no_links() {
    let shown = of_an_account();
    assert_eq!(members(&shown.used, "links"), json!([null, null, null]));
}

//= 3: The two sets of names do
#[test]
fn r00_the_names_of_a_service_accounts_entry_are_the_same_under_every_prefix() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["203.0.113.10"]);
    for prefix in PREFIXES {
        let list = list_of_account(&account).replace(V2, prefix);
        let page = accepted(&call(&gateway, "GET", &list).send(), prefix);
        let names: Vec<_> = page["results"][0].as_object().unwrap().keys().collect();
        assert_eq!(names, ["cidrBlock", "createdAt", "ipAddress", "requestCount"], "{prefix}");
    }
}

//= 3: The two sets of names do
#[test]
fn r00_the_names_of_a_keys_entry_are_the_same_under_every_prefix() {
    let gateway = gateway();
    let names = |prefix: &str| {
        let list = OWN_LIST.replace(V2, prefix);
        let page = accepted(&call(&gateway, "GET", &list).send(), prefix);
        page["results"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let expected =
        ["cidrBlock", "count", "created", "ipAddress", "lastUsed", "lastUsedAddress", "links"];
    for prefix in PREFIXES {
        assert_eq!(names(prefix), expected, "{prefix}");
    }
}

//= 3: Times: UTC
#[test]
fn r08_times_are_utc_to_the_second_without_a_fraction() {
    let (key, account) = (of_a_key().used, of_an_account().used);
    for time in [
        &key[0]["created"],
        &key[0]["lastUsed"],
        &account[0]["createdAt"],
        &account[0]["lastUsedAt"],
    ] {
        let time = time.as_str().unwrap();
        assert_eq!(time.len(), "YYYY-MM-DDThh:mm:ssZ".len(), "{time}");
        assert!(time.ends_with('Z') && !time.contains('.'), "{time}");
    }
}

//= 3: Members come in alphabetical order
#[test]
fn r09_members_come_in_alphabetical_order() {
    let gateway = gateway();
    let text = call(&gateway, "GET", OWN_LIST).send().text();
    let names =
        ["cidrBlock", "count", "created", "ipAddress", "lastUsed", "lastUsedAddress", "links"];
    let entry = &text[text.find("cidrBlock").unwrap() - 1..];
    let places: Vec<_> = names.map(|name| entry.find(&format!("\"{name}\":")).unwrap()).to_vec();
    assert!(places.is_sorted(), "{text}");
}

//= 3: A real answer
#[test]
fn r10_a_real_answer_is_given_here_too() {
    let clock = clock_at(START);
    let gateway = gateway_with(Options { clock: Some(clock), ..Options::default() });
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = filled(&gateway, &list_of(&key));
    let page = add(&gateway, &list, &json!([{ "ipAddress": "192.168.0.229" }]));
    let href = format!("http://{}{list}", gateway.admin());
    let expected = json!({
        "links": [
            { "href": format!("{href}?includeCount=true&itemsPerPage=100&pageNum=1"), "rel": "self" }
        ],
        "results": [{
            "cidrBlock": "192.168.0.229/32",
            "count": 0,
            "created": "2026-07-25T17:20:00Z",
            "ipAddress": "192.168.0.229",
            "links": [{ "href": format!("{href}/192.168.0.229"), "rel": "self" }],
        }],
        "totalCount": 1,
    });
    assert_eq!(page, expected);
}

//= 3: Self links
#[test]
fn r11_self_links_are_absolute_and_lead_to_the_entry() {
    let gateway = gateway();
    let entries = json!([{ "ipAddress": "2001:DB8::A" }, { "cidrBlock": "198.51.100.0/24" }]);
    for prefix in PREFIXES {
        let list = OWN_LIST.replace(V2, prefix);
        let page = add(&gateway, &list, &entries);
        let base = filled(&gateway, &format!("http://{}{list}", gateway.admin()));
        for (index, segment) in [(0, "127.0.0.1"), (1, "2001:db8::a"), (2, "198.51.100.0%2F24")] {
            let entry = &page["results"][index];
            assert_eq!(link(entry, "self"), Some(&*format!("{base}/{segment}")));
            let own = accepted(&follow(&gateway, link(entry, "self").unwrap()), segment);
            assert_eq!(own["cidrBlock"], entry["cidrBlock"]);
        }
    }
}

//= 3: Self links
#[test]
fn r11_links_have_the_host_that_the_request_named() {
    let gateway = gateway();
    let target = format!("{V2}/orgs");
    let mut client = Client::connect(gateway.admin()).naming("Gateway.Example:8443");
    let accept = format!("Accept: {VERSION}");
    let page = client.digest(&gateway.owner, "GET", &target, &[&accept], b"");
    let page = accepted(&page, "another host");
    let own = link(&page, "self").unwrap().to_lowercase();
    assert!(own.starts_with("http://gateway.example:8443/api/atlas/v2/orgs?"), "{own}");
}
