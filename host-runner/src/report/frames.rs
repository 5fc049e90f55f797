//! Frames for a Kestra worker: lines `::{json}::` with outputs, logs and metrics.
//!
//! The worker matches each line against `^::(\{.*})::$`, in Java, where `.` stops at CR, LF,
//! U+0085, U+2028 and U+2029. It prints a line that does not match as plain text, and drops a frame
//! with a log level or metric type that it does not know.
//!
//! Two kinds of frames end the worker's reader and close our pipe, so [`frame`] never writes them:
//! `assets` (the open-source edition throws an exception) and a metric without a number.
//!
//! Outputs stay far below Kestra's limit: a task result above it loses all its outputs and fails the
//! task. Long texts are truncated first; if hundreds of targets are still too many, the best results
//! are left out, because a flow needs to see what failed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clean::json_line;
use super::mode::Level;
use super::result::RefreshResult;
use super::summary::{Summary, badness};
use crate::secret::{cut, map_texts};
use crate::trace::Trace;
use crate::verdict::Status;

/// The length at which Kestra splits a log message, in characters
/// (`RunContextLogger.MAX_MESSAGE_LENGTH`). A longer message is truncated, so that it stays one
/// entry.
pub const LOG_MESSAGE_LIMIT: usize = 15 * 1024;

/// The maximum size of the outputs, in bytes of JSON. Kestra's limit for a whole task result is 1 MiB
/// (`kestra.queue.message-protection.limit`); a quarter leaves room for the rest of the task run and
/// for JSON quoted within JSON.
const OUTPUTS_LIMIT: usize = 256 * 1024;

/// The maximum lengths of texts, in characters, in the order in which they are tried. Ids, names and
/// times stay whole: the longest id, that of a flow's transaction, has fewer than 200.
const TEXT_LIMITS: [usize; 5] = [usize::MAX, 8192, 2048, 512, 200];

/// A frame as one line, without its line end. Leaves out what would end the worker's reader; content
/// that is not an object becomes an empty frame.
#[must_use]
pub fn frame(content: &Value) -> String {
    let Some(content) = content.as_object() else {
        return "::{}::".to_owned();
    };
    let mut content = content.clone();
    content.remove("assets");
    if let Some(metrics) = content.get_mut("metrics").and_then(Value::as_array_mut) {
        metrics.retain(|metric| metric.get("value").is_some_and(Value::is_number));
    }
    format!("::{}::", json_line(&content))
}

/// A log entry. Line ends stay within the entry.
#[must_use]
pub fn log(level: Level, message: &str) -> Value {
    json!({"logs": [{"level": level.kestra(), "message": cut(message, LOG_MESSAGE_LIMIT)}]})
}

/// The level of a result: INFO for a success, WARN for `skipped` and for statuses that exit 0 on
/// request, otherwise ERROR.
#[must_use]
pub fn result_level(result: &RefreshResult) -> Level {
    match (result.status, result.exit_code) {
        (Status::Completed | Status::Accepted, 0) => Level::Info,
        (Status::Skipped, _) | (_, 0) => Level::Warn,
        _ => Level::Error,
    }
}

/// The outputs: `refreshes`, `summary`, and for a single target its fields at top level. There is one
/// such frame, at the end, because Kestra replaces a key that comes again instead of merging it:
/// results that come one by one would each have to repeat all earlier ones.
#[must_use]
pub fn outputs(results: &[RefreshResult], summary: &Summary) -> Value {
    let mut sorted: Vec<&RefreshResult> = results.iter().collect();
    sorted.sort_by_key(|result| badness(result));
    let rows: Vec<Value> = sorted.iter().map(|result| json!(result)).collect();
    fit(&rows, |kept, left_out| {
        let mut summary = summary.clone();
        if left_out > 0 {
            summary.left_out = left_out;
            summary.targets = kept.iter().map(target).collect();
        }
        let mut outputs = named("refreshes", kept, left_out == 0);
        outputs.insert("summary".to_owned(), json!(summary));
        json!({"outputs": outputs})
    })
}

