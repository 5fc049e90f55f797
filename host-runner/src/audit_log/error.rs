//! What can go wrong with the audit log, in words that say what to do next.
//!
//! One enum for everything above it: the runner turns each into `audit_unavailable`, `invalid` or a
//! retry by its [`code`](RecordError::code). No variant carries anything of an event, so an error can
//! be printed as it is.

use std::path::PathBuf;

/// Why the audit log could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditLogError {
    /// The text that names the audit log is not of a form that this version knows. The text itself is
    /// not repeated: it may hold a password.
    #[error(
        "the audit log's location cannot be used: {why}; this version stores the audit log in one SQLite \
         file: write sqlite:/absolute/path/audit.db or sqlite:relative/path.db"
    )]
    UnsupportedLocation {
        /// What is wrong with it.
        why: String,
    },
    /// No location was given, and there is no state folder to fall back to.
    #[error(
        "no place for the audit log: neither XDG_STATE_HOME nor HOME is set; name a file with `audit:` \
         in the configuration, --audit or HOST_RUNNER_AUDIT, for example sqlite:/var/lib/host-runner/audit.db"
    )]
    NoStateFolder,
    /// Something other than a regular file is in the way.
    #[error("the audit log {} is {found}, not a file; name a file in it or beside it", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What is there, for example `a directory`.
        found: &'static str,
    },
    /// A record was to be read that does not exist.
    #[error(
        "there is no record at {}; check `audit:`, --audit and HOST_RUNNER_AUDIT: a refresh creates it",
        path.display()
    )]
    NotFound {
        /// Where.
        path: PathBuf,
    },
    /// The file, its folder or its file system may not be written.
    #[error(
        "the audit log {} is read-only for this user; it and its folder must be writable, \
         because SQLite keeps its log beside the file",
        path.display()
    )]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is not an SQLite database; nothing was changed in it; name another file", path.display())]
    NotSqlite {
        /// Where.
        path: PathBuf,
    },
    /// The file is another program's SQLite database.
    #[error(
        "{} is an SQLite database of another program; nothing was changed in it; name another file",
        path.display()
    )]
    Foreign {
        /// Where.
        path: PathBuf,
    },
    /// The audit log was written by a newer version of this program.
    #[error(
        "the audit log {} has schema version {found}, and this program knows up to {known}; nothing was \
         changed in it; use the newer host-runner that wrote it, or name another file",
        path.display()
    )]
    NewerSchema {
        /// Where.
        path: PathBuf,
        /// The schema's version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// There is no room to write.
    #[error("no room for the audit log {}; free space on its disk, or name a file on another", path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
    },
    /// Somebody else holds the file's lock. Worth another try soon.
    #[error(
        "the audit log {} is locked by another process; if it stays so, find that process (for example \
         with `fuser`) and end it",
        path.display()
    )]
    Busy {
        /// Where.
        path: PathBuf,
    },
    /// The file is damaged, or an event in it is not one that this program writes.
    #[error(
        "the audit log {} is damaged{}: {why}; keep a copy of it with its -wal file, run `host-runner audit \
         verify`, and restore a backup or name another file",
        path.display(),
        at.map(|number| format!(" at event {number}")).unwrap_or_default()
    )]
    Corrupt {
        /// Where.
        path: PathBuf,
        /// The event, where one is meant.
        at: Option<u64>,
        /// What was found.
        why: String,
    },
    /// The operating system or SQLite failed in another way.
    #[error("the audit log {} cannot be used: {why}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What was said.
        why: String,
    },
    /// Another process has taken this run or its resource over, because this one was too slow.
    #[error(
        "the claim on {what} was lost to another process while this one was held up; nothing was sent; \
         start again"
    )]
    ClaimLost {
        /// The run or the resource.
        what: String,
    },
    /// An event was given for a run that the audit log has never seen.
    #[error("the audit log knows no run {run}; `host-runner audit list` shows those that it knows")]
    UnknownRun {
        /// The run.
        run: String,
    },
}

impl AuditLogError {
    /// A stable name of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedLocation { .. } => "audit_location_unsupported",
            Self::NoStateFolder => "audit_location_missing",
            Self::NotAFile { .. } => "audit_log_not_a_file",
            Self::NotFound { .. } => "audit_log_not_found",
            Self::ReadOnly { .. } => "audit_log_read_only",
            Self::NotSqlite { .. } => "audit_log_not_sqlite",
            Self::Foreign { .. } => "audit_log_foreign",
            Self::NewerSchema { .. } => "audit_log_newer_schema",
            Self::DiskFull { .. } => "audit_log_disk_full",
            Self::Busy { .. } => "audit_log_locked",
            Self::Corrupt { .. } => "audit_log_corrupt",
            Self::Io { .. } => "audit_log_io",
            Self::ClaimLost { .. } => "claim_lost",
            Self::UnknownRun { .. } => "run_not_found",
        }
    }

    /// Whether the same call may succeed in a moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }
}
