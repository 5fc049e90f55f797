//! Errors of the audit log.
//!
//! One enum for the whole boundary: the runner turns each error into `audit_unavailable`, `invalid`
//! or a retry by its [`code`](AuditLogError::code). No variant contains parts of an event, so an error
//! can be printed as it is.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the audit log could not be opened, read or written.
#[derive(Debug, Error)]
pub enum AuditLogError {
    /// The location has a form that this version does not support. It is not repeated, because it
    /// may contain a password.
    #[error("the audit log's location cannot be used: {why}")]
    UnsupportedLocation {
        /// What is wrong with it.
        why: &'static str,
    },
    /// No location is configured, and there is no state folder.
    #[error("no location for the audit log: neither XDG_STATE_HOME nor HOME is set")]
    NoStateFolder,
    /// The file cannot be used.
    #[error("the audit log {} {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// Another process took over the run or its resource.
    #[error(
        "another process took over {what}, because this one did not renew its claim in time; nothing was sent"
    )]
    ClaimLost {
        /// The run or the resource.
        what: String,
    },
    /// The audit log has no such run.
    #[error("the audit log has no run {0}")]
    UnknownRun(String),
    /// The verdict of a run that is to be decided on is still to come.
    #[error("run {0} is in progress: a process is working on it")]
    RunInProgress(String),
    /// There is nothing to decide on: the next start triggers anyway.
    #[error("run {0} was not sent, so no decision is needed")]
    RunNotSent(String),
    /// The service or the flow reported that the run succeeded.
    #[error("run {0} completed, which no decision overrides")]
    RunCompleted(String),
    /// The run ended in another final status, which the decision does not override.
    #[error("run {0} is not open: it ended as `{1}`")]
    RunEnded(String, &'static str),
}

/// What is wrong with the file of the audit log.
#[derive(Debug, Error)]
pub enum FileProblem {
    /// It is not a regular file.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// It does not exist.
    #[error("does not exist")]
    NotFound,
    /// It or its folder is read-only.
    #[error("is read-only for this user")]
    ReadOnly,
    /// Its file system is read-only.
    #[error("is on a read-only file system")]
    ReadOnlyFileSystem,
    /// It has another format.
    #[error("is not an SQLite database; it was not changed")]
    NotSqlite,
    /// It belongs to another program.
    #[error("is an SQLite database of another program; it was not changed")]
    Foreign,
    /// A newer version of this program wrote it.
    #[error(
        "has schema version {found}, but this host-runner supports versions up to {known}; it was not changed"
    )]
    NewerSchema {
        /// The version of the file.
        found: i64,
        /// The newest supported version.
        known: i64,
    },
    /// The disk is full.
    #[error("cannot be written: the disk is full")]
    DiskFull,
    /// The user's or the project's quota is used up.
    #[error("cannot be written: the disk quota is used up")]
    QuotaExceeded,
    /// The file has reached the largest size that the process or the file system allows.
    #[error("cannot grow: a file of this process may not be larger")]
    FileTooLarge,
    /// The disk failed.
    #[error("cannot be used: the disk reported an input/output error")]
    DiskError,
    /// Another process holds the lock.
    #[error("is locked by another process")]
    Busy,
    /// It is damaged, or contains an event that this program does not write.
    #[error("is damaged{}: {why}", at.map(|number| format!(" at event {number}")).unwrap_or_default())]
    Corrupt {
        /// The event, if known.
        at: Option<u64>,
        /// What was found.
        why: String,
    },
    /// Any other error of the operating system or SQLite.
    #[error("cannot be used: {0}")]
    Io(String),
}

impl FileProblem {
    /// The error for this file.
    pub(super) fn at(self, path: &Path) -> AuditLogError {
        AuditLogError::File {
            path: path.to_path_buf(),
            problem: self,
        }
    }

    fn code_and_hint(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotAFile(_) => ("audit_log_not_a_file", "name a file"),
            Self::NotFound => (
                "audit_log_not_found",
                "check `audit:`, --audit and HOST_RUNNER_AUDIT; the first refresh creates the file",
            ),
            Self::ReadOnly => (
                "audit_log_read_only",
                "make the file and its folder writable; SQLite creates files beside it",
            ),
            Self::ReadOnlyFileSystem => ("audit_log_read_only", "make the file system writable"),
            Self::NotSqlite => ("audit_log_not_sqlite", "name another file"),
            Self::Foreign => ("audit_log_foreign", "name another file"),
            Self::NewerSchema { .. } => (
                "audit_log_newer_schema",
                "use the newer host-runner that wrote it, or name another file",
            ),
            Self::DiskFull => (
                "audit_log_disk_full",
                "free disk space, or name a file on another disk",
            ),
            Self::QuotaExceeded => ("audit_log_quota_exceeded", "free space, or raise the quota"),
            Self::FileTooLarge => ("audit_log_file_too_large", "raise the limit (`ulimit -f`)"),
            Self::DiskError => ("audit_log_io", "check the disk and the kernel's log"),
            Self::Busy => (
                "audit_log_locked",
                "find the process that holds it (for example with `fuser`), and wait for its end or stop it",
            ),
            Self::Corrupt { .. } => (
                "audit_log_corrupt",
                "keep a copy of the file and its -wal file, then restore a backup or name another file",
            ),
            Self::Io(_) => (
                "audit_log_io",
                "check the path and the file system; the audit log needs a local disk",
            ),
        }
    }
}

impl AuditLogError {
    fn code_and_hint(&self) -> (&'static str, &'static str) {
        match self {
            Self::UnsupportedLocation { .. } => (
                "audit_location_unsupported",
                "name an SQLite file: sqlite:/absolute/path/audit.db or sqlite:relative/path.db",
            ),
            Self::NoStateFolder => (
                "audit_location_missing",
                "name a file with `audit:`, --audit or HOST_RUNNER_AUDIT, for example \
                 sqlite:/var/lib/host-runner/audit.db",
            ),
            Self::File { problem, .. } => problem.code_and_hint(),
            Self::ClaimLost { .. } => ("claim_lost", "wait for the other process"),
            Self::UnknownRun(_) => ("run_not_found", "`host-runner audit list` shows the runs"),
            Self::RunInProgress(_) => ("run_in_progress", "wait for its end, or stop that process"),
            Self::RunNotSent(_) => ("run_not_sent", "start the refresh again"),
            Self::RunCompleted(_) => ("run_completed", "to refresh again, start with --new"),
            Self::RunEnded(..) => (
                "override_required",
                "see `host-runner audit show`; if that status is wrong, add --override",
            ),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code_and_hint().0
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.code_and_hint().1
    }

    /// Returns whether the same call may succeed in a moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::File {
                problem: FileProblem::Busy,
                ..
            }
        )
    }
}
