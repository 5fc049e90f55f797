//! What SQLite says of an error, in the record's words.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::record::error::RecordError;

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
    Refused(RecordError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// The error to show.
    pub(super) fn at(self, path: &Path) -> RecordError {
        match self {
            Self::Sql(error) => translate(&error, path),
            Self::Unreadable { at, why } => RecordError::Corrupt {
                path: path.to_path_buf(),
                at: Some(at),
                why,
            },
            Self::Refused(error) => error,
        }
    }
}

fn translate(error: &rusqlite::Error, path: &Path) -> RecordError {
    let path = path.to_path_buf();
    let rusqlite::Error::SqliteFailure(code, text) = error else {
        // A column of another type than the schema says, or a statement that does not fit it.
        return RecordError::Corrupt {
            path,
            at: None,
            why: error.to_string(),
        };
    };
    match code.code {
        // The protocol error is a race for the log that was lost many times over.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => RecordError::Busy { path },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => RecordError::ReadOnly { path },
        ErrorCode::DiskFull => RecordError::DiskFull { path },
        // Growing the shared index of the log fails so, and with nothing else, on a full disk.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            RecordError::DiskFull { path }
        }
        ErrorCode::NotADatabase => RecordError::NotSqlite { path },
        ErrorCode::DatabaseCorrupt => RecordError::Corrupt {
            path,
            at: None,
            why: said(*code, text.as_deref()),
        },
        _ => RecordError::Io {
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
        assert_eq!(code_of(ffi::SQLITE_BUSY), "record_busy");
        assert_eq!(code_of(ffi::SQLITE_BUSY_RECOVERY), "record_busy");
        assert_eq!(code_of(ffi::SQLITE_PROTOCOL), "record_busy");
        assert_eq!(code_of(ffi::SQLITE_READONLY_DIRECTORY), "record_read_only");
        assert_eq!(code_of(ffi::SQLITE_FULL), "record_disk_full");
        assert_eq!(code_of(ffi::SQLITE_IOERR_SHMSIZE), "record_disk_full");
        assert_eq!(code_of(ffi::SQLITE_NOTADB), "record_not_sqlite");
        assert_eq!(code_of(ffi::SQLITE_CORRUPT), "record_corrupt");
        assert_eq!(code_of(ffi::SQLITE_IOERR_WRITE), "record_io");
        assert_eq!(code_of(ffi::SQLITE_CANTOPEN), "record_io");
    }
}
