//! A virtual clock for the runner and the services.
//!
//! Time stands still while anything runs, and jumps to the next wake-up once everything waits. A refresh of
//! two hours takes milliseconds, a `Retry-After` of an hour is kept, and tests do not depend on the speed of
//! the machine.
//!
//! Network calls take real time and hold the clock. A call that the services hold on purpose times out after
//! [`HELD`] of real time, and the clock then advances by its timeout.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use host_runner::clock::{Clock, Sleep};
use jiff::Timestamp;

/// The start time of every test.
pub const START: &str = "2026-11-23T08:00:00Z";

/// How long a call may take in real time before it counts as held; far longer than a reply takes on a busy
/// machine.
const HELD: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
struct Inner {
    elapsed: Duration,
    next: u64,
    /// The wakers of sleeping tasks, by wake-up time.
    waiting: BTreeMap<(Duration, u64), Option<Waker>>,
    /// Calls in flight.
    in_flight: u32,
}

/// The virtual time of one test.
#[derive(Debug, Clone, Default)]
pub struct Time(Arc<Mutex<Inner>>);

impl Time {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current time.
    pub fn present(&self) -> Timestamp {
        let start: Timestamp = START.parse().expect("a timestamp");
        start
            .checked_add(self.inner().elapsed)
            .expect("within the calendar")
    }

    /// The time since the start of the test.
    pub fn passed(&self) -> Duration {
        self.inner().elapsed
    }

    /// Advances the clock.
    pub fn pass(&self, by: Duration) {
        let mut inner = self.inner();
        inner.elapsed += by;
        wake(&mut inner);
    }

    /// Advances the clock to the next wake-up, if everything waits for one.
    fn jump(&self) -> bool {
        let mut inner = self.inner();
        let first = inner.waiting.keys().next().map(|(at, _)| *at);
        let Some(at) = first.filter(|_| inner.in_flight == 0) else {
            return false;
        };
        inner.elapsed = inner.elapsed.max(at);
        wake(&mut inner);
        true
    }

    /// Advances the clock whenever everything waits. Never returns.
    pub async fn run(self) {
        loop {
            // Other tasks run first.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            if !self.jump() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }
}

fn wake(inner: &mut Inner) {
    let now = inner.elapsed;
    for ((at, _), waker) in &mut inner.waiting {
        if *at > now {
            break;
        }
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }
}

/// A sleep on the virtual clock.
struct Until {
    time: Time,
    key: (Duration, u64),
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.time.inner();
        if inner.elapsed >= self.key.0 {
            return Poll::Ready(());
        }
        inner
            .waiting
            .insert(self.key, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        self.time.inner().waiting.remove(&self.key);
    }
}

/// A clock of the runner.
#[derive(Debug)]
pub struct VirtualClock {
    time: Time,
    /// Whether it is the clock of the transport, whose sleeps are the timeouts of calls in flight.
    of_network: bool,
}

impl VirtualClock {
    /// The runner's own clock.
    pub fn of_runner(time: &Time) -> Self {
        Self {
            time: time.clone(),
            of_network: false,
        }
    }

    /// The clock of its transport.
    pub fn of_network(time: &Time) -> Self {
        Self {
            time: time.clone(),
            of_network: true,
        }
    }
}

struct InFlight(Time);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.inner().in_flight -= 1;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.time.present()
    }

    fn monotonic(&self) -> Duration {
        self.time.inner().elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let time = self.time.clone();
        let mut inner = self.time.inner();
        if self.of_network {
            inner.in_flight += 1;
            let in_flight = InFlight(time.clone());
            return Box::pin(async move {
                tokio::time::sleep(HELD.min(duration)).await;
                time.pass(duration);
                drop(in_flight);
            });
        }
        inner.next += 1;
        let key = (inner.elapsed.saturating_add(duration), inner.next);
        Box::pin(Until { time, key })
    }
}

/// The services' clock.
impl simulator::clock::Clock for Time {
    fn now(&self) -> Timestamp {
        self.present()
    }

    fn advance(&self, by: Duration) {
        self.pass(by);
    }
}
