//! Asking for a token: who may, how, and what else is answered.

use super::*;

#[test]
fn a_client_gets_a_token_for_an_hour_and_nobody_may_keep_the_answer() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "");
    let account = Account::new(&gateway, Role::Member, HERE);
    let line = basic(&account.client_id, &account.secret);
    let answer = post(&gateway, TOKEN, &[&line], "grant_type=client_credentials");
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("ratelimit-limit", "10"),
        ("ratelimit-remaining", "9"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let body = answer.json();
    let token = body["access_token"].as_str().unwrap();
    let expected = json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" });
    assert_eq!(body, expected, "and no refresh token");
    let claims = part(token, 1);
    assert_eq!(claims["sub"], account.client_id);
    assert_eq!(claims["sid"], account.secret_id);
    assert_eq!(claims["exp"], (NOON + 60 * MINUTE) / 1000);
    assert_eq!(on_both_planes(&gateway, token), (200, 200));
}

#[test]
fn a_client_presents_itself_in_the_header_or_in_the_form_with_or_without_a_final_slash() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let Account { client_id: id, secret, .. } = &account;
    let escaped = |text: &str| text.replace('_', "%5F").replace('-', "%2d");
    let grant = "grant_type=client_credentials";
    for (case, target, line, form) in [
        ("Basic", TOKEN, Some(basic(id, secret)), grant.to_owned()),
        ("as Go's library does", TOKEN, Some(basic(&escaped(id), &escaped(secret))), grant.into()),
        (
            "the scheme in any case",
            TOKEN,
            Some(basic(id, secret).replace("Basic", "BASIC")),
            grant.into(),
        ),
        ("in the form", TOKEN, None, account.form()),
        ("a slash", "/api/oauth/token/", None, account.form()),
        ("a scope", TOKEN, None, format!("{}&scope=everything", account.form())),
        ("its name beside", TOKEN, Some(basic(id, secret)), format!("{grant}&client_id={id}")),
        ("what means nothing", TOKEN, None, format!("{}&resource=x&resource_=y", account.form())),
    ] {
        let lines: Vec<&str> = line.as_deref().into_iter().collect();
        let answer = post(&gateway, target, &lines, &form);
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
    }
}

#[test]
fn a_request_that_cannot_be_understood_is_told_why() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let line = basic(&account.client_id, &account.secret);
    let good = account.form();
    let grant = "grant_type=client_credentials";
    let other = basic("mdb_sa_id_000000000000000000000000", "x");
    for (case, lines, form, error) in [
        ("both ways", vec![line.as_str()], good.clone(), "invalid_request"),
        ("two clients", vec![&other], format!("{grant}&client_id=x"), "invalid_request"),
        ("a parameter twice", vec![&line], format!("{grant}&{grant}"), "invalid_request"),
        ("no grant type", vec![&line], String::from("scope=x"), "invalid_request"),
        ("an empty one", vec![&line], String::from("grant_type="), "invalid_request"),
        ("a password", vec![&line], String::from("grant_type=password"), "unsupported_grant_type"),
        (
            "a refresh token",
            vec![],
            good.replace("client_credentials", "refresh_token"),
            "unsupported_grant_type",
        ),
    ] {
        refused(&post(&gateway, TOKEN, &lines, &form), 400, error, case);
    }
}

#[test]
fn the_body_is_a_form_of_at_most_16_kib() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let form = account.form();
    let send = |content_type: &[&str], body: &[u8]| {
        Client::connect(gateway.admin()).request("POST", TOKEN, content_type, body)
    };
    for content_type in
        [&["Content-Type: application/json"][..], &["Content-Type: text/plain"], &[]]
    {
        let answer = send(content_type, form.as_bytes());
        refused(&answer, 400, "invalid_request", &format!("{content_type:?}"));
    }
    let packed = ["Content-Type: application/x-www-form-urlencoded", "Content-Encoding: gzip"];
    refused(&send(&packed, form.as_bytes()), 400, "invalid_request", "packed");
    let typed = ["Content-Type: application/x-www-form-urlencoded; charset=UTF-8"];
    let padding = (16 << 10) - form.len() - "&x=".len();
    let fits = format!("{form}&x={}", "y".repeat(padding));
    assert_eq!(send(&typed, fits.as_bytes()).status, 200);
    let large = send(&typed, format!("{fits}y").as_bytes());
    refused(&large, 413, "invalid_request", "one byte more");
    for nonsense in [&b"\xff\xfe\x00=&&&=%zz%"[..], b"{\"grant_type\":1}", b"%"] {
        refused(&send(&typed, nonsense), 401, "invalid_client", "nonsense");
    }
}

#[test]
fn the_endpoints_are_for_posting_and_say_so_in_their_own_shape() {
    let gateway = gateway();
    for target in [TOKEN, REVOKE, "/api/oauth/token/"] {
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let answer = Client::connect(gateway.admin()).request(method, target, &[], b"");
            refused(&answer, 405, "invalid_request", &format!("{method} {target}"));
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
    let elsewhere = post(&gateway, "/api/oauth/introspect", &[], "token=x");
    assert_eq!((elsewhere.status, elsewhere.error_code().as_str()), (404, "RESOURCE_NOT_FOUND"));
}

#[test]
fn either_secret_of_an_account_gives_tokens_and_shows_when_it_last_did() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "");
    let account = Account::new(&gateway, Role::Member, HERE);
    let path = format!("/orgs/{}/serviceAccounts/{}", gateway.org, account.client_id);
    let call = |method: &str, path: &str, body: &str| {
        let accept = ["Accept: application/vnd.atlas.2024-08-05+json"];
        let target = format!("/api/atlas/v2{path}");
        gateway.api_with(&gateway.owner, method, &target, &accept, body)
    };
    let hours = r#"{"secretExpiresAfterHours":24}"#;
    let made = call("POST", &format!("{path}/secrets"), hours).json();
    let second = Account { secret: made["secret"].as_str().unwrap().to_owned(), ..account.clone() };
    minutes_after_noon(&gateway, 5);
    account.token(&gateway);
    minutes_after_noon(&gateway, 6);
    second.token(&gateway);
    let shown = call("GET", &path, "").json();
    assert_eq!(shown["secrets"][0]["lastUsedAt"], "2026-07-25T17:25:00Z");
    assert_eq!(shown["secrets"][1]["lastUsedAt"], "2026-07-25T17:26:00Z");
}

#[test]
fn what_clients_present_is_counted_and_never_told() {
    let mut gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let token = account.token(&gateway);
    let wrong = "mdb_sa_sk_not_this_one";
    post(&gateway, TOKEN, &[&basic(&account.client_id, wrong)], "grant_type=client_credentials");
    post(&gateway, TOKEN, &[], "grant_type=client_credentials");
    let metrics = gateway.metrics();
    for outcome in ["verified", "wrong_secret", "not_presented"] {
        let line =
            format!("portcullis_auth_total{{outcome=\"{outcome}\",scheme=\"client_secret\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    on_both_planes(&gateway, &token);
    gateway.restart();
    let files: Vec<Vec<u8>> = std::fs::read_dir(gateway.directory())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file()) // The operator's socket is none.
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(files.len() > 2, "the database and the log among them");
    for secret in [account.secret.as_str(), token.as_str(), wrong] {
        assert!(!metrics.contains(secret));
        let holds =
            |file: &Vec<u8>| file.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!files.iter().any(holds), "{secret}");
    }
}
