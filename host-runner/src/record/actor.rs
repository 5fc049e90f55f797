//! Who writes an event: the person or service account, the machine, the process, and the
//! orchestrator's task that it serves.

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
    /// The id of this opening of the record: the same in all events that one invocation writes.
    /// Process ids repeat in containers; this does not.
    pub invocation: String,
    /// The Kestra task, where there is one.
    pub kestra: Option<KestraContext>,
}

impl Actor {
    /// This process. [`Record::open`](super::Record::open) adds the invocation.
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
}
