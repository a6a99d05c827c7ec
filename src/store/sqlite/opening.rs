//! Making and opening the file: the lock, the checks that come before the first write, the settings, the schema.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Database, refusal};
use crate::keys::KeyFile;
use crate::private_file::{self, OWNER_ONLY};
use crate::store::rows::{Deployment, Failure};
use crate::store::seal::{Place, Sealer};
use crate::store::{Damage, StoreError};

/// Makes the file and opens it.
pub(super) fn create(path: &Path, keys: &KeyFile) -> Result<Database, StoreError> {
    let path = absolute(path)?;
    let lock = lock(&path)?;
    // A log of an earlier file of that name would be read into the new one.
    for taken in [path.clone(), beside(&path, "-wal"), beside(&path, "-journal")] {
        match fs::symlink_metadata(&taken) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&taken, "can't be examined")(error)),
            Ok(_) => return Err(StoreError::Exists { path: taken }),
        }
    }
    // Made under another name and then renamed, so that a crash leaves no half of a store.
    let unfinished = beside(&path, ".new");
    let made = fill(&unfinished, keys, &MIGRATIONS).and_then(|()| {
        fs::rename(&unfinished, &path)
            .and_then(|()| private_file::sync_name(&path))
            .map_err(io_error(&path, "can't be made"))
    });
    if let Err(error) = made {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    open_locked(path, keys, lock)
}

/// Opens the file.
pub(super) fn open(path: &Path, keys: &KeyFile) -> Result<Database, StoreError> {
    // By its real name, so that two ways to one file lead to one lock.
    let path = fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
        _ => io_error(path, "can't be found")(error),
    })?;
    if !path.is_file() {
        return Err(StoreError::Damaged { path, reason: Damage::NotSqlite });
    }
    let lock = lock(&path)?;
    open_locked(path, keys, lock)
}

fn open_locked(path: PathBuf, keys: &KeyFile, lock: Lock) -> Result<Database, StoreError> {
    examine_header(&path)?;
    let sealer = Sealer::new(keys);
    let mut connection = connect(&path)?;
    let version = examine(&connection, &sealer, &path)
        .inspect_err(|_| let_go_of_empty_log(&connection, &path))?;
    make_ready(&connection, &path)?;
    migrate(&mut connection, version, &MIGRATIONS)
        .map_err(refusal(&path, "change of its schema"))?;
    Ok(Database { connection, sealer, path, _lock: lock })
}

/// Holds the file for this process until the lock is dropped, which the end of the process does as well.
///
/// The lock is a file of its own: locks on the database itself belong to SQLite, and closing any other descriptor of
/// it would lose them.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    let name = beside(path, ".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(OWNER_ONLY);
    let file = options.open(&name).map_err(io_error(&name, "can't be opened"))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io_error(&name, "can't be locked")(error)),
    }
}

/// A lock held. Given back in so many words: closing the file is not enough where a process that another thread is just
/// starting has a copy of its descriptor.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // Should it fail, closing the file is all that is left.
    }
}

/// Writes a whole new store, without a name yet that anybody opens, with the schema that `migrations` make.
pub(super) fn fill(
    unfinished: &Path,
    keys: &KeyFile,
    migrations: &[&str],
) -> Result<(), StoreError> {
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(unfinished, "can't be removed")(error));
        }
        _ => {}
    }
    // Made here for its mode, which SQLite gives to the files that it makes beside it.
    let file = private_file::create(unfinished).map_err(io_error(unfinished, "can't be made"))?;
    let sealer = Sealer::new(keys);
    let key_check = sealer.seal(KEY_CHECK, KNOWN_VALUE).map_err(StoreError::Sealing)?;
    let deployment = Deployment { key_id: keys.id().to_owned(), key_check };
    let mut connection = connect(unfinished)?;
    let mut write = || {
        // An unfinished file is thrown away, not rolled back.
        connection.pragma_update(None, "journal_mode", "MEMORY")?;
        connection.pragma_update(None, "query_only", false)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        migrate(&mut connection, 0, migrations)?;
        deployment.insert(&connection)
    };
    write().map_err(refusal(unfinished, "creation"))?;
    drop(connection);
    file.sync_all().map_err(io_error(unfinished, "can't be synced"))
}

/// Reads the first bytes as they lie on the disk: SQLite might already write when it only opens a foreign file.
///
/// Offsets: <https://sqlite.org/fileformat2.html#the_database_header>.
fn examine_header(path: &Path) -> Result<(), StoreError> {
    let damaged = |reason| StoreError::Damaged { path: path.to_owned(), reason };
    let mut header = Vec::with_capacity(HEADER_BYTES);
    let file = File::open(path).map_err(io_error(path, "can't be opened"))?;
    let length = file.metadata().map_err(io_error(path, "can't be examined"))?.len();
    file.take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(io_error(path, "can't be read"))?;
    let Ok(header) = <[u8; HEADER_BYTES]>::try_from(header) else {
        return Err(damaged(Damage::NotSqlite));
    };
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged(Damage::NotSqlite));
    }
    let application_id = u32::from_be_bytes([header[68], header[69], header[70], header[71]]);
    if application_id != APPLICATION_ID {
        return Err(damaged(Damage::Foreign { application_id }));
    }
    // With a log beside it, a crash may have left a page half written that the log still holds.
    let page_bytes = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        bytes => bytes.max(512),
    };
    let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if !has_log && !length.is_multiple_of(page_bytes) {
        return Err(damaged(Damage::Cut));
    }
    Ok(())
}

