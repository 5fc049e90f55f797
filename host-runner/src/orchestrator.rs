//! The context that an orchestrator passes: its ids, labels and trace.
//!
//! Kestra passes them in one variable that the flow sets, `KESTRA_CONTEXT`, in single variables or, since
//! 2.0 with `executionContext: true`, in a file. Each value comes from the first of these that has it: its
//! single variable, because the flow's author wrote it, then a context, in the order of Kestra's own
//! libraries. The inputs, outputs and variables in a context, and the payload of a trigger, are never
//! read: they contain secrets in plain text. What cannot be used is ignored with a warning that does not
//! quote it, because nothing here may hold back a refresh.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::audit_log::KestraContext;
use crate::config::Env;
use crate::files;
use crate::report::clean::printable;
use crate::report::mode::CONTEXT_FILE;
use crate::secret::cut;
use crate::trace::Trace;

/// The line for a Kestra task's `env:` that passes the whole context. `trigger` alone fails a task that
/// a person started. Without `base64encode`, Kestra evaluates expressions in labels.
pub const CONTEXT_LINE: &str = r#"KESTRA_CONTEXT: "{{ {'execution': execution, 'taskrun': taskrun, 'flow': flow, 'labels': labels, 'trigger': {'_context': trigger._context ?? {}}, 'trace': trace ?? {}} | toJson | base64encode }}""#;

/// The largest context file, in KiB: it contains whole inputs and outputs.
const CONTEXT_LIMIT: u64 = 16 << 10;
/// The maximum length of an id, in characters. Kestra's own are far shorter; every event repeats them.
const ID_LENGTH: usize = 256;
/// The maximum number of labels. Kestra's pages show a dozen; every event repeats them.
const LABELS: usize = 50;
/// The maximum length of a label's name, in characters.
const LABEL_NAME_LENGTH: usize = 128;
/// The maximum length of a label's value, in characters. With [`LABELS`] an event stays below about
/// ten kilobytes, and in practice below one.
const LABEL_VALUE_LENGTH: usize = 256;
/// The maximum depth of nested labels. Kestra nests at each dot of a name.
const LABEL_DEPTH: usize = 8;

type Labels = BTreeMap<String, String>;

/// The context that an orchestrator passes to the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerContext {
    /// The Kestra task that started the process, if one did.
    pub kestra: Option<KestraContext>,
    /// The trace that the process belongs to, if there is one.
    pub trace: Option<Trace>,
    /// What was ignored, and why.
    pub warnings: Vec<String>,
}

