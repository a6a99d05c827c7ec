//! Service accounts, their secrets and their lists over the admin API, through a real socket.

mod bodies;
mod lists;
mod secrets;

use portcullis::identity::Role;
use serde_json::{Value, json};

use crate::harness::account::bearer;
use crate::harness::client::{Answer, Credential};
use crate::harness::gateway::clock_at;
use crate::harness::{Account, Client, Gateway, Options, Upstream};

/// The one version that these resources have.
const VERSION: &str = "application/vnd.atlas.2024-08-05+json";

const HERE: &[&str] = &["127.0.0.1"];

/// An identifier that nothing has.
const NOTHING: &str = "000000000000000000000000";

fn gateway() -> Gateway {
    gateway_with("")
}

/// A gateway with these sections, whose clock stands at 2026-07-25T17:20:00Z.
fn gateway_with(more: &str) -> Gateway {
    let clock = Some(clock_at(1_785_000_000_000));
    let options = Options { clock, more: more.to_owned(), ..Options::default() };
    Gateway::with(Upstream::echo().address, options)
}

/// A call below the organization's service accounts by `credential`.
fn call_by(
    gateway: &Gateway,
    credential: &Credential,
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts{path}", gateway.org);
    let headers = [&*format!("Accept: {VERSION}"), "Content-Type: application/json"];
    gateway.api_with(credential, method, &target, &headers, body)
}

/// The same by the owner.
fn call(gateway: &Gateway, method: &str, path: &str, body: &str) -> Answer {
    call_by(gateway, &gateway.owner, method, path, body)
}

/// Checks a success that has a body, and gives the body.
#[track_caller]
fn accepted(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some(&*format!("{VERSION};charset=utf-8")));
    answer.json()
}

/// Checks a 204.
#[track_caller]
fn gone(answer: &Answer) {
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), Some(&*format!("{VERSION};charset=utf-8")));
    assert_eq!(answer.header("content-length"), None);
}

/// Checks a refusal, and gives its body.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.error_code(), code);
    answer.json()
}

/// Checks that the detail of a refusal tells each of `words`.
#[track_caller]
fn tells(body: &Value, words: &[&str]) {
    let detail = body["detail"].as_str().unwrap();
    for word in words {
        assert!(detail.contains(word), "{word:?} is not in {detail:?}");
    }
}

/// What a client sends for a new account.
fn new_account() -> Value {
    json!({
        "description": "Builds of every branch",
        "name": "ci",
        "roles": ["ORG_READ_ONLY", "ORG_GROUP_CREATOR"],
        "secretExpiresAfterHours": 8,
    })
}

/// Makes an account with a secret, as the owner.
fn make(gateway: &Gateway) -> Value {
    accepted(&call(gateway, "POST", "", &new_account().to_string()), 201)
}

/// The path of an account, below the accounts.
fn path_of(account: &Value) -> String {
    format!("/{}", account["clientId"].as_str().unwrap())
}

