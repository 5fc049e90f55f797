//! One call of an export: its time, its limits, its HTTP calls.
//!
//! The time of day comes in with the request; what passes after it is measured on the monotonic
//! clock. The service's own time is the `Date` of the last look plus what has passed since, so
//! that a host whose clock is wrong still judges a history rightly.

use crate::contract::{CallContext, Credentials, Level, Phase, RefreshError, Update, Wake};
use crate::journal::Journal;
use crate::ports::{HttpAnswer, HttpRequest, Method, Ports};
use crate::redact::Redactor;
use crate::time::{Moment, Offset};
use crate::transport::TransportError;
use crate::trouble::invalid;

/// The least time that a call gets near the deadline.
const LEAST_CALL_MS: u64 = 1_000;
/// The first wait before another try.
const FIRST_BACKOFF_MS: u64 = 1_000;
/// The longest wait before another try, where the service names none.
const LONGEST_BACKOFF_MS: u64 = 60_000;
/// Less than this before the deadline, nothing is tried again.
const LAST_TRY_MS: u64 = 1_000;

/// The host asked for an end while we waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// How a call to an API is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// By the call's time-out and what is left of the deadline.
    Deadline,
    /// By the call's time-out alone: the one look that a follow always gets.
    CallOnly,
}

/// One call of an export.
pub(crate) struct Session<'p> {
    pub(crate) ports: Ports<'p>,
    /// Our id of the run.
    pub(crate) run_id: String,
    /// Keeps secrets out of texts.
    pub(crate) redactor: Redactor,
    /// Whether the host vouches for what a connection timeout means.
    pub(crate) host_reports_unsent: bool,
    /// How long one call may take.
    pub(crate) call_timeout_ms: u64,
    /// What is to be appended, and could not be yet.
    pub(crate) journal: Journal,
    bearer: Option<String>,
    now: Moment,
    offset: Offset,
    begun_ms: u64,
    deadline_ms: u64,
    calls: u32,
    service: Option<(Moment, u64)>,
}

impl<'p> Session<'p> {
    /// Begins a call. `secrets` are values that no text may ever hold.
    pub(crate) fn open(
        ports: Ports<'p>,
        run_id: &str,
        call_context: &CallContext,
        secrets: &[&str],
    ) -> Result<Self, RefreshError> {
        let Some((now, offset)) = Moment::parse_with_offset(&call_context.now) else {
            return Err(invalid(
                "now_not_a_timestamp",
                "`now` is not RFC 3339 with an offset.".to_owned(),
                "Give it as `2026-11-23T08:15:37Z`.",
            ));
        };
        let bearer = match &call_context.credentials {
            Credentials::HostAttached => None,
            Credentials::Bearer(token) => Some(token.clone()),
        };
        let secrets = secrets.iter().copied().chain(bearer.as_deref());
        Ok(Self {
            redactor: Redactor::knowing(secrets),
            run_id: run_id.to_owned(),
            host_reports_unsent: call_context.host_reports_unsent,
            call_timeout_ms: call_context.call_timeout_ms,
            journal: Journal::default(),
            bearer,
            now,
            offset,
            begun_ms: ports.clock.monotonic_ms(),
            deadline_ms: call_context.deadline_ms,
            calls: 0,
            service: None,
            ports,
        })
    }

    /// How many HTTP calls were made.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// What is left of the deadline.
    pub(crate) fn remaining_ms(&self) -> u64 {
        self.deadline_ms.saturating_sub(self.elapsed_ms())
    }

    /// The time of day, by the host's clock.
    pub(crate) fn host_now(&self) -> Moment {
        self.now.after_ms(self.elapsed_ms())
    }

    /// The time of day by the host's clock, as text at the offset that the request came with.
    pub(crate) fn local_now(&self) -> String {
        self.host_now().at(self.offset)
    }

    /// The time of day by the service's clock, or the host's where the service was not asked.
    pub(crate) fn service_now(&self) -> Moment {
        match self.service {
            Some((date, at)) => date.after_ms(self.ports.clock.monotonic_ms().saturating_sub(at)),
            None => self.host_now(),
        }
    }

