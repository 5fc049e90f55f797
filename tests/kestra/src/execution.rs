//! The result of an execution, as stored by the engine.

use serde_json::Value;

/// An execution.
#[derive(Debug, Clone)]
pub struct Execution(Value);

/// A task run of an execution.
#[derive(Debug, Clone)]
pub struct TaskRun(Value);

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.get(field).and_then(Value::as_array);
    list.into_iter().flatten()
}

impl Execution {
    /// The execution of a report.
    #[must_use]
    pub fn new(report: Value) -> Self {
        Self(report)
    }

    /// The whole report, for failure messages.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.0
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(&self.0, "execution")
    }

    /// Its state, for example `SUCCESS`.
    #[must_use]
    pub fn state(&self) -> &str {
        text(&self.0, "state")
    }

    /// The value of a label, or an empty string.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        text(at(&self.0, "/labels"), name)
    }

    /// An output of the flow, or null.
    #[must_use]
    pub fn output(&self, name: &str) -> Value {
        at(&self.0, &format!("/outputs/{name}")).clone()
    }

    /// The ids of the tasks that ran, in order.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        list(&self.0, "tasks")
            .map(|task| text(task, "task"))
            .collect()
    }

    /// The first run of a task.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<TaskRun> {
        list(&self.0, "tasks")
            .find(|task| text(task, "task") == name)
            .map(|task| TaskRun(task.clone()))
    }

    /// The log: level and message, in order.
    #[must_use]
    pub fn logs(&self) -> Vec<(&str, &str)> {
        list(&self.0, "logs")
            .map(|log| (text(log, "level"), text(log, "message")))
            .collect()
    }

    /// The messages of one level.
    #[must_use]
    pub fn logged(&self, level: &str) -> Vec<&str> {
        self.logs()
            .into_iter()
            .filter(|(of, _)| *of == level)
            .map(|(_, message)| message)
            .collect()
    }

    /// Whether the log has the exit code of every shell task that exited, which is its last line. Logs are
    /// stored in order, shortly after states.
    #[must_use]
    pub fn logs_are_complete(&self) -> bool {
        let exited = |task: &&Value| task.pointer("/outputs/exitCode").is_some();
        let is_last = |(_, message): &(&str, &str)| {
            message.starts_with("Command succeed with exit code")
                || message.starts_with("Command failed with exit code")
        };
        let logged = self.logs().into_iter().filter(is_last);
        list(&self.0, "tasks").filter(exited).count() <= logged.count()
    }

    /// Whether a task has logged something, or did not run. For tasks that log whenever they run.
    #[must_use]
    pub fn has_logged(&self, task: &str) -> bool {
        let has_run = |run: &Value| text(run, "task") == task && text(run, "state") != "SKIPPED";
        !list(&self.0, "tasks").any(has_run)
            || list(&self.0, "logs").any(|log| text(log, "task") == task)
    }

    /// The metrics of one name.
    #[must_use]
    pub fn metrics(&self, name: &str) -> Vec<&Value> {
        list(&self.0, "metrics")
            .filter(|metric| text(metric, "name") == name)
            .collect()
    }

    /// The value of the only metric of this name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        match self.metrics(name).as_slice() {
            [only] => only.get("value")?.as_f64(),
            _ => None,
        }
    }
}

impl TaskRun {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(&self.0, "id")
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> &str {
        text(&self.0, "state")
    }

    /// The number of attempts.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        at(&self.0, "/attempts").as_u64().unwrap_or(0)
    }

    /// Its duration in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        at(&self.0, "/duration_ms").as_u64().unwrap_or(0)
    }

    /// The exit code, or -1.
    #[must_use]
    pub fn exit_code(&self) -> i64 {
        at(&self.0, "/outputs/exitCode").as_i64().unwrap_or(-1)
    }

    /// An output from a frame of the program, by a JSON pointer below `vars`, or null.
    #[must_use]
    pub fn var(&self, pointer: &str) -> Value {
        at(&self.0, &format!("/outputs/vars/{pointer}")).clone()
    }

    /// All its outputs.
    #[must_use]
    pub fn outputs(&self) -> Value {
        at(&self.0, "/outputs").clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_fields_are_empty() {
        let nothing = Execution::new(json!({}));
        assert_eq!(
            (nothing.state(), nothing.label("team"), nothing.id()),
            ("", "", "")
        );
        assert!(nothing.task("refresh").is_none() && nothing.logs().is_empty());
        assert_eq!(nothing.metric("m"), None);
    }

    #[test]
    fn outputs_are_found_by_pointers() {
        let execution = Execution::new(
            json!({"tasks": [{"task": "refresh", "outputs": {"exitCode": 10, "vars": {"a": {"b": 1}}}}]}),
        );
        let task = execution.task("refresh").unwrap();
        assert_eq!((task.exit_code(), task.var("a/b")), (10, json!(1)));
        assert_eq!(task.var("a/c"), Value::Null);
    }
}
