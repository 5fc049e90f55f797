//! The verdicts that a watched run can come to, in plain functions.
//!
//! Every one says what is known and no more: `completed` only of the run that the history shows
//! as successful, `failed` only where the service says so, and `unknown` for everything else.

use super::settle::Hunt;
use crate::classify::{Act, of_run};
use crate::content::matching::Wanted;
use crate::content::{Kind, Run, State, Watched, quota};
use crate::contract::{Evidence, Matched, Status, Verdict};
use crate::facts::Facts;
use crate::redact::Redactor;
use crate::time::{Moment, words};
use crate::trouble::{Remedy, Trouble, in_words};

const FOLLOW_HINT: &str = "Follow the run later: nothing is triggered again.";

/// What is spoken of, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    name: String,
    /// What the trigger came to, in a sentence; empty where the run is not ours.
    trigger: String,
    sent_at: Option<Moment>,
}

impl Subject {
    /// A run that a trigger of ours began.
    pub(crate) fn of_ours(name: &str, trigger: &str, sent_at: Moment) -> Self {
        Self {
            name: name.to_owned(),
            trigger: trigger.to_owned(),
            sent_at: Some(sent_at),
        }
    }

    /// A run that anybody began.
    pub(crate) fn of_other(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            trigger: String::new(),
            sent_at: None,
        }
    }

    /// A run that somebody else's trigger began, which left at `since` or later.
    pub(crate) fn of_other_since(name: &str, since: Moment) -> Self {
        Self {
            sent_at: Some(since),
            ..Self::of_other(name)
        }
    }

    /// The target's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A sentence after the one on the trigger.
    pub(crate) fn say(&self, message: String) -> String {
        if self.trigger.is_empty() {
            message
        } else {
            format!("{} {message}", self.trigger)
        }
    }
}

/// The verdict on a run that is over; nothing where it is not.
pub(crate) fn ended(
    facts: &Facts,
    subject: &Subject,
    watched: &Watched<'_>,
    run: &Run,
    redactor: &Redactor,
) -> Option<Verdict> {
    let name = &subject.name;
    let verdict = match run.state {
        State::Succeeded => facts.verdict(
            Status::Completed,
            "",
            format!("The refresh of {name} completed: {}.", run.words()),
        ),
        State::Failed => {
            let error = run.said.as_ref().map(|why| why.in_short(redactor));
            let code = error.as_ref().map_or("", |error| error.code.as_str());
            let row = of_run(watched.kind.asked(Act::Run).of, code);
            let why = error.as_ref().map(in_words).unwrap_or_default();
            let mut verdict = facts.verdict_hint(
                Status::Failed,
                row.code,
                format!("The refresh of {name} failed: {}{why}.", run.words()),
                row.hint,
            );
            verdict.retryable = row.retryable;
            if error.is_some() {
                verdict.service_error = error;
            }
            verdict
        }
        State::Cancelled => facts.verdict_hint(
            Status::Cancelled,
            "",
            format!("The refresh of {name} was stopped: {}.", run.words()),
            "Start again if it was not meant to be stopped.",
        ),
        State::Deduped => {
            let mut verdict = facts.verdict_hint(
                Status::Skipped,
                "deduplicated",
                format!(
                    "The service dropped the run of {name}, because another one was going on: {}.",
                    run.words()
                ),
                "Start again if the content of that other run is not new enough.",
            );
            verdict.own_run = false;
            verdict
        }
        State::Running | State::Unknown => return None,
    };
    Some(verdict)
}

/// How a followed run of somebody else ended, as a verb; nothing where it did not.
pub(crate) fn ended_in(status: Status) -> Option<&'static str> {
    match status {
        Status::Completed => Some("completed"),
        Status::Failed => Some("failed"),
        Status::Cancelled => Some("was stopped"),
        _ => None,
    }
}

/// The run was seen to start, and more was not asked for.
pub(crate) fn started(facts: &Facts, subject: &Subject, run: &Run) -> Verdict {
    facts.verdict_hint(
        Status::Accepted,
        "",
        format!(
            "The refresh of {} has started: {}.",
            subject.name,
            run.words()
        ),
        "Follow it for its verdict.",
    )
}

/// The trigger was taken, and nothing tells what becomes of the refresh.
pub(crate) fn waited_out(facts: &Facts, trigger: &str) -> Verdict {
    facts.verdict_hint(
        Status::Accepted,
        "",
        format!("{trigger} Nothing tells what becomes of the refresh."),
        "Give the target a `verify:`, so that a refresh that never starts is noticed.",
    )
}

/// The trigger was taken, and these credentials may not read what becomes of it.
pub(crate) fn unreadable(facts: &Facts, trigger: &str, why: &Trouble) -> Verdict {
    let mut verdict = facts.verdict_hint(
        Status::Accepted,
        "history_unreadable",
        format!(
            "{trigger} What becomes of the refresh may not be read. {}",
            why.message
        ),
        why.hint,
    );
    verdict.service_error = why.service_error.clone();
    verdict
}

/// The trigger was taken, and nobody asked what becomes of the refresh.
pub(crate) fn detached(facts: &Facts, trigger: &str) -> Verdict {
    facts.verdict(
        Status::Accepted,
        "",
        format!("{trigger} What becomes of the refresh was not asked."),
    )
}

