//! `host-runner check`: what would go wrong. Nothing is triggered, nothing is recorded.

use std::time::Duration;

use serde_json::json;

use super::args::CheckArgs;
use super::failure::{self, Failure};
use super::setup::{self, Start};
use crate::config::{ResolvedTarget, Selection};
use crate::report::{Level, Mode};
use crate::run::{self, Finding, FindingLevel};
use crate::verdict::{Status, worst};

/// How long the audit log may be locked before it counts as a finding.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, args: &CheckArgs) -> u8 {
    match carry_out(start, args).await {
        Ok(code) => code,
        Err(failure) => failure::report(start, &args.names, &failure),
    }
}

async fn carry_out(start: &Start, args: &CheckArgs) -> Result<u8, Failure> {
    let config = start.config(&args.target)?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let selection = if args.names.is_empty() {
        Selection::All
    } else {
        Selection::Names(&args.names)
    };
    let targets = config.resolve(selection, inputs)?;
    let location = start.location(Some(&config))?;
    let signals = start.signals()?;
    let boundary = start.boundary(run::Operation::Refresh, &settings, &targets)?;
    let component = setup::component(start, args.component.as_deref())?;
    let mut codes = Vec::new();

    let opened = start
        .audit_log(&location, PATIENCE)
        .await
        .and_then(|audit_log| audit_log.writable());
    let about_record = match opened {
        Ok(()) => Finding::new(
            FindingLevel::Good,
            "record",
            format!("{location} can be written"),
        ),
        Err(error) => {
            let Failure(verdict) = error.into();
            Finding::bad("record", &verdict)
        }
    };
    for warning in &settings.warnings {
        say(
            start,
            "",
            &Finding::new(FindingLevel::Warning, "configuration", warning),
        );
    }
    codes.push(say(start, "", &about_record));

    let session = start.session(component, boundary, signals);
    for target in &targets {
        for warning in &target.warnings {
            say(
                start,
                &target.name,
                &Finding::new(FindingLevel::Warning, "configuration", warning),
            );
        }
        say(start, &target.name, &environment(target));
        match run::check(&session, target).await {
            Ok(findings) => codes.extend(
                findings
                    .iter()
                    .map(|finding| say(start, &target.name, finding)),
            ),
            Err(signal) => {
                codes.push(signal.exit_code());
                break;
            }
        }
    }
    Ok(worst(codes))
}

/// Everything behind `${…}` was there.
fn environment(target: &ResolvedTarget) -> Finding {
    let credential = target
        .credential
        .as_ref()
        .map_or_else(String::new, |credential| {
            format!(", credential {}", credential.name)
        });
    Finding::new(
        FindingLevel::Good,
        "environment",
        format!(
            "every value of this {} target was found{credential}",
            target.kind()
        ),
    )
}

/// Says one finding, and gives the exit code that a refresh would have had.
fn say(start: &Start, target: &str, finding: &Finding) -> u8 {
    let code = finding.status.map_or(0, Status::exit_code);
    match start.reporter.mode() {
        Mode::Json => start.reporter.print_json(&json!({
            "target": target,
            "subject": finding.subject,
            "level": match finding.level {
                FindingLevel::Good => "good",
                FindingLevel::Warning => "warning",
                FindingLevel::Bad => "bad",
            },
            "message": finding.message,
            "hint": finding.hint,
            "status": finding.status.map_or("", Status::name),
            "exit_code": code,
        })),
        Mode::Text => start.reporter.print(&line(target, finding, code)),
        Mode::Kestra => {
            let level = match finding.level {
                FindingLevel::Good => Level::Info,
                FindingLevel::Warning => Level::Warn,
                FindingLevel::Bad => Level::Error,
            };
            start
                .reporter
                .log(level, line(target, finding, code).trim_end());
        }
    }
    code
}

fn line(target: &str, finding: &Finding, code: u8) -> String {
    let mark = match finding.level {
        FindingLevel::Good => "ok  ",
        FindingLevel::Warning => "warn",
        FindingLevel::Bad => "BAD ",
    };
    let place = if target.is_empty() {
        finding.subject.clone()
    } else {
        format!("{target}: {}", finding.subject)
    };
    let mut out = format!("{mark}  {place}: {}\n", finding.message);
    if !finding.hint.is_empty() {
        out += &format!("      {}\n", finding.hint);
    }
    if let Some(status) = finding.status {
        out += &format!(
            "      a refresh would end in {} (exit {code})\n",
            status.name()
        );
    }
    out
}
