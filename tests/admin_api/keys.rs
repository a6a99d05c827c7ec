//! Section 10: an API key's life, from the one answer that shows its private half to its end on both planes.

use portcullis::control::Settings;
use portcullis::identity::Role;

use super::*;

const KEYS: &str = "/api/atlas/v2/orgs/{org}/apiKeys";

/// The owner makes a key over the API.
fn make(gateway: &Gateway, body: &Value) -> (String, Credential, Value) {
    let made = accepted(&call(gateway, "POST", KEYS).body(body.to_string()).send(), "make a key");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let credential = Credential { public_key: text("publicKey"), private_key: text("privateKey") };
    (text("id"), credential, made)
}

fn key_path(id: &str) -> String {
    format!("{KEYS}/{id}")
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The status of a request of this credential through the proxy, and of one to the admin API.
fn on_both_planes(gateway: &Gateway, credential: &Credential) -> (u16, u16) {
    let proxied = gateway.client().digest(credential, "GET", "/thing", &[], b"");
    let admin = call(gateway, "GET", &format!("{V2}/orgs")).by(credential).send();
    (proxied.status, admin.status)
}

#[test]
fn a_new_key_is_shown_whole_once_and_masked_ever_after() {
    let gateway = gateway();
    let (id, credential, made) = make(
        &gateway,
        &json!({ "desc": "for the build", "roles": ["ORG_READ_ONLY", "ORG_MEMBER"] }),
    );
    let org = gateway.org.to_string();
    let href = format!("http://{}{}", gateway.admin(), filled(&gateway, &key_path(&id)));
    let shown_with = |private: &str| {
        json!({
            "desc": "for the build",
            "id": id,
            "links": [{ "href": href, "rel": "self" }],
            "privateKey": private,
            "publicKey": credential.public_key,
            "roles": [
                { "orgId": org, "roleName": "ORG_MEMBER" },
                { "orgId": org, "roleName": "ORG_READ_ONLY" },
            ],
        })
    };
    assert_eq!(made, shown_with(&credential.private_key));
    assert!(id.len() == 24 && is_hex(&id), "{id}");
    let public = &credential.public_key;
    assert!(public.len() == 8 && public.bytes().all(|byte| byte.is_ascii_lowercase()), "{public}");
    let groups: Vec<_> = credential.private_key.split('-').collect();
    assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(groups.iter().all(|group| is_hex(group)), "a UUID");

    let masked = shown_with(&format!("********-****-****-{}", groups[4]));
    let followed = follow(&gateway, link(&made, "self").unwrap());
    assert_eq!(accepted(&followed, "its link"), masked);
    let changed = call(&gateway, "PATCH", &key_path(&id)).body("{}").send();
    assert_eq!(accepted(&changed, "a change of nothing"), masked);
    let page = call(&gateway, "GET", KEYS).send();
    assert!(accepted(&page, "the list")["results"].as_array().unwrap().contains(&masked));
    assert!(!page.text().contains(&credential.private_key));
}

#[test]
fn no_two_keys_are_alike() {
    let gateway = gateway();
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let (id, credential, _) =
            make(&gateway, &json!({ "desc": "same", "roles": ["ORG_MEMBER"] }));
        assert!(
            seen.insert(id)
                && seen.insert(credential.public_key)
                && seen.insert(credential.private_key)
        );
    }
    let page = accepted(&call(&gateway, "GET", KEYS).send(), "the list");
    assert_eq!(page["totalCount"], 21);
    assert_eq!(accepted(&call(&gateway, "GET", KEYS).send(), "again"), page, "in a stable order");
}

