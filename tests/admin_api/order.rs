//! Section 12, the order of checks: of several reasons to refuse a call, the earlier one is told.

use portcullis::identity::Role;

use super::*;

#[test]
fn of_several_faults_the_earliest_check_s_is_told() {
    let gateway = gateway();
    let (member_key, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let wrong = Credential { private_key: "wrong".into(), ..member.clone() };
    let (bad, good) = (["Content-Type: text/plain"], [&*format!("Accept: {VERSION}")]);
    let unversioned_json = ["Content-Type: application/json"];
    let bad_type = [good[0], bad[0]];
    let path = |org: &str, key: &str, query: &str| {
        format!("{V2}/orgs/{org}/apiKeys/{key}/accessList{query}")
    };
    let own = gateway.org.to_string();
    let listed = "127.0.0.1";
    // Each of these breaks every later rule as well, as far as it can.
    for (check, method, target, credential, from, lines, status, code) in [
        (
            "route",
            "POST",
            format!("{V2}/nothing?pageNum=0"),
            &wrong,
            "127.0.0.2",
            &bad[..],
            404,
            "RESOURCE_NOT_FOUND",
        ),
        (
            "route: method",
            "PUT",
            path(NOTHING, "x", "?pageNum=0"),
            &wrong,
            "127.0.0.2",
            &bad,
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            "credentials",
            "POST",
            path(NOTHING, "x", "?pageNum=0"),
            &wrong,
            "127.0.0.2",
            &bad,
            401,
            "UNEXPECTED_ERROR",
        ),
        (
            "the caller's list",
            "POST",
            path(NOTHING, "x", "?pageNum=0"),
            &member,
            "127.0.0.2",
            &bad,
            403,
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
        ),
        (
            "organization",
            "POST",
            path(NOTHING, "x", "?pageNum=0"),
            &member,
            listed,
            &bad,
            404,
            "ORG_NOT_FOUND",
        ),
        (
            "role",
            "POST",
            path(&own, "x", "?pageNum=0"),
            &member,
            listed,
            &bad,
            403,
            "USER_UNAUTHORIZED",
        ),
        (
            "version",
            "POST",
            path(&own, "x", "?pageNum=0"),
            &gateway.owner,
            listed,
            &unversioned_json,
            406,
            "INVALID_VERSION_DATE",
        ),
        (
            "query",
            "POST",
            path(&own, "x", "?pageNum=0"),
            &gateway.owner,
            listed,
            &bad_type,
            400,
            "INVALID_QUERY_PARAMETER",
        ),
        (
            "path",
            "POST",
            path(&own, "x", ""),
            &gateway.owner,
            listed,
            &bad_type,
            400,
            "PATH_PARAM_PARSE_ERROR",
        ),
        (
            "body: its type",
            "POST",
            path(&own, NOTHING, ""),
            &gateway.owner,
            listed,
            &bad_type,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "body",
            "POST",
            path(&own, NOTHING, ""),
            &gateway.owner,
            listed,
            &good,
            400,
            "MALFORMED_JSON",
        ),
    ] {
        let call = call(&gateway, method, &target).by(credential).from(from);
        refused(&call.headers(lines).body("nonsense").send(), status, code, check);
    }
    let absent = call(&gateway, "POST", &path(&own, NOTHING, ""));
    let answer = absent.body(r#"[{"ipAddress":"10.0.0.1"}]"#).send();
    refused(&answer, 404, "API_KEY_NOT_FOUND", "existence");
    assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"]);
    assert_eq!(stored(&gateway, &list_of(&member_key)), ["127.0.0.1/32"]);
}

#[test]
fn a_refused_call_changes_nothing_however_good_its_body() {
    let gateway = gateway();
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let forged = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
    let list = list_of("{key}");
    let post = || call(&gateway, "POST", &list).body(r#"[{"cidrBlock":"0.0.0.0/0"}]"#);
    refused(&post().send_anonymously(), 401, "UNEXPECTED_ERROR", "no credential");
    refused(&post().by(&forged).send(), 401, "UNEXPECTED_ERROR", "a wrong one");
    refused(&post().from("127.0.0.2").send(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "elsewhere");
    refused(&post().by(&member).send(), 403, "USER_UNAUTHORIZED", "no owner");
    refused(&post().headers(&[]).send(), 406, "INVALID_VERSION_DATE", "no version");
    assert_eq!(stored(&gateway, &list), ["127.0.0.1/32"]);
}
