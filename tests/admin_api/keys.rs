//! An API key's life on both planes, and the limits that keep an organization in hand.

use portcullis::identity::Role;

use super::*;

const KEYS: &str = "/api/atlas/v2/orgs/{org}/apiKeys";

/// The owner makes a key over the API.
fn make(gateway: &Gateway, body: &Value) -> (String, Credential) {
    let made = accepted(&call(gateway, "POST", KEYS).body(body.to_string()).send(), "make a key");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let credential = Credential { public_key: text("publicKey"), private_key: text("privateKey") };
    (text("id"), credential)
}

fn key_path(id: &str) -> String {
    format!("{KEYS}/{id}")
}

/// The status of a request of this credential through the proxy, and of one to the admin API.
fn on_both_planes(gateway: &Gateway, credential: &Credential) -> (u16, u16) {
    let proxied = gateway.client().digest(credential, "GET", "/thing", &[], b"");
    let admin = call(gateway, "GET", &format!("{V2}/orgs")).by(credential).send();
    (proxied.status, admin.status)
}

#[test]
fn a_new_key_works_on_both_planes_as_soon_as_it_has_an_entry_and_until_it_is_deleted() {
    let mut gateway = gateway();
    let (id, credential) = make(&gateway, &json!({ "desc": "new", "roles": ["ORG_MEMBER"] }));
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