/// Reads the context of this process.
#[must_use]
pub fn caller_context(env: Env<'_>, working_dir: &Path) -> CallerContext {
    // A blank variable counts as missing: it is what an expression without a value produces.
    let env: Env<'_> = &|name| env(name).filter(|value| !value.trim().is_empty());
    let mut warnings = Vec::new();
    let contexts = contexts(env, working_dir, &mut warnings);
    let from_context = |pointer: &str| {
        let values = contexts.iter().filter_map(|json| json.pointer(pointer));
        let mut texts = values.filter_map(|value| match value {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        texts.next()
    };
    let id = |name: &str, pointer: &str| {
        let text = env(name).or_else(|| from_context(pointer));
        cut(&printable(&text.unwrap_or_default()), ID_LENGTH)
    };
    let context = KestraContext {
        execution: id("KESTRA_EXECUTION_ID", "/execution/id"),
        task_run: id("KESTRA_TASKRUN_ID", "/taskrun/id"),
        attempt: id("KESTRA_ATTEMPT", "/taskrun/attemptsCount"),
        flow: id("KESTRA_FLOW_ID", "/flow/id"),
        namespace: id("KESTRA_NAMESPACE", "/flow/namespace"),
        revision: id("KESTRA_FLOW_REVISION", "/flow/revision"),
        tenant: id("KESTRA_TENANT_ID", "/flow/tenantId"),
        trigger: id("KESTRA_TRIGGER_ID", "/trigger/_context/id"),
        trigger_type: id("KESTRA_TRIGGER_TYPE", "/trigger/_context/type"),
        labels: labels(env, &contexts, &mut warnings),
    };
    let traces = [
        ("TRACEPARENT", env("TRACEPARENT")),
        ("trace.parent of the context", from_context("/trace/parent")),
    ];
    let trace = traces.into_iter().find_map(|(name, text)| {
        Trace::parse(&text?)
            .map_err(|error| warnings.push(format!("{name} is ignored: {error}")))
            .ok()
    });
    CallerContext {
        kestra: (context != KestraContext::default()).then_some(context),
        trace,
        warnings,
    }
}

/// The labels of `KESTRA_LABELS`, otherwise those of the first context that has any.
fn labels(env: Env<'_>, contexts: &[Value], warnings: &mut Vec<String>) -> Labels {
    let given = env("KESTRA_LABELS").and_then(|text| {
        let labels = serde_json::from_str(&text).ok();
        if labels.is_none() {
            warnings.push(ignored("KESTRA_LABELS is not a JSON object"));
        }
        labels
    });
    let mut all = contexts.iter().filter_map(|json| json.get("labels"));
    let fields: Option<Map<String, Value>> =
        given.or_else(|| all.find_map(Value::as_object).cloned());
    let mut labels = Vec::new();
    add_flat(&mut labels, "", &fields.unwrap_or_default(), LABEL_DEPTH);
    let left_out = labels.split_off(labels.len().min(LABELS)).len();
    if left_out > 0 {
        warnings.push(format!(
            "the audit log keeps {LABELS} of the execution's labels and omits {left_out}"
        ));
    }
    labels.into_iter().collect()
}

/// Adds the labels with printable texts. A nested label gets the dotted name that Kestra's own pages
/// show, for example `system.correlationId`.
fn add_flat(
    labels: &mut Vec<(String, String)>,
    prefix: &str,
    fields: &Map<String, Value>,
    depth: usize,
) {
    for (field, value) in fields {
        let name = format!("{prefix}{field}");
        let text = match value {
            Value::Object(inner) if depth > 0 => {
                add_flat(labels, &format!("{name}."), inner, depth - 1);
                continue;
            }
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = cut(&printable(&name), LABEL_NAME_LENGTH);
        labels.push((name, cut(&printable(&text), LABEL_VALUE_LENGTH)));
    }
}

/// The contexts: the named file, the file in the working directory, the variable (as text or base64).
/// A file that does not exist is skipped.
fn contexts(env: Env<'_>, working_dir: &Path, warnings: &mut Vec<String>) -> Vec<Value> {
    let named =
        env("KESTRA_EXECUTION_CONTEXT_FILE").and_then(|file| read(Path::new(&file), warnings));
    let variable = env("KESTRA_CONTEXT").and_then(|text| {
        let decoded = STANDARD.decode(text.trim());
        let json = serde_json::from_slice(&decoded.unwrap_or(text.into_bytes())).ok();
        let json = json.filter(Value::is_object);
        if json.is_none() {
            warnings.push(ignored("KESTRA_CONTEXT is not a JSON object"));
        }
        json
    });
    let here = read(&working_dir.join(CONTEXT_FILE), warnings);
    [named, here, variable].into_iter().flatten().collect()
}

fn ignored(what: &str) -> String {
    format!("{what} and is ignored; the line for a Kestra task's `env:` is {CONTEXT_LINE}")
}

fn read(path: &Path, warnings: &mut Vec<String>) -> Option<Value> {
    let text = files::read_text(path, CONTEXT_LIMIT);
    match text.and_then(|text| Ok(serde_json::from_str(&text)?)) {
        Ok(context) => return Some(context),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => warnings.push(format!("{} is ignored: {error}", path.display())),
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn env(pairs: &[(&'static str, &str)]) -> impl Fn(&str) -> Option<String> {
        let pairs: BTreeMap<&str, String> = pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        move |name: &str| pairs.get(name).cloned()
    }

    /// A folder with this context file, or without one.
    fn folder(file: Option<&str>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(dir.path().join(CONTEXT_FILE), text).unwrap();
        }
        dir
    }

    fn read(file: Option<&str>, pairs: &[(&'static str, &str)]) -> CallerContext {
        caller_context(&env(pairs), folder(file).path())
    }

    fn of(pairs: &[(&'static str, &str)]) -> CallerContext {
        read(None, pairs)
    }

    const FILE: &str = r#"{"execution":{"id":"ex1"},"taskrun":{"id":"tr1","attemptsCount":2},
        "flow":{"id":"f","namespace":"n","revision":7},
        "labels":{"team":"bi","system":{"correlationId":"c1"}},
        "trigger":{"_context":{"id":"hook","type":"io.kestra.plugin.core.trigger.Webhook"},"body":{"pw":"invented-secret"}},
        "inputs":{"token":"invented-secret"},"vars":{"x":"invented-secret"},"outputs":{"y":"invented-secret"}}"#;

    #[test]
    fn without_a_valid_context_there_is_none() {
        for read in [of(&[]), of(&[("KESTRA_CONTEXT", " \n")])] {
            assert_eq!(read, CallerContext::default());
        }
        let garbled = read(Some("{"), &[]);
        assert!(garbled.kestra.is_none());
        assert!(garbled.warnings[0].contains(".json is ignored: "));
    }

    #[test]
    fn an_invalid_context_is_warned_about_without_its_content() {
        let secret = |text: &str| STANDARD.encode(text);
        for text in [
            "invented-secret!",
            "{\"invented-secret\"",
            "\"invented-secret\"",
            "[\"invented-secret\"]",
            "null",
            "{{ execution | toJson }}",
            &secret("invented-secret"),
            &secret("[\"invented-secret\"]"),
            &secret("{\"execution\": {\"id\": \"invented-secret\"}"),
        ] {
            let read = of(&[("KESTRA_CONTEXT", text), ("KESTRA_FLOW_ID", "f")]);
            assert_eq!(read.kestra.unwrap().flow, "f", "{text}");
            let [warning] = &read.warnings[..] else {
                panic!("{:?}", read.warnings)
            };
            assert!(warning.starts_with("KESTRA_CONTEXT is not"), "{warning}");
            assert!(warning.ends_with(CONTEXT_LINE), "{warning}");
            assert!(!warning.contains("invented-secret"), "{warning}");
        }
    }

    #[test]
    fn one_variable_passes_the_whole_context_as_text_or_base64() {
        let mut json: Value = serde_json::from_str(FILE).unwrap();
        json["trace"] = json!({ "parent": TRACEPARENT });
        let text = json.to_string();
        for text in [&text, &STANDARD.encode(&text), &format!(" {text}\n")] {
            let read = of(&[("KESTRA_CONTEXT", text)]);
            assert!(!format!("{read:?}").contains("invented-secret"));
            let CallerContext {
                kestra,
                trace,
                warnings,
            } = read;
            assert_eq!(kestra, self::read(Some(FILE), &[]).kestra);
            assert_eq!(trace.unwrap().to_string(), TRACEPARENT);
            assert_eq!(warnings, [""; 0]);
        }
    }

    #[test]
    fn the_payload_of_a_trigger_is_not_mistaken_for_its_context() {
        let payload = json!({"trigger": {"id": "invented-secret", "type": "invented-secret"}});
        let read = of(&[("KESTRA_CONTEXT", &payload.to_string())]);
        assert_eq!(read, CallerContext::default());
    }

    #[test]
    fn a_value_that_one_source_lacks_comes_from_the_next() {
        let variable = json!({
            "execution": {"id": "ex2", "state": "RUNNING"},
            "flow": {"tenantId": "main"},
            "labels": {"team": "etl"},
            "trace": {"parent": TRACEPARENT},
        });
        let pairs = [("KESTRA_CONTEXT", variable.to_string())];
        let pairs = pairs.each_ref().map(|(name, text)| (*name, text.as_str()));
        let read = read(Some(FILE), &pairs);
        let kestra = read.kestra.unwrap();
        let found = [&kestra.execution, &kestra.tenant, &kestra.labels["team"]];
        assert_eq!(found, ["ex1", "main", "bi"]);
        assert_eq!(read.trace.unwrap().to_string(), TRACEPARENT);
    }

    #[test]
    fn the_context_file_of_the_2_0_line_is_read_and_the_environment_wins() {
        let task_run = ("KESTRA_TASKRUN_ID", "tr-from-env");
        let read = read(Some(FILE), &[task_run, ("KESTRA_TRIGGER_ID", "nightly")]);
        let context = read.kestra.as_ref().unwrap();
        let webhook = "io.kestra.plugin.core.trigger.Webhook";
        for (value, expected) in [
            (&context.task_run, "tr-from-env"),
            (&context.execution, "ex1"),
            (&context.attempt, "2"),
            (&context.revision, "7"),
            (&context.trigger, "nightly"),
            (&context.trigger_type, webhook),
            (&context.labels["team"], "bi"),
            (&context.labels["system.correlationId"], "c1"),
        ] {
            assert_eq!(value, expected);
        }
        assert!(!format!("{read:?}").contains("invented-secret"));
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    }

    #[test]
    fn the_context_is_read_in_the_order_of_kestras_own_libraries() {
        let dir = folder(None);
        let named = dir.path().join("named.json");
        let id = |name: &str| format!(r#"{{"execution":{{"id":"{name}"}}}}"#);
        let variable = STANDARD.encode(id("variable"));
        let text = id("text");
        let found = |pairs: &[(&'static str, &str)]| {
            let kestra = caller_context(&env(pairs), dir.path()).kestra;
            kestra.unwrap().execution
        };
        let file = ("KESTRA_EXECUTION_CONTEXT_FILE", named.to_str().unwrap());
        let all = [file, ("KESTRA_CONTEXT", variable.as_str())];
        assert_eq!(found(&all), "variable");
        assert_eq!(found(&[("KESTRA_CONTEXT", text.as_str())]), "text");
        std::fs::write(dir.path().join(CONTEXT_FILE), id("here")).unwrap();
        assert_eq!(found(&all), "here");
        std::fs::write(&named, id("named")).unwrap();
        assert_eq!(found(&all), "named");
        assert_eq!(found(&all[1..]), "here");
    }

    #[test]
    fn invalid_labels_are_warned_about_and_those_of_the_file_are_used() {
        for (text, team, warnings) in [
            ("team:bi", "bi", 1),
            ("[]", "bi", 1),
            ("{", "bi", 1),
            ("null", "bi", 1),
            (r#"{"team":"etl"}"#, "etl", 0),
        ] {
            let read = read(Some(FILE), &[("KESTRA_LABELS", text)]);
            assert_eq!(read.kestra.unwrap().labels["team"], team, "{text}");
            assert_eq!(read.warnings.len(), warnings, "{text}");
            assert!(
                read.warnings
                    .iter()
                    .all(|warning| warning.ends_with(CONTEXT_LINE))
            );
        }
    }

    #[test]
    fn a_trace_does_not_need_kestra_and_an_invalid_one_is_warned_about() {
        let read = of(&[("TRACEPARENT", TRACEPARENT)]);
        assert_eq!(read.trace.unwrap().to_string(), TRACEPARENT);
        assert_eq!(read.kestra, None);
        for text in ["", " ", "\n"] {
            assert_eq!(of(&[("TRACEPARENT", text)]), CallerContext::default());
        }
        let context = |parent: &str| json!({"trace": {"parent": parent}}).to_string();
        let valid = context(TRACEPARENT);
        let other = TRACEPARENT.replace("-00f0", "-11f0");
        for (variable, context, trace, warned) in [
            (
                "00-nonsense",
                "",
                None,
                "TRACEPARENT is ignored: it does not have the form",
            ),
            (
                "00-nonsense",
                &valid,
                Some(TRACEPARENT),
                "TRACEPARENT is ignored",
            ),
            (&other, &valid, Some(other.as_str()), ""),
            ("", &valid, Some(TRACEPARENT), ""),
            (
                "",
                &context("00-nonsense"),
                None,
                "trace.parent of the context is ignored",
            ),
            ("", &context(""), None, ""),
        ] {
            let read = of(&[("TRACEPARENT", variable), ("KESTRA_CONTEXT", context)]);
            let found = read.trace.map(|trace| trace.to_string());
            assert_eq!(found.as_deref(), trace, "{variable} {context}");
            let warning = read.warnings.first().map_or("", String::as_str);
            assert_eq!(warning.is_empty(), warned.is_empty(), "{warning}");
            assert!(warning.starts_with(warned), "{warning}");
        }
    }

    #[test]
    fn a_long_id_is_cut() {
        let long = "x".repeat(100_000);
        let read = of(&[("KESTRA_FLOW_ID", &long)]);
        assert_eq!(read.kestra.unwrap().flow.chars().count(), ID_LENGTH);
    }

    fn labels_of(labels: &Value) -> (Labels, Vec<String>) {
        let read = of(&[("KESTRA_LABELS", &labels.to_string())]);
        (read.kestra.unwrap().labels, read.warnings)
    }

    #[test]
    fn labels_get_dotted_names_and_printable_texts() {
        let (labels, warnings) = labels_of(&json!({
            "te\u{1b}am": "b\u{7}i",
            "system": {"correlationId": "c1", "restarted": true},
            "try": 2,
            "gone": null,
        }));
        let expected = [
            ("system.correlationId", "c1"),
            ("system.restarted", "true"),
            ("team", "bi"),
            ("try", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((labels, warnings), (expected.into(), Vec::new()));
    }

    #[test]
    fn excess_labels_are_omitted_and_long_ones_are_cut() {
        let many = (0..LABELS + 3).map(|n| (format!("l{n}"), json!("x".repeat(2_000))));
        let (labels, warnings) = labels_of(&many.collect());
        assert_eq!(labels.len(), LABELS);
        assert!(warnings[0].ends_with("and omits 3"), "{warnings:?}");
        for value in labels.values() {
            assert!(value.chars().count() == LABEL_VALUE_LENGTH && value.ends_with('…'));
        }
    }

    #[test]
    fn deeply_nested_labels_are_kept_as_text() {
        let mut value = json!("end");
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        assert_eq!(labels_of(&value).0.len(), 1);
    }
}
