//! Failures to authenticate are limited by the address that they come from, on both planes together.

use portcullis::identity::Role;
use serde_json::json;

use super::*;
use crate::harness::account::{Account, bearer};
use crate::harness::client::authorization;

/// Two failures at once, then one in ten seconds.
const LIMIT: &str = "[limits]\nauth_failures = 2\nauth_failures_per_minute = 6";

const ORGS: &str = "/api/atlas/v1.0/orgs";

fn limited() -> (Gateway, Clock) {
    gateway_with(Options { more: LIMIT.into(), ..Options::default() })
}

fn wrong(gateway: &Gateway) -> Credential {
    Credential { private_key: "wrong".into(), ..gateway.owner.clone() }
}

/// `GET` of the proxy by digest.
fn proxied(gateway: &Gateway, from: &str, credential: &Credential) -> Answer {
    let from = from.parse().unwrap();
    Client::connect_from(from, gateway.proxy()).digest(credential, "GET", "/", &[], b"")
}

/// A call of the admin API by digest.
fn admin(gateway: &Gateway, from: &str, credential: &Credential) -> Answer {
    let from = from.parse().unwrap();
    Client::connect_from(from, gateway.admin()).digest(credential, "GET", ORGS, &[], b"")
}

#[test]
fn nothing_from_an_address_is_looked_at_once_too_much_of_it_was_refused() {
    type Call = fn(&Gateway, &str, &Credential) -> Answer;
    for (plane, call) in [("proxy", proxied as Call), ("admin", admin)] {
        let (gateway, clock) = limited();
        let wrong = wrong(&gateway);
        for _ in 0..2 {
            assert_eq!(call(&gateway, "127.0.0.1", &wrong).status, 401, "{plane}");
        }
        assert_limited(&call(&gateway, "127.0.0.1", &wrong), "10");
        // The right key hears the same, to the letter, or the answer would tell that it is right.
        let (guess, right) =
            (call(&gateway, "127.0.0.1", &wrong), call(&gateway, "127.0.0.1", &gateway.owner));
        assert_limited(&right, "10");
        assert_eq!(right.body, guess.body, "{plane}");
        assert_eq!(right.json()["parameters"], json!([10]), "{plane}");
        at(&clock, 9 * SECOND + SECOND / 2);
        assert_limited(&call(&gateway, "127.0.0.1", &gateway.owner), "1");
        at(&clock, 10 * SECOND);
        for _ in 0..3 {
            let answer = call(&gateway, "127.0.0.1", &gateway.owner);
            assert_eq!(answer.status, 200, "{plane}: a success takes nothing");
        }
        assert_eq!(call(&gateway, "127.0.0.1", &wrong).status, 401, "{plane}");
        assert_limited(&call(&gateway, "127.0.0.1", &gateway.owner), "10");
    }
}

#[test]
fn failures_on_one_plane_count_on_the_other() {
    let (gateway, _) = limited();
    let wrong = wrong(&gateway);
    assert_eq!(proxied(&gateway, "127.0.0.1", &wrong).status, 401);
    assert_eq!(admin(&gateway, "127.0.0.1", &wrong).status, 401);
    assert_limited(&proxied(&gateway, "127.0.0.1", &gateway.owner), "10");
    assert_limited(&admin(&gateway, "127.0.0.1", &gateway.owner), "10");
}

#[test]
fn another_address_is_unharmed() {
    let (gateway, _) = limited();
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.2"]);
    for _ in 0..5 {
        proxied(&gateway, "127.0.0.1", &wrong(&gateway));
    }
    assert_limited(&proxied(&gateway, "127.0.0.1", &gateway.owner), "10");
    assert_eq!(proxied(&gateway, "127.0.0.2", &member).status, 200);
    assert_eq!(admin(&gateway, "127.0.0.2", &member).status, 200);
}

#[test]
fn whatever_is_wrong_with_a_credential_is_a_failure_and_a_missing_one_is_none() {
    let (gateway, _) = limited();
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").status, 401, "asking is no failure");
        assert_eq!(client.request("GET", "/", &["Authorization: Other x"], b"").status, 401);
    }
    assert_eq!(client.request("GET", "/", &["Authorization: Digest x"], b"").status, 401);
    let unknown = Credential { public_key: "aaaaaaaa".into(), ..gateway.owner.clone() };
    assert_eq!(proxied(&gateway, "127.0.0.1", &unknown).status, 401);
    let refused = client.request("GET", "/", &["Authorization: Digest x"], b"");
    assert_limited(&refused, "10");
    // Who presents nothing is asked for it all the same, so that a client that waited finds its way.
    assert_eq!(client.get("/").status, 401);
    // What the list refuses was authenticated.
    let (gateway, _) = limited();
    for _ in 0..5 {
        assert_eq!(proxied(&gateway, "127.0.0.2", &gateway.owner).status, 403);
    }
}

#[test]
fn a_nonce_that_is_stale_or_was_used_is_no_failure() {
    let (gateway, clock) = limited();
    let mut client = gateway.client();
    let challenge = client.get("/").header("www-authenticate").unwrap().to_owned();
    let line = authorization(&gateway.owner, &challenge, "GET", "/", 1);
    assert_eq!(client.request("GET", "/", &[&line], b"").status, 200);
    let again = |client: &mut Client| {
        let answer = client.request("GET", "/", &[&line], b"");
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().contains("stale=true"));
    };
    for _ in 0..5 {
        again(&mut client); // A replay.
    }
    at(&clock, 600 * SECOND);
    for _ in 0..5 {
        again(&mut client); // An expired nonce.
    }
    assert_eq!(proxied(&gateway, "127.0.0.1", &gateway.owner).status, 200);
}

