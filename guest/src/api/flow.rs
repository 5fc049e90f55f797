//! Flows with an HTTP trigger: the JSON object that a trigger carries, and what a Response reports.
//!
//! The payload overrides the standard fields. It must be an object, because the trigger's schema
//! describes one. Its values go out as they were written, digits and order included.
//!
//! A Response answers our own request, so there is no doubt which run it is about. Its JSON field
//! `status` decides if it is `completed`, `started` or `failed`; any other success only shows that
//! the flow ran.

use std::hash::{BuildHasherDefault, DefaultHasher};

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

use super::error::ErrorDetails;
use super::reply::{object_in, to_json};
use crate::contract::{RefreshError, ServiceError, TriggerBody, invalid};
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, Redactor};

/// `trigger_type` as the flows in use expect it.
const TRIGGER_TYPE: &str = "Gen1_Dataflow_Refresh";
/// The deepest nesting that is sent: `RawValue` has no limit of its own.
const MOST_LEVELS: u32 = 64;

/// The fields of an object in their order. If a name is repeated, its last value counts. The hasher
/// is not seeded, so that the component imports no source of random numbers.
type Fields<'a> = IndexMap<String, &'a RawValue, BuildHasherDefault<DefaultHasher>>;

/// The body of a trigger that is sent at `timestamp`.
pub(crate) fn trigger_body(body: &TriggerBody, timestamp: &str) -> Result<String, RefreshError> {
    let payload = payload(body)?;
    if !body.standard_fields {
        return Ok(body.payload.clone());
    }
    // Only the payload can give the fifth standard field, `workspace`.
    let standard = [
        ("trigger_type", TRIGGER_TYPE),
        ("dataflow_name", &body.dataflow_name),
        ("timestamp", timestamp),
        ("source", &body.source),
    ]
    .map(|(name, value)| (name, to_raw_value(value).unwrap_or_default()));
    let is_sent = |name: &str| name != "source" || !body.source.is_empty();
    let mut fields: Fields<'_> = standard
        .iter()
        .filter(|(name, _)| is_sent(name))
        .map(|(name, value)| ((*name).to_owned(), value.as_ref()))
        .collect();
    fields.extend(payload);
    Ok(to_json(&fields))
}

/// The name of the dataflow in a trigger's body.
pub(crate) fn dataflow_name(body: &TriggerBody) -> Option<String> {
    let payload = payload(body).ok()?;
    match payload.get("dataflow_name") {
        Some(name) => serde_json::from_str(name.get()).ok(),
        None => Some(body.dataflow_name.clone()).filter(|_| body.standard_fields),
    }
}

fn payload(body: &TriggerBody) -> Result<Fields<'_>, RefreshError> {
    let message = match serde_json::from_str::<Fields<'_>>(&body.payload) {
        Ok(payload) if nested_at_most(&body.payload).is_some() => return Ok(payload),
        Ok(_) => format!("The payload is nested more than {MOST_LEVELS} levels deep."),
        Err(error) if error.is_data() => "The payload is not a JSON object.".to_owned(),
        // The parser's own text may quote the payload.
        Err(error) => format!(
            "The payload is not valid JSON at line {}, column {}.",
            error.line(),
            error.column()
        ),
    };
    let hint = "Give it as `{\"name\": \"value\"}`, or `{}` for none.";
    Err(invalid("payload_not_an_object", message, hint))
}

/// The JSON value, unless it is nested too deeply to be sent.
pub(super) fn nested_at_most(json: &str) -> Option<&RawValue> {
    fn fits(json: &str, levels: u32) -> bool {
        let Some(inner) = levels.checked_sub(1) else {
            return false;
        };
        let fits = |value: &RawValue| fits(value.get(), inner);
        match json.bytes().next() {
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json)
                .is_ok_and(|values| values.into_iter().all(fits)),
            Some(b'{') => serde_json::from_str::<Fields<'_>>(json)
                .is_ok_and(|fields| fields.into_values().all(fits)),
            _ => true,
        }
    }
    let value: &RawValue = serde_json::from_str(json).ok()?;
    fits(value.get(), MOST_LEVELS).then_some(value)
}

/// What a successful Response reports. A message may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FlowResponse {
    /// The refresh completed.
    Completed(String),
    /// The refresh was started.
    Started(String),
    /// The refresh failed.
    Failed(ServiceError),
    /// An error, without that the refresh failed.
    Error(ServiceError),
    /// A status that is not understood.
    Unknown(ServiceError),
    /// The flow ran; the body, which may be empty, reports nothing about the refresh.
    Unclear(ServiceError),
    /// The flow has no Response action.
    None,
    /// The Response comes later, at this `Location`.
    Later(String),
}

