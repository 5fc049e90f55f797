//! Who writes an event: the person or service account, the machine, the process, and the
//! orchestrator's task that it serves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::process;

/// Who writes an event. A text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The operating system's user.
    pub user: String,
    /// The machine's, or the container's, host name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The version of host-runner.
    pub version: String,
    /// The id of this opening of the audit log: the same in all events that one invocation writes.
    /// Process ids repeat in containers; this does not.
    pub invocation: String,
    /// The Kestra task, where there is one.
    pub kestra: Option<KestraContext>,
    /// The id of the trace that the invocation is part of, 32 hexadecimal digits; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
}

impl Actor {
    /// This process. [`AuditLog::open`](super::Record::open) adds the invocation.
    #[must_use]
    pub fn of_this_process(kestra: Option<KestraContext>) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok());
        Self {
            user: user.or_else(process::user_id).unwrap_or_default(),
            host: process::host_name().unwrap_or_default(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            invocation: String::new(),
            kestra,
            trace: String::new(),
        }
    }

    /// `user@host`, for messages.
    #[must_use]
    pub fn who(&self) -> String {
        let or_unknown = |text: &str| {
            if text.is_empty() {
                "unknown".to_owned()
            } else {
                text.to_owned()
            }
        };
        format!("{}@{}", or_unknown(&self.user), or_unknown(&self.host))
    }
}

/// The Kestra task that a process serves. A text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KestraContext {
    /// The execution's id.
    pub execution: String,
    /// The task run's id.
    pub task_run: String,
    /// The attempt of the task run, as Kestra counts it.
    pub attempt: String,
    /// The flow's id.
    pub flow: String,
    /// The flow's namespace.
    pub namespace: String,
    /// The flow's revision.
    pub revision: String,
    /// The tenant.
    pub tenant: String,
    /// The id of the trigger that began the execution; empty where a person did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger: String,
    /// The type of that trigger.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger_type: String,
    /// The execution's labels, nested ones under dotted names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 0.1 wrote it before there were labels, triggers and traces.
    const OLD: &str = r#"{"user":"kestra","host":"worker-1","pid":7,"version":"0.1.0","invocation":"i","kestra":{"execution":"ex1","task_run":"tr1","attempt":"0","flow":"f","namespace":"n","revision":"3","tenant":"main"}}"#;

    #[test]
    fn an_actor_of_an_older_version_is_read_and_written_as_it_was() {
        let actor: Actor = serde_json::from_str(OLD).unwrap();
        assert_eq!(actor.trace, "");
        let kestra = actor.kestra.as_ref().unwrap();
        assert_eq!(kestra.execution, "ex1");
        assert_eq!(kestra.trigger, "");
        assert!(kestra.labels.is_empty());
        assert_eq!(serde_json::to_string(&actor).unwrap(), OLD);
    }

    #[test]
    fn labels_trigger_and_trace_are_read_back_as_they_were_written() {
        let mut actor: Actor = serde_json::from_str(OLD).unwrap();
        actor.trace = "4bf92f3577b34da6a3ce929d0e0e4736".to_owned();
        let kestra = actor.kestra.as_mut().unwrap();
        kestra.trigger = "nightly".to_owned();
        kestra.trigger_type = "io.kestra.plugin.core.trigger.Schedule".to_owned();
        kestra.labels = BTreeMap::from([("team".to_owned(), "bi".to_owned())]);
        let text = serde_json::to_string(&actor).unwrap();
        assert_eq!(serde_json::from_str::<Actor>(&text).unwrap(), actor);
    }
}
