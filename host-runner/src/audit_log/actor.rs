//! The author of an event: user, machine, process, and the Kestra task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lease;

/// The author of an event. A text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The operating system's user.
    pub user: String,
    /// The host name of the machine or container.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// The version of host-runner.
    pub version: String,
    /// The id of the invocation, the same in all of its events. Unlike process ids, it never repeats.
    pub invocation: String,
    /// The Kestra task, if any.
    pub kestra: Option<KestraContext>,
    /// The trace id, 32 hexadecimal digits; empty without a trace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
}

impl Actor {
    /// This process. [`AuditLog::open`](super::AuditLog::open) adds the invocation.
    #[must_use]
    pub fn of_this_process(kestra: Option<KestraContext>) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok());
        Self {
            user: user.or_else(lease::user_id).unwrap_or_default(),
            host: lease::host_name().unwrap_or_default(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            invocation: String::new(),
            kestra,
            trace: String::new(),
        }
    }

    /// `user@host`, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let [user, host] = [&self.user, &self.host].map(|text| match text.as_str() {
            "" => "unknown",
            text => text,
        });
        format!("{user}@{host}")
    }
}

/// A Kestra task. A text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KestraContext {
    /// The execution's id.
    pub execution: String,
    /// The task run's id.
    pub task_run: String,
    /// The attempt of the task run.
    pub attempt: String,
    /// The flow's id.
    pub flow: String,
    /// The flow's namespace.
    pub namespace: String,
    /// The flow's revision.
    pub revision: String,
    /// The tenant.
    pub tenant: String,
    /// The id of the trigger that started the execution; empty for a manual start.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger: String,
    /// The type of that trigger.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger_type: String,
    /// The execution's labels; nested labels have dotted names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 0.1 wrote it, before labels, triggers and traces.
    const OLD: &str = r#"{"user":"kestra","host":"worker-1","pid":7,"version":"0.1.0","invocation":"i","kestra":{"execution":"ex1","task_run":"tr1","attempt":"0","flow":"f","namespace":"n","revision":"3","tenant":"main"}}"#;

    #[test]
    fn an_actor_of_an_older_version_round_trips_unchanged() {
        let actor: Actor = serde_json::from_str(OLD).unwrap();
        assert_eq!(actor.trace, "");
        let kestra = actor.kestra.as_ref().unwrap();
        assert_eq!(kestra.execution, "ex1");
        assert_eq!(kestra.trigger, "");
        assert!(kestra.labels.is_empty());
        assert_eq!(serde_json::to_string(&actor).unwrap(), OLD);
    }

    #[test]
    fn labels_trigger_and_trace_round_trip() {
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
