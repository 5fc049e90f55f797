//! `host-runner audit`: reading the audit log, and settling a run in it by a person's word.

use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{AuditCommand, ResolutionWord, TargetArgs};
use super::failure::{self, Failure};
use super::setup::{self, Start};
use crate::audit_log::{Actor, AuditLog, AuditLogError, Filter, RunSummary, RunView, StoredEvent};
use crate::config::Config;
use crate::report::{Level, Mode};
use crate::run::{self, Boundary, Signals};
use crate::verdict::{Status, Verdict};

/// The code of the failure that there is no record, which for a list is an answer.
const NO_RECORD: &str = "audit_log_not_found";

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, command: &AuditCommand) -> u8 {
    match carry_out(start, command).await {
        Ok(()) => 0,
        Err(failure) => failure::report(start, &[], &failure),
    }
}

async fn carry_out(start: &Start, command: &AuditCommand) -> Result<(), Failure> {
    let audit_log = match (open(start).await, command) {
        // Nothing has been refreshed yet, or the place is misspelt: worth a word, and no failure of
        // a flow that looks for open runs every quarter of an hour.
        (Err(failure), AuditCommand::List { .. }) if failure.0.code == NO_RECORD => {
            start.reporter.log(Level::Warn, &failure.0.message);
            list(start, &[]);
            return Ok(());
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
            Ok(())
        }
        AuditCommand::Show { run } => show(start, &audit_log, run),
        AuditCommand::Resolve { run, word, reason } => {
            resolve(start, audit_log, run, *word, reason).await
        }
    }
}

/// The record of the options, the environment or the configuration. No target is needed, and no
/// configuration where the audit log is named.
async fn open(start: &Start) -> Result<AuditLog, Failure> {
    let config: Option<Config> = if start.names_record() {
        None
    } else {
        match start.config(&TargetArgs::default()) {
            Ok(config) => Some(config),
            // Without a configuration the audit log lies in the user's state folder.
            Err(failure) if failure.0.code == "config_not_found" && !start.names_config() => None,
            Err(failure) => return Err(failure),
        }
    };
    let location = start.location(config.as_ref())?;
    Ok(start.existing_record(&location).await?)
}

fn list(start: &Start, runs: &[RunSummary]) {
    if start.reporter.mode() != Mode::Text {
        let rows: Vec<Value> = runs.iter().map(row).collect();
        rows.iter().for_each(|row| start.reporter.print_json(row));
        start.reporter.recorded_runs(&rows);
        return;
    }
    if runs.is_empty() {
        start.reporter.print("no runs\n");
        return;
    }
    let mut out = format!(
        "{:36}  {:20}  {:16}  {:5}  target\n",
        "run", "began", "status", "sent"
    );
    for RunSummary { view, alive } in runs {
        let status = if *alive {
            "going on"
        } else {
            view.standing_name()
        };
        let began: String = view.first_time.chars().take(19).collect();
        out += &format!(
            "{:36}  {began:19}Z  {status:16}  {:5}  {}\n",
            view.run.run,
            sent(view),
            view.run.target
        );
    }
    start.reporter.print(&out);
}

fn sent(view: &RunView) -> String {
    serde_json::to_value(view.sent)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A run, for scripts; every field always there.
fn row(summary: &RunSummary) -> Value {
    let view = &summary.view;
    let verdict = view.verdict();
    json!({
        "run": view.run.run,
        "target": view.run.target,
        "kind": view.run.kind,
        "idempotency_key": view.run.key,
        "status": view.standing_name(),
        "sent": sent(view),
        "going_on": summary.alive,
        "open": summary.is_open(),
        "code": verdict.as_ref().map(|verdict| verdict.code.clone()).unwrap_or_default(),
        "message": verdict.as_ref().map(|verdict| verdict.message.clone()).unwrap_or_default(),
        "service_run": view.service_run,
        "flow_run": view.flow_run,
        "began_at": view.first_time,
        "last_at": view.last_time,
        "audit_event": view.last_event,
        "asked_by": view.actor.who(),
    })
}

fn show(start: &Start, audit_log: &AuditLog, run: &str) -> Result<(), Failure> {
    let entries = audit_log.events_of(run)?;
    if entries.is_empty() {
        return Err(AuditLogError::UnknownRun {
            run: run.to_owned(),
        }
        .into());
    }
    let mut before = String::new();
    for entry in entries {
        if start.reporter.mode() == Mode::Text {
            let actor = &entry.event.actor;
            if before != actor.invocation {
                before.clone_from(&actor.invocation);
                start.reporter.print(&actor_text(actor));
            }
            start.reporter.print(&event_text(&entry.event, &entry.hash));
        } else {
            let mut value = serde_json::to_value(&entry.event).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("hash".to_owned(), entry.hash.into());
            }
            start.reporter.print_json(&value);
        }
    }
    Ok(())
}

/// Who wrote the events that follow, for people: where Kestra asked, what it said of the task.
fn actor_text(actor: &Actor) -> String {
    let mut out = format!(
        "by {}, host-runner {}, pid {}\n",
        actor.who(),
        actor.version,
        actor.pid
    );
    let kestra = serde_json::to_value(&actor.kestra).unwrap_or_default();
    flatten(&mut out, "kestra", &kestra);
    flatten(&mut out, "trace", &Value::from(actor.trace.as_str()));
    out
}

/// An event for people: one line that says what happened, and its detail below.
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

fn flatten(out: &mut String, name: &str, value: &Value) {
    let below = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| flatten(out, &below(key), value)),
        Value::Array(items) if items.is_empty() => {}
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => *out += &format!("         {name}: {text}\n"),
        other => *out += &format!("         {name}: {other}\n"),
    }
}

async fn resolve(
    start: &Start,
    audit_log: AuditLog,
    run: &str,
    word: ResolutionWord,
    reason: &str,
) -> Result<(), Failure> {
    let view = audit_log
        .run(run)?
        .ok_or_else(|| AuditLogError::UnknownRun {
            run: run.to_owned(),
        })?;
    if audit_log.watch(run)?.alive {
        return Err(Failure::of(Verdict::not_sent(
            Status::Invalid,
            "run_in_progress",
            format!("run {run} is in a process's hands right now"),
            "wait for its verdict, or end that process first",
        )));
    }
    let boundary = Boundary::closed(&start.clock, &start.redactor, &start.reporter);
    let session = start.session(setup::component(start, None)?, boundary, Signals::none());
    let audit_log = Arc::new(audit_log);
    let stored = run::resolve(&session, &audit_log, view.run, word.name(), reason).await;
    match stored {
        Ok(number) if start.reporter.mode() == Mode::Text => {
            start.reporter.print(&format!(
                "run {run} is settled as {} (event {number})\n",
                word.name()
            ));
            Ok(())
        }
        Ok(number) => {
            start.reporter.print_json(
                &json!({"run": run, "resolved_as": word.name(), "audit_event": number}),
            );
            Ok(())
        }
        Err(error) => {
            start.reporter.log(Level::Error, "nothing was stored");
            Err(error.into())
        }
    }
}