fn is_hex(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn a_new_account_shows_its_secret_once_and_its_end_ever_after() {
    let mut gateway = gateway();
    let made = make(&gateway);
    let client_id = made["clientId"].as_str().unwrap().to_owned();
    let secret_id = made["secrets"][0]["id"].as_str().unwrap().to_owned();
    let secret = made["secrets"][0]["secret"].as_str().unwrap().to_owned();
    assert!(client_id.strip_prefix("mdb_sa_id_").is_some_and(is_hex), "{client_id}");
    assert!(is_hex(&secret_id), "{secret_id}");
    let random = secret.strip_prefix("mdb_sa_sk_").unwrap();
    assert!(random.len() == 40, "{secret}");
    let shown_with = |name: &str, value: &str| {
        json!({
            "clientId": client_id,
            "createdAt": "2026-07-25T17:20:00Z",
            "description": "Builds of every branch",
            "name": "ci",
            "roles": ["ORG_GROUP_CREATOR", "ORG_READ_ONLY"],
            "secrets": [{
                "createdAt": "2026-07-25T17:20:00Z",
                "expiresAt": "2026-07-26T01:20:00Z",
                "id": secret_id,
                name: value,
            }],
            "systemManaged": false,
        })
    };
    assert_eq!(made, shown_with("secret", &secret));
    let masked = shown_with("maskedSecretValue", &format!("mdb_sa_sk_...{}", &random[36..]));
    gateway.restart();
    let path = path_of(&made);
    assert_eq!(accepted(&call(&gateway, "GET", &path, ""), 200), masked);
    assert_eq!(accepted(&call(&gateway, "PATCH", &path, "{}"), 200), masked);
    let page = accepted(&call(&gateway, "GET", "", ""), 200);
    assert_eq!(page["results"], json!([masked]));
    assert_eq!(page["totalCount"], 1);
    assert_eq!(page["links"].as_array().unwrap().len(), 1);
}

#[test]
fn an_account_may_be_made_without_a_secret_and_get_one_later() {
    let gateway = gateway();
    let mut new = new_account();
    new["withoutInitialSecret"] = true.into();
    new["secretExpiresAfterHours"] = Value::Null;
    let made = accepted(&call(&gateway, "POST", "", &new.to_string()), 201);
    assert_eq!(made["secrets"], json!([]));
    let secrets = format!("{}/secrets", path_of(&made));
    let body = r#"{"secretExpiresAfterHours":8760}"#;
    let secret = accepted(&call(&gateway, "POST", &secrets, body), 201);
    assert_eq!(secret["expiresAt"], "2027-07-25T17:20:00Z");
    let account = Account {
        client_id: made["clientId"].as_str().unwrap().to_owned(),
        secret_id: String::new(),
        secret: secret["secret"].as_str().unwrap().to_owned(),
    };
    account.token(&gateway);
}

#[test]
fn a_change_replaces_what_it_names_and_leaves_the_rest() {
    let mut gateway = gateway();
    let made = make(&gateway);
    let path = path_of(&made);
    let mut expected = accepted(&call(&gateway, "GET", &path, ""), 200);
    for (name, value) in [
        ("name", json!("cd")),
        ("description", json!("Ships it.")),
        ("roles", json!(["ORG_OWNER"])),
    ] {
        let mut change = json!({ "name": null, "description": null, "roles": null });
        change[name] = value.clone();
        expected[name] = value;
        let changed = call(&gateway, "PATCH", &path, &change.to_string());
        assert_eq!(accepted(&changed, 200), expected, "{name}");
        assert_eq!(accepted(&call(&gateway, "GET", &path, ""), 200), expected, "{name}");
    }
    gateway.restart();
    assert_eq!(accepted(&call(&gateway, "GET", &path, ""), 200), expected);
}

#[test]
fn what_is_not_there_is_named_in_the_same_answer_everywhere() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    gone(&call(&gateway, "DELETE", &path, ""));
    let id = &path[1..];
    let entries = r#"[{"ipAddress":"203.0.113.10"}]"#;
    let hours = r#"{"secretExpiresAfterHours":8}"#;
    for (method, rest, body) in [
        ("GET", "", ""),
        ("PATCH", "", r#"{"name":"x"}"#),
        ("DELETE", "", ""),
        ("POST", "/secrets", hours),
        ("DELETE", &*format!("/secrets/{NOTHING}"), ""),
        ("GET", "/accessList", ""),
        ("POST", "/accessList", entries),
        ("DELETE", "/accessList/203.0.113.10", ""),
    ] {
        let answer = call(&gateway, method, &format!("{path}{rest}"), body);
        let body = refused(&answer, 404, "RESOURCE_NOT_FOUND");
        if rest.contains("203.0.113.10") {
            continue;
        }
        assert_eq!(body["parameters"], json!([id]), "{method} {rest}");
        tells(&body, &["service account", id]);
    }
    // An API key is no service account, and one of these is no API key.
    let key = format!("/mdb_sa_id_{}", gateway.key_id);
    refused(&call(&gateway, "GET", &key, ""), 404, "RESOURCE_NOT_FOUND");
    let made = make(&gateway);
    let id = made["clientId"].as_str().unwrap().strip_prefix("mdb_sa_id_").unwrap();
    let as_key = gateway.api("GET", &format!("/orgs/{}/apiKeys/{id}", gateway.org), "");
    assert_eq!(as_key.error_code(), "API_KEY_NOT_FOUND");
}

#[test]
fn an_account_of_another_organization_is_one_that_does_not_exist() {
    let gateway = gateway();
    let made = make(&gateway);
    let (other, _, stranger) = gateway.new_organization("other");
    let path = path_of(&made);
    let refusal = call_by(&gateway, &stranger, "GET", &path, "");
    refused(&refusal, 404, "ORG_NOT_FOUND");
    let target = format!("/api/atlas/v2/orgs/{other}/serviceAccounts{path}");
    let accept = [&*format!("Accept: {VERSION}")];
    let answer = gateway.api_with(&stranger, "GET", &target, &accept, "");
    refused(&answer, 404, "RESOURCE_NOT_FOUND");
}

#[test]
fn accounts_are_listed_page_by_page_oldest_first() {
    let gateway = gateway();
    let made: Vec<_> = (0..3).map(|_| make(&gateway)["clientId"].clone()).collect();
    let page = |query: &str| accepted(&call(&gateway, "GET", query, ""), 200);
    let first = page("?itemsPerPage=2&includeSystemManaged=true");
    let ids = |page: &Value| {
        let results = page["results"].as_array().unwrap().iter();
        results.map(|account| account["clientId"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&first), &first["totalCount"]), (made[..2].to_vec(), &json!(3)));
    let next = first["links"][1]["href"].as_str().unwrap();
    assert!(next.contains("includeSystemManaged=true"), "{next}");
    let (_, query) = next.split_once('?').unwrap();
    assert_eq!(ids(&page(&format!("?{query}"))), made[2..]);
    assert_eq!(ids(&page("?includeSystemManaged=false")), made);
    for wrong in ["?includeSystemManaged=1", "?includeSystemManaged=yes", "?itemsPerPage=501"] {
        refused(&call(&gateway, "GET", wrong, ""), 400, "INVALID_QUERY_PARAMETER");
    }
}

#[test]
fn reading_takes_the_read_only_role_and_changing_the_owner_s() {
    let gateway = gateway();
    let made = make(&gateway);
    let (path, secret) = (path_of(&made), made["secrets"][0]["id"].as_str().unwrap());
    let (_, reader) = gateway.new_key(&[Role::ReadOnly], HERE);
    let (_, member) = gateway.new_key(&[Role::Member, Role::BillingAdmin], HERE);
    for (method, path, needed) in [
        ("GET", String::new(), "ORG_READ_ONLY"),
        ("GET", path.clone(), "ORG_READ_ONLY"),
        ("GET", format!("{path}/accessList"), "ORG_READ_ONLY"),
        ("POST", String::new(), "ORG_OWNER"),
        ("PATCH", path.clone(), "ORG_OWNER"),
        ("DELETE", path.clone(), "ORG_OWNER"),
        ("POST", format!("{path}/secrets"), "ORG_OWNER"),
        ("DELETE", format!("{path}/secrets/{secret}"), "ORG_OWNER"),
        ("POST", format!("{path}/accessList"), "ORG_OWNER"),
        ("DELETE", format!("{path}/accessList/127.0.0.1"), "ORG_OWNER"),
    ] {
        let refusal =
            refused(&call_by(&gateway, &member, method, &path, ""), 403, "USER_UNAUTHORIZED");
        assert_eq!(refusal["parameters"], json!([needed]), "{method} {path}");
        let answer = call_by(&gateway, &reader, method, &path, "");
        let expected = if needed == "ORG_OWNER" { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{method} {path}");
    }
    accepted(&call(&gateway, "GET", &path, ""), 200);
}

#[test]
fn the_version_of_service_accounts_is_the_one_of_2024_08_05_and_any_later_date() {
    let gateway = gateway();
    make(&gateway);
    let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts", gateway.org);
    let ask = |target: &str, accept: &str| {
        gateway.api_with(&gateway.owner, "GET", target, &[&format!("Accept: {accept}")], "")
    };
    for date in ["2024-08-05", "2025-03-12"] {
        accepted(&ask(&target, &format!("application/vnd.atlas.{date}+json")), 200);
    }
    for accept in ["application/vnd.atlas.2023-01-01+json", "application/json", "*/*"] {
        let refusal = refused(&ask(&target, accept), 406, "INVALID_VERSION_DATE");
        tells(&refusal, &["2024-08-05"]);
    }
    for prefix in ["/api/atlas/v1.0", "/api/public/v1.0"] {
        let target = format!("{prefix}/orgs/{}/serviceAccounts/", gateway.org);
        let answer = ask(&target, "*/*");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["totalCount"], 1);
    }
}

#[test]
fn the_last_owner_stays_one_whether_it_is_a_key_or_an_account() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Owner, HERE);
    let path = format!("/{}", account.client_id);
    let key = format!("/orgs/{}/apiKeys/{}", gateway.org, gateway.key_id);
    let token = account.token(&gateway);
    let by_token = |method: &str, path: &str, body: &str| {
        let target = format!("/api/atlas/v1.0/orgs/{}{path}", gateway.org);
        let lines = [&*bearer(&token)];
        Client::connect(gateway.admin()).request(method, &target, &lines, body.as_bytes())
    };
    assert_eq!(gateway.api("DELETE", &key, "").status, 204, "the account is an owner too");
    for (method, body) in [("DELETE", ""), ("PATCH", r#"{"roles":["ORG_MEMBER"]}"#)] {
        let answer = by_token(method, &format!("/serviceAccounts{path}"), body);
        let refusal = refused(&answer, 409, "CANNOT_REMOVE_LAST_OWNER");
        assert_eq!(refusal["parameters"], json!([account.client_id]));
    }
}

