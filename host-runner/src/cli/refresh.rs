//! `host-runner refresh`: trigger, follow, record, report.

use std::sync::Arc;

use super::args::{RefreshArgs, Requirement};
use super::failure::{self, Failure};
use super::setup::{self, Start};
use crate::audit_log::AuditLogLocation;
use crate::config::{ResolvedTarget, Settings};
use crate::report::{ExitRules, Invocation, RefreshResult, Signal, Summary};
use crate::run::{self, AuditHandle, FollowMode, OperationError, RefreshOptions, Session};
use crate::verdict::{Status, Verdict};

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, args: &RefreshArgs) -> u8 {
    match prepare(start, args) {
        Ok(prepared) => {
            let names: Vec<String> = prepared
                .targets
                .iter()
                .map(|target| target.name.clone())
                .collect();
            match carry_out(start, args, prepared).await {
                Ok(code) => code,
                Err(failure) => failure::report(start, &names, &failure),
            }
        }
        Err(failure) => failure::report(start, &args.names, &failure),
    }
}

struct Prepared {
    settings: Settings,
    targets: Vec<ResolvedTarget>,
    location: AuditLogLocation,
    deadline: Option<std::time::Duration>,
}

/// Everything that can be found wrong without the audit log and the network.
fn prepare(start: &Start, args: &RefreshArgs) -> Result<Prepared, Failure> {
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
    Ok(Prepared {
        settings,
        targets,
        location,
        deadline,
    })
}

async fn carry_out(start: &Start, args: &RefreshArgs, prepared: Prepared) -> Result<u8, Failure> {
    let Prepared {
        settings,
        targets,
        location,
        deadline,
    } = prepared;
    let signals = start.signals()?;
    let rules = ExitRules {
        require_completed: args.require == Some(Requirement::Completed),
        zero_on: if args.exit_zero_on.is_empty() {
            settings.exit_zero_on.clone()
        } else {
            args.exit_zero_on.clone()
        },
    };
    let boundary = start.boundary(run::Operation::Refresh, &settings, &targets)?;
    let component = setup::component(start, args.component.as_deref())?;
    let busy = deadline
        .or_else(|| targets.iter().map(|target| target.deadline).max())
        .unwrap_or_default();
    let opening = start.audit_log(&location, busy);
    let audit_log = tokio::select! {
        biased;
        signal = stopped(&signals) => return Ok(stopped_early(start, &targets, &rules, signal)),
        audit_log = opening => audit_log?,
    };
    let key = start.key(args.idempotency_key.as_deref());
    let audit = AuditHandle {
        audit_log: Arc::new(audit_log),
        key,
    };
    let session = Session {
        deadline,
        ..start.session(component, boundary, signals)
    };
    let asked = RefreshOptions {
        new: args.new,
        force: args.force,
        follow: match (args.no_verify, args.detach) {
            (true, _) => FollowMode::NotAtAll,
            (false, true) => FollowMode::UntilStarted,
            (false, false) => FollowMode::ToTheEnd,
        },
    };
    if args.dry_run {
        return Ok(dry_run(start, &session, &audit, &targets, asked).await);
    }
    let mut results = Vec::new();
    for target in &targets {
        let result = match session.signals.received() {
            None => {
                let concluded = run::refresh(&session, &audit, target, asked).await;
                RefreshResult::new(&concluded.verdict, &concluded.invocation, &rules)
            }
            Some(signal) => not_begun(target, signal, &rules),
        };
        start.reporter.result(&result);
        results.push(result);
    }
    let summary = Summary::of(&results);
    start.reporter.summary(&summary);
    // The process ends here. Taking the engine and the audit log's connection apart would cost a
    // twentieth of a short refresh; the system does it anyway, and every event is on disk already.
    std::mem::forget((session, audit));
    Ok(summary.exit_code)
}

async fn stopped(signals: &run::Signals) -> Signal {
    signals.clone().wait().await
}

/// A signal came before the first run began.
fn stopped_early(
    start: &Start,
    targets: &[ResolvedTarget],
    rules: &ExitRules,
    signal: Signal,
) -> u8 {
    let results: Vec<RefreshResult> = targets
        .iter()
        .map(|target| not_begun(target, signal, rules))
        .collect();
    results
        .iter()
        .for_each(|result| start.reporter.result(result));
    let summary = Summary::of(&results);
    start.reporter.summary(&summary);
    summary.exit_code
}

fn not_begun(target: &ResolvedTarget, signal: Signal, rules: &ExitRules) -> RefreshResult {
    let verdict = Verdict {
        retryable: true,
        ..Verdict::not_sent(
            Status::Interrupted,
            "interrupted",
            "a signal came before this target was begun; nothing was sent",
            "start again when you like",
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

/// Shows what would be sent, and what it would meet.
async fn dry_run(
    start: &Start,
    session: &Session,
    audit: &AuditHandle,
    targets: &[ResolvedTarget],
    asked: RefreshOptions,
) -> u8 {
    let mut codes = Vec::new();
    for target in targets {
        match run::plan(session, &audit.audit_log, target, asked).await {
            Ok(plan) => {
                codes.push(0);
                match start.reporter.mode() {
                    crate::report::Mode::Text => start.reporter.print(&plan_text(&plan)),
                    _ => start
                        .reporter
                        .plan(target.kind(), &plan, targets.len() == 1),
                }
            }
            Err(OperationError::Failed(verdict)) => {
                let names = [target.name.clone()];
                codes.push(failure::report(start, &names, &Failure(verdict)));
            }
            Err(OperationError::Interrupted(signal)) => {
                codes.push(stopped_early(
                    start,
                    std::slice::from_ref(target),
                    &ExitRules::default(),
                    signal,
                ));
            }
        }
    }
    crate::verdict::worst(codes)
}

/// A plan for people.
fn plan_text(plan: &serde_json::Value) -> String {
    let text = |pointer: &str| {
        plan.pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut out = format!(
        "dry run of {}: nothing was triggered\n  would send    {} {}\n",
        text("/target"),
        text("/request/method"),
        text("/request/url")
    );
    let headers = plan
        .pointer("/request/headers")
        .and_then(serde_json::Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        out += &format!(
            "                {name}: {}\n",
            value.as_str().unwrap_or_default()
        );
    }
    out += &format!("                {}\n", text("/request/body"));
    let run = |pointer: &str| match text(&format!("{pointer}/id")) {
        id if id.is_empty() => "none".to_owned(),
        id => format!(
            "{id} ({}, {})",
            text(&format!("{pointer}/status")),
            text(&format!("{pointer}/refresh_type"))
        ),
    };
    let more = match (text("/code"), text("/retry_at")) {
        (code, _) if code.is_empty() => String::new(),
        (code, at) if at.is_empty() => format!(" ({code})"),
        (code, at) => format!(" ({code}, until {at})"),
    };
    out += &format!("  it would      {}{more}\n", text("/would"));
    let number = |pointer: &str| {
        let value = plan.pointer(pointer);
        value.and_then(serde_json::Value::as_u64).unwrap_or(0)
    };
    if number("/quota/limit") > 0 {
        out += &format!(
            "  quota         {} of {} used in the last 24 h, {} left {}\n",
            number("/quota/counted"),
            number("/quota/limit"),
            number("/quota/left"),
            match text("/quota/next_slot") {
                at if at.is_empty() => String::new(),
                at => format!("(the next slot opens at {at})"),
            }
        );
    }
    out += &format!(
        "  running now   {}\n  newest run    {}\n",
        run("/running"),
        run("/newest")
    );
    out
}
