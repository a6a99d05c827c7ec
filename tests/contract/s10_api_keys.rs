//! Section 10: what an API key is, and what is shown of it.

use super::*;

/// The owner makes a key over the API.
fn make(gateway: &Gateway, body: &Value) -> Value {
    accepted(&call(gateway, "POST", KEYS).body(body.to_string()).send(), "make a key")
}

fn text<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap_or_else(|| panic!("no {name} in {key}"))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

//= 10: ids
#[test]
fn r01_id_is_24_hexadecimal_public_key_is_8_lower_case_letters_and_the_path_takes_id() {
    let gateway = gateway();
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let made = make(&gateway, &json!({ "desc": "same", "roles": ["ORG_MEMBER"] }));
        let (id, public) = (text(&made, "id").to_owned(), text(&made, "publicKey").to_owned());
        assert!(id.len() == 24 && is_hex(&id), "{id}");
        assert!(public.len() == 8 && public.bytes().all(|byte| byte.is_ascii_lowercase()));
        let shown = call(&gateway, "GET", &format!("{KEYS}/{id}")).send();
        assert_eq!(accepted(&shown, "its id")["publicKey"], public);
        let by_name = call(&gateway, "GET", &format!("{KEYS}/{public}")).send();
        refused(&by_name, 400, "PATH_PARAM_PARSE_ERROR", "its public key");
        assert!(seen.insert(id) && seen.insert(public), "no two keys are alike");
    }
}

//= 10: privateKey
#[test]
fn r02_private_key_is_a_uuid_in_the_creating_answer_and_masked_later() {
    let gateway = gateway();
    let made = make(&gateway, &json!({ "desc": "for the build", "roles": ["ORG_MEMBER"] }));
    let private = text(&made, "privateKey");
    let groups: Vec<_> = private.split('-').collect();
    assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(groups.iter().all(|group| is_hex(group)), "a UUID");
    let mut masked = made.clone();
    masked["privateKey"] = json!(format!("********-****-****-{}", groups[4]));
    let key = format!("{KEYS}/{}", text(&made, "id"));
    assert_eq!(call(&gateway, "GET", &key).send().json(), masked);
    assert_eq!(accepted(&call(&gateway, "PATCH", &key).body("{}").send(), "PATCH"), masked);
    let page = call(&gateway, "GET", KEYS).send();
    assert!(page.json()["results"].as_array().unwrap().contains(&masked));
    assert!(!page.text().contains(private));
}

/// A key that may not be made is refused by code, and the member is named.
fn is_refused(body: Value, code: &str, member: &str) {
    let gateway = gateway();
    let answer = call(&gateway, "POST", KEYS).body(body.to_string()).send();
    let problem = refused(&answer, 400, code, &body.to_string());
    assert_eq!(place_named(&problem, code), member);
    tells(&problem, &["expected"], code);
    assert_eq!(call(&gateway, "GET", KEYS).send().json()["totalCount"], 1);
}

fn roles() -> Value {
    json!(["ORG_MEMBER"])
}

