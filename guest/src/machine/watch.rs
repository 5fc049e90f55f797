//! Reading the history until it shows the outcome of a run: first which run it is, then its end.
//!
//! One loop does both, because both use the same history: as long as other runs may start in the
//! window, every history is checked again for whether only one run can be ours.

use super::verdicts::{
    Facts, RunContext, ambiguous, ended, not_readable_yet, not_seen_yet, not_started,
    skipped_for_other, started, unfinished, unread,
};
use crate::api::content::WatchedContent;
use crate::api::run::{Run, RunState, newest_running};
use crate::call::{CallError, Step, read_history, read_run, retry};
use crate::contract::{Evidence, Level, Matched, Phase, Sent, Status, Verdict};
use crate::matching::{Match, MatchWindow};
use crate::session::{Pace, Session, TimeLimit};
use crate::time::Moment;

/// A run that is searched for or watched.
#[derive(Debug)]
pub(crate) struct RunSearch<'t> {
    /// The content whose history shows it.
    pub(crate) content: WatchedContent<'t>,
    /// What makes a run ours; `None` to watch the known run whoever started it.
    pub(crate) window: Option<MatchWindow>,
    /// The run's id, if it is known already.
    pub(crate) known: Option<String>,
    /// An id that is perhaps the run's: exact once the history or the run's own page shows it. Until
    /// the end of the window no other run is taken for ours.
    pub(crate) claimed: Option<String>,
    /// Whether the run has a page of its own, which is read instead of the history.
    pub(crate) by_id: bool,
    /// From when on the service accepts the first request.
    pub(crate) poll_from: Option<Moment>,
    /// The texts of messages, and whether the run is ours.
    pub(crate) context: RunContext,
    /// Whether it is enough that the run has started.
    pub(crate) until_started: bool,
    /// What limits the first reading.
    pub(crate) first_limit: TimeLimit,
}

impl<'t> RunSearch<'t> {
    /// A search without any limits, for a run of which nothing is known.
    pub(crate) fn new(content: WatchedContent<'t>, context: RunContext) -> Self {
        Self {
            content,
            window: None,
            known: None,
            claimed: None,
            by_id: false,
            poll_from: None,
            context,
            until_started: false,
            first_limit: TimeLimit::Deadline,
        }
    }
}

