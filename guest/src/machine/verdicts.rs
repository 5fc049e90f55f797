//! The verdicts on a run, in plain functions.
//!
//! Each one reports only what is known: `completed` only if the history shows our run as successful,
//! `failed` only if the service reports it, and `unknown` for everything else.

use crate::api::content::{ContentKind, WatchedContent};
use crate::api::error::in_parentheses;
use crate::api::quota;
use crate::api::run::{Run, RunState};
use crate::call::CallError;
use crate::classify::{CAPACITY_CODE, Class, of_run};
use crate::contract::{
    Evidence, FollowMode, Matched, QuotaState, Sent, ServiceError, ServiceRun, Status, Verdict,
};
use crate::matching::MatchWindow;
use crate::redact::Redactor;
use crate::time::{Moment, duration_text};

const NOT_SEEN_YET: &str = "refresh_not_seen_yet";
const FOLLOW_HINT: &str = "Follow the run later: following never triggers again.";

/// What is known about one refresh so far.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Whether the trigger was sent.
    pub(crate) sent: Sent,
    /// Who reported the state.
    pub(crate) evidence: Evidence,
    /// How the run was matched.
    pub(crate) matched: Matched,
    /// The run at the service.
    pub(crate) run: Option<ServiceRun>,
    /// The flow run that the trigger started.
    pub(crate) flow_run: Option<String>,
    /// The error that the service reported.
    pub(crate) service_error: Option<ServiceError>,
    /// The verdict by the response to the trigger, if it reported an error. It counts only if the
    /// history shows no run of ours.
    pub(crate) reported: Option<Box<Verdict>>,
    /// The state of the quota.
    pub(crate) quota: Option<QuotaState>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            sent: Sent::No,
            evidence: Evidence::None,
            matched: Matched::None,
            run: None,
            flow_run: None,
            service_error: None,
            reported: None,
            quota: None,
        }
    }
}

impl Facts {
    /// A verdict. `http_calls` is set at the end.
    pub(crate) fn verdict(
        &self,
        status: Status,
        code: &str,
        message: impl Into<String>,
        hint: &str,
    ) -> Verdict {
        let run = self.run.as_ref();
        Verdict {
            status,
            sent: self.sent,
            evidence: self.evidence,
            matched: self.matched,
            own_run: self.matched != Matched::None,
            code: code.to_owned(),
            likely_cause: String::new(),
            message: message.into(),
            hint: hint.to_owned(),
            retryable: false,
            retry_at: None,
            service_run: run.map(|run| run.id.clone()),
            flow_run: self.flow_run.clone(),
            started_at: run.and_then(|run| run.started_at.clone()),
            ended_at: run.and_then(|run| run.ended_at.clone()),
            http_calls: 0,
            service_error: self.service_error.clone(),
            quota: self.quota.clone(),
        }
    }
}

/// Whether the run is searched for and followed at all.
pub(crate) fn is_followed(mode: FollowMode) -> bool {
    mode != FollowMode::NotAtAll
}

/// What a run is called in messages, and how it was triggered.
#[derive(Debug, Clone)]
pub(crate) struct RunContext {
    /// The target's name.
    pub(crate) name: String,
    /// The response to our trigger, in a sentence; empty if the run is not ours.
    trigger: String,
    sent_at: Option<Moment>,
}

impl RunContext {
    /// A run that our trigger started.
    pub(crate) fn ours(name: &str, trigger: &str, sent_at: Moment) -> Self {
        Self {
            name: name.to_owned(),
            trigger: trigger.to_owned(),
            sent_at: Some(sent_at),
        }
    }

    /// A run of another trigger, sent at `since` or later if that is known.
    pub(crate) fn other(name: &str, since: Option<Moment>) -> Self {
        Self {
            name: name.to_owned(),
            trigger: String::new(),
            sent_at: since,
        }
    }

    /// Whether our trigger started the run.
    pub(crate) fn is_ours(&self) -> bool {
        !self.trigger.is_empty()
    }

    /// A message after the one about the trigger.
    pub(crate) fn message(&self, message: &str) -> String {
        format!("{} {message}", self.trigger)
            .trim_start()
            .to_owned()
    }
}

