//! API keys.

use rusqlite::{Transaction, params};

use super::{
    Broken, Columns, Failure, INTEGER, Query, TEXT, blob, entry, expect_one, read_roles,
    write_roles,
};
use crate::id::{CredentialId, OrgId};
use crate::identity::{ApiKey, Ha1, PublicKey, Roles};
use crate::store::Conflict;
use crate::store::seal::{Place, Sealer};
use crate::time::Timestamp;

pub(super) fn insert(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    key: &ApiKey,
) -> Result<(), Failure> {
    let (id, public_key) = (key.id, key.public_key);
    let exists = Conflict::KeyExists { id, public_key };
    entry::insert_owner(transaction, key.id, exists)?;
    let id = blob(key.id.0);
    let seal = |column, plain: &[u8]| sealer.seal(Place { column, row: &id }, plain);
    let values = params![
        id,
        blob(key.org.0),
        key.public_key.as_str(),
        key.description,
        write_roles(key.roles),
        key.private_key_tail,
        seal(HA1_MD5, &key.ha1.md5).map_err(Failure::Seal)?,
        seal(HA1_SHA256, &key.ha1.sha256).map_err(Failure::Seal)?,
        key.created.as_millis(),
    ];
    transaction.prepare_cached(INSERT_KEY)?.execute(values).map_err(|error| {
        match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(exists),
            Some(Broken::Reference) => Failure::Conflict(Conflict::NoOrganization(key.org)),
            None => error.into(),
        }
    })?;
    Ok(())
}

pub(super) fn delete(transaction: &Transaction<'_>, id: CredentialId) -> Result<(), Failure> {
    entry::delete_list(transaction, id)?;
    let deleted = transaction.execute("DELETE FROM api_key WHERE id = ?1", [blob(id.0)])?;
    expect_one(deleted, Conflict::NoKey(id))?;
    entry::delete_owner(transaction, id)
}

/// Writes the description and the roles anew.
pub(super) fn update(
    transaction: &Transaction<'_>,
    id: CredentialId,
    description: &str,
    roles: Roles,
) -> Result<(), Failure> {
    let sql = "UPDATE api_key SET description = ?2, roles = ?3 WHERE id = ?1";
    let values = params![blob(id.0), description, write_roles(roles)];
    expect_one(transaction.execute(sql, values)?, Conflict::NoKey(id))
}

pub(super) fn api_key(columns: &Columns<'_>, sealer: &Sealer) -> Result<ApiKey, Failure> {
    Ok(ApiKey {
        id: CredentialId(columns.id),
        org: OrgId(columns.read_id(1)?),
        public_key: columns.parse(2, "eight lower-case letters", PublicKey::parse)?,
        description: columns.read(3, TEXT)?,
        roles: columns.parse(4, "names of roles", read_roles)?,
        private_key_tail: columns.read(5, TEXT)?,
        ha1: Ha1 {
            md5: columns.open(6, HA1_MD5, sealer)?,
            sha256: columns.open(7, HA1_SHA256, sealer)?,
        },
        created: Timestamp::from_millis(columns.read(8, INTEGER)?),
    })
}

/// The names that sealed columns are bound to. What is sealed opens only under the same name.
const HA1_MD5: &str = "api_key.ha1_md5";
const HA1_SHA256: &str = "api_key.ha1_sha256";

pub(super) const KEYS: Query = Query {
    table: "api_key",
    sql: "SELECT id, org, public_key, description, roles, private_key_tail, ha1_md5, ha1_sha256,
                 created_ms
          FROM api_key ORDER BY id",
};

const INSERT_KEY: &str = "
    INSERT INTO api_key (id, org, public_key, description, roles, private_key_tail,
                         ha1_md5, ha1_sha256, created_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
