//! Usage: batches of deltas into sums, each batch once.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Columns, Failure, INTEGER, Query, blob};
use crate::access::{LastUse, UsageDelta};
use crate::addr::ClientIp;
use crate::id::EntryId;
use crate::store::{StoredUsage, UsageBatch};
use crate::time::Timestamp;
use std::net::IpAddr;

/// Adds a batch of usage, unless it was added before.
pub(in crate::store) fn add_usage(
    transaction: &Transaction<'_>,
    batch: &UsageBatch,
) -> Result<(), Failure> {
    if was_flushed(transaction, batch)? {
        return Ok(());
    }
    add_deltas(transaction, ADD_USAGE_OF_STORED, &batch.deltas)?;
    add_deltas(transaction, ADD_USAGE_OF_NAMED, &batch.named_deltas)?;
    let boot = batch.boot.cast_signed();
    transaction.execute(NOTE_FLUSH, params![boot, batch.sequence.cast_signed()])?;
    transaction.execute(FORGET_OLD_BOOTS, [BOOTS_REMEMBERED])?;
    Ok(())
}

fn was_flushed(transaction: &Transaction<'_>, batch: &UsageBatch) -> Result<bool, Failure> {
    let sql = "SELECT sequence FROM usage_flush WHERE boot = ?1";
    let last: Option<i64> =
        transaction.query_row(sql, [batch.boot.cast_signed()], |row| row.get(0)).optional()?;
    Ok(last.is_some_and(|last| batch.sequence <= last.cast_unsigned()))
}

fn add_deltas(
    transaction: &Transaction<'_>,
    sql: &str,
    deltas: &[(EntryId, UsageDelta)],
) -> Result<(), Failure> {
    // In the table's order, so that a batch of a million passes over each page once.
    let mut in_order: Vec<_> = deltas.iter().collect();
    in_order.sort_unstable_by_key(|(entry, _)| *entry);
    let mut add = transaction.prepare_cached(sql)?;
    for (entry, delta) in in_order {
        let count = i64::try_from(delta.count).unwrap_or(i64::MAX);
        let (at, from) = match delta.last {
            Some(LastUse { at, from }) => (Some(at.as_millis()), Some(from.to_string())),
            None => (None, None),
        };
        add.execute(params![blob(entry.0), count, at, from])?;
    }
    Ok(())
}

pub(super) fn other_usage(columns: &Columns<'_>) -> Result<(EntryId, StoredUsage), Failure> {
    Ok((EntryId(columns.id), usage(columns, 1)?))
}

/// Three columns from `first` on, which are all null where an entry was never used.
pub(super) fn usage(columns: &Columns<'_>, first: usize) -> Result<StoredUsage, Failure> {
    let count: Option<i64> = columns.read(first, INTEGER)?;
    let count =
        u64::try_from(count.unwrap_or(0)).map_err(|_| columns.wrong(first, "no less than 0"))?;
    let last = match columns.read(first + 1, INTEGER)? {
        None => None,
        Some(at) => {
            let parse = |text: &str| text.parse::<IpAddr>().ok();
            let from = ClientIp::from(columns.parse(first + 2, "an address", parse)?);
            Some(LastUse { at: Timestamp::from_millis(at), from })
        }
    };
    Ok(StoredUsage { count, last })
}

/// Starts of the program whose last batch is remembered. One runs at a time; the others are for one that took over.
const BOOTS_REMEMBERED: i64 = 16;

pub(super) const OTHER_USAGE: Query = Query {
    table: "usage",
    sql: "SELECT entry, count, last_ms, last_from FROM usage
          WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.id = usage.entry) ORDER BY entry",
};

/// A sum beyond 64 bits would turn into a fraction, so it stops at the largest integer. Of two uses in the same
/// millisecond the one that is flushed later is the later.
macro_rules! add_usage_where {
    ($condition:literal) => {
        concat!(
            "INSERT INTO usage (entry, count, last_ms, last_from) SELECT ?1, ?2, ?3, ?4 WHERE ",
            $condition,
            " ON CONFLICT (entry) DO UPDATE SET
                  count = CASE WHEN count > 9223372036854775807 - excluded.count
                               THEN 9223372036854775807 ELSE count + excluded.count END,
                  last_ms = CASE WHEN excluded.last_ms >= ifnull(last_ms, excluded.last_ms)
                                 THEN excluded.last_ms ELSE last_ms END,
                  last_from = CASE WHEN excluded.last_ms >= ifnull(last_ms, excluded.last_ms)
                                   THEN excluded.last_from ELSE last_from END"
        )
    };
}
const ADD_USAGE_OF_STORED: &str =
    add_usage_where!("EXISTS (SELECT 1 FROM entry WHERE entry.id = ?1)");
const ADD_USAGE_OF_NAMED: &str = add_usage_where!("true");

const NOTE_FLUSH: &str = "
    INSERT INTO usage_flush (boot, sequence) VALUES (?1, ?2)
    ON CONFLICT (boot) DO UPDATE SET sequence = excluded.sequence";

const FORGET_OLD_BOOTS: &str = "
    DELETE FROM usage_flush WHERE position <= (SELECT max(position) FROM usage_flush) - ?1";
