//! Section 9, tokens: how a client asks for one, what it gets, and when it ends.

use super::*;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::time::{Clock, Timestamp};

use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

const TOKEN: &str = "/api/oauth/token";
const REVOKE: &str = "/api/oauth/revoke";

fn with_clock() -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    (gateway_with(Options { clock: Some(clock.clone()), ..Options::default() }), clock)
}

fn form(gateway: &Gateway, target: &str, lines: &[&str], body: &str) -> Answer {
    post_form(&mut Client::connect(gateway.admin()), target, lines, body)
}

/// The line of a client that authenticates by Basic.
fn basic(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Checks a refusal in the shape of OAuth, and gives what it describes.
#[track_caller]
fn oauth_refused(answer: &Answer, status: u16, error: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "error_description"], "never the API's shape: {body}");
    assert_eq!(body["error"], error);
    assert_eq!(answer.header("x-error-code"), None);
    let challenge = (status == 401).then_some("Basic realm=\"MMS Public API\"");
    assert_eq!(answer.header("www-authenticate"), challenge);
    body["error_description"].as_str().unwrap().to_owned()
}

fn orgs_bearing(gateway: &Gateway, token: &str) -> Answer {
    call(gateway, "GET", &format!("{V2}/orgs")).send_bearing(token)
}

/// What is answered to a token that holds no more.
#[track_caller]
fn has_ended(gateway: &Gateway, token: &str) {
    for plane in [gateway.admin(), gateway.proxy()] {
        let answer =
            Client::connect(plane).request("GET", "/api/atlas/v1.0/orgs", &[&bearer(token)], b"");
        refused(&answer, 401, "UNEXPECTED_ERROR", "a token that has ended");
    }
}

//= 9: request
#[test]
fn r01_request_post_api_oauth_token_with_a_form_of_grant_type_and_a_scope_that_is_ignored() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    for scope in ["", "&scope=", "&scope=openid+profile", "&scope=everything&x=1"] {
        let answer = form(&gateway, TOKEN, &[], &format!("{}{scope}", account.form()));
        let token = accepted(&answer, scope)["access_token"].as_str().unwrap().to_owned();
        accepted(&orgs_bearing(&gateway, &token), "whatever the scope");
    }
}

//= 9: client authentication
#[test]
fn r02_client_authentication_basic() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    let grant = "grant_type=client_credentials";
    let line = basic(&account.client_id, &account.secret);
    accepted(&form(&gateway, TOKEN, &[&line], grant), "Basic");
}

//= 9: client authentication
#[test]
fn r02_client_authentication_basic_is_form_decoded_after_splitting() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    // Every byte escaped, as no library does it; those that do it escape some.
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let line = basic(&escaped(&account.client_id), &escaped(&account.secret));
    let answer = form(&gateway, TOKEN, &[&line], "grant_type=client_credentials");
    accepted(&answer, "percent-encoded before base64");
    let twice = basic(&account.client_id, &escaped(&escaped(&account.secret)));
    let answer = form(&gateway, TOKEN, &[&twice], "grant_type=client_credentials");
    oauth_refused(&answer, 401, "invalid_client");
}

//= 9: client authentication
#[test]
fn r02_client_authentication_client_id_and_client_secret_in_the_form() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    accepted(&account.ask(&gateway), "in the form and no Basic");
}

//= 9: answer | 200
#[test]
fn r03_answer_200_access_token_token_type_bearer_expires_in_3600_no_refresh_token_no_store() {
    let gateway = gateway();
    let answer = Account::new(&gateway, Role::Member, &[]).ask(&gateway);
    let body = accepted(&answer, "a token");
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "token_type"]);
    assert_eq!((&body["expires_in"], &body["token_type"]), (&json!(3600), &json!("Bearer")));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

//= 9: the token
#[test]
fn r04_the_token_is_a_jwt_that_clients_treat_as_opaque() {
    let gateway = gateway();
    let token = Account::new(&gateway, Role::Member, &[]).token(&gateway);
    let parts: Vec<_> = token.split('.').collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    assert!(parts.len() == 3 && parts.iter().all(|part| part.bytes().all(plain)), "{token}");
}