table! { is_refused;
    //= 10: create
    r03_create_desc_is_required(json!({ "roles": roles() }), "API_KEY_REQUIRES_DESCRIPTION", "desc");
    //= 10: create
    r03_create_desc_null_is_as_good_as_none(
        json!({ "desc": null, "roles": roles() }), "API_KEY_REQUIRES_DESCRIPTION", "desc"
    );
    //= 10: create
    r03_create_desc_of_0_characters(json!({ "desc": "", "roles": roles() }), "INVALID_API_KEY_DESC", "desc");
    //= 10: create
    r03_create_desc_of_251_characters(json!({ "desc": "x".repeat(251), "roles": roles() }), "INVALID_API_KEY_DESC", "desc");
    //= 10: create
    r03_create_desc_with_a_nul(json!({ "desc": "a\0b", "roles": roles() }), "INVALID_API_KEY_DESC", "desc");
    //= 10: create
    r03_create_desc_that_is_no_text(json!({ "desc": 7, "roles": roles() }), "INVALID_ATTRIBUTE", "desc");
    //= 10: create
    r03_create_roles_are_required(json!({ "desc": "d" }), "MISSING_API_KEY_ROLES", "roles");
    //= 10: create
    r03_create_roles_null_are_as_good_as_none(json!({ "desc": "d", "roles": null }), "MISSING_API_KEY_ROLES", "roles");
    //= 10: create
    r03_create_roles_at_least_one(json!({ "desc": "d", "roles": [] }), "MISSING_API_KEY_ROLES", "roles");
    //= 10: create
    r03_create_a_role_that_there_is_not(
        json!({ "desc": "d", "roles": ["ORG_MEMBER", "ORG_KING"] }), "INVALID_ROLE_FOR_ORG", "roles[1]"
    );
    //= 10: create
    r03_create_a_projects_role(json!({ "desc": "d", "roles": ["GROUP_OWNER"] }), "INVALID_ROLE_FOR_ORG", "roles[0]");
    //= 10: create
    r03_create_a_role_in_small_letters(json!({ "desc": "d", "roles": ["org_owner"] }), "INVALID_ROLE_FOR_ORG", "roles[0]");
    //= 10: create
    r03_create_roles_that_are_no_array(json!({ "desc": "d", "roles": "ORG_MEMBER" }), "INVALID_ATTRIBUTE", "roles");
    //= 10: create
    r03_create_roles_as_objects_instead_of_plain_names(
        json!({ "desc": "d", "roles": [{ "roleName": "ORG_MEMBER" }] }), "INVALID_ATTRIBUTE", "roles[0]"
    );
    //= 10: create
    r03_create_an_unknown_member(
        json!({ "desc": "d", "roles": roles(), "privateKey": "mine" }), "INVALID_ATTRIBUTE", "privateKey"
    );
    //= 10: create
    r03_create_not_an_object(json!([{ "desc": "d", "roles": roles() }]), "INVALID_ATTRIBUTE", "body");
}

//= 10: create
#[test]
fn r03_create_desc_of_1_and_of_250_characters() {
    let gateway = gateway();
    for desc in ["x".to_owned(), "ä".repeat(250)] {
        let made =
            make(&gateway, &json!({ "desc": desc, "roles": ["ORG_MEMBER", "ORG_READ_ONLY"] }));
        assert_eq!((text(&made, "desc"), made["roles"].as_array().unwrap().len()), (&*desc, 2));
    }
}

//= 10: answer, alone and in lists
#[test]
fn r04_answer_alone_and_in_lists() {
    let gateway = gateway();
    let made = make(
        &gateway,
        &json!({ "desc": "for the build", "roles": ["ORG_READ_ONLY", "ORG_MEMBER"] }),
    );
    let org = gateway.org.to_string();
    let path = filled(&gateway, &format!("{KEYS}/{}", text(&made, "id")));
    let expected = json!({
        "desc": "for the build",
        "id": made["id"],
        "links": [{ "href": format!("http://{}{path}", gateway.admin()), "rel": "self" }],
        "privateKey": made["privateKey"],
        "publicKey": made["publicKey"],
        "roles": [
            { "orgId": org, "roleName": "ORG_MEMBER" },
            { "orgId": org, "roleName": "ORG_READ_ONLY" },
        ],
    });
    assert_eq!(made, expected);
    let alone = accepted(&follow(&gateway, link(&made, "self").unwrap()), "its link");
    let page = call(&gateway, "GET", KEYS).send().json();
    assert!(page["results"].as_array().unwrap().contains(&alone));
    let members = |key: &Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&alone), members(&made));
}

//= 10: change
#[test]
fn r05_change_desc_roles_and_roles_given_replace_the_earlier_ones() {
    let gateway = gateway();
    let made = make(&gateway, &json!({ "desc": "first", "roles": ["ORG_READ_ONLY"] }));
    let id = text(&made, "id");
    let key = format!("{KEYS}/{id}");
    add(&gateway, &list_of(id), &json!([{ "ipAddress": "127.0.0.1" }]));
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
            "a role twice",
            json!({ "roles": ["ORG_MEMBER", "ORG_MEMBER"] }),
            "third",
            &["ORG_MEMBER"],
        ),
        ("the longest", json!({ "desc": "ä".repeat(250) }), &"ä".repeat(250), &["ORG_MEMBER"]),
    ] {
        let answer = call(&gateway, "PATCH", &key).body(body.to_string()).send();
        let changed = accepted(&answer, row);
        let names: Vec<_> = changed["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| text(role, "roleName"))
            .collect();
        assert_eq!((text(&changed, "desc"), names), (desc, roles.to_vec()), "{row}");
        for same in ["id", "publicKey", "links"] {
            assert_eq!(changed[same], made[same], "{row}");
        }
        assert_eq!(call(&gateway, "GET", &key).send().json(), changed, "{row}");
    }
    assert_eq!(stored(&gateway, &list_of(id)), ["127.0.0.1/32"], "its list is what it was");
    let credential = Credential {
        public_key: text(&made, "publicKey").to_owned(),
        private_key: text(&made, "privateKey").to_owned(),
    };
    let orgs = format!("{V2}/orgs");
    accepted(&call(&gateway, "GET", &orgs).by(&credential).send(), "and so is its secret");
}

