//! Section 6: the case of each code that goes with another status than 400.

use super::*;

//= 6: 401 UNEXPECTED_ERROR
#[test]
fn r15_401_unexpected_error_no_or_wrong_credentials() {
    let gateway = gateway();
    let orgs = || call(&gateway, "GET", &format!("{V2}/orgs"));
    let unknown = Credential { public_key: "nobodyxx".into(), ..gateway.owner.clone() };
    let basic = ["Authorization: Basic b3duZXI6c2VjcmV0"];
    for (row, answer) in [
        ("none", orgs().send_anonymously()),
        ("a wrong private key", orgs().by(&forged(&gateway.owner)).send()),
        ("an unknown public key", orgs().by(&unknown).send()),
        ("another scheme", orgs().headers(&basic).send_anonymously()),
        ("a body unread", call(&gateway, "POST", OWN_LIST).body("{").send_anonymously()),
    ] {
        let body = refused(&answer, 401, "UNEXPECTED_ERROR", row);
        tells(&body, &["not authorized for this resource"], row);
        assert_eq!(body["parameters"], json!([]), "{row}");
        assert!(answer.header("www-authenticate").is_some(), "{row}");
    }
}

//= 6: 401 USER_UNAUTHORIZED
#[test]
fn r16_user_unauthorized_known_caller_role_too_small() {
    let gateway = gateway();
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let answer = call(&gateway, "POST", OWN_LIST).by(&member).body("[]").send();
    let problem = refused(&answer, 403, "USER_UNAUTHORIZED", "section 12 has why it is 403");
    tells(&problem, &["ORG_OWNER"], "the role that it takes");
}

//= 6: 403 ORG_REQUIRES_ACCESS_LIST
#[test]
fn r17_org_requires_access_list_names_the_address() {
    let gateway = gateway();
    let (_, fresh) = gateway.new_key(&[Role::Owner], &[]);
    let answer = call(&gateway, "GET", &format!("{V2}/orgs")).by(&fresh).send();
    let problem = refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", "an empty list");
    assert_eq!(problem["parameters"], json!(["127.0.0.1"]));
    tells(&problem, &["127.0.0.1", "requires an access list"], "an empty list");
}

