use serde_json::json;

use super::*;
use crate::addr::Prefix;
use crate::admin::version::V2023_01_01;
use crate::control::{CommandError, ListOwner};
use crate::id::{CredentialId, SecretId};
use crate::problem::Parameter;
use crate::store::StoreError;

const PATH: &str = "/api/atlas/v2/orgs";

fn org() -> OrgId {
    "32b6e34b3d91647abb20e7b8".parse().unwrap()
}

fn key() -> CredentialId {
    "65f0c0ffee0123456789abcd".parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    Prefix::parse(text).unwrap()
}

fn client() -> ClientIp {
    ClientIp::from("192.0.2.7".parse::<std::net::IpAddr>().unwrap())
}

fn failed(about: About, source: CommandError) -> Rejection {
    Rejection::Command(Box::new(Failure { about, address: client(), source }))
}

fn violated(rule: Rule) -> Rejection {
    Rejection::Input(Violation {
        field: "[0].cidrBlock".to_owned(),
        name: "cidrBlock".to_owned(),
        found: "\"x\"".to_owned(),
        rule,
    })
}

fn json_error(text: &str) -> serde_json::Error {
    serde_json::from_str::<serde_json::Value>(text).unwrap_err()
}

#[track_caller]
fn answers(rejection: &Rejection, status: u16, code: &str, parameters: serde_json::Value) {
    let problem = rejection.problem(PATH);
    let found = (problem.status.as_u16(), problem.code, json!(problem.parameters));
    assert_eq!(found, (status, code, parameters), "{rejection}");
    assert!(problem.detail.ends_with('.'), "{}", problem.detail);
}

#[test]
fn what_comes_before_the_body_has_the_published_status_and_code() {
    answers(&Rejection::PeerUnknown, 500, "UNEXPECTED_ERROR", json!([]));
    answers(&Rejection::Panicked, 500, "UNEXPECTED_ERROR", json!([]));
    answers(&AuthorityError::Several.into(), 400, "VALIDATION_ERROR", json!([]));
    answers(&RouteError::NotFound.into(), 404, "RESOURCE_NOT_FOUND", json!([PATH]));
    let not_allowed = RouteError::MethodNotAllowed { allow: "GET, HEAD".to_owned() };
    answers(&not_allowed.into(), 405, "METHOD_NOT_ALLOWED", json!([]));
    answers(&Rejection::NoOrganization(org()), 404, "ORG_NOT_FOUND", json!([org().to_string()]));
    let role = Rejection::Role { needed: Role::Owner };
    answers(&role, 403, "USER_UNAUTHORIZED", json!(["ORG_OWNER"]));
    let version = Rejection::Version { first: V2023_01_01 };
    answers(&version, 406, "INVALID_VERSION_DATE", json!([]));
    let query = QueryError { name: "pageNum", value: "\"0\"".to_owned(), expected: "1 or more" };
    answers(&query.into(), 400, "INVALID_QUERY_PARAMETER", json!(["pageNum"]));
    let segment =
        ParameterError { name: "orgId", value: "\"x\"".to_owned(), expected: "an identifier" };
    answers(&segment.into(), 400, "PATH_PARAM_PARSE_ERROR", json!([PATH]));
}

#[test]
fn an_address_that_is_not_admitted_is_named() {
    for (denial, code) in [
        (Denial::NotListed, "IP_ADDRESS_NOT_ON_ACCESS_LIST"),
        (Denial::ListRequired, "ORG_REQUIRES_ACCESS_LIST"),
        (Denial::NotOnNamedList, "ACCESS_FORBIDDEN"),
    ] {
        let rejection = Rejection::Address { denial, address: client() };
        answers(&rejection, 403, code, json!(["192.0.2.7"]));
        assert!(rejection.problem(PATH).detail.contains("192.0.2.7"));
    }
}

#[test]
fn a_method_that_is_not_allowed_is_answered_with_those_that_are() {
    let mut headers = HeaderMap::new();
    let rejection =
        Rejection::Route(RouteError::MethodNotAllowed { allow: "GET, HEAD, POST".to_owned() });
    rejection.add_headers(&mut headers);
    assert_eq!(headers[ALLOW], "GET, HEAD, POST");
}