/// A change that may not be is refused by code, and the member is named.
fn change_is_refused(body: Value, code: &str, member: &str) {
    let gateway = gateway();
    let answer = call(&gateway, "PATCH", &format!("{KEYS}/{{key}}")).body(body.to_string()).send();
    let problem = refused(&answer, 400, code, &body.to_string());
    assert_eq!(place_named(&problem, code), member);
    let owner = call(&gateway, "GET", &format!("{KEYS}/{{key}}")).send().json();
    assert_eq!(
        (text(&owner, "desc"), text(&owner["roles"][0], "roleName")),
        ("owner", "ORG_OWNER")
    );
}

table! { change_is_refused;
    //= 10: change
    r05_change_desc_to_0_characters(json!({ "desc": "" }), "INVALID_API_KEY_DESC", "desc");
    //= 10: change
    r05_change_desc_to_251_characters(json!({ "desc": "x".repeat(251) }), "INVALID_API_KEY_DESC", "desc");
    //= 10: change
    r05_change_desc_to_a_number(json!({ "desc": 7 }), "INVALID_ATTRIBUTE", "desc");
    //= 10: change
    r05_change_roles_to_none(json!({ "desc": "d", "roles": [] }), "MISSING_API_KEY_ROLES", "roles");
    //= 10: change
    r05_change_roles_to_one_that_there_is_not(
        json!({ "desc": "d", "roles": ["ORG_MEMBER", "ORG_KING"] }), "INVALID_ROLE_FOR_ORG", "roles[1]"
    );
    //= 10: change
    r05_change_an_unknown_member(json!({ "desc": "d", "publicKey": "abcdefgh" }), "INVALID_ATTRIBUTE", "publicKey");
    //= 10: change
    r05_change_that_is_no_object(json!([]), "INVALID_ATTRIBUTE", "body");
}

//= 10: list order
#[test]
fn r06_list_order_is_stable() {
    let mut gateway = gateway();
    for n in 0..20 {
        make(&gateway, &json!({ "desc": format!("{n}"), "roles": roles() }));
    }
    let ids = |gateway: &Gateway, query: &str| {
        let page = accepted(&call(gateway, "GET", &format!("{KEYS}{query}")).send(), query);
        let keys = page["results"].as_array().unwrap().iter();
        keys.map(|key| text(key, "id").to_owned()).collect::<Vec<_>>()
    };
    let order = ids(&gateway, "");
    assert_eq!((ids(&gateway, ""), order.len()), (order.clone(), 21));
    let by_page: Vec<_> = (1..=5)
        .flat_map(|page| ids(&gateway, &format!("?itemsPerPage=5&pageNum={page}")))
        .collect();
    assert_eq!(by_page, order);
    gateway.restart();
    assert_eq!(ids(&gateway, ""), order);
}

//= 10: number
#[test]
fn r07_number_500_per_organization() {
    let gateway = gateway();
    let body = r#"{"desc":"one more","roles":["ORG_MEMBER"]}"#;
    for _ in 1..499 {
        gateway.new_key(&[Role::Member], &[]);
    }
    accepted(&call(&gateway, "POST", KEYS).body(body).send(), "the 500th");
    let answer = call(&gateway, "POST", KEYS).body(body).send();
    let problem = refused(&answer, 400, "MAX_API_KEYS_PER_ORG_EXCEEDED", "the 501st");
    assert_eq!(problem["parameters"], json!([500]));
    tells(&problem, &["500"], "the 501st");
}