/// Watches until there is a verdict.
pub(crate) fn watch(
    session: &mut Session<'_>,
    facts: &mut Facts,
    mut search: RunSearch<'_>,
) -> Step<Verdict> {
    let mut pace = Pace::up_to(search.content.item.poll_ms);
    let (mut reported, mut warned) = (None, Vec::new());
    let mut limit = search.first_limit;
    // A run that is not ours, or that was matched inexactly, was seen in a history before.
    let mut seen = search.known.is_some() && facts.matched != Matched::Exact;
    let until = |from| session.service_now().until(from);
    let pause = search.poll_from.map(until).unwrap_or_default();
    if pause > session.remaining_ms() {
        if seen {
            return Ok(unfinished(facts, &search.context, false));
        }
        let from = session.service_now().after_ms(pause);
        return Ok(not_readable_yet(facts, &search.context, from));
    }
    if pause > 0 {
        session.wait(pause)?;
    }
    loop {
        // Taken before the request: a run that starts meanwhile may be missing in the response.
        let asked_at = session.service_now();
        let read = retry(session, |session| {
            read_once(session, facts, &mut search, limit)
        })?;
        let (mut history, retry_after_ms) = match read {
            Ok(read) => read,
            Err(error) => return Ok(unread(facts, &search.context, error)),
        };
        // Whatever names our run, a run that started before the trigger is not its outcome.
        let earliest = search.window.as_ref().map(|window| window.from);
        let known = history
            .iter_mut()
            .filter(|run| Some(&run.id) == search.known.as_ref());
        known.for_each(|run| run.doubt(asked_at, earliest));
        limit = TimeLimit::Deadline;
        facts.evidence = Evidence::Service;
        let mut vanished = false;
        let is_over = search
            .window
            .as_ref()
            .is_some_and(|one| asked_at > one.until);
        search.claimed = search.claimed.filter(|_| !is_over);
        match find(&search, facts, &history) {
            Match::Ambiguous(runs) => return Ok(ambiguous(facts, &search.context, &runs)),
            Match::One(run) => {
                if !seen {
                    seen = true;
                    search.known = Some(run.id.clone());
                    reported = Some(run.status.clone());
                    if search.context.is_ours() {
                        matched(session, facts, run);
                    }
                }
                facts.run = Some(run.to_service_run());
                warn_if_unknown(session, &mut warned, run);
                report_state(session, &mut reported, run, search.context.is_ours());
                if run.state == RunState::Deduped && search.context.is_ours() {
                    return deduplicated(session, facts, &search, &history, retry_after_ms);
                }
                if let Some(verdict) = verdict_on(session, facts, &search, run) {
                    return Ok(verdict);
                }
            }
            Match::None if seen => vanished = true,
            Match::None => {
                if let Some(window) = search.window.as_ref().filter(|_| is_over) {
                    if let Some(mut reported) = facts.reported.take() {
                        reported.message += " The history shows no run for it.";
                        return Ok(*reported);
                    }
                    let (context, content) = (&search.context, &search.content);
                    return Ok(not_started(facts, context, content, window, &history));
                }
            }
        }
        let remaining = session.remaining_ms();
        if remaining == 0 || retry_after_ms.is_some_and(|wait| wait > remaining) {
            let verdict = match &search.window {
                Some(window) if !seen => not_seen_yet(facts, &search.context, window),
                _ => unfinished(facts, &search.context, vanished),
            };
            let retry_at = retry_after_ms.map(|wait| session.service_now().after_ms(wait));
            return Ok(Verdict {
                retry_at: retry_at.map(|at| at.to_string()),
                ..verdict
            });
        }
        let mut pause = pace.next(session).min(remaining);
        if let Some(window) = search.window.as_ref().filter(|_| !seen) {
            // The end of the window decides, so the pause does not go beyond it.
            let left = session.service_now().until(window.until);
            pause = pause.min(left.saturating_add(1));
        }
        session.wait(pause.max(retry_after_ms.unwrap_or_default()))?;
    }
}

/// Reads the run's own page if it has one, otherwise the history, and how long the service asks to
/// wait before the next request.
fn read_once(
    session: &mut Session<'_>,
    facts: &mut Facts,
    search: &mut RunSearch<'_>,
    limit: TimeLimit,
) -> Result<(Vec<Run>, Option<u64>), CallError> {
    if let Some(run) = &search.claimed
        && let Some(url) = search.content.run_url(run)
        && let (Some(run), wait) = read_run(session, &search.content, &url, run, limit)?
    {
        facts.matched = Matched::Exact;
        search.by_id = true;
        (search.known, search.claimed) = (search.claimed.take(), None);
        return Ok((vec![run], wait));
    }
    if let Some(run) = search.known.as_deref().filter(|_| search.by_id)
        && let Some(url) = search.content.run_url(run)
    {
        let (run, wait) = read_run(session, &search.content, &url, run, limit)?;
        return Ok((run.into_iter().collect(), wait));
    }
    let history = read_history(session, &search.content, limit)?;
    if let Some(claimed) = &search.claimed
        && history.runs.iter().any(|run| run.id == *claimed)
    {
        facts.matched = Matched::Exact;
        (search.known, search.claimed) = (search.claimed.take(), None);
    }
    Ok((history.runs, history.retry_after_ms))
}

fn find<'h>(search: &RunSearch<'_>, facts: &Facts, history: &'h [Run]) -> Match<'h> {
    let known = search.known.as_deref();
    match &search.window {
        Some(_) if search.claimed.is_some() => Match::None,
        // If the service named our run, no other one can be ours.
        Some(window) if facts.matched != Matched::Exact => window.find(history, known),
        _ => history
            .iter()
            .find(|run| Some(run.id.as_str()) == known)
            .map_or(Match::None, Match::One),
    }
}

