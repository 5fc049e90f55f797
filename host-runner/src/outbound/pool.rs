//! Connections that wait for the next call.
//!
//! A poll every few seconds to the same service must not pay for a handshake each time. A
//! connection is kept per permit, not per host: one that was made to a private address under a
//! permit for it is never lent to a request without. Dropping a connection ends it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;

use super::policy::Permit;
use crate::clock::SharedClock;

/// How long an unused connection is kept. Azure's load balancers drop an idle one after four
/// minutes by default; ninety seconds is also what common HTTP clients take.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// Unused connections per permit. One target is followed by one call at a time.
const MOST_IDLE: usize = 4;

/// One HTTP/1.1 connection, and the task that drives it, which ends with it.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Connection {
    pub(crate) fn new(sender: SendRequest<Full<Bytes>>, driver: AbortHandle) -> Self {
        Self { sender, driver }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The unused connections.
pub(crate) struct Pool {
    clock: SharedClock,
    idle: Mutex<HashMap<Permit, Vec<(Duration, Connection)>>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            idle: Mutex::default(),
        }
    }

    /// The connection that was used last, as far as one is fresh and not known to be closed.
    pub(crate) fn take(&self, permit: &Permit) -> Option<Connection> {
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(permit)?;
        waiting.retain(|(since, connection)| {
            now.saturating_sub(*since) < LONGEST_IDLE && !connection.sender.is_closed()
        });
        waiting.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn put(&self, permit: Permit, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(permit).or_default();
        if waiting.len() < MOST_IDLE {
            waiting.push((now, connection));
        }
    }
}
