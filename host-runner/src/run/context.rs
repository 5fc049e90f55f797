//! Who is asking: the orchestrator's own ids.
//!
//! Kestra hands its ids over in environment variables that the flow sets, or, on its 2.0 line with
//! `executionContext: true`, in a file. Both are read; the environment wins, because a flow author
//! wrote it down. The file's inputs, outputs and variables are never looked at: they hold secrets
//! in plain text.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::record::KestraContext;
use crate::report::mode::CONTEXT_FILE;

/// The most of a context file that is read, in bytes: it carries whole inputs and outputs.
const CONTEXT_LIMIT: u64 = 16 << 20;

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

/// What an orchestrator says of the task that this process is, if it is one.
#[must_use]
pub fn kestra_context(env: &dyn Environment, working_dir: &Path) -> Option<KestraContext> {
    let file = context_file(env, working_dir).and_then(|path| read_context(&path));
    let from_file = |pointer: &str| -> Option<String> {
        match file.as_ref()?.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    let either = |name: &str, pointer: &str| {
        env.get(name)
            .or_else(|| from_file(pointer))
            .unwrap_or_default()
    };
    let context = KestraContext {
        execution: either("KESTRA_EXECUTION_ID", "/execution/id"),
        task_run: either("KESTRA_TASKRUN_ID", "/taskrun/id"),
        attempt: either("KESTRA_ATTEMPT", "/taskrun/attemptsCount"),
        flow: either("KESTRA_FLOW_ID", "/flow/id"),
        namespace: either("KESTRA_NAMESPACE", "/flow/namespace"),
        revision: either("KESTRA_FLOW_REVISION", "/flow/revision"),
        tenant: either("KESTRA_TENANT_ID", "/flow/tenantId"),
    };
    (context != KestraContext::default()).then_some(context)
}

/// The order of Kestra's own libraries: the named file, then the one in the working directory.
fn context_file(env: &dyn Environment, working_dir: &Path) -> Option<PathBuf> {
    env.get("KESTRA_EXECUTION_CONTEXT_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(working_dir.join(CONTEXT_FILE)))
        .filter(|path| path.is_file())
}

fn read_context(path: &Path) -> Option<Value> {
    let file = std::fs::File::open(path).ok()?;
    serde_json::from_reader(std::io::Read::take(file, CONTEXT_LIMIT)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&str, &str)]) -> impl Environment {
        |name: &str| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn outside_kestra_there_is_no_context() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kestra_context(&env(&[]), dir.path()), None);
    }

    #[test]
    fn the_context_file_of_the_2_0_line_is_read_and_the_environment_wins() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(CONTEXT_FILE),
            r#"{"execution":{"id":"ex1"},"taskrun":{"id":"tr1","attemptsCount":2},"flow":{"id":"f","namespace":"n","revision":7},"inputs":{"token":"invented-secret"}}"#,
        )
        .unwrap();
        let context =
            kestra_context(&env(&[("KESTRA_TASKRUN_ID", "tr-from-env")]), dir.path()).unwrap();
        assert_eq!(context.task_run, "tr-from-env");
        assert_eq!(context.execution, "ex1");
        assert_eq!(context.attempt, "2");
        assert_eq!(context.revision, "7");
        assert!(!format!("{context:?}").contains("invented-secret"));
    }

    #[test]
    fn a_broken_context_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CONTEXT_FILE), "{").unwrap();
        assert_eq!(kestra_context(&env(&[]), dir.path()), None);
    }
}
