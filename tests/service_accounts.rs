//! Service accounts, their secrets and their lists over the admin API, where the published contract does not say.

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
