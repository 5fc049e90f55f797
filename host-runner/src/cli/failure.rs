//! Errors of a command: each becomes a verdict with a stable code and an exit code.

use std::io;

use crate::audit_log::{AuditLogError, FileProblem};
use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::report::{ExitRules, Invocation, RefreshResult, Reporter, Summary};
use crate::run::{BoundaryError, OperationError};
use crate::verdict::{Status, Verdict};

/// The exit code of a process that a closed pipe ends, by the convention 128 + signal number.
const EXIT_SIGPIPE: u8 = 141;

/// An error that is a verdict already.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(super) struct Failure(pub(super) Box<Verdict>);

impl From<Verdict> for Failure {
    fn from(verdict: Verdict) -> Self {
        Self(Box::new(verdict))
    }
}

/// A signal counts as SIGTERM here: commands handle their own signals before.
impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Failed(verdict) => Self(verdict),
            OperationError::Interrupted(signal) => {
                let message = format!("stopped by {}", signal.name());
                Verdict::not_sent(Status::Interrupted, "interrupted", message, "").into()
            }
        }
    }
}

/// An error in the usage, the configuration or an input.
pub(super) fn invalid(
    code: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> anyhow::Error {
    Failure::from(Verdict::not_sent(Status::Invalid, code, message, hint)).into()
}

/// The verdict of an error. An error that is not listed here is a bug.
pub(super) fn verdict(error: &anyhow::Error) -> Verdict {
    if let Some(Failure(verdict)) = error.downcast_ref() {
        return Verdict::clone(verdict);
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return Verdict::not_sent(Status::Invalid, error.code(), error.message(), error.hint());
    }
    let (status, code, hint) = if let Some(error) = error.downcast_ref::<AuditLogError>() {
        let status = match error {
            AuditLogError::File { problem, .. } if !matches!(problem, FileProblem::NotFound) => {
                Status::AuditUnavailable
            }
            AuditLogError::ClaimLost { .. } => Status::AuditUnavailable,
            _ => Status::Invalid,
        };
        (status, error.code(), error.hint())
    } else if let Some(error) = error.downcast_ref::<BoundaryError>() {
        let hint = "fix the configuration, then run `host-runner check`";
        (Status::Invalid, error.code(), hint)
    } else if let Some(error) = error.downcast_ref::<EngineError>() {
        match error {
            EngineError::Unreadable { .. } | EngineError::Unusable { .. } => {
                let hint = "leave out --component, or name a component with this interface";
                (Status::Invalid, error.code(), hint)
            }
            _ => (Status::InternalError, error.code(), "report this as a bug"),
        }
    } else {
        let (message, hint) = (format!("{error:#}"), "report this as a bug");
        return Verdict::not_sent(Status::InternalError, "internal_error", message, hint);
    };
    Verdict::not_sent(status, code, error.to_string(), hint)
}

/// Whether the error has this stable code.
pub(super) fn has_code(error: &anyhow::Error, code: &str) -> bool {
    verdict(error).code == code
}

/// Returns the exit code of a command that only prints if stdout could not be written. A reader that
/// has gone away, as after `| head`, is no error to report.
pub(super) fn unprinted(reporter: &Reporter, error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return EXIT_SIGPIPE;
    }
    let message = format!("cannot write to stdout: {error}");
    reporter.error(
        &message,
        "the output is incomplete; send it to another file",
    );
    Status::Invalid.exit_code()
}

/// Reports an error for each of the targets and returns the exit code.
pub(super) fn report(reporter: &Reporter, names: &[String], error: &anyhow::Error) -> u8 {
    let verdict = verdict(error);
    if names.is_empty() {
        reporter.error(&verdict.message, &verdict.hint);
        let summary = Summary::without_targets(verdict.status);
        reporter.summary(&summary);
        return summary.exit_code;
    }
    let results = names.iter().map(|name| result(name, &verdict));
    report_results(reporter, &results.collect::<Vec<_>>())
}

/// The result of a target that was not started.
pub(super) fn result(name: &str, verdict: &Verdict) -> RefreshResult {
    let invocation = Invocation {
        target: name.to_owned(),
        ..Invocation::default()
    };
    RefreshResult::new(verdict, &invocation, &ExitRules::default())
}

/// Reports results and their summary, and returns the exit code.
pub(super) fn report_results(reporter: &Reporter, results: &[RefreshResult]) -> u8 {
    results.iter().for_each(|result| reporter.result(result));
    let summary = Summary::of(results);
    reporter.summary(&summary);
    summary.exit_code
}