/// The verdict on a run that has ended; `None` if it has not.
pub(crate) fn ended(
    facts: &Facts,
    context: &RunContext,
    content: &WatchedContent<'_>,
    run: &Run,
    redactor: &Redactor,
) -> Option<Verdict> {
    let (name, description) = (&context.name, run.describe());
    let verdict = match run.state {
        RunState::Succeeded => {
            let message = format!("The refresh of {name} completed: {description}.");
            facts.verdict(Status::Completed, "", message, "")
        }
        RunState::Failed => {
            let error = run.error.as_ref().map(|error| error.redacted(redactor));
            let code = error.as_ref().map_or("", |error| error.code.as_str());
            let row = of_run(content.kind.target_kind(), code);
            let why = error.as_ref().map(in_parentheses).unwrap_or_default();
            let message = format!("The refresh of {name} failed: {description}{why}.");
            Verdict {
                retryable: row.retryable,
                service_error: error.or_else(|| facts.service_error.clone()),
                ..facts.verdict(Status::Failed, row.code, message, row.hint)
            }
        }
        RunState::Cancelled => {
            let message = format!("The refresh of {name} was cancelled: {description}.");
            let hint = "Start again unless it was cancelled on purpose.";
            facts.verdict(Status::Cancelled, "", message, hint)
        }
        RunState::Deduped => {
            let message = format!(
                "The service dropped the run of {name} because another run was in progress: {description}."
            );
            let hint = "Start again if the other run does not include the latest data.";
            Verdict {
                own_run: false,
                ..facts.verdict(Status::Skipped, "deduplicated", message, hint)
            }
        }
        RunState::Running | RunState::Unknown => return None,
    };
    Some(verdict)
}

/// The run has started, and more was not requested.
pub(crate) fn started(facts: &Facts, context: &RunContext, run: &Run) -> Verdict {
    let (name, description) = (&context.name, run.describe());
    let message = format!("The refresh of {name} has started: {description}.");
    let hint = "Follow it to get its outcome.";
    facts.verdict(Status::Accepted, "", message, hint)
}

/// The trigger was accepted, and the outcome is not verified: it was not to be, it cannot be, or
/// these credentials may not read the history.
pub(crate) fn unverified(
    facts: &Facts,
    trigger: &str,
    mode: FollowMode,
    unread: Option<&CallError>,
) -> Verdict {
    let (code, reason, hint) = match unread {
        Some(why) => ("history_unreadable", why.message.as_str(), why.hint),
        None if is_followed(mode) => {
            let hint =
                "Give the target a `verify:`, so that a refresh that never starts is noticed.";
            ("", "", hint)
        }
        None => {
            let message = format!("{trigger} The outcome was not verified.");
            return facts.verdict(Status::Accepted, "", message, "");
        }
    };
    let message = format!("{trigger} The outcome cannot be verified. {reason}");
    Verdict {
        service_error: unread.and_then(|why| why.service_error.clone()),
        ..facts.verdict(Status::Accepted, code, message.trim_end(), hint)
    }
}

/// The deadline came while the run was running or missing from the history.
pub(crate) fn unfinished(facts: &Facts, context: &RunContext, vanished: bool) -> Verdict {
    let name = &context.name;
    if vanished {
        return facts.verdict(
            Status::Unknown,
            "run_vanished",
            format!("The run of {name} is no longer in the history."),
            "Check the refresh history in the service.",
        );
    }
    let state = match facts.run.as_ref().map_or("", |run| run.status.as_str()) {
        "" => "unknown",
        state => state,
    };
    facts.verdict(
        Status::Unknown,
        "still_running",
        format!("The refresh of {name} was still running at the deadline (state: {state})."),
        FOLLOW_HINT,
    )
}

/// Several runs could be ours.
pub(crate) fn ambiguous(facts: &Facts, context: &RunContext, runs: &[&Run]) -> Verdict {
    const MOST_IDS: usize = 10;
    let ids = runs.iter().map(|run| run.id.as_str());
    let mut ids: Vec<&str> = ids.take(MOST_IDS).collect();
    if let Some(known) = facts.run.as_ref().map(|run| run.id.as_str())
        && !ids.contains(&known)
    {
        ids.push(known);
    }
    let unmatched = Facts {
        run: None,
        matched: Matched::None,
        ..facts.clone()
    };
    let name = &context.name;
    unmatched.verdict(
        Status::Unknown,
        "ambiguous_run",
        context.message(&format!(
            "It is not known which run of {name} the trigger started: {}{}.",
            ids.join(", "),
            if runs.len() > MOST_IDS { ", …" } else { "" }
        )),
        "Check these runs in the refresh history, and settle the run with `audit resolve`.",
    )
}

