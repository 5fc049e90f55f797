//! `host-runner follow`: the verdict on a run that was started before. Never triggers.

use std::sync::Arc;

use jiff::Timestamp;

use super::args::FollowArgs;
use super::failure::{self, Failure};
use super::recorded::{one, recorded};
use super::setup::{self, Start};
use crate::config::Selection;
use crate::report::{ExitRules, RefreshResult, Summary};
use crate::run::{self, AuditHandle, Session};
use crate::verdict::{Status, Verdict};

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, args: &FollowArgs) -> u8 {
    match carry_out(start, args).await {
        Ok(code) => code,
        Err(failure) => failure::report(start, std::slice::from_ref(&args.subject), &failure),
    }
}

async fn carry_out(start: &Start, args: &FollowArgs) -> Result<u8, Failure> {
    let deadline = setup::deadline(args.deadline.as_deref())?;
    let since = args.since.as_deref().map(moment).transpose()?;
    let config = start.config(&args.target)?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let location = start.location(Some(&config))?;
    let signals = start.signals()?;

    let named = config.target_names().contains(&args.subject);
    let (audit_log, view) = if args.any {
        // Nothing is read from the audit log or written to it; it is opened only so that the session
        // has one.
        (
            start
                .audit_log(&location, std::time::Duration::from_secs(5))
                .await?,
            None,
        )
    } else {
        let audit_log = start.existing_record(&location).await?;
        let view = recorded(&audit_log, &args.subject, named, &config)?;
        (audit_log, Some(view))
    };
    let name = view
        .as_ref()
        .map_or_else(|| args.subject.clone(), |view| view.run.target.clone());
    let targets = config.resolve(Selection::Names(std::slice::from_ref(&name)), inputs)?;
    start.warn(&settings, &targets);
    let boundary = start.boundary(run::Operation::Refresh, &settings, &targets)?;
    let component = setup::component(start, args.component.as_deref())?;
    let audit = AuditHandle {
        audit_log: Arc::new(audit_log),
        key: String::new(),
    };
    let session = Session {
        deadline,
        ..start.session(component, boundary, signals)
    };
    let target = one(&targets)?;

    let concluded = match view {
        Some(view) => run::follow_recorded(&session, &audit, target, view).await?,
        None => run::follow_any(&session, &audit, target, since).await,
    };
    let rules = ExitRules {
        require_completed: false,
        zero_on: if args.exit_zero_on.is_empty() {
            settings.exit_zero_on
        } else {
            args.exit_zero_on.clone()
        },
    };
    let result = RefreshResult::new(&concluded.verdict, &concluded.invocation, &rules);
    start.reporter.result(&result);
    let summary = Summary::of(std::slice::from_ref(&result));
    start.reporter.summary(&summary);
    Ok(summary.exit_code)
}

/// `--since`. A time without an offset would mean another moment on every machine.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    text.trim().parse().map_err(|_| {
        Failure::of(Verdict::not_sent(
            Status::Invalid,
            "invalid_value",
            "--since: this is not a time with a date and an offset",
            "write it as in 2026-11-23T08:15:00Z or 2026-11-23T18:15:00+10:00; in a shell: $(date -u +%Y-%m-%dT%H:%M:%SZ)",
        ))
    })
}