fn matched(session: &mut Session<'_>, facts: &mut Facts, run: &Run) {
    if facts.matched != Matched::Exact {
        facts.matched = Matched::Inferred;
    }
    // Only our trigger can have started this run, so it arrived.
    facts.sent = Sent::Yes;
    let message = format!(
        "Matched the run that the trigger started: {}.",
        run.describe()
    );
    session.report(Phase::Matching, Level::Info, message.as_str());
    session.append_observed("matched", Some(run.to_service_run()), &message);
}

fn verdict_on(
    session: &Session<'_>,
    facts: &Facts,
    search: &RunSearch<'_>,
    run: &Run,
) -> Option<Verdict> {
    let context = &search.context;
    let verdict = ended(facts, context, &search.content, run, &session.redactor);
    if !search.until_started {
        return verdict;
    }
    match verdict {
        // It is enough that the run has started, but a known failure is reported.
        Some(verdict) if verdict.status != Status::Completed => Some(verdict),
        // A queued run may still be dropped.
        None if run.is_queued() => None,
        _ => Some(started(facts, context, run)),
    }
}

/// The service dropped our run because another one was in progress: neither success nor failure.
fn deduplicated(
    session: &mut Session<'_>,
    facts: &Facts,
    search: &RunSearch<'_>,
    seen: &[Run],
    retry_after_ms: Option<u64>,
) -> Step<Verdict> {
    const CODE: &str = "deduplicated";
    let message = search.context.message(
        "The service dropped the run because another run of the same content was in progress.",
    );
    let alone = || {
        let unmatched = Facts {
            matched: Matched::None,
            ..facts.clone()
        };
        let outcome = unmatched.verdict(Status::Unknown, CODE, "", "");
        skipped_for_other(outcome, CODE, &message)
    };
    if search.until_started {
        return Ok(alone());
    }
    let content = search.content;
    let read;
    let (history, retry_after_ms) = if search.by_id {
        // The run's own page shows no other run.
        let limit = TimeLimit::Deadline;
        read = match retry(session, |session| read_history(session, &content, limit))? {
            Ok(history) => history,
            Err(_) => return Ok(alone()),
        };
        (read.runs.as_slice(), read.retry_after_ms)
    } else {
        (seen, retry_after_ms)
    };
    let Some(running) = newest_running(history, session.service_now()) else {
        return Ok(alone());
    };
    let (name, facts) = (&search.context.name, facts.clone());
    let outcome = watch_other(session, content, name, running, retry_after_ms, facts)?;
    Ok(skipped_for_other(outcome, CODE, &message))
}

/// Watches a run that is not ours until it has ended.
pub(crate) fn watch_other(
    session: &mut Session<'_>,
    content: WatchedContent<'_>,
    name: &str,
    running: &Run,
    retry_after_ms: Option<u64>,
    facts: Facts,
) -> Step<Verdict> {
    let mut facts = Facts {
        run: Some(running.to_service_run()),
        matched: Matched::None,
        ..facts
    };
    let search = RunSearch {
        known: Some(running.id.clone()),
        poll_from: retry_after_ms.map(|wait| session.service_now().after_ms(wait)),
        ..RunSearch::new(content, RunContext::other(name, None))
    };
    watch(session, &mut facts, search)
}

/// Reports the state of a run; a state of ours that is new is stored.
fn report_state(session: &mut Session<'_>, reported: &mut Option<String>, run: &Run, ours: bool) {
    let message = format!("The state of the run is `{}`.", run.status);
    if reported.as_ref() == Some(&run.status) {
        session.report(Phase::Following, Level::Debug, message);
        return;
    }
    *reported = Some(run.status.clone());
    session.report(Phase::Following, Level::Info, message.as_str());
    if ours {
        session.append_observed("status", Some(run.to_service_run()), &message);
    }
}

fn warn_if_unknown(session: &Session<'_>, warned: &mut Vec<String>, run: &Run) {
    if run.state == RunState::Unknown && !warned.contains(&run.status) {
        warned.push(run.status.clone());
        let state = session.redactor.line(&run.status, 64);
        let message = format!("Unknown state `{state}` of the run: not taken for success.");
        session.report(Phase::Following, Level::Warning, message);
    }
}
