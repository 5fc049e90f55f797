//! Who is asking: the orchestrator's own ids.
//!
//! Kestra hands its ids over in environment variables that the flow sets, or, on its 2.0 line with
//! `executionContext: true`, in a file. Both are read; the environment wins, because a flow author
//! wrote it down. The file's inputs, outputs and variables are never looked at, nor what a trigger
//! brought along: they hold secrets in plain text. What cannot be used is warned about and ignored;
//! nothing here may hold a refresh back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::labels::labels;
use crate::audit_log::KestraContext;
use crate::report::clean::{cut, printable};
use crate::report::mode::CONTEXT_FILE;
use crate::trace::Trace;

/// The most of a context file that is read, in bytes: it carries whole inputs and outputs.
const CONTEXT_LIMIT: u64 = 16 << 20;
/// The longest id that is kept, in characters. Kestra's own are far shorter; every event repeats them.
const LONGEST_ID: usize = 256;

/// Where the surroundings come from; a test brings its own.
pub trait Environment {
    /// A variable, unless it is missing or empty.
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name).filter(|value| !value.is_empty())
    }
}

/// What an orchestrator says of the process that it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// The task of Kestra that this process is, if it is one.
    pub kestra: Option<KestraContext>,
    /// The trace that it is part of, if there is one.
    pub trace: Option<Trace>,
    /// What of it was ignored, and why.
    pub warnings: Vec<String>,
}

/// What an orchestrator says of this process.
#[must_use]
pub fn asker(env: &dyn Environment, working_dir: &Path) -> Asker {
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
        let text = env.get(name).or_else(|| from_file(pointers));
        cut(&printable(&text.unwrap_or_default()), LONGEST_ID)
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
        labels: all_labels(env, file.as_ref(), &mut warnings),
    };
    Asker {
        kestra: (context != KestraContext::default()).then_some(context),
        trace: trace(env, &mut warnings),
        warnings,
    }
}

/// `KESTRA_LABELS`, else the file's.
fn all_labels(
    env: &dyn Environment,
    file: Option<&Value>,
    warnings: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let given = env.get("KESTRA_LABELS").and_then(|text| {
        let parsed: Option<Value> = serde_json::from_str(&text).ok();
        let read = parsed.as_ref().and_then(labels);
        if read.is_none() {
            warnings.push(
                "KESTRA_LABELS is not a JSON object and is ignored; the line for the task's `env:` is \
                 KESTRA_LABELS: \"{{ labels | toJson }}\""
                    .to_owned(),
            );
        }
        read
    });
    let read = given
        .or_else(|| file.and_then(|file| labels(file.get("labels")?)))
        .unwrap_or_default();
    if read.left_out > 0 {
        warnings.push(format!(
            "the audit log keeps {} of the execution's labels and leaves {} out",
            read.kept.len(),
            read.left_out
        ));
    }
    read.kept
}

/// `TRACEPARENT`. Empty is as good as none: that is what `{{ trace.parent ?? '' }}` gives without tracing.
fn trace(env: &dyn Environment, warnings: &mut Vec<String>) -> Option<Trace> {
    let text = env
        .get("TRACEPARENT")
        .filter(|text| !text.trim().is_empty())?;
    Trace::parse(&text)
        .map_err(|error| {
            warnings.push(format!(
                "TRACEPARENT is ignored: {error}; the line for a Kestra task's `env:` is TRACEPARENT: \
                 \"{{{{ trace.parent ?? '' }}}}\""
            ));
        })
        .ok()
}

