//! What a store promises of service accounts, their secrets and tokens, and the keys that sign them.

use std::sync::Arc;

use portcullis::id::{SecretId, SigningKeyId, TokenId};
use portcullis::identity::{
    KeyId, Organization, Role, Secret, SecretVerifier, ServiceAccount, SigningKey, SigningSecret,
    Token,
};
use portcullis::store::{Change, Conflict, Image, StoreError};
use portcullis::time::Timestamp;

use super::Place;
use super::fixtures::*;

pub(super) fn an_organization_keeps_its_name_and_settings(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    commit(&*store, new_organization(1)).unwrap();
    let Change::CreateOrganization { organization } = new_organization(1) else { unreachable!() };
    let changed = Organization {
        name: "Renamed".into(),
        access_list_required: false,
        most_secret_hours: Some(72),
        ..Organization::clone(&organization)
    };
    let unknown = Organization { id: org(9), ..changed.clone() };
    commit(&*store, Change::UpdateOrganization { organization: Arc::new(changed) }).unwrap();
    let refused = commit(&*store, Change::UpdateOrganization { organization: Arc::new(unknown) });
    assert_conflict(refused, Conflict::NoOrganization(org(9)));
    drop(store);
    let image = load(&*place.open(&keys).unwrap());
    let line = "000000000000000000000001 Renamed, lists required: false, 72 h, 100";
    assert_eq!(lines(&image), [line]);
}

pub(super) fn an_account_is_kept_with_its_secrets_its_tokens_and_its_list(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
    commit(&*store, add_entries(4, vec![entry(44, "10.0.4.0/24")])).unwrap();
    commit(&*store, Change::CreateSecret { account: credential(4), secret: secret(42) }).unwrap();
    issue(&*store, token(43, 42, 9_000), 1_000).unwrap();
    let renamed = ServiceAccount {
        name: "renamed".into(),
        roles: [Role::ReadOnly].into_iter().collect(),
        ..account(4, vec![])
    };
    commit(&*store, Change::UpdateAccount { account: Arc::new(renamed) }).unwrap();
    flush(&*store, batch(1, 1, &[(44, 7, None)], &[]));
    drop(store);

    let image = load(&*place.open(&keys).unwrap());
    assert_eq!(
        account_lines(&image),
        [
            "account 4 of 1, renamed, for ci, [ReadOnly], 400",
            "secret 41 of 4, 57402702 2929 tail, 410 to 99000, used None",
            "secret 42 of 4, 57402702 2a2a tail, 410 to 99000, used Some(1000)",
            "token 43 of 4 for 42, to 9000, revoked: false",
        ]
    );
    assert!(counts(&image).contains(&(44, 7)));
}

pub(super) fn a_change_of_accounts_that_does_not_fit_stores_nothing(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
    commit(&*store, new_account(5, vec![secret(51)])).unwrap();
    issue(&*store, token(43, 41, 9_000), 1_000).unwrap();
    let before = load(&*store);
    let of = |account, secret| Change::DeleteSecret {
        account: credential(account),
        secret: SecretId(id(secret)),
    };
    let no_secret = |account, secret| Conflict::NoSecret {
        account: credential(account),
        secret: SecretId(id(secret)),
    };
    let elsewhere = ServiceAccount { org: org(9), ..account(6, vec![]) };
    for (change, conflict) in [
        (new_account(4, vec![]), Conflict::AccountExists(credential(4))),
        // A key has that id, and with it that list.
        (new_account(2, vec![]), Conflict::AccountExists(credential(2))),
        (new_account(6, vec![secret(51)]), Conflict::SecretExists(SecretId(id(51)))),
        (
            Change::CreateAccount { account: Arc::new(elsewhere), entries: vec![] },
            Conflict::NoOrganization(org(9)),
        ),
        (
            Change::UpdateAccount { account: Arc::new(account(9, vec![])) },
            Conflict::NoAccount(credential(9)),
        ),
        (Change::DeleteAccount { id: credential(9) }, Conflict::NoAccount(credential(9))),
        (Change::DeleteAccount { id: credential(2) }, Conflict::NoAccount(credential(2))),
        (Change::DeleteKey { id: credential(4) }, Conflict::NoKey(credential(4))),
        (
            Change::CreateSecret { account: credential(9), secret: secret(60) },
            Conflict::NoAccount(credential(9)),
        ),
        (of(4, 51), no_secret(4, 51)),
        (of(9, 41), no_secret(9, 41)),
        (given(4, token(60, 51, 9_000), 1_000), no_secret(4, 51)),
        (given(4, token(43, 41, 9_000), 1_000), Conflict::TokenExists(TokenId(id(43)))),
        (
            Change::RevokeToken { account: credential(4), token: token(60, 99, 9_000) },
            no_secret(4, 99),
        ),
    ] {
        let shown = format!("{change:?}");
        assert_conflict(commit(&*store, change), conflict);
        let after = load(&*store);
        assert_eq!(after.revision, before.revision, "{shown}");
        assert_eq!(lines(&after), lines(&before), "{shown}");
    }
}

