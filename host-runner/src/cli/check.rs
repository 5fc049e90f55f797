//! `host-runner check`: finds problems. Triggers and stores nothing.

use serde_json::json;

use super::args::CheckArgs;
use super::failure;
use super::setup::{self, SHORT_PATIENCE, Start};
use crate::audit_log::AuditLog;
use crate::config::ResolvedTarget;
use crate::report::{Level, Mode};
use crate::run::{self, Finding, FindingLevel, Operation};
use crate::verdict::{Status, worst};

/// Runs the command and returns its exit code.
pub(super) async fn run(start: &Start, args: &CheckArgs) -> anyhow::Result<u8> {
    let config = start.config(&args.target)?;
    config.check()?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let selection = setup::selection(&config, &args.names, args.names.is_empty());
    let targets = config.resolve(selection, inputs)?;
    let location = start.location(Some(&config))?;
    let signals = start.signals()?;
    let component = args.target.component.as_deref();
    let session = start.session(Operation::Refresh, &settings, &targets, component, signals)?;

    warn(start, "", &settings.warnings);
    let opened = start
        .audit_log(&location, SHORT_PATIENCE, AuditLog::open)
        .await
        .and_then(|audit_log| audit_log.writable());
    let audit_log = match opened {
        Ok(()) => {
            let message = format!("{location} is writable");
            Finding::new(FindingLevel::Good, "audit log", message)
        }
        Err(error) => Finding::bad("audit log", &failure::verdict(&error.into())),
    };
    let mut codes = vec![report(start, "", &audit_log)];
    for target in &targets {
        let report = |finding: &Finding| report(start, &target.name, finding);
        warn(start, &target.name, &target.warnings);
        report(&environment(target));
        match run::check(&session, target).await {
            Ok(findings) => codes.extend(findings.iter().map(report)),
            Err(signal) => {
                codes.push(signal.exit_code());
                break;
            }
        }
    }
    Ok(worst(codes))
}

/// Reports the warnings of the configuration.
fn warn(start: &Start, target: &str, warnings: &[String]) {
    for warning in warnings {
        let finding = Finding::new(FindingLevel::Warning, "configuration", warning);
        report(start, target, &finding);
    }
}

/// The finding that every `${…}` was resolved; a missing one is an error earlier.
fn environment(target: &ResolvedTarget) -> Finding {
    let mut message = format!("all values of this {} target are available", target.kind());
    if let Some(credential) = &target.credential {
        message += &format!("; credentials: {}", credential.name);
    }
    Finding::new(FindingLevel::Good, "environment", message)
}

/// Reports a finding and returns the exit code that a refresh would have.
fn report(start: &Start, target: &str, finding: &Finding) -> u8 {
    let (name, mark, level) = match finding.level {
        FindingLevel::Good => ("good", "ok   ", Level::Info),
        FindingLevel::Warning => ("warning", "warn ", Level::Warn),
        FindingLevel::Bad => ("bad", "error", Level::Error),
    };
    let code = finding.status.map_or(0, Status::exit_code);
    let status = finding.status.map_or("", Status::name);
    let text = || {
        let place = match target {
            "" => finding.subject.clone(),
            target => format!("{target}: {}", finding.subject),
        };
        let mut text = format!("{mark}  {place}: {}\n", finding.message);
        if !finding.hint.is_empty() {
            text += &format!("       hint: {}\n", finding.hint);
        }
        if !status.is_empty() {
            text += &format!("       a refresh would end in {status} (exit code {code})\n");
        }
        text
    };
    match start.reporter.mode() {
        Mode::Json => start.reporter.print_json(&json!({
            "target": target,
            "subject": finding.subject,
            "level": name,
            "message": finding.message,
            "hint": finding.hint,
            "status": status,
            "exit_code": code,
        })),
        Mode::Text => start.reporter.print(&text()),
        Mode::Kestra => start.reporter.log(level, text().trim_end()),
    }
    code
}
