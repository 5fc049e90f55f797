//! The context that an orchestrator passes: its ids, labels and trace.
//!
//! Kestra passes them in environment variables that the flow sets or, since 2.0 with
//! `executionContext: true`, in a file. Both are read; the environment wins, because the flow's author
//! wrote it. The inputs, outputs and variables in the file, and the payload of a trigger, are never
//! read: they contain secrets in plain text. What cannot be used is ignored with a warning, because
//! nothing here may hold back a refresh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

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
    let from_file = |pointers: &[&str]| {
        let file = file.as_ref()?;
        pointers
            .iter()
            .find_map(|pointer| match file.pointer(pointer)? {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
    };
    let either = |name: &str, pointers: &[&str]| {
        let text = env(name).or_else(|| from_file(pointers));
        cut(&printable(&text.unwrap_or_default()), ID_LENGTH)
    };
    let mut warnings = Vec::new();
    let context = KestraContext {
        execution: either("KESTRA_EXECUTION_ID", &["/execution/id"]),
        task_run: either("KESTRA_TASKRUN_ID", &["/taskrun/id"]),
        attempt: either("KESTRA_ATTEMPT", &["/taskrun/attemptsCount"]),
        flow: either("KESTRA_FLOW_ID", &["/flow/id"]),
        namespace: either("KESTRA_NAMESPACE", &["/flow/namespace"]),
        revision: either("KESTRA_FLOW_REVISION", &["/flow/revision"]),
        tenant: either("KESTRA_TENANT_ID", &["/flow/tenantId"]),
        trigger: either(
            "KESTRA_TRIGGER_ID",
            &["/trigger/_context/id", "/trigger/id"],
        ),
        trigger_type: either(
            "KESTRA_TRIGGER_TYPE",
            &["/trigger/_context/type", "/trigger/type"],
        ),
        labels: labels(env, file.as_ref(), &mut warnings),
    };
    CallerContext {
        kestra: (context != KestraContext::default()).then_some(context),
        trace: trace(env, &mut warnings),
        warnings,
    }
}

/// The labels of `KESTRA_LABELS`, otherwise those of the file.
fn labels(
    env: Env<'_>,
    file: Option<&Value>,
    warnings: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let given = env("KESTRA_LABELS").and_then(|text| {
        let parsed: Option<Value> = serde_json::from_str(&text).ok();
        let labels = parsed.as_ref().and_then(Labels::of);
        if labels.is_none() {
            warnings.push(
                "KESTRA_LABELS is not a JSON object and is ignored; add to the task's `env:` the line \
                 KESTRA_LABELS: \"{{ labels | toJson }}\""
                    .to_owned(),
            );
        }
        labels
    });
    let labels = given
        .or_else(|| Labels::of(file?.get("labels")?))
        .unwrap_or_default();
    if labels.left_out > 0 {
        warnings.push(format!(
            "the audit log keeps {} of the execution's labels and omits {}",
            labels.kept.len(),
            labels.left_out
        ));
    }
    labels.kept
}

/// Labels, and how many of them were omitted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Labels {
    kept: BTreeMap<String, String>,
    left_out: usize,
}

impl Labels {
    /// The labels in a JSON object. A nested label gets the dotted name that Kestra's own pages show,
    /// for example `system.correlationId`.
    fn of(value: &Value) -> Option<Self> {
        let mut labels = Self::default();
        for (name, value) in value.as_object()? {
            labels.add(name, value, LABEL_DEPTH);
        }
        Some(labels)
    }

