//! The SQLite file: its marks, its tables, and opening it without changing a foreign file.
//!
//! `application_id` identifies an audit log, `user_version` is the version of the schema. An existing
//! file is only read until both are known to be right.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::Fault;
use crate::audit_log::error::FileProblem;

/// Marks the file as an audit log of host-runner: "PBIr" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x5042_4972;

/// The version of the schema.
pub(super) const VERSION: i64 = 1;

/// "Input/output error", for which `std` has no name.
const EIO: i32 = 5;

/// How long SQLite itself waits for a lock. Short, because it blocks the caller's thread, which must
/// handle signals; the caller retries.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);

/// The number of pages in the log after which it is checkpointed. The first process to open the file
/// reads the whole log (measured: 2 ms for 1000 pages), and a checkpoint waits for the disk once or
/// twice more (0.3 to 4 ms each). A refresh writes about 11 pages, so at 250 either costs it 0.2 ms.
const CHECKPOINT_PAGES: i64 = 250;

/// We set `number`, and a trigger checks it. The trigger also prevents `INSERT OR REPLACE`, which
/// deletes without firing the delete trigger. Each index is partial or narrow, because every page
/// that an append touches is written to the log. Leases and resources have as many rows as there are
/// running refreshes, so they need no index.
const SCHEMA: &str = "
CREATE TABLE events (
  number INTEGER PRIMARY KEY,
  time TEXT NOT NULL,
  run TEXT NOT NULL,
  event TEXT NOT NULL,
  target TEXT NOT NULL,
  identity TEXT NOT NULL,
  resource TEXT NOT NULL,
  service_run TEXT,
  hash TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_run ON events (run);
CREATE INDEX intents_of_identity ON events (identity) WHERE event = 'intent';
CREATE INDEX intents_of_target ON events (target) WHERE event = 'intent';
CREATE INDEX matches_of_resource ON events (resource, time) WHERE service_run IS NOT NULL;
CREATE TRIGGER events_are_appended BEFORE INSERT ON events
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM events)
BEGIN SELECT raise(ABORT, 'events are appended, without gaps'); END;
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'events are never deleted'); END;
CREATE TABLE leases (
  run TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  target TEXT NOT NULL,
  resource TEXT,
  holder TEXT NOT NULL,
  machine TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE resources (
  resource TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  target TEXT NOT NULL,
  holder TEXT NOT NULL,
  machine TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Opens the audit log, or creates it.
pub(super) fn open(path: &Path) -> Result<Connection, Fault> {
    if !exists(path)? {
        create_file(path).map_err(|error| io(&error))?;
    }
    connect(path)
}

/// Returns whether the file exists. Rejects anything but a regular file: opening a pipe would block
/// forever.
pub(super) fn exists(path: &Path) -> Result<bool, FileProblem> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(found) if found.is_dir() => Err(FileProblem::NotAFile("a directory")),
        Ok(_) => Err(FileProblem::NotAFile("a device, a pipe or a socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io(&error)),
    }
}

/// Creates an empty file that only its owner can read, because it will contain payloads and
/// addresses. SQLite gives its log the same permissions.
fn create_file(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder_of(path))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path) {
        // Another process may have been faster.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// What an error of the operating system means for the audit log.
pub(super) fn io(error: &std::io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::PermissionDenied => FileProblem::ReadOnly,
        ErrorKind::ReadOnlyFilesystem => FileProblem::ReadOnlyFileSystem,
        ErrorKind::StorageFull => FileProblem::DiskFull,
        ErrorKind::QuotaExceeded => FileProblem::QuotaExceeded,
        ErrorKind::FileTooLarge => FileProblem::FileTooLarge,
        _ if error.raw_os_error() == Some(EIO) => FileProblem::DiskError,
        _ => FileProblem::Io(error.to_string()),
    }
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    // The log that SQLite keeps beside the file.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log_existed = Path::new(&log).exists();
    // Without `create`: a file that is deleted meanwhile is an error. Without a mutex: `AuditLog` has
    // one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // SQLite silently opens a file without write permission for reading.
    if connection.is_readonly("main")? {
        let refused = OpenOptions::new().append(true).open(path).err();
        return Err(refused.map_or(FileProblem::ReadOnly, |why| io(&why)).into());
    }
    // In one transaction, because another process may be initializing the file.
    let ours = is_ours(&*connection.transaction()?)?;
    if !ours {
        initialize(&mut connection)?;
    }
    if !log_existed {
        // Reading created the log. Its name must survive a power failure as its content does. SQLite
        // would ensure that at every start, but is built without it (see .cargo/config.toml).
        File::open(folder_of(path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| io(&error))?;
    }
    // A checkpoint at every end of a process would cost each refresh two waits for the disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

/// Returns true for an audit log of this version and false for an empty database; anything else is an
/// error.
fn is_ours(connection: &Connection) -> Result<bool, Fault> {
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, VERSION) => Ok(true),
        (APPLICATION_ID, found) => Err(FileProblem::NewerSchema {
            found,
            known: VERSION,
        }
        .into()),
        (0, 0) => {
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 {
                Ok(false)
            } else {
                Err(FileProblem::Foreign.into())
            }
        }
        _ => Err(FileProblem::Foreign.into()),
    }
}

/// Creates the tables in an empty database. WAL mode comes first, so that every audit log has it.
fn initialize(connection: &mut Connection) -> Result<(), Fault> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let why = "its file system does not support SQLite's write-ahead log";
        return Err(FileProblem::Io(why.to_owned()).into());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if !is_ours(&transaction)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}
