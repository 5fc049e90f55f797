//! The three ways to trigger the flow, each as a flow of one shell task, and what its task says
//! when it did its work.

use std::path::Path;

use serde_json::{Value, json};

use crate::bench::place::TRACKING_ID;

/// The namespace of the flows.
pub(crate) const NAMESPACE: &str = "company.bench";

/// The id of each flow's only task.
pub(crate) const TASK: &str = "refresh";

/// A way to trigger the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `host-runner refresh`.
    Runner,
    /// curl.
    Curl,
    /// The Python script.
    Script,
}

/// What the tasks need of the place that they run at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'a> {
    /// host-runner.
    pub(crate) runner: &'a Path,
    /// curl.
    pub(crate) curl: &'a Path,
    /// The Python interpreter.
    pub(crate) python: &'a Path,
    /// The script that it runs.
    pub(crate) script: &'a Path,
    /// The user's home, where the interpreter may find its packages.
    pub(crate) home: &'a Path,
    /// The folder of the configuration, of the bytes, and of the records.
    pub(crate) folder: &'a Path,
}

impl Way {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Runner, Self::Curl, Self::Script];

    /// In which order they take their turns in a round: each is first as often as the others, so
    /// that what the engine still does after one of them falls on all alike.
    pub(crate) fn turns(round: u32) -> [Self; 3] {
        let mut turns = Self::ALL;
        turns.rotate_left(round as usize % Self::ALL.len());
        turns
    }

    /// The id of its flow.
    pub(crate) fn flow_id(self) -> &'static str {
        match self {
            Self::Runner => "bench_runner",
            Self::Curl => "bench_curl",
            Self::Script => "bench_script",
        }
    }

    /// The output of the task that says that the flow was triggered, and its value.
    pub(crate) fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Runner => ("status", "accepted"),
            Self::Curl | Self::Script => ("http_status", "202"),
        }
    }

    /// Its flow. Files lie on the worker's disk, so that the engine has no more to deliver for one
    /// than for another; each ends in a frame with outputs.
    pub(crate) fn flow(self, needs: &Needs<'_>) -> Value {
        let file = |name: &str| needs.folder.join(name).display().to_string();
        // Paths are variables: a shell takes them as they are, whatever is in them.
        let (env, command) = match self {
            Self::Runner => (
                json!({
                    "RUNNER": needs.runner,
                    "CONFIG": file("refresh.yaml"),
                    "HOST_RUNNER_AUDIT": format!("sqlite:{}", file("kestra.db")),
                    "KESTRA_TASKRUN_ID": "{{ taskrun.id }}",
                    "KESTRA_EXECUTION_ID": "{{ execution.id }}",
                }),
                "\"$RUNNER\" refresh order_list --config \"$CONFIG\"".to_owned(),
            ),
            Self::Curl => (
                json!({"CURL": needs.curl, "BODY": file("body.json")}),
                format!(
                    "\"$CURL\" -sS -o /dev/null -w '::{{\"outputs\":{{\"http_status\":\"%{{http_code}}\"}}}}::\\n' -X POST \
                     -H 'Content-Type: application/json' -H 'x-ms-client-tracking-id: {TRACKING_ID}' \
                     --data-binary \"@$BODY\" \"$ORDER_LIST_FLOW_URL\""
                ),
            ),
            Self::Script => (
                json!({
                    "PYTHON": needs.python,
                    "SCRIPT": needs.script,
                    "BODY": file("body.json"),
                    "RECORD": file("kestra-script.db"),
                    "HOME": needs.home,
                }),
                format!("\"$PYTHON\" \"$SCRIPT\" \"$BODY\" {TRACKING_ID} \"$RECORD\" frame"),
            ),
        };
        let mut task = json!({
            "id": TASK,
            "type": "io.kestra.plugin.scripts.shell.Commands",
            "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
            "env": {"ORDER_LIST_FLOW_URL": "{{ secret('ORDER_LIST_FLOW_URL') }}"},
            "commands": [command],
        });
        if let (Some(all), Some(own)) = (
            task.pointer_mut("/env").and_then(Value::as_object_mut),
            env.as_object(),
        ) {
            all.extend(own.clone());
        }
        json!({"id": self.flow_id(), "namespace": NAMESPACE, "tasks": [task]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(way: Way) -> Value {
        let needs = Needs {
            runner: Path::new("/a folder/host-runner"),
            curl: Path::new("curl"),
            python: Path::new("/usr/bin/python3"),
            script: Path::new("/src/refresh.py"),
            home: Path::new("/home/me"),
            folder: Path::new("/place"),
        };
        way.flow(&needs).pointer("/tasks/0").unwrap().clone()
    }

    #[test]
    fn each_is_first_as_often_as_the_others_and_has_one_turn_in_every_round() {
        let first: Vec<Way> = (0..3).map(|round| Way::turns(round)[0]).collect();
        assert_eq!(first, Way::ALL);
        for round in 0..6 {
            for way in Way::ALL {
                assert!(Way::turns(round).contains(&way));
            }
        }
    }

    #[test]
    fn the_url_is_a_secret_and_stands_in_no_flow() {
        for way in Way::ALL {
            let task = task(way);
            assert_eq!(
                task.pointer("/env/ORDER_LIST_FLOW_URL").unwrap(),
                "{{ secret('ORDER_LIST_FLOW_URL') }}"
            );
            assert!(!task.to_string().contains("http://"), "{task}");
        }
    }

    #[test]
    fn a_path_with_a_space_reaches_the_shell_in_one_piece() {
        let task = task(Way::Runner);
        assert_eq!(
            task.pointer("/env/RUNNER").unwrap(),
            "/a folder/host-runner"
        );
        let command = task.pointer("/commands/0").and_then(Value::as_str).unwrap();
        assert!(command.starts_with("\"$RUNNER\" "), "{command}");
    }

    #[test]
    fn curl_says_its_status_in_a_frame() {
        let task = task(Way::Curl);
        let command = task.pointer("/commands/0").and_then(Value::as_str).unwrap();
        assert!(
            command.contains("'::{\"outputs\":{\"http_status\":\"%{http_code}\"}}::\\n'"),
            "{command}"
        );
    }
}
