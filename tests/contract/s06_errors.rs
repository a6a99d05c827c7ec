//! Section 6: the shape of a refusal, and the case of each code. What each case looks like in detail is in the sections
//! that its rule comes from.

use super::*;

/// The owner posts a body to a list, or to another path, and gets a code with parameters.
fn body_is_400(code: &str, target: &str, body: &str, parameters: Value) {
    let gateway = gateway();
    // A date that serves both families.
    let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
    let answer = call(&gateway, "POST", target).headers(&accept).body(body).send();
    let problem = refused(&answer, 400, code, body);
    assert_eq!(problem["parameters"], parameters, "{body}");
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
    assert_eq!(call(&gateway, "GET", KEYS).send().json()["totalCount"], 1);
}

//= 6: Shape
#[test]
fn r00_the_shape_is_detail_error_error_code_parameters_reason_and_x_error_code() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", &format!("{V2}/orgs/{NOTHING}")).send();
    let expected = json!({
        "detail": format!("No organization {NOTHING} for this caller."),
        "error": 404,
        "errorCode": "ORG_NOT_FOUND",
        "parameters": [NOTHING],
        "reason": "Not Found",
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("x-error-code"), Some("ORG_NOT_FOUND"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

//= 6: Shape
#[test]
fn r00_bad_request_detail_has_fields_of_description_and_field() {
    let gateway = gateway();
    let body = r#"[{"ipAddress":"203.0.113.10"},{"ipAddress":"nowhere"}]"#;
    let problem = call(&gateway, "POST", OWN_LIST).body(body).send().json();
    let fields = problem["badRequestDetail"]["fields"].as_array().unwrap();
    let members: Vec<_> = fields[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((fields.len(), members), (1, vec!["description", "field"]));
    assert_eq!(fields[0]["field"], "[1].ipAddress");
}

table! { body_is_400;
    //= 6: 400 INVALID_JSON, MALFORMED_JSON
    r01_malformed_json_body_is_not_json("MALFORMED_JSON", OWN_LIST, "[{", json!([]));
    //= 6: 400 INVALID_JSON, MALFORMED_JSON
    r01_invalid_json_a_member_twice(
        "INVALID_JSON", OWN_LIST, r#"[{"cidrBlock":"10.0.0.0/8","cidrBlock":"0.0.0.0/0"}]"#, json!([])
    );
    //= 6: 400 INVALID_ATTRIBUTE
    r02_invalid_attribute_unknown_member("INVALID_ATTRIBUTE", OWN_LIST, r#"[{"x":1}]"#, json!(["x"]));
    //= 6: 400 INVALID_ATTRIBUTE
    r02_invalid_attribute_wrong_type("INVALID_ATTRIBUTE", OWN_LIST, r#"[{"ipAddress":1}]"#, json!(["ipAddress"]));
    //= 6: 400 INVALID_ATTRIBUTE
    r02_invalid_attribute_not_an_array("INVALID_ATTRIBUTE", OWN_LIST, r#"{"ipAddress":"203.0.113.10"}"#, json!(["body"]));
    //= 6: 400 MISSING_ATTRIBUTE, MISSING_ONE_OF_ATTRIBUTES
    r03_missing_one_of_attributes_neither_address_member(
        "MISSING_ONE_OF_ATTRIBUTES", OWN_LIST, "[{}]", json!(["ipAddress", "cidrBlock"])
    );
    //= 6: 400 MISSING_ATTRIBUTE, MISSING_ONE_OF_ATTRIBUTES
    r03_missing_attribute_required_member_absent(
        "MISSING_ATTRIBUTE", ACCOUNTS, r#"{"name":"robot","roles":["ORG_MEMBER"],"secretExpiresAfterHours":8}"#,
        json!(["description"])
    );
    //= 6: 400 BAD_WHITELIST_ADD_REQUEST
    r04_bad_access_list_add_request_both_address_members_set(
        "BAD_ACCESS_LIST_ADD_REQUEST", OWN_LIST, r#"[{"ipAddress":"10.0.0.1","cidrBlock":"10.0.0.1/32"}]"#, json!(["[0]"])
    );
    //= 6: 400 INVALID_IP_ADDRESS_OR_CIDR_NOTATION, INVALID_CIDR_BLOCK
    r05_invalid_ip_address_or_cidr_notation_unreadable_address(
        "INVALID_IP_ADDRESS_OR_CIDR_NOTATION", OWN_LIST, r#"[{"ipAddress":"x"}]"#, json!(["ipAddress"])
    );
    //= 6: 400 INVALID_IP_ADDRESS_OR_CIDR_NOTATION, INVALID_CIDR_BLOCK
    r05_invalid_cidr_block_unreadable_range("INVALID_CIDR_BLOCK", OWN_LIST, r#"[{"cidrBlock":"x"}]"#, json!(["cidrBlock"]));
    //= 6: 400 ATLAS_NON_CANONICAL_CIDR_BLOCK
    r06_atlas_non_canonical_cidr_block_host_bits_set(
        "ATLAS_NON_CANONICAL_CIDR_BLOCK", OWN_LIST, r#"[{"cidrBlock":"203.0.113.9/24"}]"#, json!(["cidrBlock"])
    );
    //= 6: 400 CANNOT_ADD_IP_ADDRESS_TO_API_KEY_WHITELIST
    r07_cannot_add_ip_address_to_api_key_access_list_0_0_0_0_slash_32(
        "CANNOT_ADD_IP_ADDRESS_TO_API_KEY_ACCESS_LIST", OWN_LIST, r#"[{"cidrBlock":"0.0.0.0/32"}]"#, json!(["cidrBlock"])
    );
    //= 6: 400 API_KEY_REQUIRES_DESCRIPTION
    r14_api_key_requires_description(
        "API_KEY_REQUIRES_DESCRIPTION", KEYS, r#"{"roles":["ORG_MEMBER"]}"#, json!(["desc"])
    );
    //= 6: 400 API_KEY_REQUIRES_DESCRIPTION
    r14_invalid_api_key_desc("INVALID_API_KEY_DESC", KEYS, r#"{"desc":"","roles":["ORG_MEMBER"]}"#, json!(["desc"]));
    //= 6: 400 API_KEY_REQUIRES_DESCRIPTION
    r14_missing_api_key_roles("MISSING_API_KEY_ROLES", KEYS, r#"{"desc":"d","roles":[]}"#, json!(["roles"]));
    //= 6: 400 API_KEY_REQUIRES_DESCRIPTION
    r14_invalid_role_for_org("INVALID_ROLE_FOR_ORG", KEYS, r#"{"desc":"d","roles":["GROUP_OWNER"]}"#, json!(["roles[0]"]));
}

//= 6: 400 DUPLICATE_ADDRESSES_IN_INPUT
#[test]
fn r08_duplicate_addresses_in_input_is_unused_the_same_address_twice_is_no_error() {
    let gateway = gateway();
    let twice = json!([{ "ipAddress": "203.0.113.10" }, { "ipAddress": "203.0.113.10" }]);
    assert_eq!(add(&gateway, OWN_LIST, &twice)["totalCount"], 2);
}

//= 6: 400 IPV6_UNSUPPORTED
#[test]
fn r09_ipv6_unsupported_is_unused_these_lists_take_ipv6() {
    let gateway = gateway();
    add(
        &gateway,
        OWN_LIST,
        &json!([{ "ipAddress": "2001:db8::1" }, { "cidrBlock": "2001:db8::/32" }]),
    );
}

//= 6: 400 CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST
#[test]
fn r10_cannot_remove_caller_from_access_list_names_the_address() {
    let gateway = gateway();
    let answer = call(&gateway, "DELETE", &format!("{OWN_LIST}/127.0.0.1")).send();
    let problem = refused(&answer, 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST", "its own");
    assert_eq!(problem["parameters"], json!(["127.0.0.1"]));
    tells(&problem, &["127.0.0.1"], "the address");
}

//= 6: 400 CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST
#[test]
fn r10_the_entry_may_go_where_another_one_covers_the_callers_address() {
    let gateway = gateway();
    add(&gateway, OWN_LIST, &json!([{ "cidrBlock": "127.0.0.0/8" }]));
    let remove = |entry: &str| call(&gateway, "DELETE", &format!("{OWN_LIST}/{entry}")).send();
    gone(&remove("127.0.0.1"), V2023_TYPE, "the wider one covers");
    refused(&remove("127.0.0.0%2F8"), 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST", "the last one");
    add(&gateway, OWN_LIST, &json!([{ "ipAddress": "127.0.0.1" }]));
    gone(&remove("127.0.0.0%2F8"), V2023_TYPE, "the narrower one covers");
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
}

/// Each of these paths, asked in each way it knows, names the parameter that does not parse.
fn path_is_400(path: &str, name: &str) {
    let gateway = gateway();
    let path = path.replace("{public}", &gateway.owner.public_key);
    let changed = r#"{"desc":"changed"}"#;
    for (method, body) in [("GET", ""), ("PATCH", changed), ("POST", "[]"), ("DELETE", "")] {
        let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
        let call = call(&gateway, method, &format!("{V2}{path}")).headers(&accept);
        let answer = call.body(body).send();
        if answer.status == 405 {
            continue;
        }
        let problem = refused(&answer, 400, "PATH_PARAM_PARSE_ERROR", &path);
        assert_eq!(problem["parameters"].as_array().unwrap().len(), 1, "the path");
        let shown = problem["parameters"][0].as_str().unwrap().trim_end_matches('…');
        assert!(filled(&gateway, &format!("{V2}{path}")).starts_with(shown), "{shown}");
        tells(&problem, &[name, "expected"], &path);
    }
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
}

table! { path_is_400;
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_a_public_key_where_an_id_belongs("/orgs/{org}/apiKeys/{public}", "apiUserId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_a_public_key_before_its_list("/orgs/{org}/apiKeys/{public}/accessList", "apiUserId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_a_public_key_before_its_entry("/orgs/{org}/apiKeys/{public}/accessList/127.0.0.1", "apiUserId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_an_id_in_capitals("/orgs/{org}/apiKeys/AAAAAAAAAAAAAAAAAAAAAAAA", "apiUserId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_an_address("/orgs/{org}/apiKeys/{key}/accessList/localhost", "ipAddress");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_a_name_where_an_organizations_id_belongs("/orgs/tests/apiKeys/{key}", "orgId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_an_id_too_short("/orgs/00000000000000000000000/apiKeys", "orgId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_an_id_without_its_prefix("/orgs/{org}/serviceAccounts/000000000000000000000000", "clientId");
    //= 6: 400 PATH_PARAM_PARSE_ERROR
    r11_path_param_parse_error_a_secrets_id(
        "/orgs/{org}/serviceAccounts/mdb_sa_id_000000000000000000000000/secrets/x", "secretId"
    );
}

//= 6: 400 INVALID_PATH_PARAMETER, INVALID_QUERY_PARAMETER
#[test]
fn r12_invalid_query_parameter_names_the_parameter_and_its_value() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", &format!("{V2}/orgs?itemsPerPage=501")).send();
    let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", "501");
    assert_eq!(problem["parameters"], json!(["itemsPerPage"]));
    tells(&problem, &["itemsPerPage", "501", "from 1 to 500"], "501");
}

//= 6: 400 VALIDATION_ERROR
#[test]
fn r13_validation_error_any_other_breach_with_bad_request_detail() {
    let gateway = gateway();
    let many: Value = (0..201).map(|n| json!({ "ipAddress": format!("10.0.1.{n}") })).collect();
    let answer = call(&gateway, "POST", OWN_LIST).body(many.to_string()).send();
    let problem = refused(&answer, 400, "VALIDATION_ERROR", "201 entries");
    assert_eq!(problem["badRequestDetail"]["fields"][0]["field"], "body");
}

//= 6: 400 API_KEY_REQUIRES_DESCRIPTION
#[test]
fn r14_max_api_keys_per_org_exceeded() {
    let gateway = gateway_with(Options {
        more: "[limits]\nkeys_per_organization = 1".into(),
        ..Options::default()
    });
    let body = r#"{"desc":"one more","roles":["ORG_MEMBER"]}"#;
    let answer = call(&gateway, "POST", KEYS).body(body).send();
    let problem = refused(&answer, 400, "MAX_API_KEYS_PER_ORG_EXCEEDED", "the second");
    assert_eq!(problem["parameters"], json!([1]));
}

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
