//! What a Kestra worker reads: whole lines `::{json}::` with outputs, logs and metrics.
//!
//! The worker matches each line against `^::(\{.*})::$`, in Java, where `.` stops at CR, LF,
//! U+0085, U+2028 and U+2029. A line that does not match is printed as plain text and its content
//! is lost; a frame with a log level or metric type that Kestra does not know is dropped whole.
//!
//! Two kinds of frames end the worker's reader and close our pipe, so [`frame`] refuses to make
//! them: `assets` (the open-source edition throws on it) and a metric without a number.

use serde_json::{Map, Value, json};

use super::bounds;
use super::clean;
use super::json::value_line;
use super::level::Level;
use super::result::RefreshResult;
use super::summary::Summary;
use crate::verdict::Status;

/// Kestra cuts a log message into entries of this many characters
/// (`RunContextLogger.MAX_MESSAGE_LENGTH`). A longer one is cut here, so that one message stays
/// one entry.
pub const LOG_MESSAGE_LIMIT: usize = 15 * 1024;

/// One line that Kestra reads, without its line end. Leaves out what would end the reader; what is
/// not an object becomes an empty frame.
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
    format!("::{}::", value_line(&Value::Object(content)))
}

/// The content of a frame that logs a message. Line ends within it stay one entry.
#[must_use]
pub fn log(level: Level, message: &str) -> Value {
    json!({"logs": [{"level": level.kestra(), "message": clean::cut(message, LOG_MESSAGE_LIMIT)}]})
}

/// The level at which a result is logged: a good one at INFO, one that was held back or that is
/// not to turn a flow red at WARN, everything else at ERROR.
#[must_use]
pub fn result_level(result: &RefreshResult) -> Level {
    match result.status {
        Status::Completed | Status::Accepted if result.exit_code == 0 => Level::Info,
        Status::Skipped => Level::Warn,
        _ if result.exit_code == 0 => Level::Warn,
        _ => Level::Error,
    }
}

/// The outputs known so far, while more may come: `refreshes` alone, but whole, because Kestra
/// replaces a key that comes again instead of merging it.
#[must_use]
pub fn outputs_so_far(results: &[RefreshResult]) -> Value {
    bounds::fitting(
        results,
        |results, _| json!({"outputs": {"refreshes": by_name(results)}}),
    )
}

/// The outputs at the end: `refreshes`, `summary`, and of exactly one target its fields at the top
/// level as well.
#[must_use]
pub fn outputs(results: &[RefreshResult], summary: &Summary) -> Value {
    bounds::fitting(results, |kept, left_out| {
        let mut summary = summary.clone();
        if left_out > 0 {
            summary.left_out = left_out;
            summary.targets = kept.iter().map(|result| result.target.clone()).collect();
        }
        let mut outputs = match kept {
            [only] if left_out == 0 => fields(only),
            _ => Map::new(),
        };
        outputs.insert("refreshes".to_owned(), by_name(kept));
        // Names, numbers and lists only: serialising them cannot fail.
        outputs.insert(
            "summary".to_owned(),
            serde_json::to_value(&summary).unwrap_or_default(),
        );
        json!({"outputs": outputs})
    })
}

/// The content of a frame with the metrics of one result. Each has the tags `target` and `kind`:
/// Kestra's metric registry wants one set of tag names per metric.
///
/// A timer is in seconds. Where the duration is not known there is none, since a 0 would pull down
/// every average. A result from the audit log counts neither its status nor its calls again.
#[must_use]
pub fn metrics(result: &RefreshResult) -> Value {
    let tags = json!({"target": result.target, "kind": result.kind});
    let metric = |kind: &str, name: String, value: Value| json!({"type": kind, "name": name, "value": value, "tags": tags});
    let calls = if result.replayed {
        0
    } else {
        result.http_calls
    };
    let mut metrics = vec![metric(
        "counter",
        "powerbi.refresh.http_calls".into(),
        calls.into(),
    )];
    if !result.replayed {
        let name = format!("powerbi.refresh.{}", result.status.name());
        metrics.push(metric("counter", name, 1.into()));
    }
    if result.has_duration() {
        let seconds =
            Value::from(std::time::Duration::from_millis(result.duration_ms).as_secs_f64());
        let own = format!("powerbi.refresh.{}.duration", result.target);
        metrics.push(metric(
            "timer",
            "powerbi.refresh.duration".into(),
            seconds.clone(),
        ));
        metrics.push(metric("timer", own, seconds));
    }
    if result.quota.limit > 0 && !result.replayed {
        let name = format!("powerbi.refresh.{}.quota_left", result.target);
        metrics.push(metric("gauge", name, result.quota.left.into()));
    }
    json!({"metrics": metrics})
}

/// The outputs of a dry run: `plans` with all plans so far, because Kestra replaces a key that comes
/// again; of a target that is `alone` its fields at the top level as well.
#[must_use]
pub fn plans(plans: &[Value], alone: bool) -> Value {
    bounds::fitting_rows(plans, |kept, _| {
        let mut outputs = match kept {
            [Value::Object(fields)] if alone => fields.clone(),
            _ => Map::new(),
        };
        let name = |plan: &Value| plan["target"].as_str().unwrap_or_default().to_owned();
        let by_name: Map<_, _> = kept.iter().map(|plan| (name(plan), plan.clone())).collect();
        outputs.insert("plans".to_owned(), by_name.into());
        json!({"outputs": outputs})
    })
}

/// The content of a frame with the metrics of one plan, where there is anything to measure.
#[must_use]
pub fn plan_metrics(kind: &str, plan: &Value) -> Option<Value> {
    let quota = &plan["quota"];
    if quota["limit"].as_u64().unwrap_or(0) == 0 {
        return None;
    }
    let target = plan["target"].as_str()?;
    Some(json!({"metrics": [{
        "type": "gauge",
        "name": format!("powerbi.refresh.{target}.quota_left"),
        "value": quota["left"],
        "tags": {"target": target, "kind": kind},
    }]}))
}

/// The outputs of a list of runs, newest first. `left_out` says how many more there were that the
/// outputs have no room for: the oldest.
#[must_use]
pub fn recorded_runs(runs: &[Value]) -> Value {
    bounds::fitting_rows(runs, |kept, left_out| {
        let ids: Vec<&Value> = kept.iter().map(|run| &run["run"]).collect();
        json!({"outputs": {
            "runs": kept,
            "run_ids": ids,
            "count": kept.len(),
            "left_out": left_out,
        }})
    })
}

fn by_name(results: &[RefreshResult]) -> Value {
    let entry = |result: &RefreshResult| (result.target.clone(), Value::Object(fields(result)));
    Value::Object(results.iter().map(entry).collect())
}

fn fields(result: &RefreshResult) -> Map<String, Value> {
    // Strings, numbers and flags only: serialising them cannot fail.
    match serde_json::to_value(result) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