//= 6: 403 IP_ADDRESS_NOT_ON_ACCESS_LIST
#[test]
fn r18_ip_address_not_on_access_list_names_the_address() {
    let gateway = gateway();
    for address in ["127.0.0.2", "127.1.0.1"] {
        let answer = call(&gateway, "GET", &format!("{V2}/orgs")).from(address).send();
        let problem = refused(&answer, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", address);
        assert_eq!(problem["parameters"], json!([address]));
        tells(&problem, &[address], address);
    }
}

//= 6: 403 RESOURCE_REQUIRES_ACCESS_LIST
#[test]
fn r19_resource_requires_access_list_is_unused_the_organization_alone_demands_one() {
    let gateway = gateway();
    let (_, fresh) = gateway.new_key(&[Role::Owner], &[]);
    for target in [&format!("{V2}/orgs/{{org}}"), KEYS, OWN_LIST] {
        let answer = call(&gateway, "GET", target).by(&fresh).send();
        refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", target);
    }
    let answer = gateway.client().digest(&fresh, "GET", "/proxied", &[], b"");
    refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST", "a proxied route");
}

//= 6: 403 ACCESS_FORBIDDEN
#[test]
fn r20_access_forbidden_other_refusals() {
    let options =
        Options { route: format!("organizations = [\"{NOTHING}\"]"), ..Options::default() };
    let gateway = gateway_with(options);
    let answer = gateway.client().digest(&gateway.owner, "GET", "/", &[], b"");
    refused(&answer, 403, "ACCESS_FORBIDDEN", "a route of another organization");
}

//= 6: 404 RESOURCE_NOT_FOUND
#[test]
fn r21_resource_not_found_unknown_path_before_anyone_is_asked_who_they_are() {
    let gateway = gateway();
    let key = "/orgs/{org}/apiKeys/{key}";
    for target in [
        "/",
        "/orgs",
        "/api",
        "/api/atlas/v3/orgs",
        "/api/atlas/v1/orgs",
        "/api/public/v2/orgs",
        "/API/atlas/v2/orgs",
        &format!("{V2}/Orgs"),
        &format!("{V2}orgs"),
        &format!("{V2}//orgs"),
        &format!("{V2}/orgs//"),
        &format!("{V2}/%6Frgs"),
        &format!("{V2}/orgs%2F{{org}}"),
        &format!("{V2}/groups"),
        &format!("{V2}/orgs/{{org}}/apikeys"),
        &format!("{V2}/orgs/{{org}}/apiKeys//accessList"),
        &format!("{V2}{key}/accesslists"),
        &format!("{V2}{key}/accessList%2F127.0.0.1"),
        &format!("{V2}{key}/accessList/10.0.0.0/8/24"),
        &format!("/api/atlas/v1.0{key}/whiteList"),
    ] {
        let answer = call(&gateway, "GET", target).send_anonymously();
        let body = refused(&answer, 404, "RESOURCE_NOT_FOUND", target);
        assert_eq!(body["parameters"].as_array().unwrap().len(), 1, "{target}");
        let path = filled(&gateway, target);
        let shown = body["parameters"][0].as_str().unwrap();
        assert!(path.starts_with(shown.trim_end_matches('…')), "{shown} is what was asked for");
        tells(&body, &[shown], target);
    }
}

//= 6: 404 ORG_NOT_FOUND, INVALID_ORG_ID
#[test]
fn r22_org_not_found_unknown_organization() {
    let gateway = gateway();
    for path in ["", "/apiKeys", "/apiKeys/{key}", "/apiKeys/{key}/accessList"] {
        let answer = call(&gateway, "GET", &format!("{V2}/orgs/{NOTHING}{path}")).send();
        let problem = refused(&answer, 404, "ORG_NOT_FOUND", path);
        assert_eq!(problem["parameters"], json!([NOTHING]));
        tells(&problem, &[NOTHING], path);
    }
}

//= 6: 404 API_KEY_NOT_FOUND
#[test]
fn r23_api_key_not_found_is_404_and_names_the_id_also_of_a_key_of_others() {
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
            let answer = call(&gateway, method, &format!("{KEYS}/{key}{path}")).body(body).send();
            let problem = refused(&answer, 404, "API_KEY_NOT_FOUND", &format!("{method} {path}"));
            assert_eq!(problem["parameters"], json!([key]), "{method} {path}");
            tells(&problem, &[key], path);
            problem.to_string().replace(key, "{key}")
        });
        assert_eq!(heard[0], heard[1], "{method} {path}");
    }
    accepted(&call(&gateway, "GET", &format!("{V2}/orgs")).by(&theirs).send(), "it is what it was");
}

