//! How long a token and the key that signed it last, and what changes under a token that is out.

use super::*;

#[test]
fn a_token_lives_for_an_hour_and_never_longer_than_its_secret() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "");
    let account = Account::for_hours(&gateway, 8, Role::Member, HERE);
    let token = account.token(&gateway);
    minutes_after_noon(&gateway, 59);
    assert_eq!(on_both_planes(&gateway, &token), (200, 200));
    minutes_after_noon(&gateway, 60);
    assert_eq!(on_both_planes(&gateway, &token), (401, 401));

    minutes_after_noon(&gateway, 7 * 60 + 45);
    let answer = account.ask(&gateway).json();
    assert_eq!(answer["expires_in"], 15 * 60);
    let token = answer["access_token"].as_str().unwrap();
    minutes_after_noon(&gateway, 7 * 60 + 59);
    assert_eq!(on_both_planes(&gateway, token), (200, 200));
    minutes_after_noon(&gateway, 8 * 60);
    assert_eq!(on_both_planes(&gateway, token), (401, 401));
    refused(&account.ask(&gateway), 401, "invalid_client", "the secret has expired");
}

#[test]
fn a_signing_key_gives_way_to_the_next_and_verifies_until_its_last_token_has_expired() {
    let upstream = Upstream::echo();
    let mut gateway = at_noon(&upstream, "[oauth]\nsigning_key_lifetime = \"1h\"");
    let account = Account::new(&gateway, Role::Member, HERE);
    let key_of = |token: &str| part(token, 0)["kid"].clone();
    let first = account.token(&gateway);
    minutes_after_noon(&gateway, 59);
    let last_of_the_old = account.token(&gateway);
    assert_eq!(key_of(&last_of_the_old), key_of(&first), "within the key's lifetime");
    gateway.restart();
    minutes_after_noon(&gateway, 60);
    let new = account.token(&gateway);
    assert_ne!(key_of(&new), key_of(&first), "the key has served its time");
    assert_eq!(on_both_planes(&gateway, &last_of_the_old), (200, 200));
    gateway.restart();
    minutes_after_noon(&gateway, 118);
    assert_eq!(on_both_planes(&gateway, &last_of_the_old), (200, 200), "after a restart as well");
    assert_eq!(on_both_planes(&gateway, &new), (200, 200));
    minutes_after_noon(&gateway, 119);
    assert_eq!(on_both_planes(&gateway, &last_of_the_old), (401, 401));
}

#[test]
fn a_change_of_roles_holds_for_tokens_that_are_out() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Owner, HERE);
    let token = account.token(&gateway);
    let keys = format!("/api/atlas/v1.0/orgs/{}/apiKeys", gateway.org);
    let body = br#"{"desc":"made by a robot","roles":["ORG_MEMBER"]}"#;
    let make =
        || Client::connect(gateway.admin()).request("POST", &keys, &[&bearer(&token)], body).status;
    assert_eq!(make(), 200);
    let target =
        format!("/api/atlas/v1.0/orgs/{}/serviceAccounts/{}", gateway.org, account.client_id);
    let roles = r#"{"roles":["ORG_MEMBER"]}"#;
    assert_eq!(gateway.api_with(&gateway.owner, "PATCH", &target, &[], roles).status, 200);
    assert_eq!(make(), 403);
}

/// The owner deletes what is at `path`, below the service accounts.
fn delete(gateway: &Gateway, path: &str) {
    let target = format!("/api/atlas/v1.0/orgs/{}/serviceAccounts/{path}", gateway.org);
    let answer = gateway.api_with(&gateway.owner, "DELETE", &target, &[], "");
    assert_eq!(answer.status, 204, "{}", answer.text());
}

#[test]
fn who_loses_token_secret_or_account_while_sending_a_body_changes_nothing() {
    let gateway = gateway();
    let keys = format!("/api/atlas/v1.0/orgs/{}/apiKeys", gateway.org);
    let body = r#"{"desc":"too late","roles":["ORG_MEMBER"]}"#;
    let take_back = |account: &Account, token: &str, what: &str| match what {
        "the token" => assert_eq!(revoke(&gateway, account, token).status, 200),
        "the secret" => {
            delete(&gateway, &format!("{}/secrets/{}", account.client_id, account.secret_id));
        }
        _ => delete(&gateway, &account.client_id),
    };
    for what in ["the token", "the secret", "the account"] {
        let account = Account::new(&gateway, Role::Owner, HERE);
        let token = account.token(&gateway);
        let mut client = Client::connect(gateway.admin());
        client.send(format!(
            "POST {keys} HTTP/1.1\r\nHost: {}\r\n{}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            gateway.admin(),
            bearer(&token),
            body.len()
        ));
        assert_eq!(client.read_head().0, 100, "{what}: it has passed the checks that come before");
        take_back(&account, &token, what);
        client.send(body);
        let answer = client.read_answer();
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (403, "USER_UNAUTHORIZED"),
            "{what}"
        );
    }
    let listed = gateway.api_with(&gateway.owner, "GET", &keys, &[], "").json();
    assert_eq!(listed["totalCount"], 1, "the owner's key alone");
}
