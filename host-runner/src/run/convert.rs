//! Between the component's types and ours.
//!
//! Nothing is decided here. A type of the contract that gets a new field or case does not compile
//! until this file says what becomes of it.

use crate::audit_log::event;
use crate::engine::bindings::powerbi::refresh::{audit_store, control, types as wit};
use crate::report::{Level, Phase};
use crate::verdict::{Evidence, Matched, Quota, Sent, ServiceError, Status, Verdict};

/// The component's verdict, in our words.
pub(super) fn verdict(from: wit::Verdict) -> Verdict {
    Verdict {
        status: match from.status {
            wit::Status::Completed => Status::Completed,
            wit::Status::Accepted => Status::Accepted,
            wit::Status::Failed => Status::Failed,
            wit::Status::Skipped => Status::Skipped,
            wit::Status::Unknown => Status::Unknown,
            wit::Status::Cancelled => Status::Cancelled,
            wit::Status::Interrupted => Status::Interrupted,
        },
        sent: match from.sent {
            wit::Sent::No => Sent::No,
            wit::Sent::Yes => Sent::Yes,
            wit::Sent::Maybe => Sent::Maybe,
        },
        evidence: match from.evidence {
            wit::Evidence::Service => Evidence::Service,
            wit::Evidence::Flow => Evidence::Flow,
            wit::Evidence::None => Evidence::None,
        },
        matched: match from.matched {
            wit::Matched::Exact => Matched::Exact,
            wit::Matched::Inferred => Matched::Inferred,
            wit::Matched::None => Matched::None,
        },
        own_run: from.own_run,
        code: from.code,
        likely_cause: from.likely_cause,
        message: from.message,
        hint: from.hint,
        retryable: from.retryable,
        retry_at: from.retry_at.unwrap_or_default(),
        service_run: from.service_run.unwrap_or_default(),
        flow_run: from.flow_run.unwrap_or_default(),
        started_at: from.started_at.unwrap_or_default(),
        ended_at: from.ended_at.unwrap_or_default(),
        http_calls: from.http_calls,
        service_error: from.service_error.map(service_error).unwrap_or_default(),
        quota: from.quota.map(quota).unwrap_or_default(),
    }
}

/// What the component counted of a quota.
pub(super) fn quota(from: wit::QuotaState) -> Quota {
    Quota {
        limit: from.limit,
        counted: from.counted,
        left: from.left,
        next_slot: from.next_slot.unwrap_or_default(),
    }
}

/// The component's error, as the verdict that it comes to.
pub(super) fn error(from: wit::RefreshError) -> Verdict {
    let of = |status, problem: wit::Problem| Verdict {
        retryable: problem.retryable,
        retry_at: problem.retry_at.unwrap_or_default(),
        http_calls: problem.http_calls,
        service_error: problem.service_error.map(service_error).unwrap_or_default(),
        ..Verdict::not_sent(status, &problem.code, problem.message, problem.hint)
    };
    match from {
        wit::RefreshError::Invalid(problem) => of(Status::Invalid, problem),
        wit::RefreshError::Unauthorized(problem) => of(Status::Unauthorized, problem),
        wit::RefreshError::Unavailable(problem) => of(Status::Unavailable, problem),
        wit::RefreshError::Denied(problem) => of(Status::Denied, problem),
        wit::RefreshError::AuditUnavailable(problem) | wit::RefreshError::ClaimLost(problem) => {
            of(Status::AuditUnavailable, problem)
        }
        wit::RefreshError::Interrupted(problem) => of(Status::Interrupted, problem),
        wit::RefreshError::NotSupported(unsupported) => Verdict::not_sent(
            Status::Invalid,
            "not_supported",
            format!(
                "there is no {} for a target of kind {} like this",
                operation(unsupported.operation),
                kind(unsupported.kind)
            ),
            "give the target a `verify:` with its content",
        ),
    }
}

fn operation(from: wit::Operation) -> &'static str {
    match from {
        wit::Operation::Trigger => "trigger-refresh",
        wit::Operation::Follow => "follow-refresh",
        wit::Operation::Cancel => "cancel-refresh",
        wit::Operation::Inspect => "inspect",
    }
}

