//! What SQLite says of an error, in the audit log's words.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::audit_log::error::AuditLogError;

/// A failure inside a transaction, before it is known which file is meant.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite's.
    Sql(rusqlite::Error),
    /// An event that this program does not write.
    Unreadable {
        /// Its number.
        at: u64,
        /// What was found.
        why: String,
    },
    /// Ours.
    Refused(AuditLogError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<AuditLogError> for Fault {
    fn from(error: AuditLogError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// The error to show.
    pub(super) fn at(self, path: &Path) -> AuditLogError {
        match self {
            Self::Sql(error) => translate(&error, path),
            Self::Unreadable { at, why } => AuditLogError::Corrupt {
                path: path.to_path_buf(),
                at: Some(at),
                why,
            },
            Self::Refused(error) => error,
        }
    }
}

fn translate(error: &rusqlite::Error, path: &Path) -> AuditLogError {
    let path = path.to_path_buf();
    let rusqlite::Error::SqliteFailure(code, text) = error else {
        // A column of another type than the schema says, or a statement that does not fit it.
        return AuditLogError::Corrupt {
            path,
            at: None,
            why: error.to_string(),
        };
    };
    match code.code {
        // The protocol error is a race for the log that was lost many times over.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => AuditLogError::Busy { path },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => AuditLogError::ReadOnly { path },
        ErrorCode::DiskFull => AuditLogError::DiskFull { path },
        // Growing the shared index of the log fails so, and with nothing else, on a full disk.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            AuditLogError::DiskFull { path }
        }
        ErrorCode::NotADatabase => AuditLogError::NotSqlite { path },
        ErrorCode::DatabaseCorrupt => AuditLogError::Corrupt {
            path,
            at: None,
            why: said(*code, text.as_deref()),
        },
        _ => AuditLogError::Io {
            path,
            why: said(*code, text.as_deref()),
        },
    }
}

fn said(code: ffi::Error, text: Option<&str>) -> String {
    format!(
        "{} (SQLite error {})",
        text.unwrap_or("no more is known"),
        code.extended_code
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(extended_code: i32) -> &'static str {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None);
        Fault::from(error).at(Path::new("/x.db")).code()
    }

    #[test]
    fn sqlites_errors_have_the_records_names() {
        assert_eq!(code_of(ffi::SQLITE_BUSY), "audit_log_locked");
        assert_eq!(code_of(ffi::SQLITE_BUSY_RECOVERY), "audit_log_locked");
        assert_eq!(code_of(ffi::SQLITE_PROTOCOL), "audit_log_locked");
        assert_eq!(
            code_of(ffi::SQLITE_READONLY_DIRECTORY),
            "audit_log_read_only"
        );
        assert_eq!(code_of(ffi::SQLITE_FULL), "audit_log_disk_full");
        assert_eq!(code_of(ffi::SQLITE_IOERR_SHMSIZE), "audit_log_disk_full");
        assert_eq!(code_of(ffi::SQLITE_NOTADB), "audit_log_not_sqlite");
        assert_eq!(code_of(ffi::SQLITE_CORRUPT), "audit_log_corrupt");
        assert_eq!(code_of(ffi::SQLITE_IOERR_WRITE), "audit_log_io");
        assert_eq!(code_of(ffi::SQLITE_CANTOPEN), "audit_log_io");
    }
}
