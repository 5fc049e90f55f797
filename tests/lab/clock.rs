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

    /// Advances the clock.
    pub fn pass(&self, by: Duration) {
        let mut inner = self.inner();
        inner.elapsed += by;
        wake(&mut inner);
    }

    /// Advances the clock whenever everything waits. Never returns.
    pub async fn run(self) {
        loop {
            // Other tasks run first.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            let jumped = {
                let mut inner = self.inner();
                let first = inner.waiting.keys().next().map(|(at, _)| *at);
                match first.filter(|_| inner.in_flight == 0) {
                    Some(at) => {
                        inner.elapsed = inner.elapsed.max(at);
                        wake(&mut inner);
                        true
                    }
                    None => false,
                }
            };
            if !jumped {
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

/// The runner's clock.
#[derive(Debug)]
pub struct RunnerClock(pub Time);

impl Clock for RunnerClock {
    fn now(&self) -> Timestamp {
        self.0.present()
    }

    fn monotonic(&self) -> Duration {
        self.0.inner().elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let key = {
            let mut inner = self.0.inner();
            inner.next += 1;
            (inner.elapsed.saturating_add(duration), inner.next)
        };
        Box::pin(Until {
            time: self.0.clone(),
            key,
        })
    }
}

/// The clock of the runner's transport: its sleeps are the timeouts of calls in flight.
#[derive(Debug)]
pub struct NetworkClock(pub Time);

struct InFlight(Time);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.inner().in_flight -= 1;
    }
}

impl Clock for NetworkClock {
    fn now(&self) -> Timestamp {
        self.0.present()
    }

    fn monotonic(&self) -> Duration {
        self.0.inner().elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let time = self.0.clone();
        time.inner().in_flight += 1;
        let in_flight = InFlight(time.clone());
        Box::pin(async move {
            tokio::time::sleep(HELD.min(duration)).await;
            time.pass(duration);
            drop(in_flight);
        })
    }
}

/// The services' clock.
pub struct ServiceClock(pub Time);

impl simulator::clock::Clock for ServiceClock {
    fn now(&self) -> Timestamp {
        self.0.present()
    }

    fn advance(&self, by: Duration) {
        self.0.pass(by);
    }
}
