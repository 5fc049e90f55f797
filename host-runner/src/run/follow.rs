//! The verdict on a run that was triggered before. Never triggers.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::convert;
use super::interrupt::interrupted;
use super::ports::{Ports, Run};
use super::refresh::{FinishedRun, concluded, replayed};
use super::request;
use super::session::{AuditHandle, End, Session};
use crate::audit_log::{AuditLogError, Begin, BeginOptions, RunState, RunView};
use crate::config::{OnInterrupt, ResolvedTarget};
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::verdict::{Status, Verdict};

/// Follows a run of ours that this process holds. `on_interrupt` says what becomes of it when a signal
/// comes: who only looks on leaves it alone.
pub(super) async fn follow_ours(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<Run>,
    view: &RunView,
    on_interrupt: OnInterrupt,
) -> FinishedRun {
    // What the audit log knows holds until the component knows better.
    {
        let mut known = run.known();
        known.sent = view.sent;
        known.last_event = view.last_event;
        known.attempt = view.intent.as_ref().map_or(0, |intent| intent.attempt);
        known.trigger_at = view.intent_time.parse().ok();
    }
    let Some(trace) = request::trace(view) else {
        let verdict = session
            .broken(run, "the audit log has no intent of this run")
            .await;
        return concluded(target, run, verdict, None);
    };
    let taken = match run.audit_log.taken_runs(&run.info.resource, &run.info.run) {
        Ok(taken) => taken,
        Err(error) => return unreadable(target, run, &error),
    };
    call(
        session,
        target,
        run,
        wit::Subject::Ours(trace),
        taken,
        on_interrupt,
    )
    .await
}

/// The newest run at the service, whoever began it; with `since` the run of a trigger that somebody
/// else sent then or later, and none that began before.
pub async fn follow_any(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    since: Option<Timestamp>,
) -> FinishedRun {
    let subject = match since {
        Some(since) => wit::Subject::Since(since.to_string()),
        None => wit::Subject::Newest,
    };
    let wit_target = request::target(target, &session.flow_id);
    let info = request::run_info(target, &wit_target, &Uuid::now_v7().to_string(), "");
    let run = session.run(&audit.audit_log, info, target);
    let leave = OnInterrupt::Leave;
    let mut concluded = call(session, target, &run, subject, Vec::new(), leave).await;
    // It is nobody's run of ours, and the audit log has nothing of it.
    concluded.invocation.run = String::new();
    concluded
}

/// A run of the audit log: its recorded verdict, or what the service says of it now.
///
/// # Errors
/// Where the audit log cannot be read or written.
pub async fn follow_recorded(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    view: RunView,
) -> Result<FinishedRun, AuditLogError> {
    if let (RunState::Ended(status), Some(verdict)) = (view.state(), view.verdict()) {
        // `accepted` says only that it was sent: what became of it may be known by now.
        if status != Status::Accepted || target.watched().is_none() {
            return Ok(replayed(target, verdict, &view));
        }
    }
    if view.state() == RunState::NeverStarted {
        let verdict = Verdict::not_sent(
            Status::Skipped,
            "never_started",
            "this run was settled as never started",
            "start a refresh",
        );
        return Ok(replayed(target, verdict, &view));
    }
    if view.state() == RunState::NotSent {
        let verdict = view.verdict().unwrap_or_else(|| {
            Verdict::not_sent(
                Status::Skipped,
                "not_sent",
                "nothing of this run was sent",
                "start a refresh",
            )
        });
        return Ok(replayed(target, verdict, &view));
    }
    let leave = OnInterrupt::Leave;
    // Held by somebody else, it is followed all the same: reading twice does no harm, and the
    // record keeps what is settled.
    let manner = BeginOptions {
        new: false,
        followable: true,
        if_lost: crate::audit_log::IfLost::Hold,
    };
    let run = session.run(&audit.audit_log, view.run.clone(), target);
    if let Begin::Follow(newer) = audit.audit_log.begin(&view.run, manner)?
        && newer.run.run == view.run.run
    {
        return Ok(follow_ours(session, target, &run, &newer, leave).await);
    }
    Ok(follow_ours(session, target, &run, &view, leave).await)
}

async fn call(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<Run>,
    subject: wit::Subject,
    taken_runs: Vec<String>,
    on_interrupt: OnInterrupt,
) -> FinishedRun {
    let gateway = match session.boundary.gateway(target) {
        Ok(gateway) => gateway,
        Err(error) => {
            let verdict = Verdict::not_sent(
                Status::Invalid,
                error.code(),
                error.to_string(),
                "check the configuration",
            );
            return concluded(target, run, verdict, None);
        }
    };
    let mut instance = match session.instance(Ports(run.clone()), gateway).await {
        Ok(instance) => instance,
        Err(error) => {
            let verdict = session.broken(run, &error.to_string()).await;
            return concluded(target, run, verdict, None);
        }
    };
    let request = wit::FollowRequest {
        run_id: run.info.run.clone(),
        name: target.name.clone(),
        target: request::target(target, &session.flow_id),
        call_context: request::call_context(target, run.clock.now(), run.left()),
        subject,
        taken_runs,
    };
    let exports = instance.exports.powerbi_refresh_refresh();
    let call = exports.call_follow_refresh(&mut instance.store, &request);
    let (verdict, signal) = match session.drive_component(run, call).await {
        End::Done(Ok(Ok(verdict))) => (run.enriched(convert::verdict(verdict)), None),
        End::Done(Ok(Err(error))) => (run.enriched(convert::error(error)), None),
        End::Done(Err(trap)) => (
            session
                .broken(run, &format!("the component broke off: {trap:#}"))
                .await,
            None,
        ),
        End::OutOfTime => (
            session
                .broken(run, "the component did not end after its deadline")
                .await,
            None,
        ),
        End::Stopped(signal) => {
            drop(instance);
            let verdict = interrupted(session, target, run, signal, on_interrupt).await;
            (verdict, Some(signal))
        }
    };
    session.finish(run).await;
    concluded(target, run, verdict, signal)
}

fn unreadable(target: &ResolvedTarget, run: &Run, error: &AuditLogError) -> FinishedRun {
    let verdict = Verdict::not_sent(
        Status::AuditUnavailable,
        error.code(),
        error.to_string(),
        "mend the audit log and ask again",
    );
    concluded(target, run, verdict, None)
}