/// No run of ours started within the time that it had.
pub(crate) fn not_started(
    facts: &Facts,
    context: &RunContext,
    content: &WatchedContent<'_>,
    window: &MatchWindow,
    history: &[Run],
) -> Verdict {
    let (name, until) = (&context.name, window.until);
    if let Some(run) = window.framing(history) {
        let message = context.message(&format!(
            "The history shows only {}: the service starts such a run when the data of a Direct Lake model changes, and lists some requested refreshes like this too.",
            run.describe()
        ));
        let hint = "Check the model's refresh history, and settle the run with `audit resolve`.";
        return facts.verdict(Status::Unknown, "direct_lake_framing", message, hint);
    }
    let mut message = match context.sent_at.filter(|_| !context.is_ours()) {
        Some(since) => {
            format!("No triggered refresh of {name} has started from {since} to {until}.")
        }
        None => context.message(&format!(
            "No refresh of {name} has started within {} of the trigger.",
            duration_text(content.item.start_within_ms)
        )),
    };
    // The limit is that of dataflows; for other kinds it depends on the capacity.
    let slot = context
        .sent_at
        .filter(|_| content.kind == ContentKind::Dataflow)
        .and_then(|at| quota::next_slot(history, at));
    // If the service named our run, no other one can be ours.
    let is_late = |run: &&Run| facts.matched != Matched::Exact && window.is_late(run);
    let late = window.unmatched(history).find(is_late);
    let likely_cause = match (slot, late) {
        (Some(slot), _) => {
            message.push_str(&format!(
                " The dataflow already had {} refreshes in the 24 h before, which is the daily limit; the next slot opens at {slot}.",
                quota::DAILY_REFRESHES
            ));
            "dataflow_daily_limit"
        }
        (None, Some(_)) => "started_late",
        (None, None) => "",
    };
    if let Some(run) = late.or_else(|| window.unmatched(history).next()) {
        let why = if !window.may_be_triggered(run) {
            "was not started by a trigger"
        } else if is_late(&run) {
            "started too late to be matched"
        } else {
            "belongs to another trigger"
        };
        message.push_str(&format!(
            " The history shows {}, which {why}.",
            run.describe()
        ));
    }
    let hint = if slot.is_some() {
        "Wait for the next slot. Check the flow's run history before triggering again: the flow may start late."
    } else {
        "Check the run history before triggering again: the run may start late."
    };
    Verdict {
        likely_cause: likely_cause.to_owned(),
        retry_at: slot.map(|at| at.to_string()),
        ..facts.verdict(Status::Unknown, "refresh_not_started", message, hint)
    }
}

/// The deadline came before the end of the time in which the run may start.
pub(crate) fn not_seen_yet(facts: &Facts, context: &RunContext, window: &MatchWindow) -> Verdict {
    let (name, until) = (&context.name, window.until);
    let message = context.message(&format!(
        "No refresh of {name} had started at the deadline; it may still start until {until}."
    ));
    facts.verdict(Status::Unknown, NOT_SEEN_YET, message, FOLLOW_HINT)
}

/// The deadline comes before the service accepts the first request for the run.
pub(crate) fn not_readable_yet(facts: &Facts, context: &RunContext, from: Moment) -> Verdict {
    let name = &context.name;
    let message = context.message(&format!(
        "The service accepts no request for the run of {name} before {from}, which is after the deadline."
    ));
    Verdict {
        retry_at: Some(from.to_string()),
        ..facts.verdict(Status::Unknown, NOT_SEEN_YET, message, FOLLOW_HINT)
    }
}

/// The history could not be read, so the outcome is unknown.
pub(crate) fn unread(facts: &Facts, context: &RunContext, error: CallError) -> Verdict {
    let message = context.message(&error.message);
    let code = match error.code {
        // What to do is known, whatever could not be read.
        CAPACITY_CODE | "token_expired" | "no_history" => error.code,
        _ => unread_code(error.class),
    };
    Verdict {
        evidence: Evidence::None,
        retry_at: error.retry_at.map(|at| at.to_string()),
        service_error: error.service_error.or_else(|| facts.service_error.clone()),
        ..facts.verdict(Status::Unknown, code, message, error.hint)
    }
}

/// The code of an outcome that is unknown because it cannot be read.
pub(crate) fn unread_code(class: Class) -> &'static str {
    match class {
        Class::Unauthorized => "read_forbidden",
        Class::Invalid | Class::Refused | Class::Over | Class::Denied => "read_failed",
        Class::Later | Class::Lost | Class::Busy | Class::Broken => "read_unavailable",
    }
}

/// `skipped`, with the outcome of the run that was in progress instead of ours.
pub(crate) fn skipped_for_other(outcome: Verdict, code: &str, message: &str) -> Verdict {
    let message = match outcome.status {
        Status::Completed => format!("{message} That run completed."),
        Status::Failed => format!("{message} That run failed."),
        Status::Cancelled => format!("{message} That run was cancelled."),
        _ if outcome.message.is_empty() => message.to_owned(),
        _ => format!("{message} {}", outcome.message),
    };
    // The other facts are those of a run that is not ours.
    Verdict {
        status: Status::Skipped,
        own_run: false,
        code: code.to_owned(),
        message,
        hint: "Start again if that run does not include the latest data.".to_owned(),
        retryable: true,
        retry_at: None,
        ..outcome
    }
}