//= 9: limit
#[test]
fn r05_limit_10_requests_a_minute() {
    let (gateway, clock) = with_clock();
    let account = Account::new(&gateway, Role::Member, &[]);
    let other = Account::new(&gateway, Role::Member, &[]);
    for _ in 0..10 {
        accepted(&account.ask(&gateway), "within the limit");
    }
    let answer = account.ask(&gateway);
    oauth_refused(&answer, 429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("6"));
    accepted(&other.ask(&gateway), "each has its own");
    clock.set(Timestamp::from_millis(NOON + 6_000));
    accepted(&account.ask(&gateway), "six seconds later");
}

//= 9: limit
#[test]
fn r05_limit_100_live_tokens_per_account() {
    let clock = clock_at(NOON);
    let gateway = gateway_with(Options {
        clock: Some(clock.clone()),
        more: "[rate_limits]\ntoken = \"off\"".into(),
        ..Options::default()
    });
    let account = Account::new(&gateway, Role::Member, &[]);
    let first = account.token(&gateway);
    for _ in 1..100 {
        accepted(&account.ask(&gateway), "within the limit");
    }
    let answer = account.ask(&gateway);
    let description = oauth_refused(&answer, 429, "rate_limited");
    assert!(description.contains("100"), "{description}");
    let revoke = format!("{}&token={first}", account.form());
    assert_eq!(form(&gateway, REVOKE, &[], &revoke).status, 200);
    accepted(&account.ask(&gateway), "one less makes room");
    clock.set(Timestamp::from_millis(NOON + 3_600_000));
    accepted(&account.ask(&gateway), "and so does the hour");
}

//= 9: errors
#[test]
fn r06_errors_401_invalid_client_alike_for_a_wrong_secret_and_an_unknown_client() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    let wrong = format!("mdb_sa_sk_{}", "x".repeat(40));
    let (id, secret) = (&account.client_id, &account.secret);
    let grant = "grant_type=client_credentials";
    let key = &gateway.owner;
    let mut heard = BTreeSet::new();
    for (case, line, body) in [
        ("nothing presented", None, grant.to_owned()),
        ("a wrong secret", Some(basic(id, &wrong)), grant.to_owned()),
        ("an empty secret", Some(basic(id, "")), grant.to_owned()),
        ("an unknown client", Some(basic(&format!("mdb_sa_id_{NOTHING}"), secret)), grant.into()),
        ("no client's name at all", Some(basic("robot", secret)), grant.to_owned()),
        ("an API key", Some(basic(&key.public_key, &key.private_key)), grant.to_owned()),
        ("another scheme", Some(bearer("abc")), grant.to_owned()),
        ("no Base64", Some("Authorization: Basic !".to_owned()), grant.to_owned()),
        ("half of it in the form", None, format!("{grant}&client_id={id}")),
        ("wrong in the form", None, format!("{grant}&client_id={id}&client_secret={wrong}")),
        ("before the grant type is looked at", None, "grant_type=password".to_owned()),
    ] {
        let lines: Vec<&str> = line.as_deref().into_iter().collect();
        let answer = form(&gateway, TOKEN, &lines, &body);
        heard.insert(oauth_refused(&answer, 401, "invalid_client"));
        assert_eq!(heard.len(), 1, "{case}: {heard:?}");
    }
}

/// A form beside a good client, without the client's own parameters.
fn form_is_400(target: &str, body: &str, error: &str) {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    let line = basic(&account.client_id, &account.secret);
    oauth_refused(&form(&gateway, target, &[&line], body), 400, error);
}

