//! Section 7: from where a credential may be used, and what of it is counted.

use super::*;

fn orgs(gateway: &Gateway) -> Call<'_> {
    call(gateway, "GET", &format!("{V2}/orgs"))
}

/// The same rule on both planes: the status of a proxied request, and the answer of the admin API.
fn on_both_planes(gateway: &Gateway, credential: &Credential, from: &str) -> (u16, Answer) {
    let mut client = Client::connect_from(from.parse().unwrap(), gateway.proxy());
    let proxied = client.digest(credential, "GET", "/thing", &[], b"");
    (proxied.status, orgs(gateway).by(credential).from(from).send())
}

fn requires_no_lists(gateway: &Gateway) {
    let settings = call(gateway, "PATCH", &format!("{V2}/orgs/{{org}}/settings"));
    let changed = settings.body(r#"{"apiAccessListRequired":false}"#).send();
    assert_eq!(accepted(&changed, "settings")["apiAccessListRequired"], false);
}

//= 7: no | empty
#[test]
fn r01_no_list_required_and_an_empty_one_anywhere_is_allowed() {
    let gateway = gateway();
    let (_, fresh) = gateway.new_key(&[Role::Owner], &[]);
    requires_no_lists(&gateway);
    for from in ["127.0.0.1", "127.0.0.2", "127.255.0.9"] {
        let (proxied, answer) = on_both_planes(&gateway, &fresh, from);
        assert_eq!(proxied, 200, "{from}");
        accepted(&answer, from);
    }
}

//= 7: yes | empty
#[test]
fn r02_lists_required_and_an_empty_one_403_org_requires_access_list() {
    let gateway = gateway();
    let (_, fresh) = gateway.new_key(&[Role::Owner], &[]);
    for from in ["127.0.0.1", "127.0.0.2"] {
        let (proxied, answer) = on_both_planes(&gateway, &fresh, from);
        assert_eq!(proxied, 403, "{from}");
        let problem = refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", from);
        assert_eq!(problem["parameters"], json!([from]));
        assert_eq!(answer.header("www-authenticate"), None, "the credential is good");
    }
}

/// A list of an address and a range lets in from these and from nowhere else.
fn only_from_inside_an_entry(gateway: &Gateway) {
    let (_, listed) = gateway.new_key(&[Role::Member], &["127.0.0.5", "127.7.0.0/16"]);
    for from in ["127.0.0.5", "127.7.0.0", "127.7.255.255"] {
        let (proxied, answer) = on_both_planes(gateway, &listed, from);
        assert_eq!(proxied, 200, "{from}");
        accepted(&answer, from);
    }
    for from in ["127.0.0.1", "127.0.0.4", "127.0.0.6", "127.6.255.255", "127.8.0.0"] {
        let (proxied, answer) = on_both_planes(gateway, &listed, from);
        assert_eq!(proxied, 403, "{from}");
        let problem = refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", from);
        assert_eq!(problem["parameters"], json!([from]));
        tells(&problem, &[from], from);
    }
}

//= 7: either | not empty
#[test]
fn r03_lists_required_and_one_not_empty_only_an_address_inside_one_entry() {
    only_from_inside_an_entry(&gateway());
}

//= 7: either | not empty
#[test]
fn r03_no_list_required_and_one_not_empty_only_an_address_inside_one_entry() {
    let gateway = gateway();
    requires_no_lists(&gateway);
    only_from_inside_an_entry(&gateway);
}

//= 7: Setting: apiAccessListRequired
#[test]
fn r04_a_new_organization_requires_lists_by_default() {
    let gateway = gateway();
    let (org, _, theirs) = gateway.new_organization("another");
    let settings = call(&gateway, "GET", &format!("{V2}/orgs/{org}/settings")).by(&theirs).send();
    assert_eq!(accepted(&settings, "settings")["apiAccessListRequired"], true);
}

//= 7: The list belongs to one credential
#[test]
fn r05_the_list_belongs_to_one_credential() {
    let gateway = gateway();
    let (_, here) = gateway.new_key(&[Role::Member], &["127.0.0.5"]);
    let (_, there) = gateway.new_key(&[Role::Member], &["127.0.0.6"]);
    accepted(&orgs(&gateway).by(&here).from("127.0.0.5").send(), "its own");
    let answer = orgs(&gateway).by(&here).from("127.0.0.6").send();
    refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "another's of the same organization");
    accepted(&orgs(&gateway).by(&there).from("127.0.0.6").send(), "its own");
}

//= 7: A service account may ask for and revoke tokens from anywhere
#[test]
fn r06_a_service_account_may_ask_for_and_revoke_tokens_from_anywhere_its_list_is_checked_at_use() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.9"]);
    for from in ["127.0.0.1", "127.0.0.9", "127.200.0.1"] {
        let mut client = Client::connect_from(from.parse().unwrap(), gateway.admin());
        let answer = post_form(&mut client, "/api/oauth/token", &[], &account.form());
        let token = accepted(&answer, from)["access_token"].as_str().unwrap().to_owned();
        let line = bearer(&token);
        for (plane, target) in [(gateway.proxy(), "/"), (gateway.admin(), "/api/atlas/v1.0/orgs")] {
            let use_from = |address: &str| {
                let mut client = Client::connect_from(address.parse().unwrap(), plane);
                client.request("GET", target, &[&line], b"")
            };
            assert_eq!(use_from("127.0.0.9").status, 200, "from its list");
            let answer = use_from("127.0.0.1");
            refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "from elsewhere");
        }
        let form = format!("{}&token={token}", account.form());
        let answer = post_form(&mut client, "/api/oauth/revoke", &[], &form);
        assert_eq!(answer.status, 200, "from {from}");
    }
}

