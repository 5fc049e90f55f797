//! The types of the contract in one place, and constructors for its errors.
//!
//! The types are generated from `wit/` and used as they are, so nothing has to be translated.

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    unsafe_code,
    clippy::all,
    reason = "generated from the contract in wit/"
)]
pub(crate) mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "component",
        additional_derives: [PartialEq, Eq],
    });
}

pub use bindings::exports::powerbi::refresh::audit::AuditError;
pub use bindings::exports::powerbi::refresh::refresh::{
    CancelRequest, Cancellation, CancellationStatus, Finding, FindingLevel, Inspection, Item, Plan,
    Query, Question,
};
pub use bindings::powerbi::refresh::audit_store::{
    Conclusion, Entry, Event, Note, Observed, Receipt, Resolution, StoreError, Triggered,
};
pub use bindings::powerbi::refresh::control::{Level, Phase, Update, Wake};
pub use bindings::powerbi::refresh::types::*;

impl RefreshError {
    /// The problem that the error carries, if it carries one.
    pub(crate) fn problem_mut(&mut self) -> Option<&mut Problem> {
        match self {
            Self::Invalid(problem)
            | Self::Unauthorized(problem)
            | Self::Unavailable(problem)
            | Self::Denied(problem)
            | Self::AuditUnavailable(problem)
            | Self::ClaimLost(problem)
            | Self::Interrupted(problem) => Some(problem),
            Self::NotSupported(_) => None,
        }
    }

    /// The same error with the number of HTTP calls made so far.
    pub(crate) fn with_calls(mut self, http_calls: u32) -> Self {
        if let Some(problem) = self.problem_mut() {
            problem.http_calls = http_calls;
        }
        self
    }
}

/// An error in the request or the target.
pub(crate) fn invalid(code: &str, message: impl Into<String>, hint: &str) -> RefreshError {
    RefreshError::Invalid(problem(code, message, hint))
}

/// A problem that another attempt does not solve.
pub(crate) fn problem(code: &str, message: impl Into<String>, hint: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        message: message.into(),
        hint: hint.to_owned(),
        retryable: false,
        retry_at: None,
        http_calls: 0,
        service_error: None,
    }
}

/// An operation that a flow without known content does not have.
pub(crate) fn not_supported(operation: Operation) -> RefreshError {
    RefreshError::NotSupported(Unsupported {
        kind: TargetKind::PowerAutomate,
        operation,
    })
}

/// A run of which only the id is known.
pub(crate) fn run_with_id(id: &str) -> ServiceRun {
    ServiceRun {
        id: id.to_owned(),
        refresh_type: String::new(),
        status: String::new(),
        started_at: None,
        ended_at: None,
    }
}
