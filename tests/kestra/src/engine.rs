//! The engine's process, and requests over its pipes.

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

/// The options of Kestra's own start script, and options for a fast start.
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

/// How many lines of the engine's log are shown if it ends.
const SHOWN: usize = 40;

/// How long an engine may take to end by itself.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// After this time the files of a killed engine are removed.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The receivers of replies, by request id.
type Pending = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

/// A running engine. Many threads can send requests. The engine ends with this value, or with the process
/// that started it.
#[derive(Debug)]
pub struct Engine {
    process: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    pending: Pending,
    next: AtomicU64,
    log: PathBuf,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Builds the engine of this line if necessary, and starts it. `target` is cargo's folder;
    /// `environment` is the environment of the engine and of every task.
    ///
    /// # Errors
    /// [`EngineError`] if a tool is missing, or the engine cannot be built or started.
    pub fn start(
        line: Line,
        target: &Path,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, EngineError> {
        let tools = Tools::find()?;
        let program = build::program(line, &tools, target)?;
        sweep(&program.folder);
        let own = |name: &str| {
            program
                .folder
                .join(format!("{name}-{}", std::process::id()))
        };
        let storage = own("storage");
        std::fs::create_dir_all(&storage)
            .map_err(EngineError::io(format!("making {}", storage.display())))?;
        let log = own("engine").with_extension("log");
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
            return Err(EngineError::Reply("the engine has no pipes".to_owned()));
        };
        let mut replies = BufReader::new(stdout);
        let mut first = String::new();
        let read = replies.read_line(&mut first);
        if read.map_or(true, |read| read == 0) {
            return Err(ended(&log));
        }
        let pending: Pending = Arc::default();
        let receivers = pending.clone();
        std::thread::spawn(move || read_replies(replies, &receivers));
        Ok(Self {
            process: Mutex::new(process),
            stdin: Mutex::new(Some(stdin)),
            pending,
            next: AtomicU64::new(1),
            log,
        })
    }

    /// Sends a request (see `Requests.java`) and waits for the reply.
    ///
    /// # Errors
    /// [`EngineError::Refused`], [`EngineError::Ended`].
    pub fn request(&self, op: &str, fields: Value) -> Result<Value, EngineError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut request = fields;
        if let Some(request) = request.as_object_mut() {
            request.insert("id".to_owned(), id.into());
            request.insert("op".to_owned(), op.into());
        }
        let (sender, reply) = channel();
        locked(&self.pending).insert(id, sender);
        let line = format!("{request}\n");
        let sent = locked(&self.stdin)
            .as_mut()
            .is_some_and(|stdin| stdin.write_all(line.as_bytes()).is_ok());
        // A closed pipe and a missing reply mean the same: the engine has ended.
        let reply = if sent { reply.recv().ok() } else { None };
        let reply = reply.ok_or_else(|| ended(&self.log))?;
        match reply.get("error") {
            Some(error) => Err(EngineError::Refused {
                op: op.to_owned(),
                message: error.as_str().unwrap_or_default().to_owned(),
            }),
            None => Ok(reply.get("ok").cloned().unwrap_or_default()),
        }
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn secret(&self, name: &str, value: &str) -> Result<(), EngineError> {
        self.request("secret", json!({"name": name, "value": value}))
            .map(drop)
    }

    /// Loads a flow.
    ///
    /// # Errors
    /// As [`request`](Self::request), also if the flow is not valid.
    pub fn load(&self, source: &str) -> Result<(), EngineError> {
        self.request("load", json!({"source": source})).map(drop)
    }

    /// Starts a flow and returns the execution's id.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn start_execution(
        &self,
        namespace: &str,
        flow: &str,
        inputs: &Value,
    ) -> Result<String, EngineError> {
        let fields = json!({"namespace": namespace, "flow": flow, "inputs": inputs});
        let head = self.request("start", fields)?;
        let id = head.get("execution").and_then(Value::as_str);
        id.map(str::to_owned)
            .ok_or_else(|| EngineError::Reply(head.to_string()))
    }

    /// Waits until an execution is in one of these states; without states, for its end.
    ///
    /// # Errors
    /// As [`request`](Self::request), also after `timeout`.
    pub fn wait(
        &self,
        execution: &str,
        states: &[&str],
        timeout: Duration,
    ) -> Result<Execution, EngineError> {
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let fields = json!({"execution": execution, "states": states, "timeout_ms": timeout});
        self.request("wait", fields).map(Execution::new)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // When its stdin is closed, the engine kills running tasks, removes its files and exits.
        drop(locked(&self.stdin).take());
        let mut process = locked(&self.process);
        let start = Instant::now();
        while start.elapsed() < EXIT_TIMEOUT {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Passes every reply to its receiver. At the end of the pipe, the remaining receivers fail.
fn read_replies(replies: BufReader<ChildStdout>, pending: &Pending) {
    for line in replies.lines().map_while(Result::ok) {
        let Ok(reply) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let id = reply.get("id").and_then(Value::as_u64).unwrap_or(0);
        if let Some(sender) = locked(pending).remove(&id) {
            let _ = sender.send(reply);
        }
    }
    locked(pending).clear();
}

fn ended(log: &Path) -> EngineError {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    EngineError::Ended {
        log: log.to_owned(),
        tail: last_lines(&text, SHOWN),
    }
}

/// Removes the logs and files of old engines.
fn sweep(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with("engine-") || name.starts_with("storage-");
        let changed = entry.metadata().and_then(|about| about.modified());
        let old = changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE_AFTER));
        if ours && old {
            let path = entry.path();
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
        }
    }
}

/// A free port, on which the controller and the worker of 2.0 connect.
fn free_port() -> Result<u16, EngineError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EngineError::io("looking for a free port"))
}
