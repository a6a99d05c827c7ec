//! Sections 1, 7 and 12: who may call, from where, and what of it is counted.

use portcullis::identity::Role;

use super::*;

/// A credential with the right name and a wrong secret.
fn forged(gateway: &Gateway) -> Credential {
    let private_key = "00000000-0000-0000-0000-000000000000".to_owned();
    Credential { private_key, ..gateway.owner.clone() }
}

fn orgs(gateway: &Gateway) -> Call<'_> {
    call(gateway, "GET", &format!("{V2}/orgs"))
}

/// An entry's count and the address of its last use.
fn usage(gateway: &Gateway, list: &str, entry: &str) -> (u64, Option<String>) {
    let entry = call(gateway, "GET", &format!("{list}/{entry}")).send().json();
    let last = entry.get("lastUsedAddress").map(|address| address.as_str().unwrap().to_owned());
    (entry["count"].as_u64().unwrap(), last)
}

#[test]
fn without_a_credential_a_call_is_challenged_with_a_body_that_clients_can_read() {
    let gateway = gateway();
    let unknown = Credential { public_key: "nobodyxx".into(), ..gateway.owner.clone() };
    for (row, answer) in [
        ("none", orgs(&gateway).send_anonymously()),
        ("a wrong private key", orgs(&gateway).by(&forged(&gateway)).send()),
        ("an unknown public key", orgs(&gateway).by(&unknown).send()),
        (
            "another scheme",
            orgs(&gateway).headers(&["Authorization: Basic b3duZXI6c2VjcmV0"]).send_anonymously(),
        ),
        (
            "a body that nobody looks at yet",
            call(&gateway, "POST", &list_of("{key}")).body("{").send_anonymously(),
        ),
    ] {
        let body = refused(&answer, 401, "UNEXPECTED_ERROR", row);
        tells(&body, &["not authorized for this resource"], row);
        assert_eq!(body["parameters"], json!([]), "{row}");
        let first = answer.header("www-authenticate").unwrap();
        let (start, rest) = first.split_once("nonce=\"").unwrap();
        assert_eq!(start, "Digest realm=\"MMS Public API\", domain=\"\", ", "{row}");
        let (nonce, rest) = rest.split_once('"').unwrap();
        assert_eq!(rest, ", algorithm=MD5, qop=\"auth\", stale=false", "{row}");
        assert!(!nonce.is_empty() && nonce.is_ascii(), "{row}");
    }
}

#[test]
fn wrong_credentials_hear_nothing_of_addresses() {
    let gateway = gateway();
    let (_, unlisted) = gateway.new_key(&[Role::Owner], &[]);
    let forged_fresh = Credential { private_key: forged(&gateway).private_key, ..unlisted };
    let listed = orgs(&gateway).by(&forged(&gateway)).send().json();
    for (row, credential) in [("not listed", forged(&gateway)), ("empty list", forged_fresh)] {
        let answer = orgs(&gateway).by(&credential).from("127.0.0.2").send();
        let body = refused(&answer, 401, "UNEXPECTED_ERROR", row);
        assert_eq!(body, listed, "{row}: the same words as from a listed address");
        assert!(!body.to_string().contains("127.0.0.2"), "{row}: {body}");
    }
}

#[test]
fn an_organization_that_requires_lists_refuses_a_credential_with_an_empty_one() {
    let gateway = gateway();
    let (key, fresh) = gateway.new_key(&[Role::Owner], &[]);
    let list = list_of(&key);
    for (row, method, target, body) in [
        ("any call", "GET", format!("{V2}/orgs"), ""),
        ("its own first entry", "POST", list.clone(), r#"[{"ipAddress":"127.0.0.1"}]"#),
    ] {
        for address in ["127.0.0.1", "127.0.0.2"] {
            let answer = call(&gateway, method, &target).by(&fresh).from(address).body(body).send();
            let problem = refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", row);
            assert_eq!(problem["parameters"], json!([address]), "{row}");
            tells(&problem, &[address, "requires an access list"], row);
            assert_eq!(answer.header("www-authenticate"), None, "{row}: the credential is good");
        }
    }
    assert!(stored(&gateway, &list).is_empty());
    add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.1" }]));
    accepted(&orgs(&gateway).by(&fresh).send(), "another credential has added the first entry");
}

/// Nothing of the API changes this setting yet; it is stored with the organization.
fn requires_no_lists(gateway: &mut Gateway) {
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    let changed = database.execute("UPDATE organization SET access_list_required = 0", []);
    assert_eq!(changed.unwrap(), 1);
    gateway.restart();
}

#[test]
fn an_organization_that_requires_no_lists_lets_an_empty_one_in_from_anywhere() {
    let mut gateway = gateway();
    let (key, fresh) = gateway.new_key(&[Role::Owner], &[]);
    requires_no_lists(&mut gateway);
    let list = list_of(&key);
    for address in ["127.0.0.1", "127.0.0.2"] {
        accepted(&orgs(&gateway).by(&fresh).from(address).send(), address);
    }
    let answer = orgs(&gateway).from("127.0.0.2").send();
    refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "a list that is not empty still counts");

    // The first entry locks its author out; the answer still goes out.
    let post = call(&gateway, "POST", &list).by(&fresh).body(r#"[{"ipAddress":"127.0.0.3"}]"#);
    assert_eq!(ranges(&accepted(&post.send(), "the first entry")), ["127.0.0.3/32"]);
    let answer = orgs(&gateway).by(&fresh).send();
    refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "from then on");
    accepted(&orgs(&gateway).by(&fresh).from("127.0.0.3").send(), "from the entry");
}