pub(super) fn a_secret_that_goes_takes_its_tokens_along(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    commit(&*store, new_account(4, vec![secret(41), secret(42)])).unwrap();
    issue(&*store, token(43, 41, 9_000), 1_000).unwrap();
    issue(&*store, token(44, 42, 9_000), 1_000).unwrap();
    let gone = Change::DeleteSecret { account: credential(4), secret: SecretId(id(41)) };
    commit(&*store, gone).unwrap();
    assert_eq!(
        account_lines(&load(&*store))[1..],
        [
            "secret 42 of 4, 57402702 2a2a tail, 410 to 99000, used Some(1000)",
            "token 44 of 4 for 42, to 9000, revoked: false",
        ]
    );
}

pub(super) fn an_account_that_goes_takes_everything_of_its_own_along(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let before = lines(&load(&*store));
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
    commit(&*store, add_entries(4, vec![entry(44, "10.0.4.0/24")])).unwrap();
    issue(&*store, token(43, 41, 9_000), 1_000).unwrap();
    flush(&*store, batch(1, 1, &[(44, 7, None)], &[]));
    commit(&*store, Change::DeleteAccount { id: credential(4) }).unwrap();
    assert_eq!(lines(&load(&*store)), before);
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
}

pub(super) fn a_token_given_notes_the_use_of_its_secret_and_forgets_expired_ones(
    place: &dyn Place,
) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
    commit(&*store, new_account(5, vec![secret(51)])).unwrap();
    issue(&*store, token(43, 41, 2_000), 1_000).unwrap();
    issue(&*store, token(44, 41, 2_001), 1_001).unwrap();
    commit(&*store, given(5, token(53, 51, 2_000), 1_000)).unwrap();
    issue(&*store, token(45, 41, 99_000), 62_000).unwrap();
    let tokens: Vec<_> = account_lines(&load(&*store))
        .into_iter()
        .filter(|line| line.starts_with("token"))
        .collect();
    assert_eq!(
        tokens,
        [
            "token 44 of 4 for 41, to 2001, revoked: false",
            "token 45 of 4 for 41, to 99000, revoked: false",
            "token 53 of 5 for 51, to 2000, revoked: false",
        ],
        "another account's tokens stay until it is given one"
    );
}

pub(super) fn a_token_given_back_is_known_as_such_even_if_it_was_never_seen(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    commit(&*store, new_account(4, vec![secret(41)])).unwrap();
    issue(&*store, token(43, 41, 9_000), 1_000).unwrap();
    for number in [43, 44, 44] {
        let token = Token { revoked: true, ..token(number, 41, 9_000) };
        commit(&*store, Change::RevokeToken { account: credential(4), token }).unwrap();
    }
    drop(store);
    assert_eq!(
        account_lines(&load(&*place.open(&keys).unwrap()))[2..],
        [
            "token 43 of 4 for 41, to 9000, revoked: true",
            "token 44 of 4 for 41, to 9000, revoked: true",
        ]
    );
}