/// Outputs with the rows below `key`, and at top level the fields of a single row that is `alone`.
fn named(key: &str, rows: &[Value], alone: bool) -> Map<String, Value> {
    let mut outputs = match rows {
        [Value::Object(fields)] if alone => fields.clone(),
        _ => Map::new(),
    };
    let by_name = rows.iter().map(|row| (target(row), row.clone()));
    outputs.insert(key.to_owned(), by_name.collect());
    outputs
}

fn target(row: &Value) -> String {
    row["target"].as_str().unwrap_or_default().to_owned()
}

/// The metrics of a result. Each has the tags `target` and `kind`, because Kestra's registry requires
/// one set of tag names per metric.
///
/// Timers are in seconds. There is no timer if the duration is not known: a 0 would distort every
/// average. A replayed result counts neither its status nor its calls again.
#[must_use]
pub fn metrics(result: &RefreshResult) -> Value {
    let (target, quota) = (&result.target, &result.quota);
    let metric = |form, name: &str, value| metric(form, name, &value, target, &result.kind);
    let calls = u32::from(!result.replayed) * result.http_calls;
    let mut metrics = vec![metric("counter", "http_calls", calls.into())];
    if !result.replayed {
        metrics.push(metric("counter", result.status.name(), 1.into()));
    }
    if result.has_duration() {
        let seconds = json!(Duration::from_millis(result.duration_ms).as_secs_f64());
        metrics.push(metric("timer", "duration", seconds.clone()));
        metrics.push(metric("timer", &format!("{target}.duration"), seconds));
    }
    if quota.limit > 0 && !result.replayed {
        let name = format!("{target}.quota_left");
        metrics.push(metric("gauge", &name, quota.left.into()));
    }
    json!({"metrics": metrics})
}

fn metric(form: &str, name: &str, value: &Value, target: &str, kind: &str) -> Value {
    json!({
        "type": form,
        "name": format!("powerbi.refresh.{name}"),
        "value": value,
        "tags": {"target": target, "kind": kind},
    })
}

/// The outputs of a dry run: `plans`, and for a plan that is `alone` its fields at top level.
#[must_use]
pub fn plans(plans: &[Value], alone: bool) -> Value {
    fit(
        plans,
        |kept, _| json!({"outputs": named("plans", kept, alone)}),
    )
}

/// The metrics of a plan, if it has a quota.
#[must_use]
pub fn plan_metrics(kind: &str, plan: &Value) -> Option<Value> {
    let (quota, target) = (&plan["quota"], target(plan));
    let name = format!("{target}.quota_left");
    let gauge = || metric("gauge", &name, &quota["left"], &target, kind);
    (quota["limit"] != 0).then(|| json!({"metrics": [gauge()]}))
}

/// The outputs of a list of runs, newest first. `left_out` is the number of older runs that do not
/// fit.
#[must_use]
pub fn listed_runs(runs: &[Value]) -> Value {
    fit(runs, |kept, left_out| {
        let ids: Vec<&Value> = kept.iter().map(|run| &run["run"]).collect();
        let count = kept.len();
        json!({"outputs": {"runs": kept, "run_ids": ids, "count": count, "left_out": left_out}})
    })
}

/// Builds outputs within [`OUTPUTS_LIMIT`]: with ever shorter texts, then with ever fewer rows from
/// the start. `build` receives the rows and the number of those left out.
fn fit(rows: &[Value], build: impl Fn(&[Value], usize) -> Value) -> Value {
    let (mut kept, mut value) = (Vec::new(), Value::Null);
    let fits = |value: &Value| json_line(value).len() <= OUTPUTS_LIMIT;
    for limit in TEXT_LIMITS {
        let shorter = |row: &Value| map_texts(row, &|text| cut(text, limit));
        kept = rows.iter().map(shorter).collect();
        value = build(&kept, 0);
        if fits(&value) {
            return value;
        }
    }
    while !kept.is_empty() && !fits(&value) {
        kept.truncate(kept.len() / 2);
        value = build(&kept, rows.len() - kept.len());
    }
    value
}

/// `AGGREGATION_TEMPORALITY_DELTA`: Kestra adds such a sum to a counter.
const DELTA: u8 = 1;