impl FlowResponse {
    /// Reads a 2xx.
    pub(crate) fn of(answer: &HttpAnswer, redactor: &Redactor) -> Self {
        if let (202, Some(location)) = (answer.status, answer.header("location")) {
            return Self::Later(location.to_owned());
        }
        let error = || ErrorDetails::of(answer).redacted(redactor);
        let Some(fields) = object_in::<Fields<'_>>(answer) else {
            return match answer.status {
                202 => Self::None,
                _ => Self::Unclear(error()),
            };
        };
        let named = |name: &str| {
            let mut fields = fields.iter();
            fields.find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let text = |name: &str| -> String {
            let text = named(name).and_then(|(_, text)| serde_json::from_str(text.get()).ok());
            text.unwrap_or_default()
        };
        let status = text("status");
        let message = || redactor.line(&text("message"), MESSAGE_LIMIT);
        match status.to_ascii_lowercase().trim() {
            "failed" | "failure" | "error" => Self::Failed(error()),
            _ if fields
                .iter()
                .any(|(name, value)| reports_error(name, value.get())) =>
            {
                Self::Error(error())
            }
            "completed" => Self::Completed(message()),
            "started" => Self::Started(message()),
            "" if answer.status == 202 => Self::None,
            "" => Self::Unclear(error()),
            _ => Self::Unknown(error()),
        }
    }
}

