//! `host-runner cancel`: asks the service to stop a run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::args::CancelArgs;
use super::failure::{self, Failure};
use super::recorded::{one, recorded};
use super::setup::{self, Start};
use crate::config::Selection;
use crate::report::Mode;
use crate::run::{self, AuditHandle, Cancellation, CancellationStatus, OperationError, Session};
use crate::verdict::Status;

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, args: &CancelArgs) -> u8 {
    match carry_out(start, args).await {
        Ok(code) => code,
        Err(failure) => failure::report(start, std::slice::from_ref(&args.subject), &failure),
    }
}

async fn carry_out(start: &Start, args: &CancelArgs) -> Result<u8, Failure> {
    let config = start.config(&args.target)?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let location = start.location(Some(&config))?;
    let signals = start.signals()?;
    let named = config.target_names().contains(&args.subject);
    let audit_log = start.existing_record(&location).await?;
    let view = recorded(&audit_log, &args.subject, named, &config)?;
    let name = view.run.target.clone();
    let targets = config.resolve(Selection::Names(std::slice::from_ref(&name)), inputs)?;
    start.warn(&settings, &targets);
    let boundary = start.boundary(run::Operation::Cancel, &settings, &targets)?;
    let component = setup::component(start, args.component.as_deref())?;
    let audit = AuditHandle {
        audit_log: Arc::new(audit_log),
        key: String::new(),
    };
    let session = Session {
        // A run whose id is not known yet is looked for once, and not followed.
        deadline: Some(Duration::ZERO),
        ..start.session(component, boundary, signals)
    };
    let run = view.run.run.clone();
    match run::cancel(&session, &audit, one(&targets)?, view).await {
        Ok(cancellation) => Ok(say(start, &name, &run, &cancellation)),
        Err(OperationError::Interrupted(signal)) => Ok(signal.exit_code()),
        Err(error) => Err(error.into()),
    }
}

fn say(start: &Start, target: &str, run: &str, cancelled: &Cancellation) -> u8 {
    let code = match cancelled.status {
        CancellationStatus::Requested | CancellationStatus::AlreadyConcluded => 0,
        CancellationStatus::NotFound => Status::Unknown.exit_code(),
    };
    match start.reporter.mode() {
        Mode::Text => start.reporter.print(&format!(
            "{target}: {}\n  run           {}\n  service run   {}\n  run `host-runner follow {run}` for the outcome\n",
            cancelled.message, run, cancelled.service_run
        )),
        Mode::Json | Mode::Kestra => start.reporter.print_json(&json!({
            "target": target,
            "cancellation": cancelled.status.name(),
            "message": cancelled.message,
            "run": run,
            "service_run": cancelled.service_run,
            "exit_code": code,
        })),
    }
    code
}
