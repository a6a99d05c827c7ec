//! Section 6: the shape of a refusal, and the case of each code that goes with 400. What each case looks like in detail is
//! in the sections that its rule comes from.

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
