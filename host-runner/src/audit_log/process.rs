//! This process, told apart from every other, and whether another one still lives.
//!
//! A process that was killed cannot release what it held. On its own machine its death is seen at
//! once, from `/proc`; from elsewhere only its lease's end tells. "Its own machine" is taken
//! narrowly: same host name, same boot, same pid namespace and same user, because a process of
//! another user may be hidden from us (`hidepid`), and taking a living process for dead could
//! trigger a refresh twice. Without `/proc` nothing is known, and only the lease's end counts.

use std::fs;

/// A process, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Process {
    /// Host name, boot, pid namespace and user; empty where one of them is not known.
    pub machine: String,
    /// The process id.
    pub pid: u32,
    /// When it began, in clock ticks since the boot: tells a re-used pid apart.
    pub started: u64,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Self {
        let pid = std::process::id();
        match (machine(), started(pid)) {
            (Some(machine), Some(started)) => Self {
                machine,
                pid,
                started,
            },
            _ => Self {
                machine: String::new(),
                pid,
                started: 0,
            },
        }
    }

    /// Whether this process is known to have ended, as seen from `here`.
    pub(super) fn is_known_dead(&self, here: &Self) -> bool {
        known_dead(self, here, started)
    }
}

fn known_dead(process: &Process, here: &Process, started: impl Fn(u32) -> Option<u64>) -> bool {
    !process.machine.is_empty()
        && process.machine == here.machine
        && started(process.pid) != Some(process.started)
}

/// The host name, where it can be told.
pub(super) fn host_name() -> Option<String> {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// `uid N`, for an actor without a name.
pub(super) fn user_id() -> Option<String> {
    uid().map(|uid| format!("uid {uid}"))
}

/// The effective user's id, which owns the process's own folder. Cheaper than its `status`.
#[cfg(unix)]
fn uid() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self")
        .ok()
        .map(|folder| folder.uid().to_string())
}

#[cfg(not(unix))]
fn uid() -> Option<String> {
    None
}

fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!(
        "{} {} {} uid:{}",
        host_name()?,
        boot.trim(),
        namespace.display(),
        uid()?
    ))
}

fn started(pid: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| parse_started(&stat))
}

/// Field 22 of `/proc/PID/stat` (proc(5)); nothing for a process that has ended and only waits for
/// its parent to notice.
fn parse_started(stat: &str) -> Option<u64> {
    // The second field is the command in brackets, which may hold anything, brackets too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // `state` is field 3, so 18 fields lie between it and field 22.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10";

    #[test]
    fn the_start_is_found_behind_a_command_with_brackets() {
        assert_eq!(parse_started(STAT), Some(987_654));
        assert_eq!(parse_started("garbage"), None);
    }

    #[test]
    fn a_process_that_nobody_has_waited_for_is_dead() {
        assert_eq!(parse_started(&STAT.replace(") S ", ") Z ")), None);
    }

    fn process(machine: &str, started: u64) -> Process {
        Process {
            machine: machine.to_owned(),
            pid: 7,
            started,
        }
    }

    #[test]
    fn death_is_known_only_of_processes_of_this_very_machine() {
        let (here, other, unknown) = (process("here", 1), process("elsewhere", 1), process("", 0));
        let gone = |_: u32| None;
        assert!(known_dead(&process("here", 5), &here, gone));
        assert!(!known_dead(&process("here", 5), &here, |_| Some(5)));
        assert!(
            known_dead(&process("here", 5), &here, |_| Some(6)),
            "the pid was used again"
        );
        assert!(!known_dead(&other, &here, gone));
        assert!(!known_dead(&unknown, &unknown, gone));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_not_dead() {
        let this = Process::this();
        assert!(!this.machine.is_empty());
        assert!(!this.is_known_dead(&this));
    }
}
