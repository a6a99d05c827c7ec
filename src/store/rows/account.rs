//! Service accounts, their secrets and their tokens.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, params};

use super::{
    Broken, Columns, Failure, INTEGER, Query, TEXT, blob, collect, entry, expect_one, read_roles,
    write_roles,
};
use crate::id::{CredentialId, OrgId, SecretId, TokenId};
use crate::identity::{KeyId, Secret, SecretVerifier, ServiceAccount, Token};
use crate::store::{Conflict, Damage};
use crate::time::Timestamp;

/// Every account with its secrets and tokens, oldest first.
pub(super) fn load(connection: &Connection) -> Result<Vec<ServiceAccount>, Failure> {
    let mut accounts = collect(connection, ACCOUNTS, account)?;
    let places: HashMap<_, _> =
        accounts.iter().enumerate().map(|(place, account)| (account.id, place)).collect();
    let find = |id: CredentialId, column: &str| {
        places.get(&id).copied().ok_or_else(|| {
            let expected = "the id of a service account";
            Failure::Damage(Damage::Value {
                column: column.to_owned(),
                row: id.to_string(),
                expected,
            })
        })
    };
    for (owner, secret) in collect(connection, SECRETS, secret)? {
        accounts[find(owner, "secret.account")?].secrets.push(secret);
    }
    for (owner, token) in collect(connection, TOKENS, token)? {
        accounts[find(owner, "token.account")?].tokens.push(token);
    }
    Ok(accounts)
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    account: &ServiceAccount,
) -> Result<(), Failure> {
    let conflict = Conflict::AccountExists(account.id);
    entry::insert_owner(transaction, account.id, conflict)?;
    let values = params![
        blob(account.id.0),
        blob(account.org.0),
        account.name,
        account.description,
        write_roles(account.roles),
        account.created.as_millis(),
    ];
    transaction.prepare_cached(INSERT_ACCOUNT)?.execute(values).map_err(
        |error| match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(conflict),
            Some(Broken::Reference) => Failure::Conflict(Conflict::NoOrganization(account.org)),
            None => error.into(),
        },
    )?;
    account.secrets.iter().try_for_each(|secret| insert_secret(transaction, account.id, secret))
}

pub(super) fn update(
    transaction: &Transaction<'_>,
    account: &ServiceAccount,
) -> Result<(), Failure> {
    let sql = "UPDATE service_account SET name = ?2, description = ?3, roles = ?4 WHERE id = ?1";
    let values =
        params![blob(account.id.0), account.name, account.description, write_roles(account.roles)];
    expect_one(transaction.execute(sql, values)?, Conflict::NoAccount(account.id))
}

pub(super) fn delete(transaction: &Transaction<'_>, id: CredentialId) -> Result<(), Failure> {
    entry::delete_list(transaction, id)?;
    transaction.execute("DELETE FROM token WHERE account = ?1", [blob(id.0)])?;
    transaction.execute("DELETE FROM secret WHERE account = ?1", [blob(id.0)])?;
    let deleted = transaction.execute("DELETE FROM service_account WHERE id = ?1", [blob(id.0)])?;
    expect_one(deleted, Conflict::NoAccount(id))?;
    entry::delete_owner(transaction, id)
}

pub(super) fn insert_secret(
    transaction: &Transaction<'_>,
    account: CredentialId,
    secret: &Secret,
) -> Result<(), Failure> {
    let values = params![
        blob(secret.id.0),
        blob(account.0),
        secret.verifier.key.as_str(),
        secret.verifier.mac,
        secret.tail,
        secret.created.as_millis(),
        secret.expires.as_millis(),
        secret.last_used.map(Timestamp::as_millis),
    ];
    transaction.prepare_cached(INSERT_SECRET)?.execute(values).map_err(
        |error| match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(Conflict::SecretExists(secret.id)),
            Some(Broken::Reference) => Failure::Conflict(Conflict::NoAccount(account)),
            None => error.into(),
        },
    )?;
    Ok(())
}

/// Removes a secret and what is known of the tokens that it gave, which are void without it.
pub(super) fn delete_secret(
    transaction: &Transaction<'_>,
    account: CredentialId,
    secret: SecretId,
) -> Result<(), Failure> {
    transaction.execute("DELETE FROM token WHERE secret = ?1", [blob(secret.0)])?;
    let sql = "DELETE FROM secret WHERE id = ?1 AND account = ?2";
    let deleted = transaction.execute(sql, [blob(secret.0), blob(account.0)])?;
    expect_one(deleted, Conflict::NoSecret { account, secret })
}