/// The deadline came while the run went on, or while it was missing from the history.
pub(crate) fn unfinished(facts: &Facts, subject: &Subject, vanished: bool) -> Verdict {
    let name = &subject.name;
    if vanished {
        return facts.verdict_hint(
            Status::Unknown,
            "run_vanished",
            format!("The run of {name} is no longer in the history."),
            "Look at the refresh history in the service.",
        );
    }
    let state = facts.run.as_ref().map_or("", |run| run.status.as_str());
    let state = if state.is_empty() { "no state" } else { state };
    facts.verdict_hint(
        Status::Unknown,
        "still_running",
        format!("At the deadline the refresh of {name} was still going on ({state})."),
        FOLLOW_HINT,
    )
}

/// More than one run could be ours.
pub(crate) fn ambiguous(facts: &Facts, subject: &Subject, runs: &[&Run]) -> Verdict {
    let mut ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    if let Some(known) = facts.run.as_ref().map(|run| run.id.as_str())
        && !ids.contains(&known)
    {
        ids.push(known);
    }
    let unjudged = Facts {
        run: None,
        matched: Matched::None,
        ..facts.clone()
    };
    unjudged.verdict_hint(
        Status::Unknown,
        "ambiguous_run",
        subject.say(format!(
            "Nobody can say which run of {} is the one that the trigger began: {}.",
            subject.name,
            ids.join(", ")
        )),
        "Look at these runs in the refresh history, and settle the run with `audit resolve`.",
    )
}

/// No run of ours began in the time that it had.
pub(crate) fn not_started(
    facts: &Facts,
    hunt: &Hunt<'_>,
    wanted: &Wanted,
    history: &[Run],
) -> Verdict {
    let subject = &hunt.subject;
    let mut message = match subject.sent_at.filter(|_| !hunt.ours) {
        Some(since) => format!(
            "No refresh of {} that a trigger makes has started from {since} to {}.",
            subject.name, wanted.until
        ),
        None => subject.say(format!(
            "No refresh of {} has started within {} of the trigger.",
            subject.name,
            words(hunt.watched.item.start_within_ms)
        )),
    };
    // The number is that of dataflows; what other kinds may have, the capacity decides.
    let slot = subject
        .sent_at
        .filter(|_| hunt.watched.kind == Kind::Dataflow)
        .and_then(|at| quota::next_slot(history, at));
    // Where the service named our run, no other one can be it.
    let exact = facts.matched == Matched::Exact;
    let late = wanted
        .strangers(history)
        .find(|run| !exact && wanted.is_late(run));
    let likely_cause = match (slot, late) {
        (Some(slot), _) => {
            message.push_str(&format!(
                " The dataflow already had {} refreshes in the 24 h before it, which is the daily limit; the next slot opens at {slot}.",
                quota::DAILY_LIMIT
            ));
            "dataflow_daily_limit"
        }
        (None, Some(_)) => "started_late",
        (None, None) => "",
    };
    if let Some(run) = late.or_else(|| wanted.strangers(history).next()) {
        let why = if run.is_of_another_kind() {
            "was not made by a trigger"
        } else if !exact && wanted.is_late(run) {
            "began too late to be told to be ours"
        } else {
            "belongs to another trigger"
        };
        message.push_str(&format!(" The history shows {}, which {why}.", run.words()));
    }
    let hint = if slot.is_some() {
        "Wait for the next slot. Look at the flow's run history before triggering again: a throttled flow may start late."
    } else {
        "Look at the run history before triggering again: a throttled run may start late."
    };
    let mut verdict = facts.verdict_hint(Status::Unknown, "refresh_not_started", message, hint);
    likely_cause.clone_into(&mut verdict.likely_cause);
    verdict.retry_at = slot.map(|at| at.to_string());
    verdict
}

/// The deadline came before the run had all the time to start that it has.
pub(crate) fn not_seen_yet(facts: &Facts, subject: &Subject, wanted: &Wanted) -> Verdict {
    facts.verdict_hint(
        Status::Unknown,
        "refresh_not_seen_yet",
        subject.say(format!(
            "At the deadline no refresh of {} had started; it may until {}.",
            subject.name, wanted.until
        )),
        FOLLOW_HINT,
    )
}

/// The deadline comes before the service wants to be asked about the run for the first time.
pub(crate) fn not_asked_yet(facts: &Facts, subject: &Subject, from: Moment) -> Verdict {
    let mut verdict = facts.verdict_hint(
        Status::Unknown,
        "refresh_not_seen_yet",
        subject.say(format!(
            "The service does not want to be asked about the run of {} before {from}, which is after the deadline.",
            subject.name
        )),
        FOLLOW_HINT,
    );
    verdict.retry_at = Some(from.to_string());
    verdict
}

/// The history could not be read, so nobody can say what became of the run.
pub(crate) fn unread(facts: &Facts, subject: &Subject, trouble: Trouble) -> Verdict {
    let code = match trouble.remedy {
        Remedy::Credentials => "read_forbidden",
        Remedy::Correction | Remedy::Permission => "read_failed",
        Remedy::Patience | Remedy::Repair => "read_unavailable",
    };
    let message = subject.say(trouble.message);
    let mut verdict = facts.verdict_hint(Status::Unknown, code, message, trouble.hint);
    verdict.evidence = Evidence::None;
    verdict.retry_at = trouble.retry_at.map(|at| at.to_string());
    if trouble.service_error.is_some() {
        verdict.service_error = trouble.service_error;
    }
    verdict
}
