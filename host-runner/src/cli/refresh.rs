//! `host-runner refresh`: trigger, follow, report.

use std::sync::Arc;
use std::time::Duration;

use super::args::RefreshArgs;
use super::failure::{self, report_results};
use super::setup::{self, Start};
use crate::audit_log::{AuditLog, AuditLogLocation};
use crate::config::{ResolvedTarget, Settings};
use crate::report::{ExitRules, Invocation, Mode, RefreshResult, Signal, Summary};
use crate::run::{
    self, AuditHandle, FollowMode, Operation, OperationError, RefreshOptions, Session,
};
use crate::verdict::{Status, Verdict};

/// Runs the command and returns its exit code.
pub(super) async fn run(start: &Start, args: &RefreshArgs) -> anyhow::Result<u8> {
    // Finds every problem that needs neither the audit log nor the network.
    let deadline = setup::deadline(args.deadline.as_deref())?;
    let config = start.config(&args.target)?;
    let inputs = start.inputs(!args.no_verify);
    let settings = config.settings(inputs)?;
    let mut targets = config.resolve(setup::selection(&config, &args.names, args.all), inputs)?;
    if let Some(file) = &args.payload {
        for target in &mut targets {
            target.replace_payload(file)?;
        }
    }
    start.warn(&settings, &targets);
    let location = start.location(Some(&config))?;

    // From here on an error is reported for each target.
    let code = carry_out(start, args, &settings, &targets, &location, deadline).await;
    Ok(code.unwrap_or_else(|error| {
        let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        failure::report(&start.reporter, &names, &error)
    }))
}

async fn carry_out(
    start: &Start,
    args: &RefreshArgs,
    settings: &Settings,
    targets: &[ResolvedTarget],
    location: &AuditLogLocation,
    deadline: Option<Duration>,
) -> anyhow::Result<u8> {
    let signals = start.signals()?;
    let rules = setup::exit_rules(args.require.is_some(), &args.exit_zero_on, settings);
    let component = args.target.component.as_deref();
    let mut stop = signals.clone();
    let session = Session {
        deadline,
        ..start.session(Operation::Refresh, settings, targets, component, signals)?
    };
    let patience = deadline
        .or_else(|| targets.iter().map(|target| target.deadline).max())
        .unwrap_or_default();
    let _ = start.ends_at.set(start.started_at.saturating_add(patience));
    let audit_log = tokio::select! {
        biased;
        signal = stop.wait() => {
            let results = targets.iter().map(|target| not_started(target, signal, &rules));
            return Ok(report_results(&start.reporter, &results.collect::<Vec<_>>()));
        }
        audit_log = start.audit_log(location, patience, AuditLog::open) => audit_log?,
    };
    let audit = AuditHandle {
        audit_log: Arc::new(audit_log),
        key: start.key(args.idempotency_key.as_deref()),
    };
    let options = RefreshOptions {
        new: args.new,
        force: args.force,
        require_completed: rules.require_completed,
        follow: match (args.no_verify, args.detach) {
            (true, _) => FollowMode::NotAtAll,
            (false, true) => FollowMode::UntilStarted,
            (false, false) => FollowMode::ToTheEnd,
        },
    };
    if args.dry_run {
        return Ok(dry_run(start, &session, &audit, targets, options).await);
    }
    let mut results = Vec::new();
    for target in targets {
        let result = match session.signals.received() {
            None => {
                let finished = run::refresh(&session, &audit, target, options).await;
                RefreshResult::new(&finished.verdict, &finished.invocation, &rules)
            }
            Some(signal) => not_started(target, signal, &rules),
        };
        start.reporter.result(&result);
        results.push(result);
    }
    let summary = Summary::of(&results);
    start.reporter.summary(&summary);
    // The process ends here. Dropping the engine and the audit log would cost a twentieth of a short
    // refresh; the operating system frees them anyway, and every event is on disk.
    std::mem::forget((session, audit));
    Ok(summary.exit_code)
}

/// The result of a target that a signal stopped before it started.
fn not_started(target: &ResolvedTarget, signal: Signal, rules: &ExitRules) -> RefreshResult {
    let verdict = Verdict {
        retryable: true,
        ..Verdict::not_sent(
            Status::Interrupted,
            "interrupted",
            "stopped by a signal before this target started; nothing was sent",
            "start it again",
        )
    };
    let invocation = Invocation {
        target: target.name.clone(),
        kind: target.kind().to_owned(),
        signal: Some(signal),
        ..Invocation::default()
    };
    RefreshResult::new(&verdict, &invocation, rules)
}

/// Shows what a refresh would send, and which guards would hold it back.
async fn dry_run(
    start: &Start,
    session: &Session,
    audit: &AuditHandle,
    targets: &[ResolvedTarget],
    options: RefreshOptions,
) -> u8 {
    let (reporter, mut failed) = (&start.reporter, Vec::new());
    for target in targets {
        let result = match run::plan(session, &audit.audit_log, target, options).await {
            Ok(plan) => {
                match reporter.mode() {
                    Mode::Text => reporter.print(&plan.to_string()),
                    _ => reporter.plan(target.kind(), &plan),
                }
                continue;
            }
            Err(OperationError::Failed(verdict)) => failure::result(&target.name, &verdict),
            Err(OperationError::Interrupted(signal)) => {
                not_started(target, signal, &ExitRules::default())
            }
        };
        reporter.result(&result);
        failed.push(result);
    }
    reporter.plans(targets.len() == 1);
    if failed.is_empty() {
        return 0;
    }
    let summary = Summary::of(&failed);
    reporter.summary(&summary);
    summary.exit_code
}
