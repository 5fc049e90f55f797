//! Reports on a run that was started earlier. Never triggers.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::active_run::{
    ActiveRun, FinishedRun, MIN_STORE_TIME, Stopped, audit_unavailable, retry_while_busy,
};
use super::call::{self, Call};
use super::request;
use super::session::{AuditHandle, Session};
use crate::audit_log::{AuditLogError, Begin, BeginOptions, IfLost, RunState, RunView};
use crate::config::ResolvedTarget;
use crate::contract::types::{CallContext, FollowRequest, Subject};
use crate::verdict::{Status, Verdict};

/// Follows a run of ours that this process holds.
///
/// # Errors
/// [`Stopped`] if a signal ended it.
pub(super) async fn follow_own(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<ActiveRun>,
    view: &RunView,
) -> Result<FinishedRun, Stopped> {
    // What the audit log knows holds until the component knows more.
    {
        let mut progress = run.progress();
        progress.sent = view.sent;
        progress.last_event = view.last_event;
        progress.attempt = view.intent.as_ref().map_or(0, |intent| intent.attempt);
        progress.trigger_at = view.intent_time.parse().ok();
    }
    let Some(trace) = request::trace(view) else {
        return Ok(run
            .component_failed("the audit log has no intent of this run")
            .await);
    };
    let taken_runs = match run.audit_log.taken_runs(&run.info.resource, &run.info.run) {
        Ok(taken_runs) => taken_runs,
        Err(error) => return Ok(run.finished(audit_unavailable(&error))),
    };
    follow(session, target, run, Subject::Ours(trace), taken_runs).await
}

/// Follows the newest run at the service, whoever started it; with `since`, the run of a trigger that
/// someone else sent at that time or later.
pub async fn follow_any(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    since: Option<Timestamp>,
) -> FinishedRun {
    let subject = match since {
        Some(since) => Subject::Since(since.to_string()),
        None => Subject::Newest,
    };
    let wit_target = target.wit.clone();
    let info = request::run_info(target, &wit_target, &Uuid::now_v7().to_string(), "");
    let run = session.run(&audit.audit_log, info, session.deadline_of(target));
    let mut finished = match follow(session, target, &run, subject, Vec::new()).await {
        Ok(finished) => finished,
        Err(stopped) => stopped.leave().await,
    };
    // The run is not one of ours, and the audit log has no events of it.
    finished.invocation.run = String::new();
    finished
}

/// Follows a run of the audit log: returns its stored verdict, or what the service reports now.
///
/// # Errors
/// If the audit log cannot be read or written.
pub async fn follow_recorded(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    view: RunView,
) -> Result<FinishedRun, AuditLogError> {
    let skipped =
        |code, message| Verdict::not_sent(Status::Skipped, code, message, "start a refresh");
    let settled = match view.state() {
        // An `accepted` run was only sent or seen to start: its outcome may be known by now.
        RunState::Ended(Status::Accepted) | RunState::Detached if target.content().is_some() => {
            None
        }
        RunState::Ended(_) | RunState::Detached => view.verdict(),
        RunState::NeverStarted => Some(skipped(
            "never_started",
            "this run was resolved as never started",
        )),
        RunState::NotSent => Some(
            view.verdict()
                .unwrap_or_else(|| skipped("not_sent", "nothing of this run was sent")),
        ),
        RunState::Unsettled => None,
    };
    if let Some(verdict) = settled {
        return Ok(FinishedRun::replayed(&view, verdict));
    }
    // A run that another process holds is followed anyway: reading twice does no harm, and the audit
    // log keeps what is settled.
    let options = BeginOptions {
        new: false,
        require_completed: true,
        followable: true,
        if_lost: IfLost::Hold,
    };
    let deadline = session.deadline_of(target);
    let run = session.run(&audit.audit_log, view.run.clone(), deadline);
    let begin = || audit.audit_log.begin(&view.run, options);
    let view = match retry_while_busy(&session.clock, MIN_STORE_TIME, begin).await? {
        Begin::Follow(newer) if newer.run.run == view.run.run => *newer,
        _ => view,
    };
    match follow_own(session, target, &run, &view).await {
        Ok(finished) => Ok(finished),
        Err(stopped) => Ok(stopped.leave().await),
    }
}

async fn follow(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<ActiveRun>,
    subject: Subject,
    taken_runs: Vec<String>,
) -> Result<FinishedRun, Stopped> {
    let request = FollowRequest {
        run_id: run.info.run.clone(),
        name: target.name.clone(),
        target: target.wit.clone(),
        call_context: CallContext {
            // The trigger was sent, so only the deadline limits the waits.
            connect_patience_ms: u64::MAX,
            ..request::call_context(target, run.clock.now(), run.left())
        },
        subject,
        taken_runs,
    };
    let called = Call::of_run(session, target, run)
        .make(async |instance| {
            let exports = instance.exports.powerbi_refresh_refresh();
            let store = &mut instance.store;
            exports.call_follow_refresh(store, &request).await
        })
        .await;
    call::finish(run, called).await
}
