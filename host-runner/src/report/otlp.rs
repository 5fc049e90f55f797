//! The same frames with their logs and metrics as OTLP/JSON, which Kestra 2.0 reads.
//!
//! What is gained: each log entry has the moment at which it was written instead of that at which
//! the worker read it, and stands in the trace. What is not: Kestra 1.3 knows no such frames and would
//! show nothing, so they are sent only where somebody asked for them.
//!
//! Outputs stay as they are. Timers stay as well: Kestra 2.0 makes counters of delta sums and gauges of
//! everything else, and ignores histograms (`TaskLogLineMatcher.toKestraMetrics`), so that a duration
//! would arrive as a bare number without its unit, and charts of timers would lose it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::level::Level;
use crate::trace::Trace;

/// `AGGREGATION_TEMPORALITY_DELTA`: what Kestra adds to a counter.
const DELTA: u8 = 1;

/// Says logs and metrics in OTLP.
#[derive(Debug, Clone, Default)]
pub struct Otlp {
    /// The trace that the entries stand in.
    pub trace: Option<Trace>,
}

impl Otlp {
    /// The content of a plain frame, with its logs, counters and gauges in OTLP as of `now`.
    #[must_use]
    pub fn translated(&self, content: &Value, now: Timestamp) -> Value {
        let Some(content) = content.as_object() else {
            return content.clone();
        };
        // Since 1970, as int64; JSON has it as text.
        let nanos = now.as_nanosecond().to_string();
        let mut out = content.clone();
        let mut otlp = Map::new();
        if let Some(Value::Array(logs)) = out.remove("logs") {
            let records: Vec<Value> = logs
                .iter()
                .map(|log| self.log_record(log, &nanos))
                .collect();
            let scopes = json!([{"scope": scope(), "logRecords": records}]);
            let logs = json!([{"resource": resource(), "scopeLogs": scopes}]);
            otlp.insert("resourceLogs".to_owned(), logs);
        }
        if let Some(Value::Array(metrics)) = out.remove("metrics") {
            let (timers, others): (Vec<Value>, Vec<Value>) = metrics
                .into_iter()
                .partition(|metric| metric["type"] == "timer");
            let told: Vec<Value> = others
                .iter()
                .filter_map(|one| metric(one, &nanos))
                .collect();
            if !told.is_empty() {
                let scopes = json!([{"scope": scope(), "metrics": told}]);
                let metrics = json!([{"resource": resource(), "scopeMetrics": scopes}]);
                otlp.insert("resourceMetrics".to_owned(), metrics);
            }
            if !timers.is_empty() {
                out.insert("metrics".to_owned(), timers.into());
            }
        }
        if !otlp.is_empty() {
            out.insert("otlp".to_owned(), otlp.into());
        }
        Value::Object(out)
    }

    fn log_record(&self, log: &Value, nanos: &str) -> Value {
        let name = log["level"].as_str().unwrap_or_default();
        let mut audit_log = json!({
            "timeUnixNano": nanos,
            "severityNumber": severity(name),
            "severityText": name,
            "body": {"stringValue": log["message"]},
        });
        if let (Some(trace), Some(fields)) = (&self.trace, audit_log.as_object_mut()) {
            fields.insert("traceId".to_owned(), trace.trace_id().into());
            // The span that started us: we have none of our own to export.
            fields.insert("spanId".to_owned(), trace.parent_id().into());
        }
        audit_log
    }
}

/// The first number of each range of OpenTelemetry's log data model.
fn severity(name: &str) -> u8 {
    let of = |level: Level| level.kestra() == name;
    match name {
        _ if of(Level::Trace) => 1,
        _ if of(Level::Debug) => 5,
        _ if of(Level::Warn) => 13,
        _ if of(Level::Error) => 17,
        _ => 9,
    }
}

/// A counter as a delta sum, anything else as a gauge.
fn metric(plain: &Value, nanos: &str) -> Option<Value> {
    let attributes: Vec<Value> = plain["tags"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(attribute(name, value.as_str()?)))
        .collect();
    let mut point = json!({"timeUnixNano": nanos, "attributes": attributes});
    let value = match plain["value"].as_i64() {
        Some(whole) => ("asInt", Value::from(whole.to_string())),
        None => ("asDouble", plain["value"].as_f64()?.into()),
    };
    point.as_object_mut()?.insert(value.0.to_owned(), value.1);
    let data = json!([point]);
    Some(if plain["type"] == "counter" {
        let sum = json!({"dataPoints": data, "aggregationTemporality": DELTA, "isMonotonic": true});
        json!({"name": plain["name"], "sum": sum})
    } else {
        json!({"name": plain["name"], "gauge": {"dataPoints": data}})
    })
}

