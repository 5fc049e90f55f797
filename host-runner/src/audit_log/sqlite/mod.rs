//! The audit log in an SQLite file, for one machine.
//!
//! There is one connection, and each transaction sets its durability. Events use `synchronous=FULL`:
//! the commit returns when the log is on disk. Leases and claims use `NORMAL`: a power failure also
//! ends their holders. A second connection would cost each start 0.3 ms (measured); switching costs
//! microseconds.
//!
//! All calls are synchronous and short. A locked file fails with [`FileProblem::Busy`] after 50 ms;
//! retrying is up to the caller, which also handles signals.

mod append;
mod claims;
mod events;
mod lists;
mod schema;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};

pub use append::Receipt;
pub use claims::ResourceClaim;
pub use events::Entry;
pub use lists::{Filter, RunStatus, RunSummary};

use super::actor::Actor;
use super::error::{AuditLogError, FileProblem};
use super::lease::Process;
use super::location::AuditLogLocation;
use crate::clock::SharedClock;
use crate::secret::Redactor;

/// An open audit log. Threads that share it take turns.
pub struct AuditLog {
    location: AuditLogLocation,
    clock: SharedClock,
    redactor: Redactor,
    actor: Actor,
    process: Process,
    connection: Mutex<Connection>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// Whether a transaction is on disk when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// Yes.
    Full,
    /// Once a later transaction is, or when the operating system writes it.
    Relaxed,
}

/// An error within a transaction, without the path of the file.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// SQLite's error, and the last one of the operating system by then.
    #[error("{0}")]
    Sql(rusqlite::Error, io::Error),
    #[error(transparent)]
    File(#[from] FileProblem),
    #[error(transparent)]
    Rejected(#[from] AuditLogError),
}

/// SQLite calls the operating system in this thread, so that its error is still there.
impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error, io::Error::last_os_error())
    }
}

impl Fault {
    fn at(self, path: &Path) -> AuditLogError {
        match self {
            Self::Sql(error, system) => problem(&error, &system).at(path),
            Self::File(problem) => problem.at(path),
            Self::Rejected(error) => error,
        }
    }
}

fn problem(error: &rusqlite::Error, system: &io::Error) -> FileProblem {
    let corrupt = |why| FileProblem::Corrupt { at: None, why };
    let rusqlite::Error::SqliteFailure(code, text) = error else {
        // A column with another type than in the schema, or a statement that does not match it.
        return corrupt(error.to_string());
    };
    let message = || {
        let text = text.as_deref().unwrap_or("unknown error");
        format!("{text} (SQLite error {})", code.extended_code)
    };
    match code.code {
        // The protocol error is a race for the log that was lost many times.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => FileProblem::Busy,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => FileProblem::ReadOnly,
        ErrorCode::DiskFull => FileProblem::DiskFull,
        // SQLite says which of its steps failed, and only the operating system why. A file that is too
        // short is no error of the system's.
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen
            if code.extended_code != ffi::SQLITE_IOERR_SHORT_READ =>
        {
            match schema::io(system) {
                FileProblem::Io(why) => FileProblem::Io(format!("{}: {why}", message())),
                known => known,
            }
        }
        ErrorCode::NotADatabase => FileProblem::NotSqlite,
        ErrorCode::DatabaseCorrupt => corrupt(message()),
        _ => FileProblem::Io(message()),
    }
}