pub(super) fn kind(from: wit::TargetKind) -> &'static str {
    match from {
        wit::TargetKind::PowerAutomate => "power-automate",
        wit::TargetKind::Dataflow => "dataflow",
        wit::TargetKind::DataflowGen2 => "dataflow-gen2",
        wit::TargetKind::SemanticModel => "semantic-model",
    }
}

fn service_error(from: wit::ServiceError) -> ServiceError {
    ServiceError {
        code: from.code,
        message: from.message,
        activity_id: from.activity_id,
    }
}

fn service_run(from: wit::ServiceRun) -> event::ServiceRun {
    event::ServiceRun {
        id: from.id,
        refresh_type: from.refresh_type,
        status: from.status,
        started_at: from.started_at,
        ended_at: from.ended_at,
    }
}

fn outgoing(from: wit::Outgoing) -> event::LoggedRequest {
    event::LoggedRequest {
        method: from.method,
        url: from.url,
        headers: from.headers,
        body: from.body,
    }
}

/// An event of the component, as it is stored; nothing where its words are not known.
pub(super) fn detail(
    from: audit_store::Event,
    invocation: impl FnOnce() -> event::InvocationTimes,
) -> Option<event::Detail> {
    Some(match from {
        audit_store::Event::Intent(intent) => event::Detail::Intent(event::Intent {
            request: outgoing(intent.request),
            looked_at: intent.looked_at,
            sent_at: intent.sent_at,
            baseline: intent.baseline,
            attempt: intent.attempt,
            overridden: intent.overridden,
        }),
        audit_store::Event::Triggered(triggered) => event::Detail::Triggered(event::Triggered {
            http_status: triggered.http_status,
            answered_at: triggered.answered_at,
            flow_run: triggered.flow_run,
            service_run: triggered.service_run,
            poll_from: triggered.poll_from,
            message: triggered.message,
            service_error: triggered.service_error.map(service_error),
        }),
        audit_store::Event::Observed(observed) => event::Detail::Observed(event::Observed {
            what: observed.what,
            run: observed.run.map(service_run),
            message: observed.message,
        }),
        audit_store::Event::Outcome(conclusion) => event::Detail::Outcome(event::Outcome {
            verdict: match conclusion {
                audit_store::Conclusion::Verdict(from) => verdict(from),
                audit_store::Conclusion::Error(from) => error(from),
            },
            invocation: invocation(),
        }),
        audit_store::Event::Resolved(resolution) => event::Detail::Resolved(event::Resolution {
            decision: event::Decision::from_name(&resolution.word)?,
            reason: resolution.reason,
        }),
        audit_store::Event::Note(note) => event::Detail::Note(event::Note {
            topic: note.topic,
            message: note.message,
            fields: note.fields,
        }),
    })
}

/// An intent of the audit log, for a component that is to find its run again.
pub(super) fn intent(from: &event::Intent) -> wit::Intent {
    wit::Intent {
        request: wit::Outgoing {
            method: from.request.method.clone(),
            url: from.request.url.clone(),
            headers: from.request.headers.clone(),
            body: from.request.body.clone(),
        },
        looked_at: from.looked_at.clone(),
        sent_at: from.sent_at.clone(),
        baseline: from.baseline.clone(),
        attempt: from.attempt,
        overridden: from.overridden.clone(),
    }
}

/// How a run was matched, for the component.
pub(super) fn matched(from: Matched) -> wit::Matched {
    match from {
        Matched::Exact => wit::Matched::Exact,
        Matched::Inferred => wit::Matched::Inferred,
        Matched::None => wit::Matched::None,
    }
}

/// What the component is doing, for the report.
pub(super) fn phase(from: control::Phase) -> Phase {
    match from {
        control::Phase::Looking => Phase::Looking,
        control::Phase::WaitingForOther => Phase::WaitingForOther,
        control::Phase::Triggering => Phase::Triggering,
        control::Phase::WaitingToRetry => Phase::WaitingToRetry,
        control::Phase::Matching => Phase::Matching,
        control::Phase::Following => Phase::Following,
    }
}

/// How much an update matters, for the report.
pub(super) fn level(from: control::Level) -> Level {
    match from {
        control::Level::Debug => Level::Debug,
        control::Level::Info => Level::Info,
        control::Level::Warning => Level::Warn,
    }
}