/// Whether a field of a Response reports that something failed, whatever its `status` is.
fn reports_error(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_filled = !["null", "\"\"", "{}", "[]", "false", "0"].contains(&value);
    match name.as_str() {
        "statuscode" => value
            .trim_matches('"')
            .parse()
            .is_ok_and(|status: u16| status >= 400),
        "success" => value == "false",
        "reason" | "code" => is_filled,
        _ => is_filled && (name.contains("error") || name.contains("exception")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, with};

    const NOW: &str = "2026-11-23T18:15:37+10:00";

    fn body(payload: &str, standard_fields: bool) -> TriggerBody {
        TriggerBody {
            payload: payload.into(),
            standard_fields,
            dataflow_name: "order_list".into(),
            source: "host-runner".into(),
        }
    }

    fn sent(payload: &str) -> serde_json::Value {
        serde_json::from_str(&trigger_body(&body(payload, true), NOW).unwrap()).unwrap()
    }

    #[test]
    fn an_empty_payload_leaves_the_standard_fields_without_a_workspace() {
        assert_eq!(
            sent("{}"),
            serde_json::json!({
                "trigger_type": "Gen1_Dataflow_Refresh",
                "dataflow_name": "order_list",
                "timestamp": NOW,
                "source": "host-runner",
            })
        );
    }

    #[test]
    fn the_payload_overrides_the_standard_fields() {
        let sent = sent(
            r#"{"dataflow_name":"Master Order List","workspace":"Data Admin","n":1,"timestamp":null}"#,
        );
        assert_eq!(sent["dataflow_name"], "Master Order List");
        assert_eq!(sent["workspace"], "Data Admin");
        assert_eq!(sent["n"], 1);
        assert!(sent["timestamp"].is_null());
        assert_eq!(sent["source"], "host-runner");
    }

    #[test]
    fn an_empty_source_is_left_out_unless_the_payload_has_one() {
        let sent = |payload: &str| -> serde_json::Value {
            let body = TriggerBody {
                source: String::new(),
                ..body(payload, true)
            };
            serde_json::from_str(&trigger_body(&body, NOW).unwrap()).unwrap()
        };
        assert!(sent("{}").get("source").is_none());
        assert_eq!(sent(r#"{"source":"x"}"#)["source"], "x");
    }

    #[test]
    fn numbers_and_order_stay_as_written() {
        let text = r#"{"b":1.10,"a":12345678901234567890123,"n":{"x":[-0, 1e400]},"b":1.20}"#;
        assert_eq!(trigger_body(&body(text, false), NOW).unwrap(), text);
        let merged = trigger_body(&body(text, true), NOW).unwrap();
        let tail = r#""b":1.20,"a":12345678901234567890123,"n":{"x":[-0, 1e400]}}"#;
        assert!(merged.ends_with(tail), "{merged}");
    }

    #[test]
    fn a_payload_that_is_nested_too_deeply_is_refused() {
        let nested =
            |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(trigger_body(&body(&nested(60), true), NOW).is_ok());
        for depth in [100, 100_000] {
            assert!(trigger_body(&body(&nested(depth), true), NOW).is_err());
        }
    }

    #[test]
    fn a_payload_that_is_not_an_object_is_refused_and_never_quoted() {
        for text in [
            "",
            "[]",
            "\"INVENTED-secret\"",
            "1",
            "null",
            "{",
            "{\"INVENTED-secret\"}",
        ] {
            for standard_fields in [true, false] {
                let refused = trigger_body(&body(text, standard_fields), NOW);
                let Err(RefreshError::Invalid(problem)) = refused else {
                    panic!("{text}");
                };
                assert_eq!(problem.code, "payload_not_an_object");
                assert!(!problem.message.contains("INVENTED"));
            }
        }
    }

    #[test]
    fn the_dataflow_name_in_the_body_is_known() {
        assert_eq!(
            dataflow_name(&body("{}", true)).as_deref(),
            Some("order_list")
        );
        assert_eq!(dataflow_name(&body("{}", false)), None);
        let named = body(r#"{"dataflow_name":"X"}"#, false);
        assert_eq!(dataflow_name(&named).as_deref(), Some("X"));
    }

    fn response(status: u16, body: &str) -> FlowResponse {
        FlowResponse::of(&answer(status, body), &Redactor::default())
    }

    #[test]
    fn a_status_counts_in_any_case() {
        assert_eq!(
            response(200, r#"{"status":"Completed"}"#),
            FlowResponse::Completed(String::new())
        );
        assert_eq!(
            response(201, r#"{"status":"started","message":"run 1"}"#),
            FlowResponse::Started("run 1".into())
        );
        assert_eq!(
            response(202, r#"{"status":"started"}"#),
            FlowResponse::Started(String::new())
        );
        let FlowResponse::Failed(error) =
            response(200, r#"{"status":"FAILED","code":"OrderListEmpty"}"#)
        else {
            panic!("not failed");
        };
        assert_eq!(error.code, "OrderListEmpty");
    }

    #[test]
    fn any_other_body_is_unclear_and_never_success() {
        for body in [
            "",
            "OK",
            "[]",
            "{}",
            r#"{"status":true}"#,
            r#"{"state":"completed"}"#,
            "<html>completed</html>",
        ] {
            let read = response(200, body);
            assert!(matches!(read, FlowResponse::Unclear(_)), "{body}");
        }
    }

    #[test]
    fn an_error_or_an_unknown_status_is_never_success() {
        for (body, expected) in [
            (r#"{"error":{"code":"A"}}"#, "error"),
            (r#"{"error":"A"}"#, "error"),
            (r#"{"status":"completed","error":{"code":"A"}}"#, "error"),
            (r#"{"status":"completed","error":null}"#, "completed"),
            (r#"{"status":"completed","errorCode":"A"}"#, "error"),
            (r#"{"status":"completed","errors":[1]}"#, "error"),
            (r#"{"status":"completed","Error":{"code":"A"}}"#, "error"),
            (r#"{"status":"completed","statusCode":500}"#, "error"),
            (r#"{"status":"completed","statusCode":200}"#, "completed"),
            (r#"{"success":false}"#, "error"),
            (r#"{"ExceptionMessage":"m"}"#, "error"),
            (r#"{"Status":"Failed"}"#, "failed"),
            ("\u{feff}{\"status\":\"failed\"}", "failed"),
            (r#"{"Message":"m","Reason":"Bad Request"}"#, "error"),
            (r#"{"errorCode":"A"}"#, "error"),
            (r#"{"status":"error"}"#, "failed"),
            (r#"{"status":"failed","error":{}}"#, "failed"),
            (r#"{"status":"success"}"#, "unknown"),
            (r#"{"status":"cancelled"}"#, "unknown"),
        ] {
            for status in [200, 202] {
                let found = match response(status, body) {
                    FlowResponse::Error(_) => "error",
                    FlowResponse::Failed(_) => "failed",
                    FlowResponse::Unknown(_) => "unknown",
                    FlowResponse::Completed(_) => "completed",
                    _ => "other",
                };
                assert_eq!(found, expected, "{status} {body}");
            }
        }
    }

    #[test]
    fn a_202_without_a_location_means_that_the_flow_has_no_response() {
        assert_eq!(response(202, ""), FlowResponse::None);
        let later = with(answer(202, ""), "location", "/runs/1");
        assert_eq!(
            FlowResponse::of(&later, &Redactor::default()),
            FlowResponse::Later("/runs/1".into())
        );
    }
}
