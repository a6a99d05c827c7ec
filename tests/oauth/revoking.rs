//! Taking a token back: RFC 7009.

use super::*;

#[test]
fn a_token_ends_with_its_revocation_and_others_do_not() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let (first, second) = (account.token(&gateway), account.token(&gateway));
    assert_eq!(on_both_planes(&gateway, &first), (200, 200), "and is remembered as verified");
    let answer = revoke(&gateway, &account, &first);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(on_both_planes(&gateway, &first), (401, 401));
    assert_eq!(on_both_planes(&gateway, &second), (200, 200));
}

#[test]
fn a_revocation_outlives_a_restart_and_so_does_a_token() {
    let mut gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let (first, second) = (account.token(&gateway), account.token(&gateway));
    assert_eq!(revoke(&gateway, &account, &first).status, 200);
    gateway.restart();
    assert_eq!(on_both_planes(&gateway, &first), (401, 401));
    assert_eq!(on_both_planes(&gateway, &second), (200, 200));
}

#[test]
fn what_is_dead_or_unknown_is_as_good_as_revoked() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "");
    let account = Account::new(&gateway, Role::Member, HERE);
    let token = account.token(&gateway);
    assert_eq!(revoke(&gateway, &account, &token).status, 200);
    let forged = format!("{}x", account.token(&gateway));
    let line = basic(&account.client_id, &account.secret);
    for (case, form) in [
        ("again", format!("token={token}")),
        ("garbage", "token=abc".to_owned()),
        ("forged", format!("token={forged}")),
        (
            "another kind, which is searched as well",
            format!("token={token}&token_type_hint=refresh_token"),
        ),
        ("a hint that means nothing", format!("token={token}&token_type_hint=cookie")),
    ] {
        let answer = post(&gateway, REVOKE, &[&line], &form);
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{case}");
    }
    let late = account.token(&gateway);
    minutes_after_noon(&gateway, 61);
    assert_eq!(revoke(&gateway, &account, &late).status, 200, "expired");
}

#[test]
fn whatever_kind_a_client_takes_its_token_for_it_is_revoked() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let token = account.token(&gateway);
    let form = format!(
        "token={token}&token_type_hint=refresh_token&client_id={}&client_secret={}",
        account.client_id, account.secret
    );
    assert_eq!(post(&gateway, "/api/oauth/revoke/", &[], &form).status, 200);
    assert_eq!(on_both_planes(&gateway, &token), (401, 401));
}

#[test]
fn a_client_cannot_revoke_what_another_got() {
    let gateway = gateway();
    let (one, other) =
        (Account::new(&gateway, Role::Member, HERE), Account::new(&gateway, Role::Owner, HERE));
    let token = one.token(&gateway);
    refused(&revoke(&gateway, &other, &token), 400, "invalid_grant", "another's");
    assert_eq!(on_both_planes(&gateway, &token), (200, 200));
}

#[test]
fn a_revocation_takes_a_client_and_a_token() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, HERE);
    let token = account.token(&gateway);
    let line = basic(&account.client_id, &account.secret);
    refused(&post(&gateway, REVOKE, &[&line], "x=y"), 400, "invalid_request", "no token");
    refused(&post(&gateway, REVOKE, &[&line], "token="), 400, "invalid_request", "an empty one");
    let form = format!("token={token}");
    refused(&post(&gateway, REVOKE, &[], &form), 401, "invalid_client", "nobody");
    refused(&post(&gateway, REVOKE, &[&bearer(&token)], &form), 401, "invalid_client", "a bearer");
    let wrong = basic(&account.client_id, "wrong");
    refused(&post(&gateway, REVOKE, &[&wrong], &form), 401, "invalid_client", "a wrong secret");
    assert_eq!(on_both_planes(&gateway, &token), (200, 200));
}
