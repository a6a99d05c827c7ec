//! What replies look like, word by word: scripts read both forms.

use secrecy::SecretString;

use super::*;
use crate::local::{Entry, Listed, Removed, SigningKey};

const AT: &str = "2026-07-25T17:20:00Z";

fn organization(last: u8, name: &str) -> Organization {
    Organization {
        id: format!("32b6e34b3d91647abb20e7{last:02}"),
        name: name.into(),
        api_access_list_required: last == 1,
        api_keys: 12,
        service_accounts: 0,
        created_at: AT.into(),
    }
}

fn key(entries: usize) -> Key {
    Key {
        id: "32b6e34b3d91647abb20e7b8".into(),
        org_id: "32b6e34b3d91647abb20e701".into(),
        public_key: "abcdefgh".into(),
        desc: "of the \u{1b}[2Jbuild".into(),
        roles: vec!["ORG_OWNER".into(), "ORG_READ_ONLY".into()],
        entries,
        created_at: AT.into(),
    }
}

fn account(secrets: Vec<Secret>) -> Account {
    Account {
        client_id: "mdb_sa_id_32b6e34b3d91647abb20e7b9".into(),
        org_id: "32b6e34b3d91647abb20e701".into(),
        name: "ci".into(),
        description: "of the build".into(),
        roles: vec!["ORG_READ_ONLY".into()],
        secrets,
        entries: 1,
        created_at: AT.into(),
    }
}

fn secret(last: u8, last_used_at: Option<&str>) -> Secret {
    Secret {
        id: format!("32b6e34b3d91647abb20e7{last:02}"),
        secret: None,
        masked_secret_value: Some("mdb_sa_sk_...wxyz".into()),
        created_at: AT.into(),
        expires_at: "2026-10-23T17:20:00Z".into(),
        last_used_at: last_used_at.map(str::to_owned),
    }
}

fn list() -> Entries {
    let entry = |range: &str, address: Option<&str>, count| Entry {
        cidr_block: range.into(),
        ip_address: address.map(str::to_owned),
        count,
        last_used: (count > 0).then(|| AT.to_owned()),
        last_used_address: (count > 0).then(|| "10.1.2.3".to_owned()),
        created: AT.into(),
    };
    let results =
        vec![entry("10.0.0.0/8", None, 12_345), entry("2001:db8::7/128", Some("2001:db8::7"), 0)];
    Entries { credential: "32b6e34b3d91647abb20e7b8".into(), results }
}

fn shown(text: &str) -> crate::local::Shown {
    SecretString::from(text).into()
}

