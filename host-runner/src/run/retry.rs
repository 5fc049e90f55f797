//! Whether a failed refresh is worth another attempt, and when.
//!
//! Only a `failed` is: whatever else there is may have a run going on, or will not get better.

use std::time::Duration;

use jiff::Timestamp;

use super::guards;
use super::session::Session;
use crate::config::ResolvedTarget;
use crate::verdict::{Status, Verdict};

/// How long to wait before the next attempt; nothing where there is none.
pub(super) fn next(
    session: &Session,
    target: &ResolvedTarget,
    verdict: &Verdict,
    triggers: u32,
) -> Option<Duration> {
    let now = session.clock.now();
    let left = session
        .deadline_of(target)
        .saturating_sub(session.clock.monotonic());
    let wait = wait(
        verdict,
        triggers,
        target.retry.max_attempts,
        target.retry.delay,
        now,
    )?;
    let then = now.checked_add(wait).ok()?;
    (wait < left && guards::outside_window(target, then).is_none()).then_some(wait)
}

/// The delay, or longer where the service opens later.
fn wait(
    verdict: &Verdict,
    triggers: u32,
    max_attempts: u32,
    delay: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let worth = verdict.status == Status::Failed && verdict.retryable && triggers < max_attempts;
    if !worth {
        return None;
    }
    let opens = verdict
        .retry_at
        .parse::<Timestamp>()
        .ok()
        .and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    Some(opens.map_or(delay, |opens| opens.max(delay)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(retryable: bool, retry_at: &str) -> Verdict {
        Verdict {
            retryable,
            retry_at: retry_at.to_owned(),
            ..Verdict::not_sent(Status::Failed, "refresh_failed", "", "")
        }
    }

    fn asked(verdict: &Verdict, triggers: u32) -> Option<u64> {
        let now = "2026-11-23T08:00:00Z".parse().unwrap();
        wait(verdict, triggers, 3, Duration::from_secs(300), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn only_a_failure_that_is_worth_it_is_tried_again_and_not_for_ever() {
        assert_eq!(asked(&failed(true, ""), 1), Some(300));
        assert_eq!(asked(&failed(true, ""), 2), Some(300));
        assert_eq!(asked(&failed(true, ""), 3), None);
        assert_eq!(asked(&failed(false, ""), 1), None);
        for status in [
            Status::Unknown,
            Status::Accepted,
            Status::Completed,
            Status::Skipped,
            Status::Unavailable,
        ] {
            let other = Verdict {
                status,
                ..failed(true, "")
            };
            assert_eq!(asked(&other, 1), None, "{status:?}");
        }
    }

    #[test]
    fn a_service_that_opens_later_is_waited_for() {
        assert_eq!(asked(&failed(true, "2026-11-23T09:00:00Z"), 1), Some(3600));
        assert_eq!(asked(&failed(true, "2026-11-23T08:01:00Z"), 1), Some(300));
        assert_eq!(asked(&failed(true, "2026-11-23T07:00:00Z"), 1), Some(300));
    }
}
