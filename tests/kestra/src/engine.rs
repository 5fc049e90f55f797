//! The engine's process, and requests to it over its pipes.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::build::{self, last_lines};
use crate::tools::Tools;
use crate::{EngineError, Execution, Line};

/// What Kestra's own start script gives Java, and what makes a short life cheap.
const JVM_OPTIONS: [&str; 9] = [
    "-Xmx1g",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dfile.encoding=UTF-8",
];

/// How much of the engine's log is shown when it ends, in lines.
const SHOWN: usize = 40;

/// How long an engine has to end by itself.
const LAST_SECONDS: Duration = Duration::from_secs(10);

/// After this time what an engine that was killed left behind is nobody's.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// Who waits for which answer.
type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

/// A running engine. Requests may come from many threads. It ends with the value, or with the
/// process that started it, whichever is first.
#[derive(Debug)]
pub struct Engine {
    line: Line,
    process: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    next: AtomicU64,
    log: PathBuf,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Starts the engine of this line; builds it first where that is needed. `target` is cargo's
    /// folder; `environment` is the whole of the engine's, and so of every task's.
    ///
    /// # Errors
    /// [`EngineError`], with what to do where a tool is missing.
    pub fn start(
        line: Line,
        target: &Path,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, EngineError> {
        let tools = Tools::find()?;
        let program = build::program(line, &tools, target)?;
        sweep(&program.folder);
        let storage = program
            .folder
            .join(format!("storage-{}", std::process::id()));
        std::fs::create_dir_all(&storage)
            .map_err(EngineError::io(format!("making {}", storage.display())))?;
        let log = program
            .folder
            .join(format!("engine-{}.log", std::process::id()));
        let log_file =
            File::create(&log).map_err(EngineError::io(format!("making {}", log.display())))?;
        let port = free_port()?;
        let mut process = Command::new(tools.java_home.join("bin/java"))
            .args(JVM_OPTIONS)
            .arg(format!("-Dengine.storage={}", storage.display()))
            .arg(format!("-Dengine.port={port}"))
            .args(["-cp", &program.class_path, "refresh.engine.Main"])
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(EngineError::io("starting java"))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(EngineError::Answer("the engine has no pipes".to_owned()));
        };
        let mut answers = BufReader::new(stdout);
        let mut first = String::new();
        let read = answers.read_line(&mut first);
        if read.map_or(true, |read| read == 0) {
            return Err(ended(&log));
        }
        let waiting: Waiting = Arc::default();
        let hear = waiting.clone();
        std::thread::spawn(move || listen(answers, &hear));
        Ok(Self {
            line,
            process: Mutex::new(process),
            stdin: Mutex::new(Some(stdin)),
            waiting,
            next: AtomicU64::new(1),
            log,
        })
    }

    /// Its line.
    #[must_use]
    pub fn line(&self) -> Line {
        self.line
    }

    /// Asks it for something (the operations are those of `Requests.java`) and waits for the answer.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with the engine's own words, [`EngineError::Ended`].
    pub fn ask(&self, op: &str, fields: Value) -> Result<Value, EngineError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut request = fields;
        if let Some(request) = request.as_object_mut() {
            request.insert("id".to_owned(), id.into());
            request.insert("op".to_owned(), op.into());
        }
        let (tell, answer) = channel();
        locked(&self.waiting).insert(id, tell);
        let line = format!("{request}\n");
        let sent = locked(&self.stdin)
            .as_mut()
            .is_some_and(|stdin| stdin.write_all(line.as_bytes()).is_ok());
        // A closed pipe and an answer that never comes are the same: the engine is gone.
        let answer = if sent { answer.recv().ok() } else { None };
        match answer {
            None => Err(ended(&self.log)),
            Some(answer) => match answer.get("error") {
                Some(error) => Err(EngineError::Refused {
                    op: op.to_owned(),
                    message: error.as_str().unwrap_or_default().to_owned(),
                }),
                None => Ok(answer.get("ok").cloned().unwrap_or_default()),
            },
        }
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn secret(&self, name: &str, value: &str) -> Result<(), EngineError> {
        self.ask("secret", json!({"name": name, "value": value}))
            .map(drop)
    }

