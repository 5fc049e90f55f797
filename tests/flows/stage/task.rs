//! A flow of one task that runs the binary, for what has to be looked at closer than a flow of ours
//! allows.

use std::fmt::Write as _;

/// A flow `one_task` whose task `refresh` runs the binary.
pub struct Task {
    command: String,
    config: String,
    env: Vec<(String, String)>,
    more: String,
    then: String,
}

impl Task {
    /// A task with this command, and the usual target `order_list` with this `verify`; an empty one
    /// leaves it out.
    pub fn new(command: &str, verify: &str) -> Self {
        let verify = if verify.is_empty() {
            String::new()
        } else {
            format!("    verify: {verify}\n")
        };
        Self::with_config(
            command,
            &format!(
                "version: 1
credentials:
  default:
    kind: client-secret
    tenant: 11111111-1111-1111-1111-111111111111
    client_id: 22222222-2222-2222-2222-222222222222
    client_secret: ${{env:AZURE_CLIENT_SECRET}}
targets:
  order_list:
    kind: power-automate
    url: ${{env:ORDER_LIST_FLOW_URL}}
{verify}"
            ),
        )
    }

    /// A task with this command and configuration.
    pub fn with_config(command: &str, config: &str) -> Self {
        let env = [
            ("ORDER_LIST_FLOW_URL", "{{ secret('ORDER_LIST_FLOW_URL') }}"),
            ("AZURE_CLIENT_SECRET", "{{ secret('AZURE_CLIENT_SECRET') }}"),
            ("HOST_RUNNER_AUDIT", "sqlite:/var/lib/host-runner/audit.db"),
            ("KESTRA_TASKRUN_ID", "{{ taskrun.id }}"),
            ("KESTRA_EXECUTION_ID", "{{ execution.id }}"),
        ];
        Self {
            command: command.to_owned(),
            config: config.to_owned(),
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            more: String::new(),
            then: String::new(),
        }
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable away.
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Adds a line to the task.
    pub fn with(mut self, line: &str) -> Self {
        let _ = writeln!(self.more, "    {line}");
        self
    }

    /// Adds tasks after it, as YAML.
    pub fn then(mut self, tasks: &str) -> Self {
        self.then.push_str(tasks);
        self
    }

    /// The flow.
    pub fn flow(&self) -> String {
        let mut flow = format!(
            "id: one_task
namespace: company.bi
labels: {{team: bi}}
tasks:
  - id: refresh
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
{}    env:
",
            self.more
        );
        for (name, value) in &self.env {
            let _ = writeln!(
                flow,
                "      {name}: {}",
                serde_json::Value::from(value.as_str())
            );
        }
        flow += "    inputFiles:\n      refresh.yaml: |\n";
        for line in self.config.lines() {
            let _ = writeln!(flow, "        {line}");
        }
        let _ = write!(
            flow,
            "    commands:\n      - {}\n{}",
            serde_json::Value::from(self.command.as_str()),
            self.then
        );
        flow
    }
}
