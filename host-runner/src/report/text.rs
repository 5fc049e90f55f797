//! Results for people: one paragraph per target, one closing line for several.
//!
//! Everything foreign is put on one line first, so that a service's message cannot add a row of
//! its own to a paragraph.

use super::clean::one_line;
use super::color::{paint, status_word};
use super::level::Level;
use super::result::RefreshResult;
use super::summary::Summary;
use crate::verdict::{Matched, Sent, Status};

/// Wide enough for the longest label, `likely cause`.
const LABEL_WIDTH: usize = 12;

/// What became of a target, as several lines without a line end after the last. `result` must
/// have been cleaned.
#[must_use]
pub fn paragraph(result: &RefreshResult, colored: bool) -> String {
    let mut lines = vec![head(result, colored)];
    let message = one_line(&result.message);
    if !message.is_empty() {
        lines.push(format!("  {message}"));
    }
    for (label, value) in rows(result) {
        let value = one_line(&value);
        if !value.is_empty() {
            lines.push(format!("  {label:LABEL_WIDTH$}  {value}"));
        }
    }
    lines.join("\n")
}

/// For example `unknown  order_list (power-automate)`.
fn head(result: &RefreshResult, colored: bool) -> String {
    let kind = match one_line(&result.kind) {
        kind if kind.is_empty() => kind,
        kind => format!(" ({kind})"),
    };
    let word = status_word(result.status, colored);
    format!("{word}  {}{kind}", one_line(&result.target))
}

fn rows(result: &RefreshResult) -> Vec<(&'static str, String)> {
    let own = |text: &str| text.to_owned();
    vec![
        ("code", own(&result.code)),
        ("likely cause", own(&result.likely_cause)),
        ("do next", own(&result.hint)),
        ("retry at", own(&result.retry_at)),
        ("service said", service_error(result)),
        ("quota", quota(result)),
        ("trigger", own(trigger(result))),
        ("started", own(&result.started_at)),
        ("ended", ended(result)),
        ("run", own(&result.run)),
        ("service run", service_run(result)),
        ("flow run", own(&result.flow_run)),
        ("exit code", result.exit_code.to_string()),
    ]
}

fn trigger(result: &RefreshResult) -> &'static str {
    match (result.replayed, result.sent) {
        (true, _) => "not sent now: answered from the audit log",
        (false, Sent::No) => "not sent",
        (false, Sent::Yes) => "sent",
        (false, Sent::Maybe) => "may have been sent",
    }
}

fn ended(result: &RefreshResult) -> String {
    if result.has_duration() {
        format!("{} ({})", result.ended_at, duration(result.duration_ms))
    } else {
        result.ended_at.clone()
    }
}

fn service_run(result: &RefreshResult) -> String {
    let remark = match (result.own_run, result.matched) {
        _ if result.service_run.is_empty() => "",
        (false, _) => " (not ours)",
        (true, Matched::Inferred) => " (ours by its time)",
        (true, Matched::Exact | Matched::None) => "",
    };
    format!("{}{remark}", result.service_run)
}

/// What was counted before the trigger; nothing where nobody counted.
fn quota(result: &RefreshResult) -> String {
    let quota = &result.quota;
    if quota.limit == 0 {
        return String::new();
    }
    let slot = match quota.next_slot.as_str() {
        "" => String::new(),
        at => format!("; the next slot opens at {at}"),
    };
    format!(
        "{} of {} used in the 24 h before, {} left{slot}",
        quota.counted, quota.limit, quota.left
    )
}

fn service_error(result: &RefreshResult) -> String {
    let error = &result.service_error;
    let mut said = [error.code.as_str(), error.message.as_str()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    if !error.activity_id.is_empty() {
        said.push_str(&format!(" (activity {})", error.activity_id));
    }
    said
}

/// The closing line, for example `3 targets: 2 completed, 1 unknown; exit code 12`.
#[must_use]
pub fn closing_line(summary: &Summary) -> String {
    let counts = Status::TABLE
        .iter()
        .filter_map(|row| {
            let count = summary.counts.get(row.name).copied().unwrap_or(0);
            (count > 0).then(|| format!("{count} {}", row.name))
        })
        .collect::<Vec<_>>()
        .join(", ");
    let targets = summary.targets.len();
    format!(
        "{targets} targets: {counts}; exit code {}",
        summary.exit_code
    )
}

/// A line of a log, for example `warning: the flow answered 429`. The message must be one line.
#[must_use]
pub fn log_line(level: Level, message: &str, colored: bool) -> String {
    let sgr = match level {
        Level::Error => "1;31",
        Level::Warn => "1;33",
        Level::Info => "1;36",
        Level::Debug | Level::Trace => "2",
    };
    format!(
        "{} {message}",
        paint(&format!("{}:", level.word()), sgr, colored)
    )
}

/// A duration for people, from milliseconds: `850ms`, `12s`, `4m 12s`, `2h 05m`.
#[must_use]
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{milliseconds}ms"),
        (0, 0, _) => format!("{seconds}s"),
        (0, _, _) => format!("{minutes}m {:02}s", seconds % 60),
        _ => format!("{hours}h {:02}m", minutes % 60),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
