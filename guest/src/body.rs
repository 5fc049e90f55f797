//! The JSON object that a trigger carries.
//!
//! The payload lies over the standard fields, so what a person wrote always wins. It refuses a
//! payload that is not an object, because a flow's trigger schema knows nothing else.

use crate::contract::{RefreshError, TriggerBody};
use crate::json::{Json, Object};
use crate::trouble::invalid;

/// `trigger_type`, as the flows in use expect it.
const TRIGGER_TYPE: &str = "Gen1_Dataflow_Refresh";

/// The body of a trigger that is sent at `timestamp`.
pub(crate) fn trigger_body(body: &TriggerBody, timestamp: &str) -> Result<String, RefreshError> {
    let payload = payload(body)?;
    if !body.standard_fields {
        return Ok(body.payload.clone());
    }
    // `workspace` is a standard field that only the payload can fill; a flow that knows no `source`
    // is told none.
    let mut fields = Object::default();
    for (name, value) in [
        ("trigger_type", TRIGGER_TYPE),
        ("dataflow_name", body.dataflow_name.as_str()),
        ("timestamp", timestamp),
        ("source", body.source.as_str()),
    ] {
        if (name, value) == ("source", "") {
            continue;
        }
        fields.set(name.to_owned(), Json::Text(value.to_owned()));
    }
    fields.lay_over(payload);
    Ok(fields.to_text())
}

/// The name of the dataflow that a trigger's body says.
pub(crate) fn dataflow_name(body: &TriggerBody) -> Option<String> {
    let said = payload(body).ok()?;
    match said.get("dataflow_name") {
        Some(name) => name.as_text().map(str::to_owned),
        None if body.standard_fields => Some(body.dataflow_name.clone()),
        None => None,
    }
}

fn payload(body: &TriggerBody) -> Result<Object, RefreshError> {
    match Json::parse(&body.payload) {
        Some(Json::Object(payload)) => Ok(payload),
        // The parser's own words may quote the payload, which may hold anything.
        _ => Err(invalid(
            "payload_not_an_object",
            "The payload is not a JSON object.".to_owned(),
            "Give it as `{\"name\": \"value\"}`, or `{}` for none.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_payload_lies_over_the_standard_fields() {
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
    fn an_empty_source_is_left_out_unless_the_payload_gives_one() {
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
    fn without_standard_fields_the_payload_goes_out_as_it_is() {
        let text = "{ \"b\": 1.10, \"a\": 12345678901234567890123 }";
        assert_eq!(trigger_body(&body(text, false), NOW).unwrap(), text);
    }

    #[test]
    fn a_payload_that_is_not_an_object_is_refused_without_being_quoted() {
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
    fn the_name_that_the_flow_is_told_is_known() {
        assert_eq!(
            dataflow_name(&body("{}", true)).as_deref(),
            Some("order_list")
        );
        assert_eq!(dataflow_name(&body("{}", false)), None);
        let told = body(r#"{"dataflow_name":"X"}"#, false);
        assert_eq!(dataflow_name(&told).as_deref(), Some("X"));
    }
}