/// Translates frames to OTLP/JSON, which Kestra 2.0 and 1.3.34 read, and 1.3.31 drops.
///
/// Log entries then have the time at which they were written instead of the time at which the worker
/// read them, and belong to the trace. Outputs stay as they are. Timers stay too: Kestra 2.0 turns
/// delta sums into counters and everything else into gauges, and ignores histograms
/// (`TaskLogLineMatcher.toKestraMetrics`), so a duration would lose its unit.
#[derive(Debug, Clone, Default)]
pub struct Otlp {
    /// The trace of the log entries.
    pub trace: Option<Trace>,
}

impl Otlp {
    /// The content of a frame with its logs, counters and gauges as OTLP at the time `now`.
    #[must_use]
    pub fn translate(&self, content: &Value, now: Timestamp) -> Value {
        // JSON has an int64 as text.
        let nanos = now.as_nanosecond().to_string();
        let mut out = content.as_object().cloned().unwrap_or_default();
        let mut otlp = Map::new();
        if let Some(Value::Array(logs)) = out.remove("logs") {
            let records = logs.iter().map(|log| self.log_record(log, &nanos));
            let logs = of_service("scopeLogs", "logRecords", records.collect());
            otlp.insert("resourceLogs".to_owned(), logs);
        }
        if let Some(Value::Array(metrics)) = out.remove("metrics") {
            let (timers, others): (Vec<Value>, Vec<Value>) = metrics
                .into_iter()
                .partition(|metric| metric["type"] == "timer");
            if !timers.is_empty() {
                out.insert("metrics".to_owned(), timers.into());
            }
            let translated = others.iter().map(|plain| otlp_metric(plain, &nanos));
            let metrics = of_service("scopeMetrics", "metrics", translated.collect());
            otlp.insert("resourceMetrics".to_owned(), metrics);
        }
        if !otlp.is_empty() {
            out.insert("otlp".to_owned(), otlp.into());
        }
        Value::Object(out)
    }

    fn log_record(&self, log: &Value, nanos: &str) -> Value {
        let level = &log["level"];
        let mut record = json!({
            "timeUnixNano": nanos,
            "severityNumber": severity(level.as_str().unwrap_or_default()),
            "severityText": level,
            "body": {"stringValue": log["message"]},
        });
        if let (Some(trace), Some(fields)) = (&self.trace, record.as_object_mut()) {
            fields.insert("traceId".to_owned(), trace.trace_id().into());
            // The span that started us: we export none of our own.
            fields.insert("spanId".to_owned(), trace.parent_id().into());
        }
        record
    }
}

/// Log records or metrics of this program, nested as OTLP requires.
fn of_service(scopes: &str, records: &str, all: Vec<Value>) -> Value {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let attributes = [
        attribute("service.name", name),
        attribute("service.version", version),
    ];
    json!([{
        "resource": {"attributes": attributes},
        scopes: [{"scope": {"name": name, "version": version}, records: all}],
    }])
}

/// The first number of each range in OpenTelemetry's log data model.
fn severity(level: &str) -> u8 {
    match level {
        "TRACE" => 1,
        "DEBUG" => 5,
        "WARN" => 13,
        "ERROR" => 17,
        _ => 9,
    }
}

/// A counter as a delta sum, a gauge as a gauge. All of them are whole numbers.
fn otlp_metric(plain: &Value, nanos: &str) -> Value {
    let tags = &plain["tags"];
    let tag = |name, value: &Value| attribute(name, value.as_str().unwrap_or_default());
    let point = json!({
        "timeUnixNano": nanos,
        "attributes": [tag("kind", &tags["kind"]), tag("target", &tags["target"])],
        "asInt": plain["value"].to_string(),
    });
    let name = &plain["name"];
    if plain["type"] == "counter" {
        let sum =
            json!({"dataPoints": [point], "aggregationTemporality": DELTA, "isMonotonic": true});
        json!({"name": name, "sum": sum})
    } else {
        json!({"name": name, "gauge": {"dataPoints": [point]}})
    }
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
