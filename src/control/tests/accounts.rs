//! Service accounts, their secrets and tokens, and the settings of organizations.

use secrecy::ExposeSecret as _;

use super::*;
use crate::id::SecretId;
use crate::identity::{Principal, SchemeKind, ServiceAccount, Token, TokenRef};

const HOUR_MS: i64 = 3_600_000;

impl House {
    async fn account(&self, roles: Roles, hours: Option<u32>) -> CreatedAccount {
        self.control.create_account(self.org, new_account(roles, hours), vec![]).await.unwrap()
    }

    /// An account with a secret of a year, and that secret.
    async fn account_with_secret(&self) -> (CredentialId, SecretId, String) {
        let made = self.account(roles([Role::ReadOnly]), Some(8_760)).await;
        let text = made.secret.unwrap().expose_secret().to_owned();
        (made.account.id, made.account.secrets[0].id, text)
    }

    fn stored(&self, id: CredentialId) -> Arc<ServiceAccount> {
        Arc::clone(self.control.snapshot().credentials.account(self.org, id).unwrap())
    }

    fn pass(&self, millis: i64) {
        self.clock.set(Timestamp::from_millis(self.clock.now().as_millis() + millis));
    }
}

fn new_account(roles: Roles, secret_hours: Option<u32>) -> NewAccount {
    NewAccount { name: "ci".into(), description: "builds".into(), roles, secret_hours }
}

fn reference(grant: &Grant) -> TokenRef {
    let Token { id, secret, expires, .. } = grant.token;
    TokenRef { id, secret, expires }
}

#[tokio::test]
async fn a_secret_is_verified_until_it_expires_or_is_deleted() {
    let house = House::new().await;
    let (id, first, text) = house.account_with_secret().await;
    let verified = |text: &str| house.control.verify_secret(id, text).map(|(_, secret)| secret);
    assert_eq!(verified(&text), Some(first));
    assert_eq!(verified("mdb_sa_sk_something"), None);
    assert_eq!(verified(""), None);
    let nobody = CredentialId(crate::id::ObjectId::from_bytes([0xee; 12]));
    assert!(house.control.verify_secret(nobody, &text).is_none());
    assert!(house.control.verify_secret(house.owner, &text).is_none(), "a key is no account");

    let second = house.control.create_secret(house.org, id, 8).await.unwrap();
    let second_text = second.text.expose_secret().to_owned();
    assert_eq!(&*second.secret.tail, &second_text[second_text.len() - 4..]);
    assert_eq!(verified(&second_text), Some(second.secret.id));
    house.pass(8 * HOUR_MS);
    assert_eq!(verified(&second_text), None, "expired");
    assert_eq!(verified(&text), Some(first));
    house.control.delete_secret(house.org, id, first).await.unwrap();
    assert_eq!(verified(&text), None, "deleted");
    assert!(house.reopened().await.verify_secret(id, &text).is_none());
}

#[tokio::test]
async fn an_account_may_begin_without_a_secret_and_have_two_of_them() {
    let house = House::new().await;
    let made = house.account(roles([Role::Member]), None).await;
    assert!(made.secret.is_none() && made.account.secrets.is_empty());
    let id = made.account.id;
    for _ in 0..2 {
        house.control.create_secret(house.org, id, 8).await.unwrap();
    }
    let third = house.control.create_secret(house.org, id, 8).await.unwrap_err();
    assert!(matches!(third, CommandError::TooManySecrets { limit: 2 }), "{third}");
    let oldest = house.stored(id).secrets[0].id;
    house.control.delete_secret(house.org, id, oldest).await.unwrap();
    let again = house.control.delete_secret(house.org, id, oldest).await.unwrap_err();
    assert!(matches!(again, CommandError::SecretNotFound), "{again}");
    house.control.create_secret(house.org, id, 8).await.unwrap();
}