    /// Takes the service's clock from an answer, and gives what it showed.
    pub(crate) fn set_service_clock(&mut self, answer: &HttpAnswer) -> Moment {
        let date = answer.header("date").and_then(Moment::parse_http_date);
        let moment = date.unwrap_or_else(|| {
            self.say(
                Phase::Looking,
                Level::Warning,
                "The service's answer has no `Date`: its history is judged by the host's clock."
                    .to_owned(),
            );
            self.host_now()
        });
        self.service = Some((moment, self.ports.clock.monotonic_ms()));
        moment
    }

    /// Whether the service's clock is known.
    pub(crate) fn knows_service_clock(&self) -> bool {
        self.service.is_some()
    }

    /// Sends a call and counts it.
    pub(crate) fn send(&mut self, request: &HttpRequest) -> Result<HttpAnswer, TransportError> {
        self.calls = self.calls.saturating_add(1);
        self.ports.http.send(request)
    }

    /// A call without a body to the Power BI or Fabric API.
    pub(crate) fn api_call(
        &mut self,
        method: Method,
        url: String,
        limit: Limit,
    ) -> Result<HttpAnswer, TransportError> {
        let (url, header) = self.authorized(url);
        let timeout_ms = match limit {
            Limit::Deadline => self.bounded(self.call_timeout_ms),
            Limit::CallOnly => self.call_timeout_ms,
        };
        self.send(&HttpRequest {
            method,
            url,
            headers: header.into_iter().collect(),
            body: String::new(),
            timeout_ms,
        })
    }

    /// The URL with the header that carries the bearer token, where the host does not attach one.
    pub(crate) fn authorized(&self, url: String) -> (String, Option<(String, String)>) {
        let header = self
            .bearer
            .as_ref()
            .map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
        (url, header)
    }

    /// A call's time-out, bounded by what is left of the deadline.
    pub(crate) fn bounded(&self, timeout_ms: u64) -> u64 {
        timeout_ms.min(self.remaining_ms().max(LEAST_CALL_MS))
    }

    /// How long to wait before try number `tries + 1`; nothing where the deadline comes first.
    /// The last waits are halved, so that a try stands close before the deadline.
    pub(crate) fn wait_before_retry(&self, retry_after_ms: Option<u64>, tries: u32) -> Option<u64> {
        let remaining = self.remaining_ms();
        if let Some(asked) = retry_after_ms {
            let asked = asked.max(FIRST_BACKOFF_MS);
            return (asked < remaining).then_some(asked);
        }
        if remaining < LAST_TRY_MS {
            return None;
        }
        let backoff = FIRST_BACKOFF_MS
            .checked_shl(tries.saturating_sub(1).min(16))
            .unwrap_or(LONGEST_BACKOFF_MS)
            .min(LONGEST_BACKOFF_MS);
        Some(self.jittered(backoff, tries).min(remaining / 2))
    }

    /// A wait up to a tenth shorter or longer, always the same for the same run and number: many
    /// runs that were begun together do not knock together, and a test knows what to expect.
    pub(crate) fn jittered(&self, wait_ms: u64, number: u32) -> u64 {
        // FNV-1a: short, even, and no secret is at stake.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.run_id.bytes().chain(number.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let spread = wait_ms / 5;
        let low = wait_ms.saturating_sub(wait_ms / 10);
        match spread {
            0 => wait_ms,
            _ => low.saturating_add((hash >> 16) % spread),
        }
    }

    /// Waits.
    pub(crate) fn pause(&self, milliseconds: u64) -> Result<(), Cancelled> {
        match self.ports.control.wait(milliseconds) {
            Wake::Elapsed => Ok(()),
            Wake::Cancelled => Err(Cancelled),
        }
    }

    /// Says what is going on.
    pub(crate) fn say(&self, phase: Phase, level: Level, message: String) {
        self.ports.control.progress(&Update {
            phase,
            level,
            message,
            http_calls: self.calls,
        });
    }

