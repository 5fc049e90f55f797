//! `host-runner follow` and `host-runner cancel`: commands on a run that was started earlier. They
//! never trigger.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::args::{CancelArgs, FollowArgs, TargetArgs};
use super::failure::{Failure, invalid, report_results};
use super::setup::{self, SHORT_PATIENCE, Start};
use crate::audit_log::{AuditLog, RunView};
use crate::config::{Config, ResolvedTarget, Selection, Settings};
use crate::report::{Mode, RefreshResult};
use crate::run::{
    self, AuditHandle, Cancellation, CancellationStatus, Operation, OperationError, Session,
};
use crate::verdict::Status;

/// What both commands need.
struct Prepared {
    /// The run in the audit log; `None` with `--any`.
    view: Option<RunView>,
    target: ResolvedTarget,
    settings: Settings,
    audit: AuditHandle,
    session: Session,
}

/// `any` is set if the run need not be in the audit log.
async fn prepare(
    start: &Start,
    (subject, any): (&str, bool),
    options: &TargetArgs,
    operation: Operation,
) -> anyhow::Result<Prepared> {
    let config = start.config(options)?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let location = start.location(Some(&config))?;
    let signals = start.signals()?;
    let (audit_log, view) = if any {
        // Nothing is read or stored, but a session needs an audit log.
        let audit_log = start.audit_log(&location, SHORT_PATIENCE, AuditLog::open);
        (audit_log.await?, None)
    } else {
        let audit_log = start.audit_log(&location, SHORT_PATIENCE, AuditLog::open_existing);
        let audit_log = audit_log.await?;
        let view = find_run(&audit_log, subject, &config)?;
        (audit_log, Some(view))
    };
    let name = view.as_ref().map_or(subject, |view| &view.run.target);
    let name = name.to_owned();
    let targets = config.resolve(Selection::Names(&[name]), inputs)?;
    start.warn(&settings, &targets);
    let component = options.component.as_deref();
    let session = start.session(operation, &settings, &targets, component, signals)?;
    Ok(Prepared {
        view,
        target: setup::only(targets)?,
        settings,
        audit: AuditHandle {
            audit_log: Arc::new(audit_log),
            key: String::new(),
        },
        session,
    })
}

/// The newest run of the target with this name, or the run with this id.
fn find_run(audit_log: &AuditLog, subject: &str, config: &Config) -> anyhow::Result<RunView> {
    let names = config.target_names();
    let location = audit_log.location();
    if names.iter().any(|name| name == subject) {
        let message = format!("the audit log {location} has no run of {subject}");
        let hint = "start one with `host-runner refresh`, or follow the newest run at the service with --any";
        let latest = audit_log.latest_run_of_target(subject)?;
        return latest.ok_or_else(|| invalid("no_run", message, hint));
    }
    let message = format!(
        "{subject} is neither a target in the configuration nor a run in the audit log {location}"
    );
    let hint = format!(
        "the targets are {}; `host-runner audit list` shows the runs",
        names.join(", ")
    );
    let run = audit_log.run(subject)?;
    run.ok_or_else(|| invalid("run_not_found", message, hint))
}

/// Runs `follow` and returns the exit code.
pub(super) async fn follow(start: &Start, args: &FollowArgs) -> anyhow::Result<u8> {
    let deadline = setup::deadline(args.deadline.as_deref())?;
    let since = args.since.as_deref().map(since).transpose()?;
    let subject = (args.subject.as_str(), args.any);
    let prepared = prepare(start, subject, &args.target, Operation::Refresh).await?;
    let session = Session {
        deadline,
        ..prepared.session
    };
    let (audit, target) = (&prepared.audit, &prepared.target);
    let limit = deadline.unwrap_or(target.deadline);
    let _ = start.ends_at.set(start.started_at.saturating_add(limit));
    let finished = match prepared.view {
        Some(view) => run::follow_recorded(&session, audit, target, view).await?,
        None => run::follow_any(&session, audit, target, since).await,
    };
    let rules = setup::exit_rules(false, &args.exit_zero_on, &prepared.settings);
    let result = RefreshResult::new(&finished.verdict, &finished.invocation, &rules);
    Ok(report_results(&start.reporter, &[result]))
}

/// `--since`. Without an offset the time would depend on the machine.
fn since(text: &str) -> anyhow::Result<Timestamp> {
    text.trim().parse().map_err(|_| {
        invalid(
            "invalid_value",
            "--since: expected a date and time with an offset",
            "write for example 2026-11-23T08:15:00Z or 2026-11-23T18:15:00+10:00; in a shell: $(date -u +%Y-%m-%dT%H:%M:%SZ)",
        )
    })
}

/// Runs `cancel` and returns the exit code.
pub(super) async fn cancel(start: &Start, args: &CancelArgs) -> anyhow::Result<u8> {
    let subject = (args.subject.as_str(), false);
    let prepared = prepare(start, subject, &args.target, Operation::Cancel).await?;
    let session = Session {
        // A run without a known id is looked up once and not followed.
        deadline: Some(Duration::ZERO),
        ..prepared.session
    };
    let Some(view) = prepared.view else {
        anyhow::bail!("cancel was prepared without a run");
    };
    let (run, target) = (view.run.run.clone(), &prepared.target);
    match run::cancel(&session, &prepared.audit, target, view).await {
        Ok(done) => Ok(report_cancellation(start, &target.name, &run, &done)),
        Err(OperationError::Interrupted(signal)) => Ok(signal.exit_code()),
        Err(error) => Err(Failure::from(error).into()),
    }
}

fn report_cancellation(start: &Start, target: &str, run: &str, cancellation: &Cancellation) -> u8 {
    let exit_code = match cancellation.status {
        CancellationStatus::Requested | CancellationStatus::AlreadyConcluded => 0,
        CancellationStatus::NotFound => Status::Unknown.exit_code(),
    };
    let (message, service_run) = (&cancellation.message, &cancellation.service_run);
    if start.reporter.mode() == Mode::Text {
        start.reporter.print(&format!(
            "{target}: {message}\n  run           {run}\n  service run   {service_run}\n  \
             run `host-runner follow {run}` to see the outcome\n",
        ));
    } else {
        start.reporter.print_json(&json!({
            "target": target,
            "cancellation": cancellation.status.name(),
            "message": message,
            "run": run,
            "service_run": service_run,
            "exit_code": exit_code,
        }));
    }
    exit_code
}