#[tokio::test]
async fn an_organization_says_for_how_long_a_secret_may_be_valid() {
    let house = House::new().await;
    let made = house.account(roles([Role::Member]), None).await;
    let id = made.account.id;
    let most = |hours| OrganizationUpdate { most_secret_hours: Some(hours), ..Default::default() };
    house.control.update_organization(house.org, most(Some(24))).await.unwrap();
    let refused = house.control.create_secret(house.org, id, 25).await.unwrap_err();
    assert!(matches!(refused, CommandError::SecretTooLong { most: 24, .. }), "{refused}");
    let new = new_account(roles([Role::Member]), Some(25));
    let refused = house.control.create_account(house.org, new, vec![]).await.unwrap_err();
    assert!(matches!(refused, CommandError::SecretTooLong { most: 24, .. }), "{refused}");
    house.control.create_secret(house.org, id, 24).await.unwrap();
    house.control.update_organization(house.org, most(None)).await.unwrap();
    house.control.create_secret(house.org, id, 8_760).await.unwrap();
}

#[tokio::test]
async fn an_organization_has_no_more_accounts_than_it_may() {
    let house = House::with(Settings { accounts_per_organization: 2, ..Settings::default() }).await;
    let make = || {
        let new = new_account(roles([Role::Member]), None);
        house.control.create_account(house.org, new, vec![])
    };
    let first = make().await.unwrap().account.id;
    make().await.unwrap();
    let third = make().await.unwrap_err();
    assert!(matches!(third, CommandError::TooManyAccounts { limit: 2 }), "{third}");
    house.control.delete_account(house.org, first).await.unwrap();
    make().await.unwrap();
}

#[tokio::test]
async fn the_last_owner_stays_one_whether_key_or_account() {
    let house = House::new().await;
    let delete_key = || house.control.delete_key(house.org, house.owner);
    let account = house.account(roles([Role::Member]), Some(8)).await.account.id;
    assert!(matches!(delete_key().await.unwrap_err(), CommandError::LastOwner));
    let become_roles = |roles| {
        let update = AccountUpdate { roles: Some(roles), ..Default::default() };
        house.control.update_account(house.org, account, update)
    };
    become_roles(roles([Role::Owner])).await.unwrap();
    delete_key().await.unwrap();
    let refused = become_roles(roles([Role::Member])).await.unwrap_err();
    assert!(matches!(refused, CommandError::LastOwner), "{refused}");
    let refused = house.control.delete_account(house.org, account).await.unwrap_err();
    assert!(matches!(refused, CommandError::LastOwner), "{refused}");
}

#[tokio::test]
async fn an_owner_that_cannot_sign_in_is_no_other_owner() {
    let house = House::new().await;
    let owner = house.account(roles([Role::Owner]), None).await.account.id;
    let delete_key = || house.control.delete_key(house.org, house.owner);
    assert!(matches!(delete_key().await.unwrap_err(), CommandError::LastOwner), "without a secret");
    house.control.create_secret(house.org, owner, 8).await.unwrap();
    house.pass(8 * HOUR_MS);
    assert!(matches!(delete_key().await.unwrap_err(), CommandError::LastOwner), "it has expired");
    let live = house.control.create_secret(house.org, owner, 8).await.unwrap().secret.id;
    delete_key().await.unwrap();
    let refused = house.control.delete_secret(house.org, owner, live).await.unwrap_err();
    assert!(matches!(refused, CommandError::LastOwner), "{refused}");
    let expired = house.stored(owner).secrets[0].id;
    house.control.delete_secret(house.org, owner, expired).await.unwrap();
    house.control.create_secret(house.org, owner, 8).await.unwrap();
    house.control.delete_secret(house.org, owner, live).await.unwrap();
}

