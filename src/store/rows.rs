//! What is stored, as rows: the statements, and the way from rows to the domain and back.
//!
//! Every function works inside its caller's transaction. Values are checked when they are read, for a file can be
//! damaged in places where the database itself does not notice.

use std::net::IpAddr;
use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, ffi, params};

use super::seal::{Place, SealError, Sealer};
use super::{Change, Conflict, Damage, Image, StoredUsage, UsageBatch};
use crate::access::{Entry, LastUse, Usage, UsageDelta};
use crate::addr::{ClientIp, Prefix};
use crate::id::{CredentialId, EntryId, ObjectId, OrgId, Revision};
use crate::identity::{ApiKey, Ha1, Organization, PublicKey, Role, Roles};
use crate::time::Timestamp;

/// Why rows were not read or written.
#[derive(Debug)]
pub(super) enum Failure {
    Sql(rusqlite::Error),
    Damage(Damage),
    Conflict(Conflict),
    Seal(SealError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damage(Damage::Database(error)),
            _ => Self::Sql(error),
        }
    }
}

/// The one row about the whole file.
pub(super) struct Deployment {
    pub(super) key_id: String,
    pub(super) key_check: Vec<u8>,
}

impl Deployment {
    /// The row of the file; none where it was never finished.
    pub(super) fn load(connection: &Connection) -> Result<Option<Self>, Failure> {
        let sql = "SELECT key_id, key_check FROM deployment WHERE id = 1";
        let row = connection
            .query_row(sql, [], |row| Ok(Self { key_id: row.get(0)?, key_check: row.get(1)? }));
        Ok(row.optional()?)
    }

    /// Writes the row of a new file.
    pub(super) fn insert(&self, connection: &Connection) -> Result<(), Failure> {
        let sql = "INSERT INTO deployment (id, revision, key_id, key_check) VALUES (1, 0, ?1, ?2)";
        connection.execute(sql, params![self.key_id, self.key_check])?;
        Ok(())
    }
}

/// Everything stored.
pub(super) fn load(connection: &Connection, sealer: &Sealer) -> Result<Image, Failure> {
    Ok(Image {
        revision: load_revision(connection)?,
        organizations: collect(connection, ORGANIZATIONS, organization)?,
        keys: collect(connection, KEYS, |row| api_key(row, sealer))?,
        entries: collect(connection, ENTRIES, entry)?,
        other_usage: collect(connection, OTHER_USAGE, other_usage)?,
    })
}

/// Writes a change and moves the revision on.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    change: &Change,
) -> Result<Revision, Failure> {
    match change {
        Change::CreateOrganization { organization } => {
            insert_organization(transaction, organization)?;
        }
        Change::CreateKey { key, entries } => {
            insert_key(transaction, sealer, key)?;
            insert_entries(transaction, key.id, entries)?;
        }
        Change::UpdateKey { id, description, roles } => {
            let sql = "UPDATE api_key SET description = ?2, roles = ?3 WHERE id = ?1";
            let changed =
                transaction.execute(sql, params![blob(id.0), description, write_roles(*roles)])?;
            expect_one(changed, Conflict::NoKey(*id))?;
        }
        Change::DeleteKey { id } => delete_key(transaction, *id)?,
        Change::AddEntries { credential, entries } => {
            insert_entries(transaction, *credential, entries)?;
        }
        Change::RemoveEntry { credential, entry } => {
            delete_entry(transaction, *credential, *entry)?;
        }
    }
    advance_revision(transaction)
}

/// Adds a batch of usage, unless it was added before.
pub(super) fn add_usage(transaction: &Transaction<'_>, batch: &UsageBatch) -> Result<(), Failure> {
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

fn load_revision(connection: &Connection) -> Result<Revision, Failure> {
    let sql = "SELECT revision FROM deployment WHERE id = 1";
    Ok(Revision(connection.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned)?))
}