pub(super) fn signing_keys_come_and_go_and_open_after_a_rotation_of_the_key_file(
    place: &dyn Place,
) {
    let store = place.create(&keys("a")).unwrap();
    let rotate = |store: &dyn portcullis::store::Store, number, created, removed: &[u8]| {
        let key = SigningKey {
            id: SigningKeyId(id(number)),
            key: SigningSecret::from_bytes([number; 32]),
            created: Timestamp::from_millis(created),
        };
        let removed = removed.iter().map(|number| SigningKeyId(id(*number))).collect();
        commit(store, Change::RotateSigningKey { key, removed })
    };
    rotate(&*store, 7, 100, &[]).unwrap();
    rotate(&*store, 6, 200, &[]).unwrap();
    assert_conflict(rotate(&*store, 6, 300, &[7]), Conflict::SigningKeyExists(SigningKeyId(id(6))));
    drop(store);

    let both = keys("b over a");
    let store = place.open(&both).unwrap();
    let held = |store: &dyn portcullis::store::Store| -> Vec<_> {
        let keys = load(store).signing_keys;
        keys.iter().map(|key| (key.key.as_bytes()[31], key.created.as_millis())).collect()
    };
    assert_eq!(held(&*store), [(7, 100), (6, 200)], "oldest first, whatever their ids");
    rotate(&*store, 8, 300, &[7, 99]).unwrap();
    assert_eq!(held(&*store), [(6, 200), (8, 300)]);
    drop(store);
    assert_eq!(held(&*place.open(&both).unwrap()), [(6, 200), (8, 300)]);
}

/// Every stored value of accounts and what belongs to them, a line for each row.
pub(super) fn account_lines(image: &Image) -> Vec<String> {
    let number = |id: portcullis::id::ObjectId| id.as_bytes()[11];
    let mut lines = Vec::new();
    for account in &image.accounts {
        let ServiceAccount { id, org, name, description, roles, secrets, tokens, created } =
            account;
        let (own, org) = (number(id.0), number(org.0));
        let roles: Vec<_> = roles.iter().collect();
        let created = created.as_millis();
        lines.push(format!("account {own} of {org}, {name}, {description}, {roles:?}, {created}"));
        for Secret { id, verifier, tail, created, expires, last_used } in secrets {
            let (id, mac) = (number(id.0), hex(&verifier.mac[..2]));
            let (created, expires) = (created.as_millis(), expires.as_millis());
            let used = last_used.map(Timestamp::as_millis);
            let key = verifier.key.as_str();
            lines.push(format!(
                "secret {id} of {own}, {key} {mac} {tail}, {created} to {expires}, used {used:?}"
            ));
        }
        for Token { id, secret, expires, revoked } in tokens {
            let (id, secret, expires) = (number(id.0), number(secret.0), expires.as_millis());
            lines.push(format!(
                "token {id} of {own} for {secret}, to {expires}, revoked: {revoked}"
            ));
        }
    }
    lines
}

fn account(number: u8, secrets: Vec<Secret>) -> ServiceAccount {
    ServiceAccount {
        id: credential(number),
        org: org(1),
        name: "builder".into(),
        description: "for ci".into(),
        roles: [Role::Owner].into_iter().collect(),
        secrets,
        tokens: vec![],
        created: Timestamp::from_millis(400),
    }
}

fn new_account(number: u8, secrets: Vec<Secret>) -> Change {
    Change::CreateAccount { account: Arc::new(account(number, secrets)), entries: vec![] }
}

fn secret(number: u8) -> Secret {
    Secret {
        id: SecretId(id(number)),
        verifier: SecretVerifier { key: KeyId::from("57402702"), mac: [number; 32] },
        tail: "tail".into(),
        created: Timestamp::from_millis(410),
        expires: Timestamp::from_millis(99_000),
        last_used: None,
    }
}

fn token(number: u8, secret: u8, expires: i64) -> Token {
    Token {
        id: TokenId(id(number)),
        secret: SecretId(id(secret)),
        expires: Timestamp::from_millis(expires),
        revoked: false,
    }
}

fn given(account: u8, token: Token, at: i64) -> Change {
    Change::IssueToken { account: credential(account), token, at: Timestamp::from_millis(at) }
}

fn issue(
    store: &dyn portcullis::store::Store,
    token: Token,
    at: i64,
) -> Result<portcullis::id::Revision, StoreError> {
    commit(store, given(4, token, at))
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>, conflict: Conflict) {
    match outcome {
        Err(StoreError::Conflict(found)) => assert_eq!(found, conflict),
        other => panic!("{conflict:?}: {other:?}"),
    }
}