#[test]
fn an_address_on_no_entry_is_refused_and_named() {
    let gateway = gateway();
    for address in ["127.0.0.2", "127.1.0.1"] {
        let answer = orgs(&gateway).from(address).send();
        let problem = refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", address);
        assert_eq!(problem["parameters"], json!([address]));
        tells(&problem, &[address], address);
    }
}

#[test]
fn a_change_of_a_list_is_in_force_for_the_next_call() {
    let gateway = gateway();
    let list = list_of("{key}");
    let from_there = || orgs(&gateway).from("127.0.0.2").send();
    for _ in 0..3 {
        refused(&from_there(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "before");
        add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.2" }]));
        accepted(&from_there(), "added");
        let answer = call(&gateway, "DELETE", &format!("{list}/127.0.0.2")).send();
        gone(&answer, &format!("{VERSION};charset=utf-8"), "deleted");
    }
    refused(&from_there(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "after");
}

#[test]
fn an_admitted_call_counts_the_narrowest_entry_and_a_refused_one_none() {
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
    let wrong = Credential { private_key: forged(&gateway).private_key, ..other.clone() };
    refused(
        &orgs(&gateway).by(&wrong).from("127.9.9.8").send(),
        401,
        "UNEXPECTED_ERROR",
        "before the list",
    );
    refused(
        &call(&gateway, "PUT", &format!("{V2}/orgs")).by(&other).send(),
        405,
        "METHOD_NOT_ALLOWED",
        "before the list",
    );
    for (entry, count, last) in [
        ("127.0.0.5", 3, Some("127.0.0.5")),
        ("127.0.0.0%2F16", 2, Some("127.0.7.8")),
        ("127.0.0.0%2F8", 1, Some("127.9.9.9")),
        ("10.0.0.0%2F8", 0, None),
    ] {
        assert_eq!(usage(&gateway, &list, entry), (count, last.map(str::to_owned)), "{entry}");
    }
}

#[test]
fn one_role_may_change_and_every_role_may_read() {
    let gateway = gateway();
    for role in Role::ALL {
        let (_, caller) = gateway.new_key(&[role], &["127.0.0.1"]);
        let (spare, _) = gateway.new_key(&[Role::Member], &["203.0.113.10"]);
        let spare = format!("{V2}/orgs/{{org}}/apiKeys/{spare}");
        let list = format!("{spare}/accessList");
        let keys = format!("{V2}/orgs/{{org}}/apiKeys");
        for (method, target, body, needed) in [
            ("GET", &format!("{V2}/orgs"), "", Role::Member),
            ("GET", &format!("{V2}/orgs/{{org}}"), "", Role::Member),
            ("GET", &keys, "", Role::Member),
            ("POST", &keys, r#"{"desc":"new","roles":["ORG_MEMBER"]}"#, Role::Owner),
            ("GET", &spare, "", Role::Member),
            ("PATCH", &spare, r#"{"desc":"changed"}"#, Role::Owner),
            ("GET", &list, "", Role::Member),
            ("POST", &list, "[]", Role::Owner),
            ("GET", &format!("{list}/203.0.113.10"), "", Role::Member),
            ("DELETE", &format!("{list}/203.0.113.10"), "", Role::Owner),
            ("DELETE", &spare, "", Role::Owner),
        ] {
            let case = format!("{} does {method} {target}", role.as_str());
            let answer = call(&gateway, method, target).by(&caller).body(body).send();
            if role == Role::Owner || needed == Role::Member {
                let success = if method == "DELETE" { 204 } else { 200 };
                assert_eq!(answer.status, success, "{case}: {}", answer.text());
                continue;
            }
            let problem = refused(&answer, 403, "USER_UNAUTHORIZED", &case);
            assert_eq!(problem["parameters"], json!(["ORG_OWNER"]), "{case}");
            tells(&problem, &["ORG_OWNER"], &case);
            assert_eq!(answer.header("www-authenticate"), None, "{case}: asking again won't help");
        }
    }
}

#[test]
fn an_organization_of_others_answers_like_one_that_does_not_exist() {
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
    let page = orgs(&gateway).send().json();
    assert_eq!((ids(&page), &page["totalCount"]), (vec![gateway.org.to_string()], &json!(1)));
}

#[test]
fn a_key_of_others_answers_like_one_that_does_not_exist() {
    let gateway = gateway();
    let (_, other_key, theirs) = gateway.new_organization("others");
    for (method, path, body) in [
        ("GET", "", ""),
        ("PATCH", "", r#"{"desc":"changed"}"#),
        ("DELETE", "", ""),
        ("GET", "/accessList", ""),
        ("POST", "/accessList", r#"[{"cidrBlock":"0.0.0.0/0"}]"#),
        ("GET", "/accessList/127.0.0.1", ""),
        ("DELETE", "/accessList/127.0.0.1", ""),
    ] {
        let heard = [&other_key, NOTHING].map(|key| {
            let target = format!("{V2}/orgs/{{org}}/apiKeys/{key}{path}");
            let answer = call(&gateway, method, &target).body(body).send();
            let problem = refused(&answer, 404, "API_KEY_NOT_FOUND", &format!("{method} {path}"));
            assert_eq!(problem["parameters"], json!([key]), "{method} {path}");
            problem.to_string().replace(key, "{key}")
        });
        assert_eq!(heard[0], heard[1], "{method} {path}");
    }
    accepted(&orgs(&gateway).by(&theirs).send(), "the others' key is what it was");
}

/// The ids on a page.
fn ids(page: &Value) -> Vec<String> {
    let results = page["results"].as_array().unwrap();
    results.iter().map(|each| each["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_caller_cannot_remove_the_entry_it_stands_on() {
    let gateway = gateway();
    let list = list_of("{key}");
    add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.2" }, { "cidrBlock": "10.0.0.0/8" }]));
    for (from, form) in
        [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.1%2F32"), ("127.0.0.2", "127.0.0.2")]
    {
        let answer = call(&gateway, "DELETE", &format!("{list}/{form}")).from(from).send();
        let problem = refused(&answer, 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST", form);
        assert_eq!(problem["parameters"], json!([from]), "{form}");
        tells(&problem, &[from], form);
    }
    assert_eq!(stored(&gateway, &list), ["127.0.0.1/32", "127.0.0.2/32", "10.0.0.0/8"]);
}

#[test]
fn the_caller_may_remove_the_entry_it_stands_on_when_another_covers_it() {
    let gateway = gateway();
    let list = list_of("{key}");
    add(&gateway, &list, &json!([{ "cidrBlock": "127.0.0.0/8" }]));
    let remove = |entry: &str| call(&gateway, "DELETE", &format!("{list}/{entry}")).send();
    gone(&remove("127.0.0.1"), &format!("{VERSION};charset=utf-8"), "the wider one covers");
    let answer = remove("127.0.0.0%2F8");
    refused(&answer, 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST", "now that one is the last");
    add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.1" }]));
    gone(&remove("127.0.0.0%2F8"), &format!("{VERSION};charset=utf-8"), "the narrower one covers");
    assert_eq!(stored(&gateway, &list), ["127.0.0.1/32"]);
}

#[test]
fn the_last_entry_of_another_credential_may_be_removed() {
    let gateway = gateway();
    let (key, other) = gateway.new_key(&[Role::Owner], &["127.0.0.1"]);
    let answer = call(&gateway, "DELETE", &format!("{}/127.0.0.1", list_of(&key))).send();
    gone(&answer, &format!("{VERSION};charset=utf-8"), "only one's own list is guarded");
    let answer = orgs(&gateway).by(&other).send();
    refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", "its list is empty now");
}
