//! When a claim counts: the lease.
//!
//! Whoever works on a run holds its lease and renews it; so a holder that is gone is found out,
//! at the latest when its lease ends, and at once where its process is known to have ended. Leases
//! of different machines are compared by their clocks, which must agree within
//! `LEASE - RENEW_EVERY`; if they do not, two processes may follow one run, but still only the one
//! that holds the lease in the store can store an intent.

use std::time::Duration;

use super::process::Process;

/// How long a lease lasts unless it is renewed. Long enough for a machine that is busy or pauses for
/// a snapshot, short enough to wait for.
pub const LEASE: Duration = Duration::from_secs(30);

/// How often a lease is to be renewed: two renewals may fail before it ends.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long after its end a lease is kept, so that a holder that was merely slow can still store
/// what it knows of its run.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who holds a run or a resource, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// The run.
    pub run: String,
    /// The invocation that holds it; empty once it was taken from it.
    pub holder: String,
    /// That invocation's process.
    pub process: Process,
    /// When the lease ends, in milliseconds since 1970.
    pub expires_at: i64,
}

impl Claim {
    /// Whether the claim counts at `now`, as seen from `here`.
    pub(super) fn is_alive(&self, now: i64, here: &Process) -> bool {
        !self.holder.is_empty() && self.expires_at > now && !self.process.is_known_dead(here)
    }
}

/// `later` milliseconds since 1970, `duration` after `now`.
pub(super) fn after(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
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
    fn a_claim_counts_until_its_end_and_not_at_all_once_it_was_taken() {
        let here = Process::this();
        assert!(claim(101).is_alive(100, &here));
        assert!(!claim(100).is_alive(100, &here));
        assert!(
            !Claim {
                holder: String::new(),
                ..claim(101)
            }
            .is_alive(100, &here)
        );
    }

    #[test]
    fn a_claim_of_a_process_that_has_ended_here_does_not_count() {
        let here = Process::this();
        let gone = Process {
            started: here.started + 1,
            ..here.clone()
        };
        let elsewhere = Process {
            machine: "elsewhere".into(),
            ..gone.clone()
        };
        assert_eq!(
            Claim {
                process: gone,
                ..claim(101)
            }
            .is_alive(100, &here),
            here.machine.is_empty()
        );
        assert!(
            Claim {
                process: elsewhere,
                ..claim(101)
            }
            .is_alive(100, &here)
        );
    }

    #[test]
    fn a_lease_outlives_two_missed_renewals() {
        assert!(LEASE >= RENEW_EVERY * 3);
        assert_eq!(after(5, RENEW_EVERY), 10_005);
    }
}
