//! The file: its marks, its tables, and opening it without changing one that is not ours.
//!
//! `application_id` tells the audit log from other databases, `user_version` is the version of the
//! schema. A file that is there is only read until both are known to be right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::Fault;
use crate::audit_log::error::AuditLogError;
use crate::audit_log::location::AuditLogLocation;

/// Marks the file as a record of host-runner: "PBIr" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x5042_4972;

/// The schema's version.
pub(super) const VERSION: i64 = 1;

/// How long SQLite itself waits for a lock. Short, because the caller's thread stands still
/// meanwhile and signals must be answered; the caller tries again as long as it likes.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);

/// After how many pages of the log it is written back. The first process to open the file reads the
/// whole log (measured: 2 ms for 1000 pages), and writing back waits for the disk once or twice more
/// (0.3 to 4 ms each). A refresh writes some 11 pages, so that at 250 it pays about 0.2 ms for either.
const CHECKPOINT_PAGES: i64 = 250;

/// `number` is given by us and checked by a trigger, which also stands in the way of `INSERT OR
/// REPLACE`: that deletes without asking the delete trigger. Each index is partial or narrow,
/// because every page that an append touches is written to the log. Leases and claims have no more
/// rows than there are runs under way, so they need no index.
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

/// Opens the audit log, and creates it where `create` says so and nothing is there.
pub(super) fn open(location: &AuditLogLocation, create: bool) -> Result<Connection, AuditLogError> {
    let path = location.path();
    if !is_there(path)? {
        if !create {
            return Err(AuditLogError::NotFound {
                path: path.to_path_buf(),
            });
        }
        create_file(path)?;
    }
    connect(path).map_err(|fault| fault.at(path))
}

/// Whether the file is there. Anything but a regular file is refused before SQLite meets it: opening
/// a pipe would wait for ever.
fn is_there(path: &Path) -> Result<bool, AuditLogError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(found) => Err(AuditLogError::NotAFile {
            path: path.to_path_buf(),
            found: if found.is_dir() {
                "a directory"
            } else {
                "a device, a pipe or a socket"
            },
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io(path, &error)),
    }
}

/// An empty file for the owner alone: payloads and addresses are nobody else's business. SQLite
/// gives its log the same rights.
fn create_file(path: &Path) -> Result<(), AuditLogError> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| io(folder, &error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(path, &error)),
    }
}

fn io(path: &Path, error: &std::io::Error) -> AuditLogError {
    use std::io::ErrorKind;
    let path = path.to_path_buf();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            AuditLogError::ReadOnly { path }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => AuditLogError::DiskFull { path },
        _ => AuditLogError::Io {
            path,
            why: error.to_string(),
        },
    }
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let log_was_there = log_of(path).exists();
    // No `create`: a file that went away between the two looks is an error. No mutex: `Record` has one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Where writing is not allowed SQLite opens the file for reading and does not say so.
    if connection.is_readonly("main")? {
        return Err(AuditLogError::ReadOnly {
            path: path.to_path_buf(),
        }
        .into());
    }
    // In one transaction: another process may be making the file a record between the looks.
    let ours = is_ours(&*connection.transaction()?, path)?;
    if !ours {
        initialise(&mut connection, path)?;
    }
    if !log_was_there {
        // The look has made the log. Its name must outlast a power cut as its content does; SQLite
        // itself would see to that at every start (it is built without, see .cargo/config.toml).
        sync_folder(path)?;
    }
    // Writing the log back at every end of a process would cost each refresh two waits for the disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

/// The log that SQLite keeps beside the file.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Makes the names of the audit log's files durable.
fn sync_folder(path: &Path) -> Result<(), Fault> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io(path, &error).into())
}

/// Whether the file is a record of this version: true, or false for an empty database. Everything
/// else is an error.
fn is_ours(connection: &Connection, path: &Path) -> Result<bool, Fault> {
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let path = || path.to_path_buf();
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, VERSION) => Ok(true),
        (APPLICATION_ID, found) => Err(AuditLogError::NewerSchema {
            path: path(),
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
                Err(AuditLogError::Foreign { path: path() }.into())
            }
        }
        _ => Err(AuditLogError::Foreign { path: path() }.into()),
    }
}

/// Makes an empty database a record. The log comes first, so that no record is ever without it.
fn initialise(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let why =
            "its file system cannot hold SQLite's write-ahead log; name a file on a local disk"
                .to_owned();
        return Err(AuditLogError::Io {
            path: path.to_path_buf(),
            why,
        }
        .into());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if !is_ours(&transaction, path)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}
