//! Results as text: a paragraph per target, a closing line for several, and the table of exit codes.
//!
//! Foreign text is put on one line or indented, so that a service's message cannot add a row to a
//! paragraph.

use std::time::Duration;

use clap::{Command, ValueEnum as _};

use super::clean::one_line;
use super::mode::Level;
use super::result::RefreshResult;
use super::summary::Summary;
use crate::secret::cut;
use crate::verdict::{Matched, Quota, Sent, Status};

/// The maximum width of a table's column: the longest name that Fabric allows.
const CELL_LIMIT: usize = 256;

/// The width of the longest label, `likely cause`.
const LABEL_WIDTH: usize = 12;

/// The outcome of a target, without a line end after the last line. `result` must be clean.
#[must_use]
pub fn paragraph(result: &RefreshResult, colored: bool) -> String {
    let mut lines = vec![head(result, colored)];
    // A list of errors has one per line. Rows are indented by two spaces: deeper lines cannot be
    // mistaken for one.
    for (number, line) in result.message.lines().map(one_line).enumerate() {
        if !line.is_empty() {
            let indent = if number == 0 { "  " } else { "    " };
            lines.push(format!("{indent}{line}"));
        }
    }
    let hint = one_line(&result.hint);
    if !hint.is_empty() {
        lines.push(format!("  hint: {hint}"));
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
    let status = status_word(result.status, colored);
    let target = one_line(&result.target);
    match one_line(&result.kind).as_str() {
        "" => format!("{status}  {target}"),
        kind => format!("{status}  {target} ({kind})"),
    }
}

fn rows(result: &RefreshResult) -> [(&'static str, String); 12] {
    [
        ("code", result.code.clone()),
        ("likely cause", result.likely_cause.clone()),
        ("retry at", result.retry_at.clone()),
        ("error", service_error(result)),
        ("quota", quota(&result.quota, "24 hours before")),
        ("trigger", trigger(result).to_owned()),
        ("started", result.started_at.clone()),
        ("ended", ended(result)),
        ("run", result.run.clone()),
        ("service run", service_run(result)),
        ("flow run", result.flow_run.clone()),
        ("exit code", result.exit_code.to_string()),
    ]
}

fn trigger(result: &RefreshResult) -> &'static str {
    match (result.replayed, result.sent) {
        (true, _) => "not sent: the result is from the audit log",
        (false, Sent::No) => "not sent",
        (false, Sent::Yes) => "sent",
        (false, Sent::Maybe) => "may have been sent",
    }
}

fn ended(result: &RefreshResult) -> String {
    if !result.has_duration() {
        return result.ended_at.clone();
    }
    let took = duration(Duration::from_millis(result.duration_ms));
    format!("{} ({took})", result.ended_at)
}

fn service_run(result: &RefreshResult) -> String {
    let remark = match (result.own_run, result.matched) {
        _ if result.service_run.is_empty() => "",
        (false, _) => " (not ours)",
        (true, Matched::Inferred) => " (matched by its start time)",
        (true, Matched::Exact | Matched::None) => "",
    };
    format!("{}{remark}", result.service_run)
}

/// The quota in this period; empty if it was not counted.
pub(super) fn quota(quota: &Quota, period: &str) -> String {
    if quota.limit == 0 {
        return String::new();
    }
    let slot = match quota.next_slot.as_str() {
        "" => String::new(),
        at => format!("; the next slot opens at {at}"),
    };
    format!(
        "{} of {} used in the {period}, {} left{slot}",
        quota.counted, quota.limit, quota.left
    )
}

fn service_error(result: &RefreshResult) -> String {
    let error = &result.service_error;
    let mut parts = vec![error.code.as_str(), error.message.as_str()];
    parts.retain(|part| !part.is_empty());
    let activity = match error.activity_id.as_str() {
        "" => String::new(),
        id => format!(" (activity {id})"),
    };
    parts.join(": ") + &activity
}

/// The closing line, for example `3 targets: 2 completed, 1 unknown; exit code 12`.
#[must_use]
pub fn closing_line(summary: &Summary) -> String {
    let names = Status::value_variants().iter().map(|status| status.name());
    let counted = names.filter_map(|name| match summary.counts.get(name) {
        None | Some(0) => None,
        Some(count) => Some(format!("{count} {name}")),
    });
    let counts = counted.collect::<Vec<_>>().join(", ");
    let targets = match summary.targets.len() {
        1 => "1 target".to_owned(),
        count => format!("{count} targets"),
    };
    format!("{targets}: {counts}; exit code {}", summary.exit_code)
}

/// A log line, for example `warning: the flow answered 429`. The message must be one line.
#[must_use]
pub fn log_line(level: Level, message: &str, colored: bool) -> String {
    let sgr = match level {
        Level::Error => "1;31",
        Level::Warn => "1;33",
        Level::Info => "1;36",
        Level::Debug | Level::Trace => "2",
    };
    let prefix = paint(&format!("{}:", level.word()), sgr, colored);
    format!("{prefix} {message}")
}

/// A duration: `850ms`, `12s`, `4m 12s`, `2h 05m`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{}ms", duration.as_millis()),
        (0, 0, _) => format!("{seconds}s"),
        (0, _, _) => format!("{minutes}m {:02}s", seconds % 60),
        _ => format!("{hours}h {:02}m", minutes % 60),
    }
}

/// The status: green is success, cyan is triggered, yellow needs attention, red is a failure. Color
/// is decoration: the word alone is enough.
fn status_word(status: Status, colored: bool) -> String {
    let sgr = match status {
        Status::Completed => "1;32",
        Status::Accepted => "1;36",
        Status::Skipped | Status::Unknown | Status::Cancelled => "1;33",
        _ => "1;31",
    };
    paint(status.name(), sgr, colored)
}

/// The word with this SGR code, or plain.
fn paint(word: &str, sgr: &str, colored: bool) -> String {
    if colored {
        format!("\u{1b}[{sgr}m{word}\u{1b}[0m")
    } else {
        word.to_owned()
    }
}

/// The statuses and their exit codes, for `--help`, as a list of clap, which wraps the meanings in
/// their column. The README has the same table with a column more.
#[must_use]
pub fn exit_codes(width: usize) -> String {
    let row = |status: &Status| {
        let (codes, name) = (codes(*status), status.name());
        Command::new(format!("{codes:8}  {name}")).about(status.meaning())
    };
    let mut list = Command::new("")
        .help_template("{subcommands}")
        .disable_help_subcommand(true)
        .term_width(width)
        .subcommands(Status::value_variants().iter().map(row));
    list.render_help().to_string()
}

/// A table with aligned columns. If it is wider than `width`, its widest column is truncated, but
/// never the first one, which holds ids.
#[must_use]
pub fn table(rows: &[Vec<String>], width: Option<usize>) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.len(), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().min(CELL_LIMIT).max(*width);
        }
    }
    let all: usize = widths.iter().map(|width| width + 2).sum();
    let excess = width.map_or(0, |width| all.saturating_sub(width + 2));
    if let Some(widest) = widths.iter_mut().skip(1).max() {
        // A dozen characters are still readable.
        *widest = widest.saturating_sub(excess).max(12.min(*widest));
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: String = cells
            .map(|(cell, width)| format!("{:width$}  ", cut(cell, *width)))
            .collect();
        format!("{}\n", cells.trim_end())
    };
    rows.iter().map(line).collect()
}

/// For example `130, 143`.
fn codes(status: Status) -> String {
    let codes: Vec<String> = status.exit_codes().iter().map(u8::to_string).collect();
    codes.join(", ")
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