    /// Loads a flow.
    ///
    /// # Errors
    /// As [`ask`](Self::ask): the engine's own words on a flow that it does not take.
    pub fn load(&self, source: &str) -> Result<(), EngineError> {
        self.ask("load", json!({"source": source})).map(drop)
    }

    /// Starts a flow and gives the execution's id.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn begin(
        &self,
        namespace: &str,
        flow: &str,
        inputs: &Value,
    ) -> Result<String, EngineError> {
        let fields = json!({"namespace": namespace, "flow": flow, "inputs": inputs});
        id_of(&self.ask("start", fields)?)
    }

    /// Waits until an execution is in one of these states; without states, until all of it is over.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), also where it never comes to that.
    pub fn wait(
        &self,
        execution: &str,
        states: &[&str],
        patience: Duration,
    ) -> Result<Execution, EngineError> {
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let fields = json!({"execution": execution, "states": states, "timeout_ms": patience});
        self.ask("wait", fields).map(Execution::new)
    }

    /// What is known of an execution now.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn report(&self, execution: &str) -> Result<Execution, EngineError> {
        self.ask("report", json!({"execution": execution}))
            .map(Execution::new)
    }

    /// Kills an execution, and waits until it is over.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn kill(&self, execution: &str) -> Result<(), EngineError> {
        self.ask("kill", json!({"execution": execution})).map(drop)
    }

    /// Restarts a failed execution; it stays the same execution.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn restart(&self, execution: &str) -> Result<String, EngineError> {
        id_of(&self.ask("restart", json!({"execution": execution}))?)
    }

    /// Replays an execution from its first task; gives the new execution's id.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn replay(&self, execution: &str) -> Result<String, EngineError> {
        id_of(&self.ask("replay", json!({"execution": execution}))?)
    }

    /// The executions of a flow: ids, states, labels.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn executions(&self, namespace: &str, flow: &str) -> Result<Vec<Execution>, EngineError> {
        let found = self.ask("find", json!({"namespace": namespace, "flow": flow}))?;
        Ok(found
            .as_array()
            .map(|all| all.iter().cloned().map(Execution::new).collect())
            .unwrap_or_default())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Without its stdin it ends what tasks still run, clears what they stored, and goes.
        drop(locked(&self.stdin).take());
        let mut process = locked(&self.process);
        let asked = Instant::now();
        while asked.elapsed() < LAST_SECONDS {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Hands every answer to whoever waits for it. When the pipe ends, nobody waits any longer.
fn listen(answers: BufReader<ChildStdout>, waiting: &Waiting) {
    for line in answers.lines().map_while(Result::ok) {
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let id = answer.get("id").and_then(Value::as_u64).unwrap_or(0);
        if let Some(tell) = locked(waiting).remove(&id) {
            let _ = tell.send(answer);
        }
    }
    locked(waiting).clear();
}

fn id_of(head: &Value) -> Result<String, EngineError> {
    head.get("execution")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| EngineError::Answer(head.to_string()))
}

fn ended(log: &Path) -> EngineError {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    EngineError::Ended {
        log: log.to_owned(),
        tail: last_lines(&text, SHOWN),
    }
}

/// Takes away the logs and files of engines that ended long ago.
fn sweep(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with("engine-") || name.starts_with("storage-");
        let changed = entry.metadata().and_then(|about| about.modified());
        let old = changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_BEHIND));
        if ours && old {
            let path = entry.path();
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
        }
    }
}

/// A port that nobody listens at, for the controller and worker of 2.0 to find each other.
fn free_port() -> Result<u16, EngineError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EngineError::io("looking for a free port"))
}