impl AuditLog {
    /// Opens the audit log, or creates it for its owner only. Events get their time from `clock` and
    /// their author from `actor`, and are stored without the secrets that `redactor` knows.
    ///
    /// # Errors
    /// [`AuditLogError::File`]; [`FileProblem::Busy`] is worth a retry.
    pub fn open(
        location: &AuditLogLocation,
        actor: Actor,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Result<Self, AuditLogError> {
        let path = location.path();
        let connection = schema::open(path).map_err(|fault| fault.at(path))?;
        Ok(Self {
            location: location.clone(),
            clock,
            redactor,
            actor: Actor {
                invocation: uuid::Uuid::now_v7().to_string(),
                ..actor
            },
            process: Process::this(),
            connection: Mutex::new(connection),
        })
    }

    /// Opens an existing audit log.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`FileProblem::NotFound`].
    pub fn open_existing(
        location: &AuditLogLocation,
        actor: Actor,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Result<Self, AuditLogError> {
        let path = location.path();
        match schema::exists(path) {
            Ok(true) => Self::open(location, actor, clock, redactor),
            Ok(false) => Err(FileProblem::NotFound.at(path)),
            Err(problem) => Err(problem.at(path)),
        }
    }

    /// The location of the audit log.
    #[must_use]
    pub fn location(&self) -> &AuditLogLocation {
        &self.location
    }

    /// Checks whether the audit log can be written now. Changes nothing.
    ///
    /// # Errors
    /// The error that an append would have, as far as it can be known without one.
    pub fn writable(&self) -> Result<(), AuditLogError> {
        self.read(|connection| Ok(connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?))
    }

    /// The id of this invocation, which holds its leases and claims.
    fn holder(&self) -> &str {
        &self.actor.invocation
    }

    /// Milliseconds since 1970, by our clock.
    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Runs a transaction that holds the write lock from its start.
    fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AuditLogError> {
        let mut connection = self.lock();
        let whole = || -> Result<T, Fault> {
            // The pragma takes effect when it is compiled, so it must not come from a statement cache.
            connection.execute_batch(match durability {
                Durability::Full => "PRAGMA synchronous=FULL",
                Durability::Relaxed => "PRAGMA synchronous=NORMAL",
            })?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        whole().map_err(|fault| fault.at(self.location.path()))
    }

    /// Reads without a lock that writers would wait for.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, AuditLogError> {
        work(&self.lock()).map_err(|fault| fault.at(self.location.path()))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held has rolled its transaction back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit_log::chain::Verification;
    use crate::audit_log::event::{Detail, Note, RunInfo};
    use crate::clock::SystemClock;

    fn note() -> Detail {
        Detail::Note(Note {
            topic: "t".into(),
            message: "x".repeat(5000),
            fields: Vec::new(),
        })
    }

    fn open() -> (tempfile::TempDir, AuditLog) {
        let folder = tempfile::tempdir().unwrap();
        let location = AuditLogLocation::file(folder.path().join("audit.db"));
        let (clock, redactor) = (SystemClock::shared(), Redactor::new());
        let audit_log = AuditLog::open(&location, Actor::default(), clock, redactor).unwrap();
        (folder, audit_log)
    }

    #[test]
    fn on_a_full_disk_nothing_is_stored_partially() {
        let (_folder, audit_log) = open();
        let append = || audit_log.append(&RunInfo::default(), note());
        let limit = |pages: u32| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            audit_log.lock().execute_batch(&pragma).unwrap();
        };
        append().unwrap();
        // SQLite reports this bound exactly as it reports a full disk.
        limit(1);
        for _ in 0..2 {
            assert_eq!(append().unwrap_err().code(), "audit_log_disk_full");
        }
        limit(1_000_000);
        assert_eq!(append().unwrap().number, 2);
        let verified = audit_log.verify().unwrap();
        assert!(matches!(verified, Verification::Whole { events: 2, .. }));
    }

    #[test]
    fn events_are_synced_to_disk_and_claims_are_not() {
        let (_folder, audit_log) = open();
        let synchronous = || {
            audit_log
                .lock()
                .pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
                .unwrap()
        };
        // The numbers of SQLite's documentation: 1 is NORMAL, 2 is FULL.
        for _ in 0..2 {
            audit_log.renew().unwrap();
            assert_eq!(synchronous(), 1);
            audit_log.append(&RunInfo::default(), note()).unwrap();
            assert_eq!(synchronous(), 2);
        }
    }

    #[test]
    fn sqlite_errors_have_stable_codes() {
        for (extended_code, code) in [
            (ffi::SQLITE_BUSY, "audit_log_locked"),
            (ffi::SQLITE_BUSY_RECOVERY, "audit_log_locked"),
            (ffi::SQLITE_PROTOCOL, "audit_log_locked"),
            (ffi::SQLITE_READONLY_DIRECTORY, "audit_log_read_only"),
            (ffi::SQLITE_FULL, "audit_log_disk_full"),
            (ffi::SQLITE_NOTADB, "audit_log_not_sqlite"),
            (ffi::SQLITE_CORRUPT, "audit_log_corrupt"),
            (ffi::SQLITE_IOERR_WRITE, "audit_log_io"),
            (ffi::SQLITE_CANTOPEN, "audit_log_io"),
        ] {
            assert_eq!(failure(extended_code, 0).code(), code);
        }
    }

    fn failure(extended_code: i32, errno: i32) -> AuditLogError {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None);
        Fault::Sql(error, io::Error::from_raw_os_error(errno)).at(Path::new("/x.db"))
    }

    #[test]
    fn an_error_of_the_operating_system_is_reported_as_what_it_is() {
        for (errno, code, says) in [
            (5, "audit_log_io", "input/output error"),
            (13, "audit_log_read_only", "read-only for this user"),
            (27, "audit_log_file_too_large", "may not be larger"),
            (28, "audit_log_disk_full", "the disk is full"),
            (30, "audit_log_read_only", "read-only file system"),
            (122, "audit_log_quota_exceeded", "the disk quota is used up"),
            (24, "audit_log_io", "open files"),
        ] {
            for extended_code in [
                ffi::SQLITE_CANTOPEN,
                ffi::SQLITE_IOERR_WRITE,
                ffi::SQLITE_IOERR_FSYNC,
                ffi::SQLITE_IOERR_SHMSIZE,
                ffi::SQLITE_IOERR_SHMOPEN,
                ffi::SQLITE_IOERR_READ,
            ] {
                let error = failure(extended_code, errno);
                assert_eq!(error.code(), code, "{extended_code} {errno}");
                let text = error.to_string().to_lowercase();
                assert!(text.contains(says), "{extended_code} {errno}: {text}");
                assert_eq!(text.contains("full"), errno == 28, "{text}");
            }
            // Nothing is wrong with the disk; the error is an older one.
            let short = failure(ffi::SQLITE_IOERR_SHORT_READ, errno);
            assert_eq!(short.code(), "audit_log_io");
        }
    }
}