#[test]
fn organizations_are_a_table_and_one_is_a_line_a_fact() {
    let results = vec![organization(1, "default"), organization(2, "Büro\n7")];
    let reply = Reply::Organizations(Listed { results });
    insta::assert_snapshot!(of(&reply), @r"
    ID                        API KEYS  SERVICE ACCOUNTS  LISTS     CREATED               NAME
    32b6e34b3d91647abb20e701  12        0                 required  2026-07-25T17:20:00Z  default
    32b6e34b3d91647abb20e702  12        0                 optional  2026-07-25T17:20:00Z  Büro\n7
    ");
    insta::assert_snapshot!(of(&Reply::Organization(organization(1, "default"))), @"
    organization      32b6e34b3d91647abb20e701
    name              default
    access lists      required
    API keys          12
    service accounts  0
    ");
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "results": [
        {
          "id": "32b6e34b3d91647abb20e701",
          "name": "default",
          "apiAccessListRequired": true,
          "apiKeys": 12,
          "serviceAccounts": 0,
          "createdAt": "2026-07-25T17:20:00Z"
        },
        {
          "id": "32b6e34b3d91647abb20e702",
          "name": "Büro\n7",
          "apiAccessListRequired": false,
          "apiKeys": 12,
          "serviceAccounts": 0,
          "createdAt": "2026-07-25T17:20:00Z"
        }
      ]
    }
    "#);
}

#[test]
fn keys_are_a_table_and_a_new_one_shows_its_private_half() {
    let reply = Reply::Keys(Listed { results: vec![key(2)] });
    insta::assert_snapshot!(of(&reply), @r"
    ID                        PUBLIC KEY  ENTRIES  CREATED               ROLES                    DESCRIPTION
    32b6e34b3d91647abb20e7b8  abcdefgh    2        2026-07-25T17:20:00Z  ORG_OWNER,ORG_READ_ONLY  of the \u{1b}[2Jbuild
    ");
    let private_key = || shown("ed6fa7f3-5a9c-4b2b-8d1e-0123456789ab");
    insta::assert_snapshot!(of(&Reply::Key(NewKey { key: key(0), private_key: private_key() })), @r"
    API key       32b6e34b3d91647abb20e7b8
    public key    abcdefgh
    private key   ed6fa7f3-5a9c-4b2b-8d1e-0123456789ab
    organization  32b6e34b3d91647abb20e701
    roles         ORG_OWNER, ORG_READ_ONLY
    description   of the \u{1b}[2Jbuild
    allowed from  nowhere yet

    The private key is shown this once: keep it as you keep a password.
    Its list is empty: portcullis access-list add 32b6e34b3d91647abb20e7b8 ADDRESS
    ");
    let reply = Reply::Key(NewKey { key: key(2), private_key: private_key() });
    assert!(!of(&reply).contains("Its list is empty") && of(&reply).contains("2 entries"));
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "id": "32b6e34b3d91647abb20e7b8",
      "orgId": "32b6e34b3d91647abb20e701",
      "publicKey": "abcdefgh",
      "desc": "of the \u001b[2Jbuild",
      "roles": [
        "ORG_OWNER",
        "ORG_READ_ONLY"
      ],
      "entries": 2,
      "createdAt": "2026-07-25T17:20:00Z",
      "privateKey": "ed6fa7f3-5a9c-4b2b-8d1e-0123456789ab"
    }
    "#);
    assert!(!format!("{reply:?}").contains("ed6fa7f3"), "{reply:?}");
}

#[test]
fn service_accounts_are_a_table_and_their_secrets_another() {
    let secrets = vec![secret(1, None), secret(2, Some(AT))];
    let reply = Reply::Accounts(Listed { results: vec![account(secrets)] });
    insta::assert_snapshot!(of(&reply), @"
    CLIENT ID                           ENTRIES  CREATED               ROLES          NAME  DESCRIPTION
    mdb_sa_id_32b6e34b3d91647abb20e7b9  1        2026-07-25T17:20:00Z  ORG_READ_ONLY  ci    of the build

    SECRET                    CLIENT ID                           VALUE              EXPIRES               LAST USED
    32b6e34b3d91647abb20e701  mdb_sa_id_32b6e34b3d91647abb20e7b9  mdb_sa_sk_...wxyz  2026-10-23T17:20:00Z  -
    32b6e34b3d91647abb20e702  mdb_sa_id_32b6e34b3d91647abb20e7b9  mdb_sa_sk_...wxyz  2026-10-23T17:20:00Z  2026-07-25T17:20:00Z
    ");
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "results": [
        {
          "clientId": "mdb_sa_id_32b6e34b3d91647abb20e7b9",
          "orgId": "32b6e34b3d91647abb20e701",
          "name": "ci",
          "description": "of the build",
          "roles": [
            "ORG_READ_ONLY"
          ],
          "secrets": [
            {
              "id": "32b6e34b3d91647abb20e701",
              "maskedSecretValue": "mdb_sa_sk_...wxyz",
              "createdAt": "2026-07-25T17:20:00Z",
              "expiresAt": "2026-10-23T17:20:00Z"
            },
            {
              "id": "32b6e34b3d91647abb20e702",
              "maskedSecretValue": "mdb_sa_sk_...wxyz",
              "createdAt": "2026-07-25T17:20:00Z",
              "expiresAt": "2026-10-23T17:20:00Z",
              "lastUsedAt": "2026-07-25T17:20:00Z"
            }
          ],
          "entries": 1,
          "createdAt": "2026-07-25T17:20:00Z"
        }
      ]
    }
    "#);
    let reply = Reply::Accounts(Listed { results: vec![account(Vec::new())] });
    assert_eq!(of(&reply).lines().count(), 2, "no table of secrets where there are none");
}

#[test]
fn a_new_service_account_shows_its_first_secret_if_it_has_one() {
    let new = || Secret {
        secret: Some(shown("mdb_sa_sk_abcdwxyz")),
        masked_secret_value: None,
        ..secret(1, None)
    };
    let reply = Reply::Account(account(vec![new()]));
    insta::assert_snapshot!(of(&reply), @"
    client id       mdb_sa_id_32b6e34b3d91647abb20e7b9
    secret          mdb_sa_sk_abcdwxyz
    secret's id     32b6e34b3d91647abb20e701
    secret expires  2026-10-23T17:20:00Z
    organization    32b6e34b3d91647abb20e701
    roles           ORG_READ_ONLY
    name            ci
    description     of the build
    allowed from    1 entry

    The secret is shown this once: keep it as you keep a password.
    ");
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "clientId": "mdb_sa_id_32b6e34b3d91647abb20e7b9",
      "orgId": "32b6e34b3d91647abb20e701",
      "name": "ci",
      "description": "of the build",
      "roles": [
        "ORG_READ_ONLY"
      ],
      "secrets": [
        {
          "id": "32b6e34b3d91647abb20e701",
          "secret": "mdb_sa_sk_abcdwxyz",
          "createdAt": "2026-07-25T17:20:00Z",
          "expiresAt": "2026-10-23T17:20:00Z"
        }
      ],
      "entries": 1,
      "createdAt": "2026-07-25T17:20:00Z"
    }
    "#);
    assert!(!format!("{reply:?}").contains("abcdwxyz"), "{reply:?}");
    insta::assert_snapshot!(of(&Reply::Account(account(Vec::new()))), @"
    client id     mdb_sa_id_32b6e34b3d91647abb20e7b9
    organization  32b6e34b3d91647abb20e701
    roles         ORG_READ_ONLY
    name          ci
    description   of the build
    allowed from  1 entry

    It has no secret yet: portcullis service-account secret create mdb_sa_id_32b6e34b3d91647abb20e7b9 --hours 2160
    ");
    let reply = Reply::Secret(NewSecret {
        client_id: "mdb_sa_id_32b6e34b3d91647abb20e7b9".into(),
        secret: new(),
    });
    insta::assert_snapshot!(of(&reply), @"
    client id       mdb_sa_id_32b6e34b3d91647abb20e7b9
    secret          mdb_sa_sk_abcdwxyz
    secret's id     32b6e34b3d91647abb20e701
    secret expires  2026-10-23T17:20:00Z

    The secret is shown this once: keep it as you keep a password.
    ");
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "clientId": "mdb_sa_id_32b6e34b3d91647abb20e7b9",
      "id": "32b6e34b3d91647abb20e701",
      "secret": "mdb_sa_sk_abcdwxyz",
      "createdAt": "2026-07-25T17:20:00Z",
      "expiresAt": "2026-10-23T17:20:00Z"
    }
    "#);
}

#[test]
fn a_list_shows_how_often_when_and_from_where_each_entry_was_used() {
    let reply = Reply::Entries(list());
    insta::assert_snapshot!(of(&reply), @"
    ENTRY        COUNT  LAST USED             LAST ADDRESS  ADDED
    10.0.0.0/8   12345  2026-07-25T17:20:00Z  10.1.2.3      2026-07-25T17:20:00Z
    2001:db8::7  0      -                     -             2026-07-25T17:20:00Z
    ");
    insta::assert_snapshot!(json(&reply).unwrap(), @r#"
    {
      "credential": "32b6e34b3d91647abb20e7b8",
      "results": [
        {
          "cidrBlock": "10.0.0.0/8",
          "count": 12345,
          "lastUsed": "2026-07-25T17:20:00Z",
          "lastUsedAddress": "10.1.2.3",
          "created": "2026-07-25T17:20:00Z"
        },
        {
          "cidrBlock": "2001:db8::7/128",
          "ipAddress": "2001:db8::7",
          "count": 0,
          "created": "2026-07-25T17:20:00Z"
        }
      ]
    }
    "#);
}

#[test]
fn what_is_gone_and_what_signs_are_a_line() {
    let removed = Reply::Removed(Removed { removed: "10.0.0.0/8".into() });
    insta::assert_snapshot!(of(&removed), @"10.0.0.0/8 is removed.");
    insta::assert_snapshot!(json(&removed).unwrap(), @r#"
    {
      "removed": "10.0.0.0/8"
    }
    "#);
    let rotated = Reply::SigningKey(SigningKey { id: "32b6e34b3d91647abb20e701".into() });
    insta::assert_snapshot!(of(&rotated), @"Access tokens are signed with key 32b6e34b3d91647abb20e701 from now on. Those given before are good until they expire.");
    insta::assert_snapshot!(json(&rotated).unwrap(), @r#"
    {
      "id": "32b6e34b3d91647abb20e701"
    }
    "#);
}

#[test]
fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_spaces_at_their_end() {
    let rows = [row(["A", "B", "C"]), row(["äöü", "b", ""]), row(["", "bb", "c c"])];
    assert_eq!(table(&rows), "A    B   C\näöü  b\n     bb  c c\n");
}

#[test]
fn a_text_of_somebody_else_s_can_t_move_the_cursor() {
    assert_eq!(plain("a\u{1b}[2Jb\nc\u{9b}d"), "a\\u{1b}[2Jb\\nc\\u{9b}d");
    assert_eq!(plain("Büro 7"), "Büro 7");
}