//= 6: 404 API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND
#[test]
fn r24_api_key_access_list_entry_not_found_names_address_and_key() {
    let gateway = gateway();
    for method in ["GET", "DELETE"] {
        for (segment, shown) in [("203.0.113.10", "203.0.113.10"), ("10.0.0.0%2F8", "10.0.0.0/8")] {
            let answer = call(&gateway, method, &format!("{OWN_LIST}/{segment}")).send();
            let problem = refused(&answer, 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", segment);
            assert_eq!(problem["parameters"], json!([shown, gateway.key_id]), "{method}");
            tells(&problem, &[shown, &gateway.key_id], segment);
        }
    }
}

//= 6: 404 SERVICE_ACCOUNT_NOT_FOUND
#[test]
fn r25_resource_not_found_service_accounts_secrets_and_their_entries() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["203.0.113.10"]);
    let known = format!("{ACCOUNTS}/{}", account.client_id);
    let unknown = format!("mdb_sa_id_{NOTHING}");
    let absent = format!("{ACCOUNTS}/{unknown}");
    let entry = r#"[{"ipAddress":"203.0.113.11"}]"#;
    for (method, target, body, named) in [
        ("GET", absent.clone(), "", &*unknown),
        ("PATCH", absent.clone(), r#"{"name":"changed"}"#, &unknown),
        ("DELETE", absent.clone(), "", &unknown),
        ("POST", format!("{absent}/secrets"), r#"{"secretExpiresAfterHours":8}"#, &unknown),
        ("DELETE", format!("{absent}/secrets/{NOTHING}"), "", &unknown),
        ("GET", format!("{absent}/accessList"), "", &unknown),
        ("POST", format!("{absent}/accessList"), entry, &unknown),
        ("DELETE", format!("{absent}/accessList/203.0.113.10"), "", &unknown),
        ("DELETE", format!("{known}/secrets/{NOTHING}"), "", NOTHING),
        ("DELETE", format!("{known}/accessList/203.0.113.11"), "", "203.0.113.11"),
    ] {
        let answer = call(&gateway, method, &target).body(body).send();
        let problem = refused(&answer, 404, "RESOURCE_NOT_FOUND", &format!("{method} {target}"));
        assert_eq!(problem["parameters"][0], named, "{method} {target}");
        tells(&problem, &[named], &target);
    }
    // An API key is no service account, and one of these is no API key.
    let key = format!("{ACCOUNTS}/mdb_sa_id_{}", gateway.key_id);
    let answer = call(&gateway, "GET", &key).send();
    refused(&answer, 404, "RESOURCE_NOT_FOUND", "an API key");
    let id = account.client_id.trim_start_matches("mdb_sa_id_");
    let answer = call(&gateway, "GET", &format!("{KEYS}/{id}")).send();
    refused(&answer, 404, "API_KEY_NOT_FOUND", "a service account");
}

//= 6: 404 SERVICE_ACCOUNT_NOT_FOUND
#[test]
fn r25_a_service_account_of_others_answers_like_one_that_does_not_exist() {
    let gateway = gateway();
    let (_, _, theirs) = gateway.new_organization("others");
    let account = Account::new(&gateway, Role::Member, &[]);
    let heard = [&*account.client_id, &format!("mdb_sa_id_{NOTHING}")].map(|id| {
        let orgs = call(&gateway, "GET", &format!("{V2}/orgs")).by(&theirs).send().json();
        let org = orgs["results"][0]["id"].as_str().unwrap();
        let target = format!("{V2}/orgs/{org}/serviceAccounts/{id}");
        let answer = call(&gateway, "GET", &target).by(&theirs).send();
        refused(&answer, 404, "RESOURCE_NOT_FOUND", id).to_string().replace(id, "{id}")
    });
    assert_eq!(heard[0], heard[1]);
}

//= 6: 405
#[test]
fn r26_405_known_path_other_method_allow_set() {
    let gateway = gateway();
    for (path, allowed) in [
        ("/orgs", "GET, HEAD"),
        ("/orgs/{org}", "GET, HEAD"),
        ("/orgs/{org}/apiKeys", "GET, HEAD, POST"),
        ("/orgs/{org}/apiKeys/{key}", "DELETE, GET, HEAD, PATCH"),
        ("/orgs/{org}/apiKeys/{key}/accessList", "GET, HEAD, POST"),
        ("/orgs/{org}/apiKeys/{key}/accessList/127.0.0.1", "DELETE, GET, HEAD"),
        ("/orgs/{org}/apiKeys/{key}/accessList/10.0.0.0/8/", "DELETE, GET, HEAD"),
        ("/orgs/{org}/settings", "GET, HEAD, PATCH"),
        ("/orgs/{org}/serviceAccounts", "GET, HEAD, POST"),
        ("/orgs/{org}/serviceAccounts/{key}", "DELETE, GET, HEAD, PATCH"),
        ("/orgs/{org}/serviceAccounts/{key}/secrets", "POST"),
        ("/orgs/{org}/serviceAccounts/{key}/secrets/{key}", "DELETE"),
        ("/orgs/{org}/serviceAccounts/{key}/accessList", "GET, HEAD, POST"),
        ("/orgs/{org}/serviceAccounts/{key}/accessList/127.0.0.1", "DELETE"),
    ] {
        for prefix in PREFIXES {
            let methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
            for method in methods.into_iter().filter(|method| !allowed.contains(method)) {
                let target = format!("{prefix}{path}");
                // Routing comes before credentials.
                let answer = call(&gateway, method, &target).send_anonymously();
                let body = refused(&answer, 405, "METHOD_NOT_ALLOWED", &target);
                assert_eq!(answer.all("allow").collect::<Vec<_>>(), [allowed], "{method} {target}");
                tells(&body, &[allowed], &target);
            }
        }
    }
}

//= 6: 406 INVALID_VERSION_DATE
#[test]
fn r27_406_invalid_version_date() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", KEYS).headers(&["Accept: application/json"]).send();
    let problem = refused(&answer, 406, "INVALID_VERSION_DATE", "no version");
    tells(&problem, &["Accept", VERSION], "what was expected");
}