#[test]
fn a_token_whose_hour_is_over_is_no_failure_and_a_forged_one_is() {
    let (gateway, clock) = limited();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let (token, forged) = (account.token(&gateway), format!("{}x", account.token(&gateway)));
    let present = |token: &str| gateway.client().request("GET", "/", &[&bearer(token)], b"");
    assert_eq!(present(&token).status, 200);
    at(&clock, 3_600 * SECOND);
    for _ in 0..5 {
        assert_eq!(present(&token).status, 401);
    }
    let fresh = account.token(&gateway);
    assert_eq!(present(&fresh).status, 200);
    for _ in 0..2 {
        assert_eq!(present(&forged).status, 401);
    }
    assert_limited(&present(&fresh), "10");
}

/// A gateway behind a trusted proxy on 127.0.0.1, and a key that may come from anywhere.
fn behind_a_proxy() -> (Gateway, Credential) {
    let lines = "client_address_header = \"x-forwarded-for\"\ntrusted_proxies = [\"127.0.0.1\"]";
    let (gateway, _) = gateway_with(Options {
        listener: lines.into(),
        admin: lines.into(),
        more: LIMIT.into(),
        ..Options::default()
    });
    let (_, key) = gateway.new_key(&[Role::Owner], &["0.0.0.0/0", "::/0"]);
    (gateway, key)
}

/// A request of each plane that came to the trusted proxy from `client`.
fn forwarded(gateway: &Gateway, client: &str, credential: &Credential) -> [u16; 2] {
    let line = format!("X-Forwarded-For: {client}");
    [(gateway.proxy(), "/"), (gateway.admin(), ORGS)].map(|(to, target)| {
        Client::connect(to).digest(credential, "GET", target, &[&line], b"").status
    })
}

#[test]
fn behind_a_trusted_proxy_the_client_s_address_counts_and_not_the_proxy_s() {
    let (gateway, key) = behind_a_proxy();
    let wrong = Credential { private_key: "wrong".into(), ..key.clone() };
    assert_eq!(forwarded(&gateway, "192.0.2.1", &wrong), [401, 401]);
    assert_eq!(forwarded(&gateway, "192.0.2.1", &key), [429, 429]);
    assert_eq!(forwarded(&gateway, "::ffff:192.0.2.1", &key), [429, 429]);
    assert_eq!(forwarded(&gateway, "192.0.2.2", &key), [200, 200]);
}

#[test]
fn an_ipv6_address_is_its_first_64_bits() {
    let (gateway, key) = behind_a_proxy();
    let wrong = Credential { private_key: "wrong".into(), ..key.clone() };
    assert_eq!(forwarded(&gateway, "2001:db8:0:1::1", &wrong), [401, 401]);
    assert_eq!(forwarded(&gateway, "2001:db8:0:1:ffff::2", &key), [429, 429]);
    assert_eq!(forwarded(&gateway, "2001:db8:0:2::1", &key), [200, 200]);
}

#[test]
fn a_limit_of_0_is_none() {
    let more = "[limits]\nauth_failures = 0".to_owned();
    let (gateway, _) = gateway_with(Options { more, ..Options::default() });
    for _ in 0..150 {
        let line = ["Authorization: Digest x"];
        assert_eq!(gateway.client().request("GET", "/", &line, b"").status, 401);
    }
    assert_eq!(proxied(&gateway, "127.0.0.1", &gateway.owner).status, 200);
}

#[test]
fn a_hundred_at_once_and_sixty_a_minute_are_allowed_where_nothing_is_said() {
    let (gateway, clock) = gateway_with(Options::default());
    let mut client = gateway.client();
    let mut fail = || client.request("GET", "/", &["Authorization: Digest x"], b"").status;
    assert!((0..100).all(|_| fail() == 401));
    assert_eq!(fail(), 429);
    at(&clock, SECOND);
    assert_eq!((fail(), fail()), (401, 429));
}

#[test]
fn the_operator_is_told_without_a_credential_or_an_address_in_a_label() {
    let (gateway, _) = limited();
    for _ in 0..3 {
        proxied(&gateway, "127.0.0.1", &wrong(&gateway));
    }
    admin(&gateway, "127.0.0.1", &gateway.owner);
    let metrics = gateway.metrics();
    for line in [
        "portcullis_auth_total{outcome=\"limited\",scheme=\"digest\"} 2\n",
        "portcullis_auth_total{outcome=\"wrong_response\",scheme=\"digest\"} 2\n",
        "portcullis_access_decisions_total{decision=\"refused\",reason=\"auth_failures\",route=\"main\"} 1\n",
        "portcullis_requests_total{code=\"429\",method=\"GET\",route=\"main\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let log = gateway.stop_and_read_log();
    let line = log.lines().find(|line| line.contains("auth_failures")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["status"], &line["client"]), (&json!(429), &json!("127.0.0.1")), "{line}");
}
