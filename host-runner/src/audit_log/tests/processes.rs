//! Several real processes: the test binary starts itself with a task in an environment variable.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::audit_log::{Begin, ResourceClaim};

const TASK: &str = "RECORD_TEST_TASK";
const PATH: &str = "RECORD_TEST_PATH";
const RUN: &str = "RECORD_TEST_RUN";

/// A worker process, killed on drop.
struct Worker(Child);

impl Worker {
    fn start(task: &str, path: &Path, run: &str) -> Self {
        Self::start_with(task, path, run, |_| {})
    }

    fn start_with(task: &str, path: &Path, run: &str, adjust: impl FnOnce(&mut Command)) -> Self {
        // By its link, which leads to the binary even where its folder is closed to another user.
        let binary = Path::new("/proc/self/exe");
        let binary = if binary.exists() {
            binary.to_path_buf()
        } else {
            std::env::current_exe().unwrap()
        };
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut command = Command::new(binary);
        command
            .args(["--exact", &format!("{module}::work"), "--nocapture"])
            .envs([(TASK, task), (RUN, run)])
            .env(PATH, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        adjust(&mut command);
        Self(command.spawn().unwrap())
    }

    /// Lets it continue.
    fn go(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Its next line of output.
    fn says(&mut self) -> String {
        let lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        lines
            .map(|line| line.unwrap())
            .find_map(|line| line.split_once("SAYS ").map(|(_, said)| said.to_owned()))
            .expect("the worker says something before it ends")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_go() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Not a test: the task of the worker processes.
#[test]
fn work() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let path = std::env::var(PATH).unwrap();
    let run = run(&std::env::var(RUN).unwrap());
    match task.as_str() {
        "open" => {
            let opened = open_really(Path::new(&path));
            println!(
                "SAYS {}",
                opened.map_or_else(|error| error.code(), |_| "opened")
            );
        }
        "begin" => {
            wait_for_go();
            let audit_log = retry_while_busy(|| open_really(Path::new(&path))).unwrap();
            let begin = retry_while_busy(|| audit_log.begin(&run, FOLLOWING)).unwrap();
            if begin == Begin::Start {
                retry_while_busy(|| audit_log.append(&run, intent())).unwrap();
            }
            for _ in 0..3 {
                retry_while_busy(|| audit_log.append(&RunInfo::default(), note("here"))).unwrap();
            }
            let started = if begin == Begin::Start {
                "start"
            } else {
                "not"
            };
            println!("SAYS {started}");
            wait_for_go();
        }
        "hold" => {
            let audit_log = retry_while_busy(|| open_really(Path::new(&path))).unwrap();
            retry_while_busy(|| audit_log.begin(&run, FOLLOWING)).unwrap();
            retry_while_busy(|| audit_log.claim_resource("resource", &run)).unwrap();
            println!("SAYS held");
            wait_for_go();
        }
        other => panic!("no such task: {other}"),
    }
}

#[test]
fn of_fifty_processes_one_starts_and_the_chain_is_whole() {
    let bench = Bench::new();
    let path = bench.location().path().to_path_buf();
    let mut workers: Vec<_> = (0..50)
        .map(|n| Worker::start("begin", &path, &format!("run {n}")))
        .collect();
    workers.iter_mut().for_each(Worker::go);
    let said = workers.iter_mut().map(Worker::says);
    assert_eq!(said.filter(|said| said == "start").count(), 1);
    let audit_log = retry_while_busy(|| open_really(&path)).unwrap();
    assert_eq!(whole(&audit_log), Some(151));
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_process_is_known_dead_at_once() {
    let bench = Bench::new();
    let path = bench.location().path().to_path_buf();
    let mut worker = Worker::start("hold", &path, "theirs");
    assert_eq!(worker.says(), "held");
    let audit_log = open_really(&path).unwrap();
    let ours = run("ours");
    let waits = Begin::Wait {
        run: "theirs".to_owned(),
    };
    assert_eq!(audit_log.begin(&ours, FOLLOWING).unwrap(), waits);

    worker.0.kill().unwrap();
    let begun = Instant::now();
    while audit_log.watch("theirs").unwrap().alive {
        // The signal takes a moment; the lease would take half a minute.
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(20), "still taken for alive");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(audit_log.begin(&ours, FOLLOWING).unwrap(), Begin::Start);
    let claim = audit_log.claim_resource("resource", &ours).unwrap();
    assert_eq!(claim, ResourceClaim::Claimed);
}

#[cfg(target_os = "linux")]
#[test]
fn an_audit_log_without_write_permission_is_read_only() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let bench = Bench::new();
    add_note(&bench.open(), "x");
    let path = bench.location().path().to_path_buf();
    let folder = path.parent().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        set_permissions(entry.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
    }
    set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    // Root may write everything, so its worker changes to another user: 65534 is `nobody` everywhere.
    let root = metadata("/proc/self").unwrap().uid() == 0;
    let worker = |path: &Path| {
        Worker::start_with("open", path, "r", |command| {
            if root {
                command.uid(65534).gid(65534);
            }
        })
        .says()
    };
    assert_eq!(worker(&path), "audit_log_read_only");
    assert_eq!(worker(&folder.join("new.db")), "audit_log_read_only");
    assert_eq!(worker(&folder.join("deep/new.db")), "audit_log_read_only");
    set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
}