table! { form_is_400;
    //= 9: errors
    r06_errors_400_invalid_request_without_a_grant_type(TOKEN, "scope=x", "invalid_request");
    //= 9: errors
    r06_errors_400_invalid_request_with_a_parameter_twice(
        TOKEN, "grant_type=client_credentials&grant_type=client_credentials", "invalid_request"
    );
    //= 9: errors
    r06_errors_400_invalid_request_with_the_secret_in_two_places(
        TOKEN, "grant_type=client_credentials&client_secret=x", "invalid_request"
    );
    //= 9: errors
    r06_errors_400_invalid_request_to_revoke_nothing(REVOKE, "token_type_hint=access_token", "invalid_request");
    //= 9: errors
    r06_errors_400_invalid_request_to_revoke_an_empty_token(REVOKE, "token=", "invalid_request");
    //= 9: errors
    r06_errors_400_unsupported_grant_type(TOKEN, "grant_type=password", "unsupported_grant_type");
    //= 9: errors
    r06_errors_400_unsupported_grant_type_of_refreshing(TOKEN, "grant_type=refresh_token&refresh_token=x", "unsupported_grant_type");
}

//= 9: errors
#[test]
fn r06_errors_400_invalid_grant_for_the_token_of_another_client() {
    let gateway = gateway();
    let (one, other) = (
        Account::new(&gateway, Role::Member, &[]),
        Account::new(&gateway, Role::Member, &["127.0.0.1"]),
    );
    let token = other.token(&gateway);
    let revoke = format!("{}&token={token}", one.form());
    oauth_refused(&form(&gateway, REVOKE, &[], &revoke), 400, "invalid_grant");
    accepted(&orgs_bearing(&gateway, &token), "it was not revoked");
}

//= 9: errors
#[test]
fn r06_errors_400_invalid_request_for_json_and_429_and_500_in_the_same_shape() {
    let gateway = gateway();
    let mut client = Client::connect(gateway.admin());
    let lines = ["Content-Type: application/json"];
    let answer = client.request("POST", TOKEN, &lines, br#"{"grant_type":"client_credentials"}"#);
    oauth_refused(&answer, 400, "invalid_request");
    let account = Account::new(&gateway, Role::Member, &[]);
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    database.execute_batch(&drop_all(&database)).unwrap();
    oauth_refused(&account.ask(&gateway), 500, "server_error");
}

/// What leaves nothing of a database.
fn drop_all(database: &rusqlite::Connection) -> String {
    let select = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = database.prepare(select).unwrap();
    let names: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let drops = names.iter().map(|name| format!("DROP TABLE {name};")).collect::<String>();
    format!("PRAGMA foreign_keys = OFF;{drops}")
}

//= 9: revoke
#[test]
fn r07_revoke_200_with_no_body_also_for_a_token_already_dead() {
    let (gateway, clock) = with_clock();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    accepted(&orgs_bearing(&gateway, &token), "before");
    let another = account.token(&gateway);
    let revoke = |token: &str| {
        for hint in ["&token_type_hint=access_token", "&token_type_hint=refresh_token", ""] {
            let body = format!("{}&token={token}{hint}", account.form());
            let answer = form(&gateway, REVOKE, &[], &body);
            assert_eq!((answer.status, answer.text()), (200, String::new()), "{token}{hint}");
            assert_eq!(answer.header("content-type"), None);
        }
    };
    revoke(&token);
    has_ended(&gateway, &token);
    revoke(&format!("{another}x"));
    revoke("never.was.one");
    accepted(&orgs_bearing(&gateway, &another), "and no other has ended");
    clock.set(Timestamp::from_millis(NOON + 7_200_000));
    revoke(&token);
}

//= 9: revoke
#[test]
fn r07_revoke_asks_for_the_same_client_authentication() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    let body = format!("token={token}");
    oauth_refused(&form(&gateway, REVOKE, &[], &body), 401, "invalid_client");
    for line in [basic(&account.client_id, "mdb_sa_sk_wrong"), bearer(&token)] {
        oauth_refused(&form(&gateway, REVOKE, &[&line], &body), 401, "invalid_client");
    }
    accepted(&orgs_bearing(&gateway, &token), "it was not revoked");
    let right = basic(&account.client_id, &account.secret);
    assert_eq!(form(&gateway, REVOKE, &[&right], &body).status, 200);
    has_ended(&gateway, &token);
}