//= 7: The rule covers the admin API too
#[test]
fn r07_a_fresh_service_account_cannot_add_its_own_first_entry_either() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Owner, &[]);
    let (list, token) = (list_of_account(&account), account.token(&gateway));
    let post = || call(&gateway, "POST", &list).body(one_address("127.0.0.1"));
    refused(&post().send_bearing(&token), 403, "ORG_REQUIRES_ACCESS_LIST", "its own first entry");
    accepted(&post().send(), "another credential's");
    accepted(&post().send_bearing(&token), "from then on");
}

//= 7: The rule covers the admin API too
#[test]
fn r07_bootstrap_a_fresh_key_cannot_add_its_own_first_entry_another_credential_must() {
    let gateway = gateway();
    let (key, fresh) = gateway.new_key(&[Role::Owner], &[]);
    let list = list_of(&key);
    let post = call(&gateway, "POST", &list).by(&fresh).body(one_address("127.0.0.1"));
    refused(&post.send(), 403, "ORG_REQUIRES_ACCESS_LIST", "its own first entry");
    assert!(stored(&gateway, &list).is_empty());
    add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.1" }]));
    accepted(&orgs(&gateway).by(&fresh).send(), "another credential has added the first entry");
}

//= 7: Wrong credentials
#[test]
fn r08_wrong_credentials_401_before_any_word_about_addresses() {
    let gateway = gateway();
    let (_, unlisted) = gateway.new_key(&[Role::Owner], &[]);
    let listed = orgs(&gateway).by(&forged(&gateway.owner)).send().json();
    for credential in [forged(&gateway.owner), forged(&unlisted)] {
        let (proxied, answer) = on_both_planes(&gateway, &credential, "127.0.0.2");
        assert_eq!(proxied, 401);
        let body = refused(&answer, 401, "UNEXPECTED_ERROR", "from an address on no list");
        assert_eq!(body, listed, "the same words as from a listed address");
        assert!(!body.to_string().contains("127.0.0.2"), "{body}");
    }
}

/// An entry's count and the address of its last use.
fn usage(gateway: &Gateway, list: &str, entry: &str) -> (u64, Option<String>) {
    let entry = call(gateway, "GET", &format!("{list}/{entry}")).send().json();
    let last = entry.get("lastUsedAddress").map(|address| address.as_str().unwrap().to_owned());
    (entry["count"].as_u64().unwrap(), last)
}

//= 7: count/requestCount are requests
#[test]
fn r09_count_moves_on_admitted_requests_only_of_the_narrowest_entry() {
    let gateway = gateway();
    let (key, other) = gateway
        .new_key(&[Role::Member], &["127.0.0.0/8", "127.0.0.0/16", "127.0.0.5", "10.0.0.0/8"]);
    let list = list_of(&key);
    let ask = |from| orgs(&gateway).by(&other).from(from).send();
    for _ in 0..3 {
        accepted(&ask("127.0.0.5"), "on all three");
    }
    accepted(&ask("127.0.7.7"), "on two");
    accepted(&ask("127.9.9.9"), "on the widest alone");
    // Admitted, and refused for another reason: a use of the entry all the same.
    let foreign =
        call(&gateway, "GET", &format!("{V2}/orgs/{NOTHING}")).by(&other).from("127.0.7.8");
    refused(&foreign.send(), 404, "ORG_NOT_FOUND", "after the list");
    let wrong = forged(&other);
    let answer = orgs(&gateway).by(&wrong).from("127.9.9.8").send();
    refused(&answer, 401, "UNEXPECTED_ERROR", "before the list");
    let answer = call(&gateway, "PUT", &format!("{V2}/orgs")).by(&other).send();
    refused(&answer, 405, "METHOD_NOT_ALLOWED", "before the list");
    for (entry, count, last) in [
        ("127.0.0.5", 3, Some("127.0.0.5")),
        ("127.0.0.0%2F16", 2, Some("127.0.7.8")),
        ("127.0.0.0%2F8", 1, Some("127.9.9.9")),
        ("10.0.0.0%2F8", 0, None),
    ] {
        assert_eq!(usage(&gateway, &list, entry), (count, last.map(str::to_owned)), "{entry}");
    }
}

//= 7: count/requestCount are requests
#[test]
fn r09_request_count_moves_on_admitted_requests_only_and_not_on_asking_for_tokens() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.0/8", "127.0.0.5"]);
    let token = account.token(&gateway);
    let ask = |from| orgs(&gateway).from(from).send_bearing(&token);
    for from in ["127.0.0.5", "127.0.0.5", "127.0.0.6"] {
        accepted(&ask(from), from);
    }
    let proxied = gateway.client().request("GET", "/thing", &[&bearer(&token)], b"");
    assert_eq!(proxied.status, 200);
    let page = call(&gateway, "GET", &list_of_account(&account)).send().json();
    let counts: Vec<_> =
        page["results"].as_array().unwrap().iter().map(|entry| &entry["requestCount"]).collect();
    assert_eq!(counts, [2, 2]);
}
