//! Taking a token back: RFC 7009.

use super::*;

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
