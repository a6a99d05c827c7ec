//! Entries of credentials' lists.

use std::sync::Arc;

use rusqlite::{Transaction, params};

use super::{Broken, Columns, Failure, INTEGER, Query, TEXT, blob, expect_one, usage};
use crate::access::{Entry, Usage};
use crate::addr::Prefix;
use crate::id::{CredentialId, EntryId};
use crate::store::Conflict;
use crate::time::Timestamp;

/// Makes the credential that a list can belong to.
pub(super) fn insert_owner(
    transaction: &Transaction<'_>,
    id: CredentialId,
    exists: Conflict,
) -> Result<(), Failure> {
    let sql = "INSERT INTO credential (id) VALUES (?1)";
    transaction.prepare_cached(sql)?.execute([blob(id.0)]).map_err(|error| {
        match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(exists),
            _ => error.into(),
        }
    })?;
    Ok(())
}

/// Takes away a credential to which nothing refers any more.
pub(super) fn delete_owner(transaction: &Transaction<'_>, id: CredentialId) -> Result<(), Failure> {
    let deleted = transaction.execute("DELETE FROM credential WHERE id = ?1", [blob(id.0)])?;
    expect_one(deleted, Conflict::NoCredential(id))
}

/// Removes a whole list, and the usage of its entries.
pub(super) fn delete_list(transaction: &Transaction<'_>, id: CredentialId) -> Result<(), Failure> {
    transaction.execute(
        "DELETE FROM usage WHERE entry IN (SELECT id FROM entry WHERE credential = ?1)",
        [blob(id.0)],
    )?;
    transaction.execute("DELETE FROM entry WHERE credential = ?1", [blob(id.0)])?;
    Ok(())
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    credential: CredentialId,
    entries: &[Arc<Entry>],
) -> Result<(), Failure> {
    // Asked first: without entries there is no row whose reference could be broken.
    let stored = transaction
        .prepare_cached("SELECT 1 FROM credential WHERE id = ?1")?
        .exists([blob(credential.0)])?;
    expect_one(usize::from(stored), Conflict::NoCredential(credential))?;
    let mut insert = transaction.prepare_cached(INSERT_ENTRY)?;
    for entry in entries {
        let values = params![
            blob(entry.id.0),
            blob(credential.0),
            entry.prefix.to_string(),
            entry.spelling,
            entry.created.as_millis(),
            entry.expires.map(Timestamp::as_millis),
        ];
        insert.execute(values).map_err(|error| match Broken::by(&error) {
            Some(Broken::Unique) => {
                Failure::Conflict(Conflict::EntryExists { credential, prefix: entry.prefix })
            }
            _ => error.into(),
        })?;
    }
    Ok(())
}

pub(super) fn delete(
    transaction: &Transaction<'_>,
    credential: CredentialId,
    entry: EntryId,
) -> Result<(), Failure> {
    let sql = "DELETE FROM entry WHERE id = ?1 AND credential = ?2";
    let deleted = transaction.execute(sql, [blob(entry.0), blob(credential.0)])?;
    expect_one(deleted, Conflict::NoEntry { credential, entry })?;
    transaction.execute("DELETE FROM usage WHERE entry = ?1", [blob(entry.0)])?;
    Ok(())
}

pub(super) fn entry(columns: &Columns<'_>) -> Result<(CredentialId, Entry), Failure> {
    let expires: Option<i64> = columns.read(5, INTEGER)?;
    let usage = usage::usage(columns, 6)?;
    let entry = Entry {
        id: EntryId(columns.id),
        prefix: columns.parse(2, "a canonical range", |text| Prefix::parse_cidr(text).ok())?,
        spelling: columns.read(3, TEXT)?,
        created: Timestamp::from_millis(columns.read(4, INTEGER)?),
        expires: expires.map(Timestamp::from_millis),
        usage: Usage::restored(usage.count, usage.last),
    };
    Ok((CredentialId(columns.read_id(1)?), entry))
}

pub(super) const ENTRIES: Query = Query {
    table: "entry",
    sql: "SELECT entry.id, credential, prefix, spelling, created_ms, expires_ms,
                 count, last_ms, last_from
          FROM entry LEFT JOIN usage ON usage.entry = entry.id ORDER BY position",
};

const INSERT_ENTRY: &str = "
    INSERT INTO entry (id, credential, prefix, spelling, created_ms, expires_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
