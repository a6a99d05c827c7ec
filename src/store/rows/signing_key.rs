//! Keys that sign access tokens.

use rusqlite::{Transaction, params};

use super::{Broken, Columns, Failure, INTEGER, Query, blob};
use crate::id::SigningKeyId;
use crate::identity::{SigningKey, SigningSecret};
use crate::store::Conflict;
use crate::store::seal::{Place, Sealer};
use crate::time::Timestamp;

/// Writes a new key and removes those whose tokens have all expired. One that is gone already is passed over.
pub(super) fn rotate(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    key: &SigningKey,
    removed: &[SigningKeyId],
) -> Result<(), Failure> {
    let id = blob(key.id.0);
    let sealed = sealer.seal(Place { column: SEALED_AS, row: &id }, key.key.as_bytes());
    let values = params![id, sealed.map_err(Failure::Seal)?, key.created.as_millis()];
    let sql = "INSERT INTO signing_key (id, key, created_ms) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, values).map_err(|error| match Broken::by(&error) {
        Some(Broken::Unique) => Failure::Conflict(Conflict::SigningKeyExists(key.id)),
        _ => error.into(),
    })?;
    for key in removed {
        transaction.execute("DELETE FROM signing_key WHERE id = ?1", [blob(key.0)])?;
    }
    Ok(())
}

pub(super) fn signing_key(columns: &Columns<'_>, sealer: &Sealer) -> Result<SigningKey, Failure> {
    Ok(SigningKey {
        id: SigningKeyId(columns.id),
        key: SigningSecret::from_bytes(columns.open(1, SEALED_AS, sealer)?),
        created: Timestamp::from_millis(columns.read(2, INTEGER)?),
    })
}

/// The name that the sealed column is bound to.
const SEALED_AS: &str = "signing_key.key";

/// Oldest first: ids grow with time, and break a tie.
pub(super) const SIGNING_KEYS: Query = Query {
    table: "signing_key",
    sql: "SELECT id, key, created_ms FROM signing_key ORDER BY created_ms, id",
};