/// The order of Kestra's own libraries: the file that is named, the one in the working directory, the
/// variable. What cannot be read is passed over.
fn context(env: &dyn Environment, working_dir: &Path) -> Option<Value> {
    let named = env.get("KESTRA_EXECUTION_CONTEXT_FILE").map(PathBuf::from);
    named
        .into_iter()
        .chain([working_dir.join(CONTEXT_FILE)])
        .find_map(|path| read_context(&path))
        .or_else(|| {
            let decoded = STANDARD.decode(env.get("KESTRA_CONTEXT")?.trim()).ok()?;
            serde_json::from_slice(&decoded).ok()
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
    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn env(pairs: &[(&'static str, &str)]) -> impl Environment {
        let pairs: BTreeMap<&str, String> = pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        move |name: &str| pairs.get(name).cloned()
    }

    fn nowhere() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn of(pairs: &[(&'static str, &str)]) -> Asker {
        asker(&env(pairs), nowhere().path())
    }

    const FILE: &str = r#"{"execution":{"id":"ex1"},"taskrun":{"id":"tr1","attemptsCount":2},
        "flow":{"id":"f","namespace":"n","revision":7},
        "labels":{"team":"bi","system":{"correlationId":"c1"}},
        "trigger":{"_context":{"id":"hook","type":"io.kestra.plugin.core.trigger.Webhook"},"body":{"pw":"invented-secret"}},
        "inputs":{"token":"invented-secret"},"vars":{"x":"invented-secret"},"outputs":{"y":"invented-secret"}}"#;

    #[test]
    fn outside_kestra_there_is_no_context() {
        assert_eq!(of(&[]), Asker::default());
    }

    #[test]
    fn the_context_file_of_the_2_0_line_is_read_and_the_environment_wins() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), FILE).unwrap();
        let read = asker(
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
    fn the_context_is_sought_where_kestras_own_libraries_seek_it() {
        let dir = nowhere();
        let named = dir.path().join("named.json");
        let id = |name: &str| format!(r#"{{"execution":{{"id":"{name}"}}}}"#);
        let variable = STANDARD.encode(id("variable"));
        let found = |pairs: &[(&'static str, &str)]| {
            let read = asker(&env(pairs), dir.path());
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
        std::fs::write(dir.path().join(CONTEXT_FILE), id("here")).unwrap();
        assert_eq!(found(&all), "here");
        std::fs::write(&named, id("named")).unwrap();
        assert_eq!(found(&all), "named");
        assert_eq!(found(&all[1..]), "here");
    }

    #[test]
    fn a_broken_context_is_as_good_as_none() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), "{").unwrap();
        let read = asker(&env(&[("KESTRA_CONTEXT", "no base64!")]), dir.path());
        assert_eq!(read, Asker::default());
    }

    #[test]
    fn labels_that_are_no_object_are_warned_about_by_name_and_those_of_the_file_count() {
        let dir = nowhere();
        std::fs::write(dir.path().join(CONTEXT_FILE), FILE).unwrap();
        for text in ["team:bi", "[]", "{", "null"] {
            let read = asker(&env(&[("KESTRA_LABELS", text)]), dir.path());
            assert_eq!(read.kestra.unwrap().labels["team"], "bi", "{text}");
            assert_eq!(read.warnings.len(), 1, "{text}");
            assert!(
                read.warnings[0].contains("KESTRA_LABELS: \"{{ labels | toJson }}\""),
                "{}",
                read.warnings[0]
            );
        }
        let read = asker(&env(&[("KESTRA_LABELS", r#"{"team":"etl"}"#)]), dir.path());
        assert_eq!(read.kestra.unwrap().labels["team"], "etl");
        assert!(read.warnings.is_empty());
    }

    #[test]
    fn a_trace_needs_no_kestra_and_a_broken_one_is_warned_about() {
        let read = of(&[("TRACEPARENT", TRACEPARENT)]);
        assert_eq!(read.trace.unwrap().to_string(), TRACEPARENT);
        assert_eq!(read.kestra, None);
        for text in ["", " ", "\n"] {
            assert_eq!(of(&[("TRACEPARENT", text)]), Asker::default());
        }
        let read = of(&[("TRACEPARENT", "00-nonsense")]);
        assert_eq!(read.trace, None);
        assert!(read.warnings[0].starts_with("TRACEPARENT is ignored: it is not of the form"));
        assert!(read.warnings[0].ends_with("TRACEPARENT: \"{{ trace.parent ?? '' }}\""));
    }

    #[test]
    fn an_id_without_end_is_cut() {
        let long = "x".repeat(100_000);
        let read = of(&[("KESTRA_FLOW_ID", &long)]);
        assert_eq!(read.kestra.unwrap().flow.chars().count(), LONGEST_ID);
    }
}