    fn add(&mut self, name: &str, value: &Value, depth: usize) {
        let text = match value {
            Value::Object(fields) if depth > 0 => {
                for (field, value) in fields {
                    self.add(&format!("{name}.{field}"), value, depth - 1);
                }
                return;
            }
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if self.kept.len() >= LABELS {
            self.left_out += 1;
            return;
        }
        let name = cut(&printable(name), LABEL_NAME_LENGTH);
        let text = cut(&printable(&text), LABEL_VALUE_LENGTH);
        self.kept.insert(name, text);
    }
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
    let named = env("KESTRA_EXECUTION_CONTEXT_FILE").map(PathBuf::from);
    named
        .into_iter()
        .chain([working_dir.join(CONTEXT_FILE)])
        .find_map(|path| read_context(&path))
        .or_else(|| {
            let text = env("KESTRA_CONTEXT")?;
            let decoded = STANDARD.decode(text.trim()).ok();
            serde_json::from_slice(&decoded.unwrap_or(text.into_bytes())).ok()
        })
}

fn read_context(path: &Path) -> Option<Value> {
    let file = std::fs::File::open(path).ok()?;
    serde_json::from_reader(std::io::BufReader::new(std::io::Read::take(
        file,
        CONTEXT_LIMIT,
    )))
    .ok()
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

    fn nowhere() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn of(pairs: &[(&'static str, &str)]) -> CallerContext {
        caller_context(&env(pairs), nowhere().path())
    }

    const FILE: &str = r#"{"execution":{"id":"ex1"},"taskrun":{"id":"tr1","attemptsCount":2},
        "flow":{"id":"f","namespace":"n","revision":7},
        "labels":{"team":"bi","system":{"correlationId":"c1"}},
        "trigger":{"_context":{"id":"hook","type":"io.kestra.plugin.core.trigger.Webhook"},"body":{"pw":"invented-secret"}},
        "inputs":{"token":"invented-secret"},"vars":{"x":"invented-secret"},"outputs":{"y":"invented-secret"}}"#;

    #[test]
    fn outside_kestra_there_is_no_context() {
        assert_eq!(of(&[]), CallerContext::default());
    }

    #[test]
    fn the_context_file_of_the_2_0_line_is_read_and_the_environment_wins() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), FILE).unwrap();
        let read = caller_context(
            &env(&[
                ("KESTRA_TASKRUN_ID", "tr-from-env"),
                ("KESTRA_TRIGGER_ID", "nightly"),
            ]),
            dir.path(),
        );
        let context = read.kestra.as_ref().unwrap();
        assert_eq!(context.task_run, "tr-from-env");
        assert_eq!(context.execution, "ex1");
        assert_eq!(context.attempt, "2");
        assert_eq!(context.revision, "7");
        assert_eq!(context.trigger, "nightly");
        assert_eq!(
            context.trigger_type,
            "io.kestra.plugin.core.trigger.Webhook"
        );
        assert_eq!(context.labels["team"], "bi");
        assert_eq!(context.labels["system.correlationId"], "c1");
        assert!(!format!("{read:?}").contains("invented-secret"));
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    }

    #[test]
    fn the_context_is_read_in_the_order_of_kestras_own_libraries() {
        let dir = nowhere();
        let named = dir.path().join("named.json");
        let id = |name: &str| format!(r#"{{"execution":{{"id":"{name}"}}}}"#);
        let variable = STANDARD.encode(id("variable"));
        let text = id("text");
        let found = |pairs: &[(&'static str, &str)]| {
            let read = caller_context(&env(pairs), dir.path());
            read.kestra
                .map(|context| context.execution)
                .unwrap_or_default()
        };
        let named_path = named.to_str().unwrap();
        let all = [
            ("KESTRA_EXECUTION_CONTEXT_FILE", named_path),
            ("KESTRA_CONTEXT", variable.as_str()),
        ];
        assert_eq!(found(&all), "variable");
        assert_eq!(found(&[("KESTRA_CONTEXT", text.as_str())]), "text");
        std::fs::write(dir.path().join(CONTEXT_FILE), id("here")).unwrap();
        assert_eq!(found(&all), "here");
        std::fs::write(&named, id("named")).unwrap();
        assert_eq!(found(&all), "named");
        assert_eq!(found(&all[1..]), "here");
    }

    #[test]
    fn an_invalid_context_is_ignored() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), "{").unwrap();
        let read = caller_context(&env(&[("KESTRA_CONTEXT", "no base64!")]), dir.path());
        assert_eq!(read, CallerContext::default());
    }

    #[test]
    fn invalid_labels_are_warned_about_and_those_of_the_file_are_used() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), FILE).unwrap();
        for text in ["team:bi", "[]", "{", "null"] {
            let read = caller_context(&env(&[("KESTRA_LABELS", text)]), dir.path());
            assert_eq!(read.kestra.unwrap().labels["team"], "bi", "{text}");
            assert_eq!(read.warnings.len(), 1, "{text}");
            assert!(
                read.warnings[0].contains("KESTRA_LABELS: \"{{ labels | toJson }}\""),
                "{}",
                read.warnings[0]
            );
        }
        let read = caller_context(&env(&[("KESTRA_LABELS", r#"{"team":"etl"}"#)]), dir.path());
        assert_eq!(read.kestra.unwrap().labels["team"], "etl");
        assert!(read.warnings.is_empty());
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
        assert!(read.warnings[0].starts_with("TRACEPARENT is ignored: it is not of the form"));
        assert!(read.warnings[0].ends_with("TRACEPARENT: \"{{ trace.parent ?? '' }}\""));
    }

    #[test]
    fn a_long_id_is_cut() {
        let long = "x".repeat(100_000);
        let read = of(&[("KESTRA_FLOW_ID", &long)]);
        assert_eq!(read.kestra.unwrap().flow.chars().count(), ID_LENGTH);
    }

    #[test]
    fn nested_labels_get_dotted_names_and_plain_values_become_texts() {
        let all = Labels::of(&json!({
            "team": "bi",
            "system": {"correlationId": "c1", "restarted": true},
            "try": 2,
            "gone": null,
        }))
        .unwrap();
        let kept: Vec<(&str, &str)> = all
            .kept
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            kept,
            [
                ("system.correlationId", "c1"),
                ("system.restarted", "true"),
                ("team", "bi"),
                ("try", "2")
            ]
        );
        assert_eq!(all.left_out, 0);
    }

    #[test]
    fn only_an_object_has_labels() {
        for value in [json!([]), json!("a"), json!(1), json!(null)] {
            assert_eq!(Labels::of(&value), None, "{value}");
        }
        assert_eq!(Labels::of(&json!({})), Some(Labels::default()));
    }

    #[test]
    fn excess_labels_are_omitted_and_long_ones_are_cut() {
        let many: serde_json::Map<String, Value> = (0..LABELS + 3)
            .map(|n| (format!("l{n}"), json!("x".repeat(2_000))))
            .collect();
        let all = Labels::of(&Value::Object(many)).unwrap();
        assert_eq!((all.kept.len(), all.left_out), (LABELS, 3));
        assert!(
            all.kept
                .values()
                .all(|value| value.chars().count() == LABEL_VALUE_LENGTH && value.ends_with('…'))
        );
    }

    #[test]
    fn control_characters_are_removed_from_labels() {
        let all = Labels::of(&json!({"a\u{1b}b": "c\u{7}d"})).unwrap();
        assert_eq!(all.kept["ab"], "cd");
    }

    #[test]
    fn deeply_nested_labels_are_kept_as_text() {
        let mut value = json!("end");
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        assert_eq!(Labels::of(&value).unwrap().kept.len(), 1);
    }
}