#[test]
fn a_body_that_can_t_be_used_has_the_published_status_and_code() {
    let odd = BodyError::ContentType { found: "text/plain".to_owned() };
    answers(&odd.into(), 415, "UNSUPPORTED_MEDIA_TYPE", json!(["text/plain"]));
    answers(&BodyError::TooLarge { limit: 9 }.into(), 413, "PAYLOAD_TOO_LARGE", json!([9]));
    answers(&BodyError::Malformed(json_error("{")).into(), 400, "MALFORMED_JSON", json!([]));
    answers(&BodyError::Ambiguous(json_error("{")).into(), 400, "INVALID_JSON", json!([]));
    let broken = axum::Error::new(std::io::Error::other("the peer is gone"));
    answers(&BodyError::Slow.into(), 408, "REQUEST_TIMEOUT", json!([]));
    answers(&BodyError::Incomplete(broken).into(), 400, "MALFORMED_JSON", json!([]));
}

#[test]
fn a_broken_rule_has_the_published_code_and_names_the_field() {
    let canonical = prefix("203.0.113.0/24");
    let name = json!(["cidrBlock"]);
    for (rule, code, parameters) in [
        (Rule::Type("a string"), "INVALID_ATTRIBUTE", name.clone()),
        (Rule::Members("a and b"), "INVALID_ATTRIBUTE", name.clone()),
        (Rule::OneAddress, "BAD_ACCESS_LIST_ADD_REQUEST", name.clone()),
        (Rule::AnAddress, "MISSING_ONE_OF_ATTRIBUTES", json!(["ipAddress", "cidrBlock"])),
        (Rule::Address(PrefixError::Address), "INVALID_IP_ADDRESS_OR_CIDR_NOTATION", name.clone()),
        (Rule::Range(PrefixError::Mapped), "INVALID_CIDR_BLOCK", name.clone()),
        (
            Rule::Range(PrefixError::HostBits { canonical }),
            "ATLAS_NON_CANONICAL_CIDR_BLOCK",
            name.clone(),
        ),
        (Rule::Specified, "CANNOT_ADD_IP_ADDRESS_TO_API_KEY_ACCESS_LIST", name.clone()),
        (Rule::Entries { limit: 200 }, "VALIDATION_ERROR", json!([200])),
        (Rule::Description, "API_KEY_REQUIRES_DESCRIPTION", name.clone()),
        (Rule::DescriptionLength, "INVALID_API_KEY_DESC", name.clone()),
        (Rule::SomeRole, "MISSING_API_KEY_ROLES", name.clone()),
        (Rule::OrganizationRole, "INVALID_ROLE_FOR_ORG", name.clone()),
        (Rule::Member("a name"), "MISSING_ATTRIBUTE", name.clone()),
        (Rule::PlainText { most: 64 }, "VALIDATION_ERROR", name.clone()),
        (Rule::ARole, "VALIDATION_ERROR", name.clone()),
        (Rule::Number("a number"), "VALIDATION_ERROR", name.clone()),
        (Rule::NoHours, "VALIDATION_ERROR", name.clone()),
        (Rule::Held("false"), "VALIDATION_ERROR", name.clone()),
    ] {
        let rejection = violated(rule);
        answers(&rejection, 400, code, parameters);
        let problem = rejection.problem(PATH);
        assert_eq!(problem.fields[0].field, "[0].cidrBlock");
        assert!(problem.fields[0].description.contains("expected "));
    }
}

