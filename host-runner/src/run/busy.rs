//! Waiting for a record that somebody else holds the lock of.
//!
//! The audit log itself gives up after 50 ms, so that a signal is never kept waiting by a lock. Here
//! the call is made again, until it succeeds, fails for another reason, or the patience is at its
//! end.

use std::time::Duration;

use crate::audit_log::AuditLogError;
use crate::clock::SharedClock;

/// The longest that a locked record is waited for. A refresh writes a few times for less than a
/// millisecond each; who holds the lock this long is stuck.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The pause between two tries: short, because holders write for less than a millisecond.
const PAUSE: Duration = Duration::from_millis(10);

/// Calls until it is not [`AuditLogError::Busy`], for at most `patience`.
///
/// # Errors
/// What the last call ended with.
pub async fn retry_while_busy<T>(
    clock: &SharedClock,
    busy: Duration,
    mut call: impl FnMut() -> Result<T, AuditLogError>,
) -> Result<T, AuditLogError> {
    let until = clock.monotonic().saturating_add(busy.min(LONGEST_WAIT));
    loop {
        match call() {
            Err(error) if error.is_busy() && clock.monotonic() < until => clock.sleep(PAUSE).await,
            other => return other,
        }
    }
}