    fn elapsed_ms(&self) -> u64 {
        self.ports
            .clock
            .monotonic_ms()
            .saturating_sub(self.begun_ms)
    }
}

/// The pauses between looks: half a second at first, longer each time, up to the target's `poll`.
pub(crate) struct Pace {
    next_ms: u64,
    longest_ms: u64,
    number: u32,
}

/// The first pause between two looks: a run appears in the history within moments.
const FIRST_PAUSE_MS: u64 = 500;

impl Pace {
    /// Pauses up to this long.
    pub(crate) fn up_to(longest_ms: u64) -> Self {
        let longest_ms = longest_ms.max(1);
        Self {
            next_ms: FIRST_PAUSE_MS.min(longest_ms),
            longest_ms,
            number: 0,
        }
    }

    /// The next pause.
    pub(crate) fn next(&mut self, session: &Session<'_>) -> u64 {
        self.number = self.number.saturating_add(1);
        let pause = session.jittered(self.next_ms, self.number);
        self.next_ms = self
            .next_ms
            .saturating_add(self.next_ms.div_ceil(2))
            .min(self.longest_ms);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, call_context};

    fn session(world: &World) -> Session<'_> {
        let mut call_context = call_context();
        call_context.deadline_ms = 100_000;
        Session::open(world.ports(), "run-1", &call_context, &[]).unwrap()
    }

    #[test]
    fn waits_double_up_to_a_minute_and_end_before_the_deadline() {
        let world = World::new();
        let session = session(&world);
        let waits: Vec<u64> = (1..=8)
            .filter_map(|tries| session.wait_before_retry(None, tries))
            .collect();
        for (wait, middle) in waits.iter().zip([1, 2, 4, 8, 16, 32, 50, 50]) {
            let middle = middle * 1000;
            assert!(
                (middle * 9 / 10..=middle * 11 / 10).contains(wait),
                "{waits:?}"
            );
        }
        world.pass(99_500);
        assert_eq!(session.wait_before_retry(None, 1), None);
    }

    #[test]
    fn a_retry_after_is_honoured_or_there_is_no_retry() {
        let world = World::new();
        let session = session(&world);
        assert_eq!(session.wait_before_retry(Some(70_000), 1), Some(70_000));
        assert_eq!(session.wait_before_retry(Some(0), 1), Some(1_000));
        assert_eq!(session.wait_before_retry(Some(100_000), 1), None);
        assert_eq!(session.wait_before_retry(Some(u64::MAX), 1), None);
    }

    #[test]
    fn pauses_lengthen_from_half_a_second_to_the_poll() {
        let world = World::new();
        let session = session(&world);
        let mut pace = Pace::up_to(5_000);
        let pauses: Vec<u64> = (0..12).map(|_| pace.next(&session)).collect();
        assert!((450..=550).contains(&pauses[0]));
        assert!(pauses[11] >= 4_500 && pauses.iter().all(|pause| *pause <= 5_500));
        assert!(Pace::up_to(20).next(&session) <= 22);
    }

    #[test]
    fn the_services_time_goes_on_with_the_monotonic_clock() {
        let world = World::new();
        let mut session = session(&world);
        let answer = HttpAnswer {
            status: 200,
            headers: vec![("Date".into(), "Mon, 23 Nov 2026 09:00:00 GMT".into())],
            body: vec![],
        };
        let looked = session.set_service_clock(&answer);
        world.pass(2_500);
        assert_eq!(looked.to_string(), "2026-11-23T09:00:00Z");
        assert_eq!(
            session.service_now().to_string(),
            "2026-11-23T09:00:02.500Z"
        );
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        let world = World::new();
        let mut call_context = call_context();
        call_context.now = "2026-11-23T08:00:00".into();
        let refused = Session::open(world.ports(), "run-1", &call_context, &[]);
        assert!(
            matches!(refused.err(), Some(RefreshError::Invalid(p)) if p.code == "now_not_a_timestamp")
        );
    }
}