fn resource() -> Value {
    json!({"attributes": [
        attribute("service.name", env!("CARGO_PKG_NAME")),
        attribute("service.version", env!("CARGO_PKG_VERSION")),
    ]})
}

fn scope() -> Value {
    json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")})
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{in_kestra, invocation, verdict};
    use crate::report::frames::{frame, log, metrics};
    use crate::report::result::{ExitRules, RefreshResult};
    use crate::verdict::{Quota, Status};

    const NOW: &str = "2026-11-23T08:15:37.000000123Z";
    const NANOS: &str = "1795421737000000123";

    fn said(otlp: &Otlp, plain: &Value) -> Value {
        in_kestra(&frame(&otlp.translated(plain, NOW.parse().unwrap()))).unwrap()
    }

    #[test]
    fn a_log_entry_has_its_own_time_and_the_severity_of_its_level() {
        for (level, number) in [
            (Level::Trace, 1),
            (Level::Debug, 5),
            (Level::Info, 9),
            (Level::Warn, 13),
            (Level::Error, 17),
        ] {
            let read = said(&Otlp::default(), &log(level, "line one\nline two"));
            assert!(read.get("logs").is_none(), "it would be shown twice");
            let logs = &read["otlp"]["resourceLogs"][0];
            let audit_log = &logs["scopeLogs"][0]["logRecords"][0];
            assert_eq!(audit_log["timeUnixNano"], NANOS);
            assert_eq!(audit_log["severityNumber"], number);
            assert_eq!(audit_log["severityText"], level.kestra());
            assert_eq!(audit_log["body"]["stringValue"], "line one\nline two");
            assert!(audit_log.get("traceId").is_none());
            let service = &logs["resource"]["attributes"][0];
            assert_eq!(service["key"], "service.name");
            assert_eq!(service["value"]["stringValue"], "host-runner");
        }
    }

    #[test]
    fn with_a_trace_the_entries_stand_in_it() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let otlp = Otlp {
            trace: Trace::parse(trace).ok(),
        };
        let read = said(&otlp, &log(Level::Info, "x"));
        let audit_log = &read["otlp"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(audit_log["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(audit_log["spanId"], "00f067aa0ba902b7");
    }

    #[test]
    fn counters_are_delta_sums_gauges_are_gauges_and_timers_stay_timers() {
        let mut told = verdict(Status::Completed);
        told.quota = Quota {
            limit: 8,
            counted: 3,
            left: 5,
            ..Quota::default()
        };
        let result = RefreshResult::new(&told, &invocation("a"), &ExitRules::default());
        let read = said(&Otlp::default(), &metrics(&result));
        let plain: Vec<&str> = read["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| {
                assert_eq!(metric["type"], "timer");
                metric["name"].as_str().unwrap()
            })
            .collect();
        assert_eq!(
            plain,
            ["powerbi.refresh.duration", "powerbi.refresh.a.duration"]
        );
        let all = read["otlp"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
            .as_array()
            .unwrap();
        let find = |name: &str| all.iter().find(|metric| metric["name"] == name).unwrap();
        let calls = find("powerbi.refresh.http_calls");
        assert_eq!(calls["sum"]["aggregationTemporality"], 1);
        assert_eq!(calls["sum"]["isMonotonic"], true);
        let point = &calls["sum"]["dataPoints"][0];
        assert_eq!(point["asInt"], "7", "int64 is text in OTLP/JSON");
        assert_eq!(point["timeUnixNano"], NANOS);
        let mut tags: Vec<(&str, &str)> = point["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| {
                let text = |value: &'_ Value| value.as_str().unwrap().to_owned().leak() as &str;
                (text(&tag["key"]), text(&tag["value"]["stringValue"]))
            })
            .collect();
        tags.sort_unstable();
        assert_eq!(tags, [("kind", "power-automate"), ("target", "a")]);
        find("powerbi.refresh.completed");
        let left = find("powerbi.refresh.a.quota_left");
        assert_eq!(left["gauge"]["dataPoints"][0]["asInt"], "5");
        assert!(left.get("sum").is_none());
    }

    #[test]
    fn outputs_stay_as_they_are() {
        let plain = json!({"outputs": {"status": "completed"}});
        assert_eq!(said(&Otlp::default(), &plain), plain);
    }
}