//= 9: Lifetime is one hour
#[test]
fn r08_lifetime_is_one_hour() {
    let (mut gateway, clock) = with_clock();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    clock.set(Timestamp::from_millis(NOON + 3_599_999));
    accepted(&orgs_bearing(&gateway, &token), "to its last millisecond");
    gateway.restart();
    accepted(&orgs_bearing(&gateway, &token), "and over a restart");
    clock.set(Timestamp::from_millis(NOON + 3_600_000));
    has_ended(&gateway, &token);
}

//= 9: Use: Authorization: Bearer
#[test]
fn r09_use_bad_or_expired_401_with_bearer_invalid_token_and_no_digest_challenge() {
    let (gateway, clock) = with_clock();
    let expired = Account::new(&gateway, Role::Member, &["127.0.0.1"]).token(&gateway);
    clock.set(Timestamp::from_millis(NOON + 3_600_000));
    let forged = expired.replace(expired.rsplit_once('.').unwrap().1, &"A".repeat(43));
    for token in [&*expired, &forged, "abc", "a.b.c"] {
        let answer = orgs_bearing(&gateway, token);
        refused(&answer, 401, "UNEXPECTED_ERROR", token);
        let challenges: Vec<_> = answer.all("www-authenticate").collect();
        assert!(challenges[0].starts_with("Bearer ") && challenges.len() == 1, "{challenges:?}");
        assert!(challenges[0].contains("error=\"invalid_token\""), "{challenges:?}");
    }
}

//= 9: Use: Authorization: Bearer
#[test]
fn r09_use_on_the_admin_api_and_on_proxied_routes() {
    let gateway = gateway();
    let token = Account::new(&gateway, Role::Member, &["127.0.0.1"]).token(&gateway);
    let page = accepted(&orgs_bearing(&gateway, &token), "the admin API");
    assert_eq!(page["results"][0]["id"], gateway.org.to_string());
    let proxied = gateway.client().request("GET", "/thing", &[&bearer(&token)], b"");
    assert_eq!((proxied.status, &*proxied.text()), (200, "/thing"));
}

//= 9: Deleting the account, or the secret
#[test]
fn r10_deleting_the_account_ends_its_tokens_at_once() {
    let mut gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    accepted(&orgs_bearing(&gateway, &token), "before");
    let target = format!("{ACCOUNTS}/{}", account.client_id);
    gone(&call(&gateway, "DELETE", &target).send(), V2024_TYPE, "delete");
    has_ended(&gateway, &token);
    oauth_refused(&account.ask(&gateway), 401, "invalid_client");
    gateway.restart();
    has_ended(&gateway, &token);
}

//= 9: Deleting the account, or the secret
#[test]
fn r10_deleting_the_secret_a_token_came_from_ends_its_tokens_and_no_others() {
    let mut gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let secrets = format!("{ACCOUNTS}/{}/secrets", account.client_id);
    let made = call(&gateway, "POST", &secrets).body(r#"{"secretExpiresAfterHours":8}"#);
    let made = succeeded(&made.send(), 201, "a second secret");
    let second = Account {
        secret: made["secret"].as_str().unwrap().to_owned(),
        secret_id: made["id"].as_str().unwrap().to_owned(),
        ..account.clone()
    };
    let (of_first, of_second) = (account.token(&gateway), second.token(&gateway));
    let target = format!("{secrets}/{}", account.secret_id);
    gone(&call(&gateway, "DELETE", &target).send(), V2024_TYPE, "delete");
    has_ended(&gateway, &of_first);
    oauth_refused(&account.ask(&gateway), 401, "invalid_client");
    accepted(&orgs_bearing(&gateway, &of_second), "the other secret's token");
    gateway.restart();
    has_ended(&gateway, &of_first);
    accepted(&orgs_bearing(&gateway, &of_second), "the other secret's token");
}