fn advance_revision(transaction: &Transaction<'_>) -> Result<Revision, Failure> {
    let sql = "UPDATE deployment SET revision = revision + 1 WHERE id = 1 RETURNING revision";
    Ok(Revision(transaction.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned)?))
}

fn insert_organization(
    transaction: &Transaction<'_>,
    organization: &Organization,
) -> Result<(), Failure> {
    let Organization { id, name, access_list_required, created, .. } = organization;
    let values = params![blob(id.0), name, access_list_required, created.as_millis()];
    transaction.prepare_cached(INSERT_ORGANIZATION)?.execute(values).map_err(|error| {
        match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(Conflict::OrganizationExists(*id)),
            _ => error.into(),
        }
    })?;
    Ok(())
}

fn insert_key(transaction: &Transaction<'_>, sealer: &Sealer, key: &ApiKey) -> Result<(), Failure> {
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
        let (id, public_key) = (key.id, key.public_key);
        match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(Conflict::KeyExists { id, public_key }),
            Some(Broken::Reference) => Failure::Conflict(Conflict::NoOrganization(key.org)),
            None => error.into(),
        }
    })?;
    Ok(())
}

fn insert_entries(
    transaction: &Transaction<'_>,
    credential: CredentialId,
    entries: &[Arc<Entry>],
) -> Result<(), Failure> {
    // Asked first: without entries there is no row whose reference could be broken.
    let stored = transaction
        .prepare_cached("SELECT 1 FROM api_key WHERE id = ?1")?
        .exists([blob(credential.0)])?;
    expect_one(usize::from(stored), Conflict::NoKey(credential))?;
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

fn delete_key(transaction: &Transaction<'_>, id: CredentialId) -> Result<(), Failure> {
    let key = [blob(id.0)];
    transaction.execute(
        "DELETE FROM usage WHERE entry IN (SELECT id FROM entry WHERE credential = ?1)",
        key,
    )?;
    transaction.execute("DELETE FROM entry WHERE credential = ?1", key)?;
    let deleted = transaction.execute("DELETE FROM api_key WHERE id = ?1", key)?;
    expect_one(deleted, Conflict::NoKey(id))
}

fn delete_entry(
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

fn organization(columns: &Columns<'_>) -> Result<Organization, Failure> {
    Ok(Organization {
        id: OrgId(columns.id),
        name: columns.read(1, TEXT)?,
        access_list_required: columns.read(2, "0 or 1")?,
        most_secret_hours: None,
        created: Timestamp::from_millis(columns.read(3, INTEGER)?),
    })
}

fn api_key(columns: &Columns<'_>, sealer: &Sealer) -> Result<ApiKey, Failure> {
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

fn entry(columns: &Columns<'_>) -> Result<(CredentialId, Entry), Failure> {
    let expires: Option<i64> = columns.read(5, INTEGER)?;
    let usage = usage(columns, 6)?;
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

fn other_usage(columns: &Columns<'_>) -> Result<(EntryId, StoredUsage), Failure> {
    Ok((EntryId(columns.id), usage(columns, 1)?))
}

/// Three columns from `first` on, which are all null where an entry was never used.
fn usage(columns: &Columns<'_>, first: usize) -> Result<StoredUsage, Failure> {
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

/// A statement that reads rows of one table. Its first column is the row's id.
struct Query {
    table: &'static str,
    sql: &'static str,
}

fn collect<T>(
    connection: &Connection,
    query: Query,
    read: impl Fn(&Columns<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare(query.sql)?;
    let mut rows = statement.query([])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = Columns { table: query.table, row, id: ObjectId::from_bytes([0; 12]) };
        columns.id = columns.read_id(0)?;
        values.push(read(&columns)?);
    }
    Ok(values)
}

/// The columns of one row, by their place in the statement: to find them by name would take longer than to read them.
struct Columns<'a> {
    table: &'static str,
    row: &'a Row<'a>,
    id: ObjectId,
}

impl Columns<'_> {
    fn read<T: FromSql>(&self, column: usize, expected: &'static str) -> Result<T, Failure> {
        self.row.get(column).map_err(|_| self.wrong(column, expected))
    }

    fn read_id(&self, column: usize) -> Result<ObjectId, Failure> {
        self.read(column, "12 bytes").map(ObjectId::from_bytes)
    }

    fn parse<T>(
        &self,
        column: usize,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let value = self.row.get_ref(column).ok();
        let text = value.and_then(|value| value.as_str().ok());
        text.and_then(parse).ok_or_else(|| self.wrong(column, expected))
    }

    fn open<const N: usize>(
        &self,
        column: usize,
        sealed_as: &'static str,
        sealer: &Sealer,
    ) -> Result<[u8; N], Failure> {
        let sealed: Vec<u8> = self.read(column, "a sealed value")?;
        let place = Place { column: sealed_as, row: self.id.as_bytes() };
        let plain = sealer.open(place, &sealed).map_err(|refusal| {
            Failure::Damage(Damage::Sealed { column: sealed_as, row: self.id.to_string(), refusal })
        })?;
        plain.as_slice().try_into().map_err(|_| self.wrong(column, "a digest of the algorithm"))
    }

    fn wrong(&self, column: usize, expected: &'static str) -> Failure {
        let name = self.row.as_ref().column_name(column).unwrap_or("?");
        Failure::Damage(Damage::Value {
            column: format!("{}.{name}", self.table),
            row: self.id.to_string(),
            expected,
        })
    }
}

/// Which kind of constraint a statement broke, where that says something about the change.
enum Broken {
    Unique,
    Reference,
}

impl Broken {
    fn by(error: &rusqlite::Error) -> Option<Self> {
        match error.sqlite_error()?.extended_code {
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE => Some(Self::Unique),
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Some(Self::Reference),
            _ => None,
        }
    }
}

fn expect_one(rows: usize, otherwise: Conflict) -> Result<(), Failure> {
    if rows == 1 { Ok(()) } else { Err(Failure::Conflict(otherwise)) }
}

fn blob(id: ObjectId) -> [u8; 12] {
    *id.as_bytes()
}

fn write_roles(roles: Roles) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ")
}

fn read_roles(text: &str) -> Option<Roles> {
    text.split_ascii_whitespace().map(Role::parse).collect()
}

/// Starts of the program whose last batch is remembered. One runs at a time; the others are for one that took over.
const BOOTS_REMEMBERED: i64 = 16;

/// The names that sealed columns are bound to. What is sealed opens only under the same name.
const HA1_MD5: &str = "api_key.ha1_md5";
const HA1_SHA256: &str = "api_key.ha1_sha256";

const TEXT: &str = "text";
const INTEGER: &str = "an integer";

const ORGANIZATIONS: Query = Query {
    table: "organization",
    sql: "SELECT id, name, access_list_required, created_ms FROM organization ORDER BY id",
};

const KEYS: Query = Query {
    table: "api_key",
    sql: "SELECT id, org, public_key, description, roles, private_key_tail, ha1_md5, ha1_sha256,
                 created_ms
          FROM api_key ORDER BY id",
};

const ENTRIES: Query = Query {
    table: "entry",
    sql: "SELECT entry.id, credential, prefix, spelling, created_ms, expires_ms,
                 count, last_ms, last_from
          FROM entry LEFT JOIN usage ON usage.entry = entry.id ORDER BY position",
};

const OTHER_USAGE: Query = Query {
    table: "usage",
    sql: "SELECT entry, count, last_ms, last_from FROM usage
          WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.id = usage.entry) ORDER BY entry",
};

const INSERT_ORGANIZATION: &str = "
    INSERT INTO organization (id, name, access_list_required, created_ms) VALUES (?1, ?2, ?3, ?4)";

const INSERT_KEY: &str = "
    INSERT INTO api_key (id, org, public_key, description, roles, private_key_tail,
                         ha1_md5, ha1_sha256, created_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const INSERT_ENTRY: &str = "
    INSERT INTO entry (id, credential, prefix, spelling, created_ms, expires_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

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