#[test]
fn a_refused_command_has_the_published_status_and_code() {
    let (org_text, key_text) = (org().to_string(), key().to_string());
    let keys = About::Organization(org());
    let about = About::Credential(org(), ListOwner::Key(key()));
    let host = About::Entry(org(), ListOwner::Key(key()), prefix("10.0.0.1"));
    let range = About::Entry(org(), ListOwner::Key(key()), prefix("10.0.0.0/8"));
    let no_entry = "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND";
    for (about, error, status, code, parameters) in [
        (keys, CommandError::OrganizationNotFound, 404, "ORG_NOT_FOUND", json!([org_text])),
        (about, CommandError::KeyNotFound, 404, "API_KEY_NOT_FOUND", json!([key_text])),
        (host, CommandError::EntryNotFound, 404, no_entry, json!(["10.0.0.1", key_text])),
        (range, CommandError::EntryNotFound, 404, no_entry, json!(["10.0.0.0/8", key_text])),
        (
            keys,
            CommandError::TooManyKeys { limit: 500 },
            400,
            "MAX_API_KEYS_PER_ORG_EXCEEDED",
            json!([500]),
        ),
        (about, CommandError::TooManyEntries { limit: 200 }, 400, "VALIDATION_ERROR", json!([200])),
        (
            host,
            CommandError::RemovesCaller,
            400,
            "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST",
            json!(["192.0.2.7"]),
        ),
        (about, CommandError::LastOwner, 409, "CANNOT_REMOVE_LAST_OWNER", json!([key_text])),
        (about, CommandError::Store(StoreError::Closed), 503, "SERVICE_UNAVAILABLE", json!([])),
    ] {
        answers(&failed(about, error), status, code, parameters);
    }
}

#[test]
fn a_refused_command_on_a_service_account_names_it_as_oauth_does() {
    let client = format!("mdb_sa_id_{}", key());
    let secret: SecretId = "6610c0ffee0123456789abcd".parse().unwrap();
    let owner = ListOwner::Account(key());
    let accounts = About::Organization(org());
    let account = About::Credential(org(), owner);
    let entry = About::Entry(org(), owner, prefix("10.0.0.0/8"));
    let a_secret = About::Secret(org(), key(), secret);
    let secret = secret.to_string();
    let (none, invalid) = ("RESOURCE_NOT_FOUND", "VALIDATION_ERROR");
    for (about, error, status, code, parameters) in [
        (account, CommandError::AccountNotFound, 404, none, json!([client])),
        (a_secret, CommandError::SecretNotFound, 404, none, json!([secret, client])),
        (entry, CommandError::EntryNotFound, 404, none, json!(["10.0.0.0/8", client])),
        (
            accounts,
            CommandError::TooManyAccounts { limit: 200 },
            400,
            "MAX_SERVICE_ACCOUNTS_PER_ORG_EXCEEDED",
            json!([200]),
        ),
        (
            account,
            CommandError::TooManySecrets { limit: 2 },
            400,
            "MAX_SECRETS_PER_SERVICE_ACCOUNT_EXCEEDED",
            json!([2]),
        ),
        (
            account,
            CommandError::SecretTooLong { hours: 99, most: 24 },
            400,
            invalid,
            json!(["secretExpiresAfterHours"]),
        ),
        (account, CommandError::LastOwner, 409, "CANNOT_REMOVE_LAST_OWNER", json!([client])),
        (
            accounts,
            CommandError::LocksOutCaller,
            409,
            "ORG_REQUIRES_ACCESS_LIST",
            json!(["192.0.2.7"]),
        ),
    ] {
        answers(&failed(about, error), status, code, parameters);
    }
    let long = failed(account, CommandError::SecretTooLong { hours: 99, most: 24 }).problem(PATH);
    assert!(long.detail.contains("99") && long.detail.contains("24"), "{}", long.detail);
    assert_eq!(long.fields[0].field, "secretExpiresAfterHours");
}

#[test]
fn what_failed_inside_is_told_to_nobody_outside() {
    let error = StoreError::Io {
        path: "/var/lib/portcullis/portcullis.db".into(),
        action: "write",
        source: std::io::Error::from(std::io::ErrorKind::StorageFull),
    };
    let rejection = failed(About::Organization(org()), CommandError::Store(error));
    answers(&rejection, 500, "UNEXPECTED_ERROR", json!([]));
    assert!(!rejection.problem(PATH).to_json().to_string().contains("portcullis.db"));
}

#[test]
fn a_long_path_is_cut() {
    let path = format!("/{}", "x".repeat(60_000));
    let problem = Rejection::Route(RouteError::NotFound).problem(&path);
    assert!(problem.to_json().to_string().len() < 600);
    assert!(matches!(&problem.parameters[0], Parameter::Text(text) if text.ends_with('…')));
}