#[tokio::test]
async fn an_account_changes_what_is_named_and_keeps_secrets_and_tokens() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    house.control.issue_token(id, secret).await.unwrap();
    let revision = house.control.snapshot().revision;
    house.control.update_account(house.org, id, AccountUpdate::default()).await.unwrap();
    assert_eq!(house.control.snapshot().revision, revision, "nothing new, nothing stored");
    let update = AccountUpdate { name: Some("nightly".into()), ..Default::default() };
    house.control.update_account(house.org, id, update).await.unwrap();
    for control in [Arc::clone(&house.control), house.reopened().await] {
        let account = Arc::clone(control.snapshot().credentials.account_by_id(id).unwrap());
        assert_eq!((&*account.name, &*account.description), ("nightly", "builds"));
        assert_eq!((account.secrets.len(), account.tokens.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_token_is_stored_before_it_is_told_and_is_a_use_of_its_secret() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    house.store.refused_commits.store(1, std::sync::atomic::Ordering::SeqCst);
    assert!(house.control.issue_token(id, secret).await.is_err());
    assert!(house.stored(id).tokens.is_empty());
    let grant = house.control.issue_token(id, secret).await.unwrap();
    assert_eq!(grant.token.expires.since(grant.issued), Token::LIFETIME);
    let account = house.stored(id);
    assert_eq!(account.secrets[0].last_used, Some(house.clock.now()));
    assert!(account.holds(&reference(&grant), house.clock.now()));
    let reopened = house.reopened().await.snapshot();
    assert_eq!(reopened.credentials.account_by_id(id).unwrap().tokens, [grant.token]);
}

#[tokio::test]
async fn a_token_ends_with_its_secret_at_the_latest() {
    let house = House::new().await;
    let made = house.account(roles([Role::Member]), Some(8)).await;
    let (id, secret) = (made.account.id, made.account.secrets[0].id);
    house.pass(8 * HOUR_MS - 1_000);
    let grant = house.control.issue_token(id, secret).await.unwrap();
    assert_eq!(grant.token.expires.since(grant.issued).as_secs(), 1);
    house.pass(1_000);
    let refused = house.control.issue_token(id, secret).await.unwrap_err();
    assert!(matches!(refused, CommandError::SecretNotFound), "{refused}");
}

#[tokio::test]
async fn an_account_has_a_hundred_live_tokens_at_most() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    let first = house.control.issue_token(id, secret).await.unwrap();
    house.pass(1);
    for _ in 1..100 {
        house.control.issue_token(id, secret).await.unwrap();
    }
    match house.control.issue_token(id, secret).await.unwrap_err() {
        CommandError::TooManyTokens { limit: 100, until } => assert_eq!(until, first.token.expires),
        other => panic!("{other}"),
    }
    let reopened = house.reopened().await;
    assert!(reopened.issue_token(id, secret).await.is_err(), "a restart makes no room");
    house.control.revoke_token(id, reference(&first)).await.unwrap();
    house.control.issue_token(id, secret).await.unwrap();
    house.pass(HOUR_MS);
    house.control.issue_token(id, secret).await.unwrap();
    assert_eq!(house.stored(id).live_tokens(house.clock.now()), 1);
    house.pass(60_000);
    house.control.issue_token(id, secret).await.unwrap();
    assert_eq!(house.stored(id).tokens.len(), 2, "expired ones are forgotten after a while");
}

#[tokio::test]
async fn tokens_given_back_at_once_fill_no_memory() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    for _ in 0..1_000 {
        let grant = house.control.issue_token(id, secret).await.unwrap();
        house.control.revoke_token(id, reference(&grant)).await.unwrap();
    }
    let refused = house.control.issue_token(id, secret).await.unwrap_err();
    assert!(matches!(refused, CommandError::TooManyTokens { limit: 1_000, .. }), "{refused}");
}

#[tokio::test]
async fn a_token_given_back_holds_no_more_and_giving_it_back_again_changes_nothing() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    let grant = house.control.issue_token(id, secret).await.unwrap();
    house.control.revoke_token(id, reference(&grant)).await.unwrap();
    let revision = house.control.snapshot().revision;
    assert!(!house.stored(id).holds(&reference(&grant), house.clock.now()));
    house.control.revoke_token(id, reference(&grant)).await.unwrap();
    let nobody = CredentialId(crate::id::ObjectId::from_bytes([0xee; 12]));
    house.control.revoke_token(nobody, reference(&grant)).await.unwrap();
    assert_eq!(house.control.snapshot().revision, revision);
}

#[tokio::test]
async fn a_token_given_back_does_not_come_alive_where_the_clock_is_set_back_over_its_end() {
    let house = House::new().await;
    let (id, secret, _) = house.account_with_secret().await;
    let grant = house.control.issue_token(id, secret).await.unwrap();
    house.control.revoke_token(id, reference(&grant)).await.unwrap();
    house.pass(HOUR_MS);
    house.control.issue_token(id, secret).await.unwrap();
    house.pass(-1_000);
    assert!(!house.stored(id).holds(&reference(&grant), house.clock.now()));
}

