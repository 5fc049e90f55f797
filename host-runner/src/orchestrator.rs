//! The context that an orchestrator passes: its ids, labels and trace.
//!
//! Kestra passes them in environment variables that the flow sets or, since 2.0 with
//! `executionContext: true`, in a file. Both are read; the environment wins, because the flow's author
//! wrote it. The inputs, outputs and variables in the file, and the payload of a trigger, are never
//! read: they contain secrets in plain text. What cannot be used is ignored with a warning, because
//! nothing here may hold back a refresh.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::audit_log::KestraContext;
use crate::config::Env;
use crate::report::clean::{cut, printable};
use crate::report::mode::CONTEXT_FILE;
use crate::trace::Trace;

/// The most that is read of a context file, in bytes: it contains whole inputs and outputs.
const CONTEXT_LIMIT: u64 = 16 << 20;
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
    // An empty variable counts as missing: it is what an expression without a value produces.
    let env: Env<'_> = &|name| env(name).filter(|value| !value.is_empty());
    let file = context(env, working_dir);
    let from_file = |pointer: &str| match file.as_ref()?.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let id = |text: Option<String>| cut(&printable(&text.unwrap_or_default()), ID_LENGTH);
    let either = |name: &str, pointer: &str| id(env(name).or_else(|| from_file(pointer)));
    let trigger = |name: &str, field: &str| {
        let paths = [
            format!("/trigger/_context/{field}"),
            format!("/trigger/{field}"),
        ];
        id(env(name).or_else(|| paths.iter().find_map(|path| from_file(path))))
    };
    let mut warnings = Vec::new();
    let context = KestraContext {
        execution: either("KESTRA_EXECUTION_ID", "/execution/id"),
        task_run: either("KESTRA_TASKRUN_ID", "/taskrun/id"),
        attempt: either("KESTRA_ATTEMPT", "/taskrun/attemptsCount"),
        flow: either("KESTRA_FLOW_ID", "/flow/id"),
        namespace: either("KESTRA_NAMESPACE", "/flow/namespace"),
        revision: either("KESTRA_FLOW_REVISION", "/flow/revision"),
        tenant: either("KESTRA_TENANT_ID", "/flow/tenantId"),
        trigger: trigger("KESTRA_TRIGGER_ID", "id"),
        trigger_type: trigger("KESTRA_TRIGGER_TYPE", "type"),
        labels: labels(env, file.as_ref(), &mut warnings),
    };
    CallerContext {
        kestra: (context != KestraContext::default()).then_some(context),
        trace: trace(env, &mut warnings),
        warnings,
    }
}

/// The labels of `KESTRA_LABELS`, otherwise those of the file.
fn labels(env: Env<'_>, file: Option<&Value>, warnings: &mut Vec<String>) -> Labels {
    let given = env("KESTRA_LABELS").and_then(|text| {
        let labels = serde_json::from_str(&text).ok();
        if labels.is_none() {
            warnings.push(
                "KESTRA_LABELS is not a JSON object and is ignored; add to the task's `env:` the line \
                 KESTRA_LABELS: \"{{ labels | toJson }}\""
                    .to_owned(),
            );
        }
        labels
    });
    let fields: Option<Map<String, Value>> =
        given.or_else(|| file?.get("labels")?.as_object().cloned());
    let mut labels = flat_labels(&fields.unwrap_or_default());
    let left_out = labels.split_off(labels.len().min(LABELS)).len();
    if left_out > 0 {
        warnings.push(format!(
            "the audit log keeps {LABELS} of the execution's labels and omits {left_out}"
        ));
    }
    labels.into_iter().collect()
}

/// The labels with printable texts. A nested label gets the dotted name that Kestra's own pages show,
/// for example `system.correlationId`.
fn flat_labels(fields: &Map<String, Value>) -> Vec<(String, String)> {
    fn add(labels: &mut Vec<(String, String)>, name: &str, value: &Value, depth: usize) {
        let text = match value {
            Value::Object(fields) if depth > 0 => {
                for (field, value) in fields {
                    add(labels, &format!("{name}.{field}"), value, depth - 1);
                }
                return;
            }
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = cut(&printable(name), LABEL_NAME_LENGTH);
        labels.push((name, cut(&printable(&text), LABEL_VALUE_LENGTH)));
    }
    let mut labels = Vec::new();
    for (name, value) in fields {
        add(&mut labels, name, value, LABEL_DEPTH);
    }
    labels
}

/// `TRACEPARENT`. Blank counts as missing: `{{ trace.parent ?? '' }}` is blank without tracing.
fn trace(env: Env<'_>, warnings: &mut Vec<String>) -> Option<Trace> {
    let text = env("TRACEPARENT").filter(|text| !text.trim().is_empty())?;
    Trace::parse(&text)
        .map_err(|error| {
            warnings.push(format!(
                "TRACEPARENT is ignored: {error}; the line for a Kestra task's `env:` is TRACEPARENT: \
                 \"{{{{ trace.parent ?? '' }}}}\""
            ));
        })
        .ok()
}

/// The context as JSON, in the order of Kestra's own libraries: the named file, the file in the working
/// directory, the variable (as text or base64). What cannot be read is skipped.
fn context(env: Env<'_>, working_dir: &Path) -> Option<Value> {
    env("KESTRA_EXECUTION_CONTEXT_FILE")
        .and_then(|named| read_context(Path::new(&named)))
        .or_else(|| read_context(&working_dir.join(CONTEXT_FILE)))
        .or_else(|| {
            let text = env("KESTRA_CONTEXT")?;
            let decoded = STANDARD.decode(text.trim()).ok();
            serde_json::from_slice(&decoded.unwrap_or(text.into_bytes())).ok()
        })
}

fn read_context(path: &Path) -> Option<Value> {
    let file = File::open(path).ok()?.take(CONTEXT_LIMIT);
    serde_json::from_reader(BufReader::new(file)).ok()
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
        let invalid = read(Some("{"), &[("KESTRA_CONTEXT", "no base64!")]);
        for read in [of(&[]), invalid] {
            assert_eq!(read, CallerContext::default());
        }
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
        let line = r#"KESTRA_LABELS: "{{ labels | toJson }}""#;
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
            assert!(read.warnings.iter().all(|warning| warning.contains(line)));
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
        let read = of(&[("TRACEPARENT", "00-nonsense")]);
        assert_eq!(read.trace, None);
        assert!(read.warnings[0].starts_with("TRACEPARENT is ignored: it does not have the form"));
        assert!(read.warnings[0].ends_with("TRACEPARENT: \"{{ trace.parent ?? '' }}\""));
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
