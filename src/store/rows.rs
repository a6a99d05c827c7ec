//! What is stored, as rows: the statements, and the way from rows to the domain and back.
//!
//! Every function works inside its caller's transaction. Values are checked when they are read, for a file can be
//! damaged in places where the database itself does not notice.

mod account;
mod entry;
mod key;
mod organization;
mod signing_key;
mod usage;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, ffi, params};

use super::seal::{Place, SealError, Sealer};
use super::{Change, Conflict, Damage, Image};
use crate::id::{ObjectId, Revision};
use crate::identity::{Role, Roles};

pub(super) use usage::add_usage;

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
        match (&error, error.sqlite_error_code()) {
            // A statement of ours that the file's schema does not know: the schema was altered.
            (rusqlite::Error::SqlInputError { .. }, _)
            | (_, Some(DatabaseCorrupt | NotADatabase)) => Self::Damage(Damage::Database(error)),
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
        organizations: collect(
            connection,
            organization::ORGANIZATIONS,
            organization::organization,
        )?,
        keys: collect(connection, key::KEYS, |row| key::api_key(row, sealer))?,
        accounts: account::load(connection)?,
        signing_keys: collect(connection, signing_key::SIGNING_KEYS, |row| {
            signing_key::signing_key(row, sealer)
        })?,
        entries: collect(connection, entry::ENTRIES, entry::entry)?,
        other_usage: collect(connection, usage::OTHER_USAGE, usage::other_usage)?,
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
            organization::insert(transaction, organization)?;
        }
        Change::UpdateOrganization { organization } => {
            organization::update(transaction, organization)?;
        }
        Change::CreateKey { key, entries } => {
            key::insert(transaction, sealer, key)?;
            entry::insert(transaction, key.id, entries)?;
        }
        Change::UpdateKey { id, description, roles } => {
            key::update(transaction, *id, description, *roles)?;
        }
        Change::DeleteKey { id } => key::delete(transaction, *id)?,
        Change::CreateAccount { account, entries } => {
            account::insert(transaction, account)?;
            entry::insert(transaction, account.id, entries)?;
        }
        Change::UpdateAccount { account } => account::update(transaction, account)?,
        Change::DeleteAccount { id } => account::delete(transaction, *id)?,
        Change::CreateSecret { account, secret } => {
            account::insert_secret(transaction, *account, secret)?;
        }
        Change::DeleteSecret { account, secret } => {
            account::delete_secret(transaction, *account, *secret)?;
        }
        Change::IssueToken { account, token, at } => {
            account::insert_token(transaction, *account, token, *at)?;
        }
        Change::RevokeToken { account, token } => {
            account::revoke_token(transaction, *account, token)?;
        }
        Change::RotateSigningKey { key, removed } => {
            signing_key::rotate(transaction, sealer, key, removed)?;
        }
        Change::AddEntries { credential, entries } => {
            entry::insert(transaction, *credential, entries)?;
        }
        Change::RemoveEntry { credential, entry } => {
            entry::delete(transaction, *credential, *entry)?;
        }
    }
    advance_revision(transaction)
}

fn load_revision(connection: &Connection) -> Result<Revision, Failure> {
    let sql = "SELECT revision FROM deployment WHERE id = 1";
    Ok(Revision(connection.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned)?))
}

fn advance_revision(transaction: &Transaction<'_>) -> Result<Revision, Failure> {
    let sql = "UPDATE deployment SET revision = revision + 1 WHERE id = 1 RETURNING revision";
    Ok(Revision(transaction.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned)?))
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
        plain.as_slice().try_into().map_err(|_| self.wrong(column, "a sealed value of its length"))
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

const TEXT: &str = "text";
const INTEGER: &str = "an integer";