#[tokio::test]
async fn a_signing_key_is_made_anew_in_time_and_the_old_one_verifies_until_its_tokens_are_gone() {
    let lifetime = Duration::from_secs(24 * 3600);
    let house =
        House::with(Settings { signing_key_lifetime: lifetime, ..Settings::default() }).await;
    let (id, secret, _) = house.account_with_secret().await;
    let known = || -> Vec<_> {
        house.control.snapshot().credentials.signing_keys().iter().map(|key| key.id).collect()
    };
    let first = house.control.issue_token(id, secret).await.unwrap().key.id;
    house.pass(24 * HOUR_MS - 1);
    assert_eq!(house.control.issue_token(id, secret).await.unwrap().key.id, first);
    house.pass(1);
    let second = house.control.issue_token(id, secret).await.unwrap().key.id;
    assert_eq!(known(), [first, second]);
    assert_eq!(house.reopened().await.snapshot().credentials.signing_keys().len(), 2);
    house.pass(HOUR_MS);
    let third = house.control.rotate_signing_key().await.unwrap();
    assert_eq!(known(), [first, second, third], "a token of the first may live by another's clock");
    house.pass(2 * HOUR_MS);
    let fourth = house.control.rotate_signing_key().await.unwrap();
    assert_eq!(known(), [third, fourth]);
}

#[tokio::test]
async fn a_command_whose_author_s_token_ended_while_it_waited_changes_nothing() {
    let house = House::new().await;
    let made = house.account(roles([Role::Owner]), Some(8)).await;
    let (id, secret) = (made.account.id, made.account.secrets[0].id);
    let entries = new(&["192.0.2.0/24"]);
    house.control.add_entries(house.org, ListOwner::Account(id), entries).await.unwrap();
    let grant = house.control.issue_token(id, secret).await.unwrap();
    let principal = Principal {
        scheme: SchemeKind::Digest,
        credential: id,
        org: house.org,
        roles: roles([Role::Owner]),
        token: Some(reference(&grant)),
    };
    let author = Author { principal, address: client("192.0.2.9"), needed: Role::Owner };
    let by_account = house.control.on_behalf_of(author);
    by_account.create_key(house.org, "one", roles([Role::Member]), vec![]).await.unwrap();
    house.control.revoke_token(id, reference(&grant)).await.unwrap();
    let refused = by_account.create_key(house.org, "two", roles([Role::Member]), vec![]).await;
    assert!(matches!(refused.unwrap_err(), CommandError::RoleLost { needed: Role::Owner }));
}

#[tokio::test]
async fn who_asks_for_required_lists_has_one() {
    let house = House::new().await;
    let required = |required| OrganizationUpdate {
        access_list_required: Some(required),
        ..OrganizationUpdate::default()
    };
    house.control.update_organization(house.org, required(false)).await.unwrap();
    let principal = Principal {
        scheme: SchemeKind::Digest,
        credential: house.owner,
        org: house.org,
        roles: roles([Role::Owner]),
        token: None,
    };
    let author = Author { principal, address: client("192.0.2.9"), needed: Role::Owner };
    let by_owner = house.control.on_behalf_of(author);
    let refused = by_owner.update_organization(house.org, required(true)).await.unwrap_err();
    assert!(matches!(refused, CommandError::LocksOutCaller), "{refused}");
    house.add(&["192.0.2.0/24"]).await.unwrap();
    by_owner.update_organization(house.org, required(true)).await.unwrap();
}

#[tokio::test]
async fn what_names_nothing_is_refused_by_what_it_does_not_name() {
    let house = House::new().await;
    let nobody = CredentialId(crate::id::ObjectId::from_bytes([0xee; 12]));
    let nowhere = OrgId(crate::id::ObjectId::from_bytes([0xee; 12]));
    let control = &house.control;
    let account = house.account(roles([Role::Member]), None).await.account.id;
    for refused in [
        control.delete_account(house.org, nobody).await.unwrap_err(),
        control.delete_account(house.org, house.owner).await.unwrap_err(),
        control.create_secret(house.org, nobody, 8).await.unwrap_err(),
        control
            .add_entries(house.org, ListOwner::Account(house.owner), new(&["192.0.2.1"]))
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(refused, CommandError::AccountNotFound), "{refused}");
    }
    let refused = control.delete_key(house.org, account).await.unwrap_err();
    assert!(matches!(refused, CommandError::KeyNotFound), "{refused}");
    let refused = control.delete_account(nowhere, account).await.unwrap_err();
    assert!(matches!(refused, CommandError::OrganizationNotFound), "{refused}");
}
