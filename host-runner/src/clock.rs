//! The one clock of the library.
//!
//! Everything that waits, expires or is stamped asks this object: the guest's `wait` and its
//! monotonic clock, deadlines, leases, the token cache. A test hands in a clock of its own and
//! drives a two-hour refresh in milliseconds; nothing else in the library reads the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A future that ends when a clock says that the time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time of day, the time that passes, and waiting for it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time of day, in UTC.
    fn now(&self) -> Timestamp;

    /// The time since an arbitrary start. Never goes back, whatever happens to the time of day.
    fn monotonic(&self) -> Duration;

    /// Ends once `duration` has passed.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// A clock that is shared between the parts of one run.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self {
            started: Instant::now(),
        })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
