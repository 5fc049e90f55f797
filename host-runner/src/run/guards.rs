//! The guards that need a clock, a calendar or the audit log: the window and the interval.
//!
//! What needs the service (another run, the quota) the component judges.

use jiff::Timestamp;

use crate::audit_log::{AuditLog, AuditLogError};
use crate::config::ResolvedTarget;
use crate::guard::{is_open, next_opening, too_early};
use crate::verdict::{Status, Verdict};

/// A guard that holds a refresh back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// The guard, as the configuration names it.
    pub guard: &'static str,
    /// The verdict's stable code.
    pub code: &'static str,
    /// What holds it back, in a sentence.
    pub message: String,
    /// When it would be let through: RFC 3339, UTC; empty where that never comes.
    pub retry_at: String,
}

impl Held {
    /// The verdict that the guard comes to.
    pub(super) fn verdict(&self) -> Verdict {
        Verdict {
            retryable: true,
            retry_at: self.retry_at.clone(),
            ..Verdict::not_sent(
                Status::Skipped,
                self.code,
                self.message.clone(),
                "start again then; --force triggers all the same",
            )
        }
    }
}

/// The guards that hold this target back now.
///
/// # Errors
/// Where the audit log cannot be read.
pub(super) fn held_back(
    audit_log: &AuditLog,
    target: &ResolvedTarget,
    now: Timestamp,
) -> Result<Vec<Held>, AuditLogError> {
    let mut held = Vec::new();
    held.extend(outside_window(target, now));
    if let Some(interval) = target.min_interval {
        let last = audit_log.last_refresh_of_target(&target.name)?;
        let retry_at = too_early(last, interval, now);
        held.extend(retry_at.zip(last).map(|(at, last)| Held {
            guard: "min_interval",
            code: "too_soon",
            message: format!(
                "the last refresh of {} was sent at {last}, and another is not due before {at}; nothing was sent",
                target.name
            ),
            retry_at: at.to_string(),
        }));
    }
    Ok(held)
}

/// Whether no window of the target is open.
pub(super) fn outside_window(target: &ResolvedTarget, now: Timestamp) -> Option<Held> {
    if is_open(&target.windows, now) {
        return None;
    }
    let opens = next_opening(&target.windows, now);
    let told = opens.map_or_else(
        || "it never opens again".to_owned(),
        |at| format!("it opens at {at}"),
    );
    Some(Held {
        guard: "window",
        code: "outside_window",
        message: format!(
            "the window of {} is closed, {told}; nothing was sent",
            target.name
        ),
        retry_at: opens.map(|at| at.to_string()).unwrap_or_default(),
    })
}
