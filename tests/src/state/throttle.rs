//! How many calls an identity has made of a service, and when it may make the next.

use std::time::Duration;

use jiff::Timestamp;

use super::State;
use crate::clock::{earlier, later};

/// One call that was let through.
#[derive(Debug)]
pub(super) struct Passed {
    service: &'static str,
    identity: String,
    at: Timestamp,
}

impl State {
    /// Counts a call of `service` by `identity`. `Some`: it is one too many (and is not counted),
    /// and the next one is let through after so many seconds.
    pub fn throttled(
        &mut self,
        service: &'static str,
        identity: &str,
        now: Timestamp,
    ) -> Option<u64> {
        let throttle = self.world.throttle?;
        let window = Duration::from_secs(throttle.window_s);
        let begin = earlier(now, window);
        self.passed.retain(|call| call.at > begin);
        let in_window: Vec<Timestamp> = self
            .passed
            .iter()
            .filter(|call| call.service == service && call.identity == identity)
            .map(|call| call.at)
            .collect();
        if in_window.len() < usize::try_from(throttle.calls).unwrap_or(usize::MAX) {
            self.passed.push(Passed {
                service,
                identity: identity.to_owned(),
                at: now,
            });
            return None;
        }
        let free = later(in_window.first().copied().unwrap_or(now), window);
        let wait = Duration::try_from(free.duration_since(now)).unwrap_or_default();
        Some(u64::try_from(wait.as_millis().div_ceil(1000)).map_or(u64::MAX, |s| s.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn at(ms: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_millis(ms))
    }

    #[test]
    fn each_identity_has_its_own_window_per_service() {
        let mut state = State::new(World::new().throttle(2, 10), at(0));
        assert_eq!(state.throttled("fabric", "a", at(0)), None);
        assert_eq!(state.throttled("fabric", "a", at(4_000)), None);
        assert_eq!(state.throttled("fabric", "a", at(4_500)), Some(6));
        assert_eq!(state.throttled("fabric", "b", at(4_500)), None);
        assert_eq!(state.throttled("power_bi", "a", at(4_500)), None);
        assert_eq!(state.throttled("fabric", "a", at(10_000)), None);
        assert_eq!(state.throttled("fabric", "a", at(10_000)), Some(4));
    }

    #[test]
    fn without_a_limit_every_call_is_let_through() {
        let mut state = State::new(World::new(), at(0));
        for _ in 0..1000 {
            assert_eq!(state.throttled("fabric", "a", at(0)), None);
        }
    }
}
