//! The end of an invocation that came to no verdict.

use super::setup::Start;
use crate::audit_log::AuditLogError;
use crate::config::ConfigError;
use crate::report::{ExitRules, Invocation, Level, RefreshResult, Summary};
use crate::run::{BoundaryError, OperationError};
use crate::verdict::{Status, Verdict};

/// Why nothing was begun, as the verdict of every target that was asked for.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Box<Verdict>);

impl Failure {
    /// The failure that this verdict tells.
    pub(super) fn of(verdict: Verdict) -> Self {
        Self(Box::new(verdict))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::of(Verdict::not_sent(
            Status::Invalid,
            error.code(),
            error.message(),
            error.hint(),
        ))
    }
}

impl From<BoundaryError> for Failure {
    fn from(error: BoundaryError) -> Self {
        Self::of(Verdict::not_sent(
            Status::Invalid,
            error.code(),
            error.to_string(),
            "mend it, then ask `host-runner check`",
        ))
    }
}

impl From<AuditLogError> for Failure {
    fn from(error: AuditLogError) -> Self {
        // What names no record, or no run in it, is a mistake of the asker; everything else is a
        // record that cannot be used.
        let (status, hint) = match error {
            AuditLogError::UnsupportedLocation { .. }
            | AuditLogError::NoStateFolder
            | AuditLogError::NotFound { .. }
            | AuditLogError::UnknownRun { .. } => (Status::Invalid, ""),
            _ => (
                Status::AuditUnavailable,
                "without a record that can be written no trigger ever leaves",
            ),
        };
        Self::of(Verdict::not_sent(
            status,
            error.code(),
            error.to_string(),
            hint,
        ))
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Failed(verdict) => Self(verdict),
            OperationError::Interrupted(signal) => Self::of(Verdict::not_sent(
                Status::Interrupted,
                "interrupted",
                format!("stopped by {}", signal.name()),
                "",
            )),
        }
    }
}

impl From<crate::engine::EngineError> for Failure {
    fn from(error: crate::engine::EngineError) -> Self {
        use crate::engine::EngineError;
        let (status, hint) = match error {
            EngineError::Unreadable { .. } | EngineError::Unusable { .. } => (
                Status::Invalid,
                "leave --component out, or name a component of this interface",
            ),
            _ => (Status::InternalError, "please report this"),
        };
        Self::of(Verdict::not_sent(
            status,
            error.code(),
            error.to_string(),
            hint,
        ))
    }
}

/// Reports a failure for every target that was asked for, and gives the exit code.
pub(super) fn report(start: &Start, names: &[String], failure: &Failure) -> u8 {
    let verdict = &failure.0;
    if names.is_empty() {
        start.reporter.log(Level::Error, &verdict.message);
        if !verdict.hint.is_empty() {
            start.reporter.log(Level::Error, &verdict.hint);
        }
        start
            .reporter
            .summary(&Summary::without_targets(verdict.status));
        return verdict.status.exit_code();
    }
    let results: Vec<RefreshResult> = names
        .iter()
        .map(|name| {
            let invocation = Invocation {
                target: name.clone(),
                ..Invocation::default()
            };
            RefreshResult::new(verdict, &invocation, &ExitRules::default())
        })
        .collect();
    for result in &results {
        start.reporter.result(result);
    }
    let summary = Summary::of(&results);
    start.reporter.summary(&summary);
    summary.exit_code
}

/// Reports a bug of ours, and gives its exit code.
pub(super) fn bug(start: &Start, what: &str) -> u8 {
    start
        .reporter
        .log(Level::Error, &format!("{what}; please report this"));
    Status::InternalError.exit_code()
}
