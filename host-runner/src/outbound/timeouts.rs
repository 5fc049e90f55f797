//! How long each part of a call may take, and how that is enforced.
//!
//! There are three limits: until the connection is established (lookup, TCP and TLS handshake
//! together), between two parts of the body, and for the whole call, which also ends a server that
//! never begins its response or sends a little for ever. A limit cannot be turned off.

use std::future::Future;
use std::time::Duration;

use crate::clock::SharedClock;

/// The limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup, TCP, proxy and TLS handshake together.
    pub connect: Duration,
    /// Between two parts of the body.
    pub between_bytes: Duration,
    /// The whole call.
    pub total: Duration,
}

/// How long one call may take if nothing else is configured (`defaults.timeout`).
pub const DEFAULT_CALL: Duration = Duration::from_secs(30);

/// How long a connection may take. A healthy one across the world needs less than a second; a lost
/// SYN is sent again after 1, 3 and 7 seconds, so 10 s allow three.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

impl Default for Timeouts {
    fn default() -> Self {
        Self::for_call(DEFAULT_CALL)
    }
}

impl Timeouts {
    /// The limits of a call that may take `total`: the connection gets at most
    /// 10 s of it, everything else the whole.
    #[must_use]
    pub fn for_call(total: Duration) -> Self {
        Self {
            connect: total.min(LONGEST_CONNECT),
            between_bytes: total,
            total,
        }
    }

    /// These limits, shortened as the guest asks. It cannot lengthen them.
    #[must_use]
    pub fn shortened(self, connect: Option<Duration>, between_bytes: Option<Duration>) -> Self {
        let shorter =
            |mine: Duration, theirs: Option<Duration>| theirs.map_or(mine, |t| t.min(mine));
        Self {
            connect: shorter(self.connect, connect),
            between_bytes: shorter(self.between_bytes, between_bytes),
            total: self.total,
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RanOut {
    /// That of the part.
    Part,
    /// That of the whole call.
    Total,
}

/// A point in time on the clock of the transport.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    clock: SharedClock,
    at: Duration,
}

impl Deadline {
    pub(crate) fn after(clock: &SharedClock, time: Duration) -> Self {
        let at = clock.monotonic().saturating_add(time);
        Self {
            clock: clock.clone(),
            at,
        }
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.at.saturating_sub(self.clock.monotonic())
    }

    /// Runs `work` for at most `part`, and never beyond this deadline.
    pub(crate) async fn limit<T>(
        &self,
        part: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, RanOut> {
        let remaining = self.remaining();
        // Work that is always ready, as bytes that keep arriving, must not outlive the call.
        if remaining.is_zero() {
            return Err(RanOut::Total);
        }
        let (time, ran_out) = if part < remaining {
            (part, RanOut::Part)
        } else {
            (remaining, RanOut::Total)
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.clock.sleep(time) => Err(ran_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_guest_can_shorten_a_limit_and_never_lengthen_it() {
        let mine = Timeouts::for_call(30_000 * MS);
        let got = mine.shortened(Some(MS), Some(60_000 * MS));
        assert_eq!(got.connect, MS);
        assert_eq!((got.between_bytes, got.total), (30_000 * MS, 30_000 * MS));
    }

    #[test]
    fn the_connection_never_gets_more_than_the_call() {
        assert_eq!(Timeouts::for_call(2_000 * MS).connect, 2_000 * MS);
        assert_eq!(Timeouts::for_call(130_000 * MS).connect, LONGEST_CONNECT);
    }

    #[tokio::test]
    async fn the_limit_that_ran_out_is_named() {
        let clock = SystemClock::shared();
        let never = std::future::pending::<()>;
        let wide = Deadline::after(&clock, 60_000 * MS);
        assert_eq!(wide.limit(MS, never()).await, Err(RanOut::Part));
        let narrow = Deadline::after(&clock, MS);
        assert_eq!(narrow.limit(60_000 * MS, never()).await, Err(RanOut::Total));
        assert_eq!(wide.limit(Duration::ZERO, async { 7 }).await, Ok(7));
    }
}