/// Notes a token that is given at `at`, and that its secret was used; forgets the account's tokens of which nothing need be known by
/// then.
pub(super) fn insert_token(
    transaction: &Transaction<'_>,
    account: CredentialId,
    token: &Token,
    at: Timestamp,
) -> Result<(), Failure> {
    let sql = "UPDATE secret SET last_used_ms = ?3 WHERE id = ?1 AND account = ?2";
    let values = params![blob(token.secret.0), blob(account.0), at.as_millis()];
    let no_secret = Conflict::NoSecret { account, secret: token.secret };
    expect_one(transaction.execute(sql, values)?, no_secret)?;
    let remembered = i64::try_from(Token::REMEMBERED.as_millis()).unwrap_or(i64::MAX);
    let sql = "DELETE FROM token WHERE account = ?1 AND expires_ms <= ?2";
    let forgotten = at.as_millis().saturating_sub(remembered);
    transaction.prepare_cached(sql)?.execute(params![blob(account.0), forgotten])?;
    write_token(transaction, INSERT_TOKEN, account, token)
}

/// Notes that a token was given back, whether it was known or not.
pub(super) fn revoke_token(
    transaction: &Transaction<'_>,
    account: CredentialId,
    token: &Token,
) -> Result<(), Failure> {
    write_token(transaction, REVOKE_TOKEN, account, token)
}

fn write_token(
    transaction: &Transaction<'_>,
    sql: &str,
    account: CredentialId,
    token: &Token,
) -> Result<(), Failure> {
    let values = params![
        blob(token.id.0),
        blob(account.0),
        blob(token.secret.0),
        token.expires.as_millis(),
        token.revoked,
    ];
    transaction.prepare_cached(sql)?.execute(values).map_err(|error| match Broken::by(&error) {
        Some(Broken::Unique) => Failure::Conflict(Conflict::TokenExists(token.id)),
        Some(Broken::Reference) => {
            Failure::Conflict(Conflict::NoSecret { account, secret: token.secret })
        }
        None => error.into(),
    })?;
    Ok(())
}

fn account(columns: &Columns<'_>) -> Result<ServiceAccount, Failure> {
    Ok(ServiceAccount {
        id: CredentialId(columns.id),
        org: OrgId(columns.read_id(1)?),
        name: columns.read(2, TEXT)?,
        description: columns.read(3, TEXT)?,
        roles: columns.parse(4, "names of roles", read_roles)?,
        secrets: Vec::new(),
        tokens: Vec::new(),
        created: Timestamp::from_millis(columns.read(5, INTEGER)?),
    })
}

fn secret(columns: &Columns<'_>) -> Result<(CredentialId, Secret), Failure> {
    let last_used: Option<i64> = columns.read(7, INTEGER)?;
    let secret = Secret {
        id: SecretId(columns.id),
        verifier: SecretVerifier {
            key: columns.parse(2, TEXT, |text| Some(KeyId::from(text)))?,
            mac: columns.read(3, "32 bytes")?,
        },
        tail: columns.read(4, TEXT)?,
        created: Timestamp::from_millis(columns.read(5, INTEGER)?),
        expires: Timestamp::from_millis(columns.read(6, INTEGER)?),
        last_used: last_used.map(Timestamp::from_millis),
    };
    Ok((CredentialId(columns.read_id(1)?), secret))
}

fn token(columns: &Columns<'_>) -> Result<(CredentialId, Token), Failure> {
    let token = Token {
        id: TokenId(columns.id),
        secret: SecretId(columns.read_id(2)?),
        expires: Timestamp::from_millis(columns.read(3, INTEGER)?),
        revoked: columns.read(4, "0 or 1")?,
    };
    Ok((CredentialId(columns.read_id(1)?), token))
}

const ACCOUNTS: Query = Query {
    table: "service_account",
    sql: "SELECT id, org, name, description, roles, created_ms FROM service_account ORDER BY id",
};

const SECRETS: Query = Query {
    table: "secret",
    sql: "SELECT id, account, key_id, mac, tail, created_ms, expires_ms, last_used_ms
          FROM secret ORDER BY id",
};

const TOKENS: Query = Query {
    table: "token",
    sql: "SELECT id, account, secret, expires_ms, revoked FROM token ORDER BY id",
};

const INSERT_ACCOUNT: &str = "
    INSERT INTO service_account (id, org, name, description, roles, created_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const INSERT_SECRET: &str = "
    INSERT INTO secret (id, account, key_id, mac, tail, created_ms, expires_ms, last_used_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const INSERT_TOKEN: &str = "
    INSERT INTO token (id, account, secret, expires_ms, revoked) VALUES (?1, ?2, ?3, ?4, ?5)";

const REVOKE_TOKEN: &str = "
    INSERT INTO token (id, account, secret, expires_ms, revoked) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET revoked = 1";
