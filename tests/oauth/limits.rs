//! How many tokens there may be, and how often one may ask.

use super::*;

/// Tokens that one account may have at once.
const MOST: usize = 100;

#[test]
fn an_account_has_a_hundred_live_tokens_and_gets_the_next_when_one_ends() {
    let upstream = Upstream::echo();
    let mut gateway = at_noon(&upstream, "[rate_limits]\ntoken = \"off\"");
    let account = Account::new(&gateway, Role::Member, HERE);
    let first = account.token(&gateway);
    minutes_after_noon(&gateway, 10);
    for _ in 1..MOST {
        account.token(&gateway);
    }
    let full = account.ask(&gateway);
    refused(&full, 429, "rate_limited", "the 101st");
    assert_eq!(full.header("retry-after"), Some("3000"), "until the first one expires");
    gateway.restart();
    refused(&account.ask(&gateway), 429, "rate_limited", "after a restart as well");
    let other = Account::new(&gateway, Role::Member, HERE);
    other.token(&gateway);

    assert_eq!(revoke(&gateway, &account, &first).status, 200);
    account.token(&gateway);
    refused(&account.ask(&gateway), 429, "rate_limited", "full again");
    minutes_after_noon(&gateway, 70);
    account.token(&gateway);
}

#[test]
fn of_many_who_ask_at_once_as_many_get_a_token_as_there_may_be() {
    let gateway = Gateway::with(
        Upstream::echo().address,
        Options { more: "[rate_limits]\ntoken = \"off\"".to_owned(), ..Options::default() },
    );
    let account = Account::new(&gateway, Role::Member, HERE);
    for _ in 0..MOST - 4 {
        account.token(&gateway);
    }
    let (admin, form) = (gateway.admin(), account.form());
    let statuses = std::thread::scope(|scope| {
        let ask = || post_form(&mut Client::connect(admin), TOKEN, &[], &form).status;
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|each| each.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 4, "{statuses:?}");
}

#[test]
fn a_right_secret_may_ask_ten_times_a_minute_and_wrong_ones_take_nothing_from_it() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "");
    let account = Account::new(&gateway, Role::Member, HERE);
    let wrong = basic(&account.client_id, "wrong");
    for _ in 0..20 {
        let answer = post(&gateway, TOKEN, &[&wrong], "grant_type=client_credentials");
        refused(&answer, 401, "invalid_client", "a wrong secret");
    }
    for remaining in (0..10).rev() {
        let answer = account.ask(&gateway);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("ratelimit-remaining"), Some(remaining.to_string().as_str()));
    }
    let limited = account.ask(&gateway);
    refused(&limited, 429, "rate_limited", "the eleventh");
    assert_eq!(limited.header("retry-after"), Some("6"));
    let token = Account::new(&gateway, Role::Member, HERE).token(&gateway);
    assert_eq!(on_both_planes(&gateway, &token), (200, 200), "another account's bucket is its own");
    assert_eq!(revoke(&gateway, &account, "abc").status, 200, "revoking takes nothing");
    minutes_after_noon(&gateway, 1);
    assert_eq!(account.ask(&gateway).status, 200);
}

#[test]
fn after_too_many_wrong_secrets_from_an_address_none_from_there_is_looked_at() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream, "[limits]\nauth_failures = 3\nauth_failures_per_minute = 1");
    let account = Account::new(&gateway, Role::Member, &["127.0.0.0/8"]);
    let wrong = basic(&account.client_id, "wrong");
    let grant = "grant_type=client_credentials";
    for target in [TOKEN, REVOKE, TOKEN] {
        let answer = post(&gateway, target, &[&wrong], grant);
        refused(&answer, 401, "invalid_client", target);
    }
    for (case, answer) in [
        ("wrong", post(&gateway, TOKEN, &[&wrong], grant)),
        ("right", account.ask(&gateway)),
        ("right, to revoke", revoke(&gateway, &account, "abc")),
    ] {
        refused(&answer, 429, "rate_limited", case);
        assert_eq!(answer.header("retry-after"), Some("60"), "{case}");
    }
    assert_eq!(gateway.api("GET", "/orgs", "").status, 429, "the count is one for both planes");
    refused(&post(&gateway, TOKEN, &[], grant), 401, "invalid_client", "nothing to look at");
    let mut elsewhere = Client::connect_from("127.0.0.9".parse().unwrap(), gateway.admin());
    assert_eq!(post_form(&mut elsewhere, TOKEN, &[], &account.form()).status, 200);
    minutes_after_noon(&gateway, 1);
    assert_eq!(account.ask(&gateway).status, 200);
}