//= 6: 409 ADDRESS_ALREADY_IN_ACCESS_LIST
#[test]
fn r28_address_already_in_access_list_is_unused_an_entry_that_exists_is_no_error() {
    let gateway = gateway();
    let page = add(&gateway, OWN_LIST, &json!([{ "ipAddress": "127.0.0.1" }]));
    assert_eq!(ranges(&page), ["127.0.0.1/32"]);
}

//= 6: 410 VERSION_GONE
#[test]
fn r29_version_gone_the_first_version_is_still_served() {
    let gateway = gateway();
    accepted(&call(&gateway, "GET", KEYS).send(), "2023-01-01");
}

//= 6: 429 RATE_LIMITED
#[test]
fn r30_429_rate_limited_says_when_to_come_again() {
    let gateway = gateway_with(Options {
        more: "[rate_limits]\ncaller = { capacity = 1, per_minute = 1 }".into(),
        ..Options::default()
    });
    let orgs = || call(&gateway, "GET", &format!("{V2}/orgs")).send();
    accepted(&orgs(), "the one that the bucket holds");
    let answer = orgs();
    let problem = refused(&answer, 429, "RATE_LIMITED", "one more");
    let seconds = answer.header("retry-after").unwrap();
    assert!((1..=60).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
    tells(&problem, &[seconds], "when to come again");
}

//= 6: 500 UNEXPECTED_ERROR
#[test]
fn r31_500_unexpected_error_anything_else_without_a_word_of_the_inside() {
    let gateway = gateway();
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    database.execute_batch("ALTER TABLE api_key RENAME TO elsewhere").unwrap();
    let body = r#"{"desc":"new","roles":["ORG_MEMBER"]}"#;
    let answer = call(&gateway, "POST", KEYS).body(body).send();
    let problem = refused(&answer, 500, "UNEXPECTED_ERROR", "a table is not there");
    assert!(!problem.to_string().contains("api_key"), "{problem}");
    assert_eq!(call(&gateway, "GET", KEYS).send().json()["totalCount"], 1, "nothing was added");
}

//= 6: Deleting something twice
#[test]
fn r32_deleting_something_twice_the_second_answer_is_404() {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], &["203.0.113.10"]);
    let entry = format!("{}/203.0.113.10", list_of(&key));
    let key = format!("{KEYS}/{key}");
    let account = Account::new(&gateway, Role::Member, &["203.0.113.10"]);
    let of_account = format!("{}/203.0.113.10", list_of_account(&account));
    let account_path = format!("{ACCOUNTS}/{}", account.client_id);
    let secret = format!("{account_path}/secrets/{}", account.secret_id);
    for (target, code) in [
        (entry, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND"),
        (key, "API_KEY_NOT_FOUND"),
        (of_account, "RESOURCE_NOT_FOUND"),
        (secret, "RESOURCE_NOT_FOUND"),
        (account_path, "RESOURCE_NOT_FOUND"),
    ] {
        let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
        let delete = || call(&gateway, "DELETE", &target).headers(&accept).send();
        assert_eq!(delete().status, 204, "the first time: {target}");
        refused(&delete(), 404, code, "the second time");
    }
}
