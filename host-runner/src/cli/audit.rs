//! `host-runner audit`: reads the audit log, and records a manual decision on a run.

use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{AuditCommand, ResolveArgs, TargetArgs};
use super::failure::{Failure, has_code};
use super::setup::{SHORT_PATIENCE, Start};
use crate::audit_log::event::Resolution;
use crate::audit_log::{
    Actor, AuditLog, AuditLogError, Filter, RunStatus, RunSummary, StoredEvent, overridden,
};
use crate::report::{Level, Mode, text, width_of_stdout};
use crate::run;
use crate::verdict::{Sent, Status};

/// Runs the command and returns its exit code.
pub(super) async fn run(start: &Start, command: &AuditCommand) -> anyhow::Result<u8> {
    let audit_log = match (open(start).await, command) {
        // Nothing has been refreshed yet, or the path is wrong: a warning, because a flow that looks
        // for open runs every quarter of an hour must not fail.
        (Err(error), AuditCommand::List { .. }) if has_code(&error, "audit_log_not_found") => {
            start.reporter.log(Level::Warn, &error.to_string());
            list(start, &[]);
            return Ok(0);
        }
        (audit_log, _) => audit_log?,
    };
    match command {
        AuditCommand::List {
            target,
            open,
            limit,
        } => {
            let filter = Filter {
                target: target.clone(),
                open: *open,
                limit: *limit,
            };
            list(start, &audit_log.list(&filter)?);
        }
        AuditCommand::Show { run } => show(start, &audit_log, run)?,
        AuditCommand::Resolve(args) => resolve(start, audit_log, args).await?,
    }
    Ok(0)
}

/// The existing audit log. The configuration is only needed if nothing else names the audit log.
async fn open(start: &Start) -> anyhow::Result<AuditLog> {
    let config = match start.config(&TargetArgs::default()) {
        _ if start.audit.is_some() => None,
        Err(error) if has_code(&error, "config_not_found") && start.config.is_none() => None,
        config => Some(config?),
    };
    let location = start.location(config.as_ref())?;
    let audit_log = start.audit_log(&location, SHORT_PATIENCE, AuditLog::open_existing);
    Ok(audit_log.await?)
}

/// A run as a script sees it. Every field is always present.
fn listed(run: &RunSummary) -> Value {
    let view = &run.view;
    let verdict = view.verdict().unwrap_or_default();
    json!({
        "run": view.run.run,
        "target": view.run.target,
        "kind": view.run.kind,
        "idempotency_key": view.run.key,
        "status": view.state_name(),
        "sent": view.sent,
        "running": run.alive,
        "open": run.is_open(),
        "code": verdict.code,
        "message": verdict.message,
        "service_run": view.service_run,
        "flow_run": view.flow_run,
        "started_at": view.first_time,
        "updated_at": view.last_time,
        "audit_event": view.last_event,
        "requester": view.actor.name(),
    })
}

fn list(start: &Start, runs: &[RunSummary]) {
    if start.reporter.mode() != Mode::Text {
        let runs: Vec<Value> = runs.iter().map(listed).collect();
        start.reporter.listed_runs(&runs);
        return;
    }
    if runs.is_empty() {
        start.reporter.print("no runs\n");
        return;
    }
    let mut rows = vec![
        ["run", "started", "status", "sent", "target"]
            .map(str::to_owned)
            .into(),
    ];
    for RunSummary { view, alive, .. } in runs {
        let status = if *alive { "running" } else { view.state_name() };
        let started: String = view.first_time.chars().take(19).collect();
        let sent = match view.sent {
            Sent::No => "no",
            Sent::Maybe => "maybe",
            Sent::Yes => "yes",
        };
        let (run, target) = (view.run.run.clone(), view.run.target.clone());
        rows.push(vec![
            run,
            started + "Z",
            status.to_owned(),
            sent.to_owned(),
            target,
        ]);
    }
    start.reporter.print(&text::table(&rows, width_of_stdout()));
}

fn show(start: &Start, audit_log: &AuditLog, run: &str) -> anyhow::Result<()> {
    let (entries, damage) = (audit_log.events_of(run)?, audit_log.damage_of(run)?);
    for problem in &damage {
        let message = format!("the audit log {problem}");
        start.reporter.log(Level::Error, &message);
    }
    if entries.is_empty() && damage.is_empty() {
        return Err(unknown_run(run));
    }
    let mut invocation = String::new();
    for entry in entries {
        if start.reporter.mode() == Mode::Text {
            let actor = &entry.event.actor;
            if invocation != actor.invocation {
                invocation.clone_from(&actor.invocation);
                start.reporter.print(&actor_text(actor));
            }
            start.reporter.print(&event_text(&entry.event, &entry.hash));
        } else {
            start.reporter.print_json(&entry);
        }
    }
    Ok(())
}

fn unknown_run(run: &str) -> anyhow::Error {
    AuditLogError::UnknownRun(run.to_owned()).into()
}

/// The author of the events that follow, with the Kestra task if there is one.
fn actor_text(actor: &Actor) -> String {
    let (name, Actor { version, pid, .. }) = (actor.name(), actor);
    let mut out = format!("by {name}, host-runner {version}, pid {pid}\n");
    let kestra = serde_json::to_value(&actor.kestra).unwrap_or_default();
    flatten(&mut out, "kestra", &kestra);
    flatten(&mut out, "trace", &Value::from(actor.trace.as_str()));
    out
}

/// An event on one line, with its details below.
fn event_text(event: &StoredEvent, hash: &str) -> String {
    let short: String = hash.chars().take(12).collect();
    let mut out = format!(
        "{:>5}  {}  {:11}  {}  #{short}\n",
        event.number,
        event.time,
        event.detail.name(),
        event.run.target
    );
    let detail = serde_json::to_value(&event.detail).unwrap_or_default();
    flatten(&mut out, "", detail.get("detail").unwrap_or(&Value::Null));
    out
}

/// Adds a line `name: value` for each value below `value`, with dotted names.
fn flatten(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(out, &name, value);
            }
        }
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => *out += &format!("         {name}: {text}\n"),
        other => *out += &format!("         {name}: {other}\n"),
    }
}

async fn resolve(start: &Start, audit_log: AuditLog, args: &ResolveArgs) -> anyhow::Result<()> {
    let run = &args.run;
    let RunStatus { view, alive } = audit_log.watch(run)?;
    let view = view.ok_or_else(|| unknown_run(run))?;
    let outcome = view.outcome.as_ref().filter(|_| args.overrides);
    let allowed = outcome.map(|outcome| outcome.verdict.status);
    let resolution = Resolution {
        decision: args.decision,
        reason: args.reason.clone(),
        // The store checks this again, because the run may conclude meanwhile.
        overrides: overridden(&view, alive, allowed)?,
    };
    let (session, audit_log) = (start.offline_session()?, Arc::new(audit_log));
    let resolved = run::resolve(&session, &audit_log, view.run, &resolution).await;
    let number = resolved.map_err(Failure::from)?;
    let decision = args.decision.name();
    if start.reporter.mode() == Mode::Text {
        let text = format!("run {run} is resolved as {decision} (event {number})\n");
        start.reporter.print(&text);
    } else {
        let overrides = resolution.overrides.map_or("", Status::name);
        let row = json!({
            "run": run,
            "resolved_as": decision,
            "overrides": overrides,
            "audit_event": number,
        });
        start.reporter.print_json(&row);
    }
    Ok(())
}