/// A connection that can't write yet, not even by closing.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connect = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    };
    connect().map_err(|error: rusqlite::Error| refusal(path, "opening")(error))
}

/// Refuses a file that this version, or this key file, must not write to. Returns its schema version.
fn examine(connection: &Connection, sealer: &Sealer, path: &Path) -> Result<usize, StoreError> {
    let damaged = |reason| StoreError::Damaged { path: path.to_owned(), reason };
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(refusal(path, "opening"))?;
    let known = MIGRATIONS.len();
    let version = match usize::try_from(version) {
        Ok(version @ 1..) if version <= known => version,
        Ok(1..) => {
            let known = i64::try_from(known).unwrap_or(i64::MAX);
            return Err(StoreError::TooNew { path: path.to_owned(), found: version, known });
        }
        _ => {
            let finding = format!("schema version {version}");
            return Err(damaged(Damage::Integrity { finding }));
        }
    };
    let finding: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(refusal(path, "integrity check"))?;
    if finding != "ok" {
        return Err(damaged(Damage::Integrity { finding }));
    }
    examine_key(connection, sealer, path)?;
    Ok(version)
}

/// Reading the file made an empty log beside it, which would stand in the way of a new store. The connection takes it away
/// when it closes; a log that holds something stays.
fn let_go_of_empty_log(connection: &Connection, path: &Path) {
    if fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() == 0) {
        // Should this fail, the empty log stays, and nothing else.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    }
}

fn examine_key(connection: &Connection, sealer: &Sealer, path: &Path) -> Result<(), StoreError> {
    let damaged = |reason| StoreError::Damaged { path: path.to_owned(), reason };
    let deployment = Deployment::load(connection)
        .map_err(refusal(path, "opening"))?
        .ok_or_else(|| damaged(Damage::Integrity { finding: "no deployment row".into() }))?;
    if !sealer.holds(&deployment.key_id) {
        return Err(StoreError::WrongKey {
            path: path.to_owned(),
            expected: deployment.key_id,
            found: sealer.id().to_owned(),
        });
    }
    let opened = sealer.open(KEY_CHECK, &deployment.key_check).map_err(|refusal| {
        damaged(Damage::Sealed { column: KEY_CHECK.column, row: "1".into(), refusal })
    })?;
    if *opened != KNOWN_VALUE {
        return Err(damaged(Damage::Value {
            column: KEY_CHECK.column.into(),
            row: "1".into(),
            expected: "the known value",
        }));
    }
    Ok(())
}

/// Lets the connection write, durably.
fn make_ready(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let set = || -> Result<String, rusqlite::Error> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        connection.pragma_update(None, "query_only", false)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
    };
    let mode = set().map_err(refusal(path, "opening"))?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(io_error(path, "its file system has no shared memory, which the log needs")(
            io::ErrorKind::Unsupported.into(),
        ))
    }
}

/// Applies the migrations from the given schema version on, each in a transaction with the version it makes.
fn migrate(
    connection: &mut Connection,
    version: usize,
    migrations: &[&str],
) -> Result<(), Failure> {
    for (made, migration) in (1_i64..).zip(migrations).skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", made)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The path of a file that is not there yet, by the real name of its directory.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    let directory = fs::canonicalize(private_file::directory_of(path))
        .map_err(io_error(path, "its directory can't be found"))?;
    let name = path
        .file_name()
        .ok_or_else(|| io_error(path, "it names no file")(io::ErrorKind::InvalidInput.into()))?;
    Ok(directory.join(name))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { path: path.to_owned(), action, source }
}

/// Schema version `n` is made by the first `n` of these. One that was released is never changed.
pub(super) const MIGRATIONS: [&str; 2] = [
    include_str!("../migrations/sqlite/0001_initial.sql"),
    include_str!("../migrations/sqlite/0002_service_accounts.sql"),
];

/// `Port`: what SQLite's header gives for the program that a file belongs to.
pub(super) const APPLICATION_ID: u32 = 0x506f_7274;
const HEADER_BYTES: usize = 100;

const KEY_CHECK: Place<'static> = Place { column: "deployment.key_check", row: &[1] };
const KNOWN_VALUE: &[u8] = b"portcullis";

/// For a write lock that somebody's database shell holds for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
const CACHE_KIB: i64 = 16 * 1024;
/// What of the log's room is kept between batches of usage.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
