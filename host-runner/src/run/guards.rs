//! The guards that need a clock, a calendar or the audit log: window, interval and retries.
//!
//! Guards that need the service (a running refresh, the quota) are in the component.

use std::time::Duration;

use jiff::Timestamp;

use crate::audit_log::{AuditLog, AuditLogError};
use crate::config::{ResolvedTarget, Retry};
use crate::guard::{is_open, next_opening, too_early};
use crate::verdict::{Status, Verdict};

/// A guard that holds back a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockingGuard {
    /// The guard's key in the configuration.
    pub(super) name: &'static str,
    /// Why it holds back the refresh.
    pub(super) reason: String,
    /// The verdict on the refresh.
    pub(super) verdict: Verdict,
}

impl BlockingGuard {
    /// `opens_at` is when the guard would let the refresh through; none for never.
    fn new(name: &'static str, code: &str, reason: String, opens_at: Option<Timestamp>) -> Self {
        let message = format!("{reason}; nothing was sent");
        let hint = "start again at that time, or use --force to trigger now";
        let verdict = Verdict {
            retryable: true,
            retry_at: opens_at.map(|at| at.to_string()).unwrap_or_default(),
            ..Verdict::not_sent(Status::Skipped, code, message, hint)
        };
        Self {
            name,
            reason,
            verdict,
        }
    }
}

/// The guards that hold back a refresh of this target at `now`.
///
/// # Errors
/// If the audit log cannot be read.
pub(super) fn blocking(
    audit_log: &AuditLog,
    target: &ResolvedTarget,
    now: Timestamp,
) -> Result<Vec<BlockingGuard>, AuditLogError> {
    let mut guards: Vec<BlockingGuard> = closed_window(target, now).into_iter().collect();
    if let Some(interval) = target.min_interval {
        let last = audit_log.last_refresh_of_target(&target.name)?;
        let opens_at = too_early(last, interval, now);
        guards.extend(opens_at.zip(last).map(|(at, last)| {
            let reason = format!(
                "the last refresh of {} was sent at {last}, and `min_interval` allows the next one at {at}",
                target.name
            );
            BlockingGuard::new("min_interval", "too_soon", reason, Some(at))
        }));
    }
    Ok(guards)
}

/// The window guard, if no window of the target is open.
fn closed_window(target: &ResolvedTarget, now: Timestamp) -> Option<BlockingGuard> {
    if is_open(&target.windows, now) {
        return None;
    }
    let opens_at = next_opening(&target.windows, now);
    let next = match &opens_at {
        None => "it never opens again".to_owned(),
        Some(at) => format!("it opens at {}", at.strftime("%Y-%m-%d %H:%M %Q")),
    };
    let reason = format!("the window of {} is closed, {next}", target.name);
    let opens_at = opens_at.map(|at| at.timestamp());
    let (name, code) = ("window", "outside_window");
    Some(BlockingGuard::new(name, code, reason, opens_at))
}

/// How long to wait before the next attempt, after `triggers` of them; none if there is no next one.
/// `left` is the time until the deadline.
pub(super) fn next_attempt(
    target: &ResolvedTarget,
    verdict: &Verdict,
    triggers: u32,
    now: Timestamp,
    left: Duration,
) -> Option<Duration> {
    let wait = retry_delay(verdict, triggers, &target.retry, now)?;
    let then = now.checked_add(wait).ok()?;
    (wait < left && closed_window(target, then).is_none()).then_some(wait)
}

/// Only a retryable `failed` is retried: after anything else a run may still be in progress, or the
/// next attempt would end the same.
fn retry_delay(
    verdict: &Verdict,
    triggers: u32,
    retry: &Retry,
    now: Timestamp,
) -> Option<Duration> {
    let failed = verdict.status == Status::Failed && verdict.retryable;
    if !failed || triggers >= retry.max_attempts.0 {
        return None;
    }
    let opens = verdict
        .retry_at
        .parse::<Timestamp>()
        .ok()
        .and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    Some(opens.map_or(retry.delay.0, |opens| opens.max(retry.delay.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Span, Whole};

    fn failed(retryable: bool, retry_at: &str) -> Verdict {
        Verdict {
            retryable,
            retry_at: retry_at.to_owned(),
            ..Verdict::not_sent(Status::Failed, "refresh_failed", "", "")
        }
    }

    fn delay(verdict: &Verdict, triggers: u32) -> Option<u64> {
        let now = "2026-11-23T08:00:00Z".parse().unwrap();
        let retry = Retry {
            max_attempts: Whole(3),
            delay: Span(Duration::from_secs(300)),
        };
        retry_delay(verdict, triggers, &retry, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn only_a_retryable_failure_is_retried_up_to_max_attempts() {
        for (status, retryable, triggers, expected) in [
            (Status::Failed, true, 1, Some(300)),
            (Status::Failed, true, 2, Some(300)),
            (Status::Failed, true, 3, None),
            (Status::Failed, false, 1, None),
            (Status::Unknown, true, 1, None),
            (Status::Accepted, true, 1, None),
            (Status::Completed, true, 1, None),
            (Status::Skipped, true, 1, None),
            (Status::Unavailable, true, 1, None),
        ] {
            let mut verdict = failed(retryable, "");
            verdict.status = status;
            assert_eq!(delay(&verdict, triggers), expected, "{status:?}");
        }
    }

    #[test]
    fn the_delay_is_at_least_what_the_service_asks_for() {
        assert_eq!(delay(&failed(true, "2026-11-23T09:00:00Z"), 1), Some(3600));
        assert_eq!(delay(&failed(true, "2026-11-23T08:01:00Z"), 1), Some(300));
        assert_eq!(delay(&failed(true, "2026-11-23T07:00:00Z"), 1), Some(300));
    }
}