#[test]
fn an_organization_has_so_many_accounts_and_no_more() {
    let gateway = gateway_with("[limits]\nservice_accounts_per_organization = 2");
    let made = make(&gateway);
    make(&gateway);
    let answer = call(&gateway, "POST", "", &new_account().to_string());
    let refusal = refused(&answer, 400, "MAX_SERVICE_ACCOUNTS_PER_ORG_EXCEEDED");
    assert_eq!(refusal["parameters"], json!([2]));
    gone(&call(&gateway, "DELETE", &path_of(&made), ""));
    make(&gateway);
}

#[test]
fn head_works_wherever_get_does_and_other_methods_are_told() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    for target in [String::new(), path.clone(), format!("{path}/accessList")] {
        let (get, head) = (call(&gateway, "GET", &target, ""), call(&gateway, "HEAD", &target, ""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    for (method, path, allow) in [
        ("PUT", String::new(), "GET, HEAD, POST"),
        ("POST", path.clone(), "DELETE, GET, HEAD, PATCH"),
        ("GET", format!("{path}/secrets"), "POST"),
        ("GET", format!("{path}/secrets/{NOTHING}"), "DELETE"),
        ("GET", format!("{path}/accessList/127.0.0.1"), "DELETE"),
        ("HEAD", format!("{path}/accessList/127.0.0.1"), "DELETE"),
        ("PATCH", format!("{path}/accessList"), "GET, HEAD, POST"),
    ] {
        let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts{path}", gateway.org);
        let answer = Client::connect(gateway.admin()).request(method, &target, &[], b"");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[test]
fn an_account_is_named_by_its_client_id_alone() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    let digits = path.strip_prefix("/mdb_sa_id_").unwrap();
    for wrong in [format!("/{digits}"), "/ci".to_owned(), path.to_uppercase()] {
        let refusal = refused(&call(&gateway, "GET", &wrong, ""), 400, "PATH_PARAM_PARSE_ERROR");
        tells(&refusal, &["clientId", "mdb_sa_id_"]);
    }
    let refusal = refused(
        &call(&gateway, "DELETE", &format!("{path}/secrets/x"), ""),
        400,
        "PATH_PARAM_PARSE_ERROR",
    );
    tells(&refusal, &["secretId", "\"x\""]);
}