#[test]
fn a_new_key_works_on_both_planes_as_soon_as_it_has_an_entry_and_until_it_is_deleted() {
    let mut gateway = gateway();
    let (id, credential, _) = make(&gateway, &json!({ "desc": "new", "roles": ["ORG_MEMBER"] }));
    assert_eq!(on_both_planes(&gateway, &credential), (403, 403), "its list is empty");
    add(&gateway, &list_of(&id), &json!([{ "ipAddress": "127.0.0.1" }]));
    assert_eq!(on_both_planes(&gateway, &credential), (200, 200));
    gateway.restart();
    assert_eq!(on_both_planes(&gateway, &credential), (200, 200), "and after a restart");

    let delete = || call(&gateway, "DELETE", &key_path(&id)).send();
    gone(&delete(), &format!("{VERSION};charset=utf-8"), "delete");
    assert_eq!(on_both_planes(&gateway, &credential), (401, 401));
    for (row, answer) in [
        ("deleting twice", delete()),
        ("its document", call(&gateway, "GET", &key_path(&id)).send()),
        ("a change", call(&gateway, "PATCH", &key_path(&id)).body(r#"{"desc":"x"}"#).send()),
        ("its list", call(&gateway, "GET", &list_of(&id)).send()),
        ("its entry", call(&gateway, "GET", &format!("{}/127.0.0.1", list_of(&id))).send()),
        (
            "adding to its list",
            call(&gateway, "POST", &list_of(&id)).body(r#"[{"ipAddress":"127.0.0.1"}]"#).send(),
        ),
        (
            "removing from its list",
            call(&gateway, "DELETE", &format!("{}/127.0.0.1", list_of(&id))).send(),
        ),
    ] {
        let problem = refused(&answer, 404, "API_KEY_NOT_FOUND", row);
        assert_eq!(problem["parameters"], json!([id]), "{row}");
        tells(&problem, &[&id], row);
    }
    gateway.restart();
    assert_eq!(on_both_planes(&gateway, &credential), (401, 401), "and after a restart");
}

#[test]
fn a_change_replaces_what_it_names_and_leaves_the_rest() {
    let gateway = gateway();
    let (id, credential, made) =
        make(&gateway, &json!({ "desc": "first", "roles": ["ORG_READ_ONLY"] }));
    add(&gateway, &list_of(&id), &json!([{ "ipAddress": "127.0.0.1" }]));
    for (row, body, desc, roles) in [
        ("desc alone", json!({ "desc": "second" }), "second", &["ORG_READ_ONLY"][..]),
        (
            "roles alone",
            json!({ "roles": ["ORG_OWNER", "ORG_BILLING_ADMIN"] }),
            "second",
            &["ORG_OWNER", "ORG_BILLING_ADMIN"],
        ),
        ("both", json!({ "desc": "third", "roles": ["ORG_MEMBER"] }), "third", &["ORG_MEMBER"]),
        (
            "null is as good as nothing",
            json!({ "desc": null, "roles": null }),
            "third",
            &["ORG_MEMBER"],
        ),
        ("nothing", json!({}), "third", &["ORG_MEMBER"]),
        (
            "a role named twice",
            json!({ "roles": ["ORG_MEMBER", "ORG_MEMBER"] }),
            "third",
            &["ORG_MEMBER"],
        ),
        (
            "the longest description",
            json!({ "desc": "ä".repeat(250) }),
            &"ä".repeat(250),
            &["ORG_MEMBER"],
        ),
    ] {
        let answer = call(&gateway, "PATCH", &key_path(&id)).body(body.to_string()).send();
        let changed = accepted(&answer, row);
        let names: Vec<_> = changed["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role["roleName"].as_str().unwrap())
            .collect();
        assert_eq!((changed["desc"].as_str().unwrap(), names), (desc, roles.to_vec()), "{row}");
        assert_eq!(
            (&changed["id"], &changed["publicKey"]),
            (&made["id"], &made["publicKey"]),
            "{row}"
        );
        assert_eq!(call(&gateway, "GET", &key_path(&id)).send().json(), changed, "{row}");
    }
    assert_eq!(stored(&gateway, &list_of(&id)), ["127.0.0.1/32"], "its list is what it was");
    assert_eq!(on_both_planes(&gateway, &credential), (200, 200), "and so is its secret");
}

#[test]
fn a_role_taken_away_or_given_counts_for_the_next_call() {
    let gateway = gateway();
    let (id, second) = gateway.new_key(&[Role::Owner], &["127.0.0.1"]);
    let set = |roles: &str| {
        let body = format!("{{\"roles\":[{roles:?}]}}");
        accepted(&call(&gateway, "PATCH", &key_path(&id)).body(body).send(), roles);
    };
    let change = || call(&gateway, "POST", &list_of(&id)).by(&second).body("[]").send();
    accepted(&change(), "an owner");
    set("ORG_MEMBER");
    refused(&change(), 403, "USER_UNAUTHORIZED", "a member");
    set("ORG_OWNER");
    accepted(&change(), "an owner again");
}

#[test]
fn what_a_key_may_not_be_is_refused_and_named() {
    let gateway = gateway();
    let long = "x".repeat(251);
    let (create, change) = (("POST", KEYS), ("PATCH", "/api/atlas/v2/orgs/{org}/apiKeys/{key}"));
    let roles = json!(["ORG_MEMBER"]);
    for (row, calls, body, code, field) in [
        (
            "desc absent",
            &[create][..],
            json!({ "roles": roles }),
            "API_KEY_REQUIRES_DESCRIPTION",
            "desc",
        ),
        (
            "desc null",
            &[create],
            json!({ "desc": null, "roles": roles }),
            "API_KEY_REQUIRES_DESCRIPTION",
            "desc",
        ),
        (
            "desc empty",
            &[create, change],
            json!({ "desc": "", "roles": roles }),
            "INVALID_API_KEY_DESC",
            "desc",
        ),
        (
            "desc too long",
            &[create, change],
            json!({ "desc": long, "roles": roles }),
            "INVALID_API_KEY_DESC",
            "desc",
        ),
        (
            "desc with a NUL",
            &[create, change],
            json!({ "desc": "a\0b", "roles": roles }),
            "INVALID_API_KEY_DESC",
            "desc",
        ),
        (
            "desc no text",
            &[create, change],
            json!({ "desc": 7, "roles": roles }),
            "INVALID_ATTRIBUTE",
            "desc",
        ),
        ("roles absent", &[create], json!({ "desc": "d" }), "MISSING_API_KEY_ROLES", "roles"),
        (
            "roles null",
            &[create],
            json!({ "desc": "d", "roles": null }),
            "MISSING_API_KEY_ROLES",
            "roles",
        ),
        (
            "roles empty",
            &[create, change],
            json!({ "desc": "d", "roles": [] }),
            "MISSING_API_KEY_ROLES",
            "roles",
        ),
        (
            "a role that there is not",
            &[create, change],
            json!({ "desc": "d", "roles": ["ORG_MEMBER", "ORG_KING"] }),
            "INVALID_ROLE_FOR_ORG",
            "roles[1]",
        ),
        (
            "a project's role",
            &[create, change],
            json!({ "desc": "d", "roles": ["GROUP_OWNER"] }),
            "INVALID_ROLE_FOR_ORG",
            "roles[0]",
        ),
        (
            "a role in small letters",
            &[create, change],
            json!({ "desc": "d", "roles": ["org_owner"] }),
            "INVALID_ROLE_FOR_ORG",
            "roles[0]",
        ),
        (
            "roles no array",
            &[create, change],
            json!({ "desc": "d", "roles": "ORG_MEMBER" }),
            "INVALID_ATTRIBUTE",
            "roles",
        ),
        (
            "a role that is no name",
            &[create, change],
            json!({ "desc": "d", "roles": [{ "roleName": "ORG_MEMBER" }] }),
            "INVALID_ATTRIBUTE",
            "roles[0]",
        ),
        (
            "an unknown member",
            &[create, change],
            json!({ "desc": "d", "roles": roles, "privateKey": "mine" }),
            "INVALID_ATTRIBUTE",
            "privateKey",
        ),
        (
            "not an object",
            &[create, change],
            json!([{ "desc": "d", "roles": roles }]),
            "INVALID_ATTRIBUTE",
            "body",
        ),
    ] {
        for (method, target) in calls {
            let answer = call(&gateway, method, target).body(body.to_string()).send();
            let problem = refused(&answer, 400, code, row);
            assert_eq!(problem["badRequestDetail"]["fields"][0]["field"], field, "{row}");
            tells(&problem, &[field, "expected"], row);
        }
    }
    let keys = accepted(&call(&gateway, "GET", KEYS).send(), "the keys");
    assert_eq!(keys["totalCount"], 1);
    assert_eq!(keys["results"][0]["desc"], "owner");
    assert_eq!(keys["results"][0]["roles"][0]["roleName"], "ORG_OWNER");
}

#[test]
fn the_last_owner_stays_an_owner_and_stays() {
    let gateway = gateway();
    let own = key_path("{key}");
    let attempts = || {
        [
            ("delete", call(&gateway, "DELETE", &own).send()),
            (
                "another role",
                call(&gateway, "PATCH", &own).body(r#"{"roles":["ORG_READ_ONLY"]}"#).send(),
            ),
        ]
    };
    // Neither a member nor an owner elsewhere counts.
    gateway.new_key(&[Role::Member, Role::ReadOnly], &["127.0.0.1"]);
    gateway.new_organization("others");
    for (row, answer) in attempts() {
        let problem = refused(&answer, 409, "CANNOT_REMOVE_LAST_OWNER", row);
        assert_eq!(problem["parameters"], json!([gateway.key_id]), "{row}");
        tells(&problem, &["last owner", &gateway.key_id], row);
    }
    let answer = call(&gateway, "PATCH", &own)
        .body(r#"{"desc":"still","roles":["ORG_OWNER","ORG_MEMBER"]}"#);
    assert_eq!(accepted(&answer.send(), "what leaves it an owner")["desc"], "still");

    let (_, second) = gateway.new_key(&[Role::Owner], &["127.0.0.1"]);
    gone(&call(&gateway, "DELETE", &own).send(), &format!("{VERSION};charset=utf-8"), "one of two");
    assert_eq!(on_both_planes(&gateway, &gateway.owner), (401, 401));
    let keys = accepted(&call(&gateway, "GET", KEYS).by(&second).send(), "the other owner");
    assert_eq!(keys["totalCount"], 2);
}

#[test]
fn an_organization_has_as_many_keys_as_the_config_says_and_not_one_more() {
    let gateway = gateway_with(Options {
        more: "[limits]\nkeys_per_organization = 3".into(),
        ..Options::default()
    });
    let body = r#"{"desc":"one more","roles":["ORG_MEMBER"]}"#;
    let create = || call(&gateway, "POST", KEYS).body(body).send();
    gateway.new_organization("others");
    accepted(&create(), "the second");
    let third = accepted(&create(), "the third");
    let problem = refused(&create(), 400, "MAX_API_KEYS_PER_ORG_EXCEEDED", "the fourth");
    assert_eq!(problem["parameters"], json!([3]));
    tells(&problem, &["3"], "the fourth");
    let third = key_path(third["id"].as_str().unwrap());
    gone(&call(&gateway, "DELETE", &third).send(), &format!("{VERSION};charset=utf-8"), "delete");
    accepted(&create(), "one less makes room");
    assert_eq!(accepted(&call(&gateway, "GET", KEYS).send(), "the keys")["totalCount"], 3);
}

#[test]
fn five_hundred_keys_are_the_published_limit() {
    assert_eq!(Settings::default().keys_per_organization, 500);
    assert_eq!(Settings::default().entries_per_list, 200);
}
