//! Following a run that was triggered before. Nothing here can trigger.
//!
//! Our run is found as the trigger would have found it, in the window of its trigger, however late
//! it is followed. If there is nothing left to read, that is the verdict.

use super::verdicts::{Facts, RunContext, ended};
use super::watch::{RunSearch, watch};
use crate::api::content::WatchedContent;
use crate::call::{History, Step, Stop, read_history, retry};
use crate::contract::{
    Evidence, FollowRequest, Matched, RefreshError, Sent, Status, Target, TriggerTrace, Verdict,
    invalid, problem, run_with_id,
};
use crate::lookup::{explain, resolve};
use crate::matching::MatchWindow;
use crate::request::{Work, check_run_id};
use crate::session::{Session, TimeLimit};
use crate::time::Moment;

const CANNOT_BE_FOLLOWED: &str = "cannot_be_followed";
const SETTLE_HINT: &str = "Check the flow's run history and settle the run with `audit resolve`, or trigger again with `--new`.";

/// The verdict on the run that our trigger started.
pub(crate) fn ours(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
    trace: &TriggerTrace,
) -> Step<Verdict> {
    check_run_id(&request.run_id)?;
    session.may_have_started = true;
    restore(facts, trace);
    let target = match resolve(session, &request.target) {
        Err(Stop::Error(error)) => return Ok(unresolved(facts, error)),
        other => other?,
    };
    let work = Work::of(&target, &request.call_context.endpoints)?;
    let noun = work.noun();
    let cannot_be_followed =
        |message: String| facts.verdict(Status::Unknown, CANNOT_BE_FOLLOWED, message, SETTLE_HINT);
    let Some(content) = work.content else {
        return Ok(cannot_be_followed(format!(
            "The {noun} triggered at {} cannot be followed: it reports its outcome only to the caller.",
            trace.intent.sent_at
        )));
    };
    let sent_at = moment("sent-at", &trace.intent.sent_at)?;
    let from = match (&trace.intent.looked_at, &trace.service_run) {
        (Some(looked_at), _) => moment("looked-at", looked_at)?,
        (None, Some(_)) => sent_at,
        // Without a history before the trigger there is neither a baseline nor the service's clock,
        // and by the host's clock an earlier run could be taken for ours.
        (None, None) => {
            return Ok(cannot_be_followed(format!(
                "The {noun} was triggered at {sent_at} without reading the history before it, so its run cannot be matched."
            )));
        }
    };
    let base = match &trace.answered_at {
        Some(answered_at) => moment("answered-at", answered_at)?,
        None => sent_at.after_ms(session.call_timeout_ms),
    };
    let poll_from = trace.poll_from.as_ref();
    let trigger = format!("The {noun} was triggered at {sent_at}.");
    let search = RunSearch {
        by_id: facts.matched == Matched::Exact && work.has_run_page(),
        poll_from: poll_from.map(|at| moment("poll-from", at)).transpose()?,
        window: Some(MatchWindow {
            baseline: trace.intent.baseline.clone(),
            taken: request.taken_runs.clone(),
            triggered: Some(content.kind),
            from,
            until: base.after_ms(content.item.start_within_ms),
        }),
        known: trace.service_run.clone(),
        first_limit: TimeLimit::CallOnly,
        ..RunSearch::new(content, RunContext::ours(&request.name, &trigger, sent_at))
    };
    watch(session, facts, search)
}

/// The verdict on the newest run at the service, whoever started it.
pub(crate) fn newest(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
) -> Step<Verdict> {
    let target = resolve(session, &request.target)?;
    let (content, history) = first_history(session, request, &target)?;
    let Some(newest) = history.runs.first() else {
        let message = format!("The history of {} is empty.", request.name);
        return Err(invalid("no_run_found", message, "Trigger a refresh first.").into());
    };
    facts.run = Some(newest.to_service_run());
    facts.evidence = Evidence::Service;
    let context = RunContext::other(&request.name, None);
    if let Some(verdict) = ended(facts, &context, &content, newest, &session.redactor) {
        return Ok(verdict);
    }
    let search = RunSearch {
        poll_from: history.readable_from(),
        known: Some(newest.id.clone()),
        ..RunSearch::new(content, context)
    };
    watch(session, facts, search)
}

/// The verdict on the run of another trigger, sent at `since` or later. A run that started earlier
/// is never taken for it, because yesterday's success says nothing about today.
pub(crate) fn since(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
    since: &str,
) -> Step<Verdict> {
    let target = resolve(session, &request.target)?;
    let from = moment("since", since)?;
    // As long as nothing is known, an unreadable history is an error. This history also gives the
    // service's clock, by which a run may start until `start_within` from now.
    let (content, history) = first_history(session, request, &target)?;
    let search = RunSearch {
        poll_from: history.readable_from(),
        window: Some(MatchWindow {
            baseline: Vec::new(),
            taken: request.taken_runs.clone(),
            triggered: None,
            from,
            // Whenever the trigger was sent, it was before now.
            until: history.at.max(from).after_ms(content.item.start_within_ms),
        }),
        first_limit: TimeLimit::CallOnly,
        ..RunSearch::new(content, RunContext::other(&request.name, Some(from)))
    };
    watch(session, facts, search)
}

/// The content of a target, and its history, while nothing is known yet.
fn first_history<'t>(
    session: &mut Session<'_>,
    request: &'t FollowRequest,
    target: &'t Target,
) -> Step<(WatchedContent<'t>, History)> {
    let Some(content) = Work::of(target, &request.call_context.endpoints)?.content else {
        let message = format!("{} has no history that could be read.", request.name);
        let hint = "Give the target a `verify:` with its content.";
        return Err(invalid(CANNOT_BE_FOLLOWED, message, hint).into());
    };
    let limit = TimeLimit::CallOnly;
    match retry(session, |session| read_history(session, &content, limit))? {
        Ok(history) => Ok((content, history)),
        Err(error) => Err(explain(session, &content, error).into()),
    }
}

/// The names cannot be resolved. The trigger may have been sent, so the outcome is unknown.
fn unresolved(facts: &Facts, mut error: RefreshError) -> Verdict {
    let code = match error {
        RefreshError::Unauthorized(_) => "read_forbidden",
        RefreshError::Unavailable(_) => "read_unavailable",
        _ => "read_failed",
    };
    let problem = match error.problem_mut() {
        Some(problem) => problem.clone(),
        None => problem(code, "", ""),
    };
    Verdict {
        retry_at: problem.retry_at,
        service_error: problem.service_error,
        ..facts.verdict(Status::Unknown, code, problem.message, &problem.hint)
    }
}

/// What the audit log knows of the trigger. Without a response it may have been sent; with one it
/// was.
fn restore(facts: &mut Facts, trace: &TriggerTrace) {
    let known = trace.service_run.is_some() || trace.flow_run.is_some();
    facts.sent = if known || trace.answered_at.is_some() {
        Sent::Yes
    } else {
        Sent::Maybe
    };
    facts.flow_run = trace.flow_run.clone();
    facts.matched = match (&trace.service_run, trace.matched) {
        (None, _) => Matched::None,
        (Some(_), Matched::Exact) => Matched::Exact,
        (Some(_), _) => Matched::Inferred,
    };
    facts.run = trace.service_run.as_deref().map(run_with_id);
}

fn moment(field: &str, text: &str) -> Result<Moment, RefreshError> {
    Moment::parse_with_offset(text).ok_or_else(|| {
        let message = format!("`{field}` is not an RFC 3339 timestamp with an offset.");
        invalid(
            "trace_not_readable",
            message,
            "Pass it as it is in the audit log.",
        )
    })
}
