//! Claims on runs and resources, and whether the process that holds one is alive.
//!
//! A process that works on a run holds its lease and renews it. A holder that is gone is noticed when
//! the lease expires, or at once if its process is known to have ended. Leases of different machines
//! are compared by their clocks, which must agree within `LEASE - RENEW_EVERY`. If they do not, two
//! processes may follow one run, but still only the holder in the store can store an intent.
//!
//! A killed process cannot release its claims. On the same machine its death is visible at once in
//! `/proc`; elsewhere only the lease's expiry counts. "The same machine" means the same host name,
//! boot, pid namespace and user, because `hidepid` may hide processes of other users, and treating a
//! living process as dead could trigger a refresh twice.

use std::fs;
use std::time::Duration;

/// How long a lease lasts without renewal: long enough for a busy machine or a snapshot, short enough
/// to wait for.
pub const LEASE: Duration = Duration::from_secs(30);

/// How often a lease is renewed: two renewals may fail before it expires.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long an expired lease is kept, so that a slow holder can still store what it knows about its
/// run.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who holds a run or a resource, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// The run.
    pub run: String,
    /// The invocation that holds it; empty once it was revoked.
    pub holder: String,
    /// That invocation's process.
    pub process: Process,
    /// When the lease expires, in milliseconds since 1970.
    pub expires_at: i64,
}

impl Claim {
    /// Returns whether the claim counts at `now`, as seen from the process `here`.
    pub(super) fn is_alive(&self, now: i64, here: &Process) -> bool {
        !self.holder.is_empty() && self.expires_at > now && !self.process.is_known_dead(here)
    }
}

/// The time `duration` after `now`, in milliseconds since 1970.
pub(super) fn after(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// A process and its machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Process {
    /// Host name, boot, pid namespace and user; empty if any of them is unknown.
    pub machine: String,
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot: distinguishes processes with the same pid.
    pub started: u64,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Self {
        let pid = std::process::id();
        let (machine, started) = machine().zip(started(pid)).unwrap_or_default();
        Self {
            machine,
            pid,
            started,
        }
    }

    /// Returns whether this process is known to have ended, as seen from the process `here`.
    pub(super) fn is_known_dead(&self, here: &Self) -> bool {
        known_dead(self, here, started)
    }
}

fn known_dead(process: &Process, here: &Process, started: impl Fn(u32) -> Option<u64>) -> bool {
    !process.machine.is_empty()
        && process.machine == here.machine
        && started(process.pid) != Some(process.started)
}

/// The host name, if known.
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

/// The effective user id, which owns `/proc/self`.
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

/// Field 22 of `/proc/PID/stat` (proc(5)); `None` for a zombie.
fn parse_started(stat: &str) -> Option<u64> {
    // The second field is the command in parentheses, which may itself contain parentheses.
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

    fn claim(expires_at: i64) -> Claim {
        Claim {
            run: "r".into(),
            holder: "h".into(),
            process: Process::default(),
            expires_at,
        }
    }

    #[test]
    fn a_claim_counts_until_it_expires_or_is_revoked() {
        let here = Process::this();
        assert!(claim(101).is_alive(100, &here));
        assert!(!claim(100).is_alive(100, &here));
        let revoked = Claim {
            holder: String::new(),
            ..claim(101)
        };
        assert!(!revoked.is_alive(100, &here));
    }

    #[test]
    fn a_claim_of_a_process_that_ended_on_this_machine_does_not_count() {
        let here = Process::this();
        for (machine, alive) in [
            (here.machine.as_str(), here.machine.is_empty()),
            ("elsewhere", true),
        ] {
            let mut claim = claim(101);
            claim.process = Process {
                machine: machine.into(),
                started: here.started + 1,
                ..here.clone()
            };
            assert_eq!(claim.is_alive(100, &here), alive);
        }
    }

    #[test]
    fn a_lease_outlives_two_missed_renewals() {
        assert!(LEASE >= RENEW_EVERY * 3);
        assert_eq!(after(5, RENEW_EVERY), 10_005);
    }

    const STAT: &str =
        "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10";

    #[test]
    fn the_start_time_is_found_after_a_command_with_parentheses() {
        assert_eq!(parse_started(STAT), Some(987_654));
        assert_eq!(parse_started("garbage"), None);
    }

    #[test]
    fn a_zombie_is_dead() {
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
    fn death_is_known_only_for_processes_of_the_same_machine() {
        let (here, other, unknown) = (process("here", 1), process("elsewhere", 1), process("", 0));
        let gone = |_: u32| None;
        let started = process("here", 5);
        assert!(known_dead(&started, &here, gone));
        assert!(!known_dead(&started, &here, |_| Some(5)));
        // The pid was reused.
        assert!(known_dead(&started, &here, |_| Some(6)));
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
