//! One call of an export: its clock and deadline, its HTTP requests, its events in the audit log.
//!
//! The time of day comes with the request and advances with the monotonic clock. The service's time
//! is the `Date` of the last history plus what has passed since, so a history is judged correctly
//! even if the host's clock is wrong.
//!
//! The intent is stored before anything is sent, and nothing is sent without the store's
//! acknowledgement. Later events must not be lost because the store is busy: they are queued and
//! tried again in order, before every further event and at the end. If the store refuses a late
//! event, that is only reported, because the refresh runs at the service anyway.

use std::collections::VecDeque;

use crate::contract::{
    CallContext, Credentials, Endpoints, Entry, Event, Intent, Level, Observed, Phase,
    RefreshError, ServiceRun, StoreError, Target, Triggered, Update, Wake, invalid,
};
use crate::ports::{
    HOST_TOKEN_HEADER, HttpAnswer, HttpRequest, Method, Ports, TransportError, TransportKind,
};
use crate::redact::Redactor;
use crate::time::Moment;
use crate::url::{Parts, host_of};

/// The shortest timeout of a request near the deadline.
const LEAST_TIMEOUT_MS: u64 = 1_000;
/// The first wait before a retry.
const FIRST_BACKOFF_MS: u64 = 1_000;
/// The longest wait before a retry, unless the service names one.
const LONGEST_BACKOFF_MS: u64 = 60_000;
/// There is no retry if less than this is left before the deadline.
const LAST_RETRY_MS: u64 = 1_000;
/// How often storing the outcome is tried.
const OUTCOME_TRIES: u64 = 10;
/// The first wait between these tries; each wait is longer by half of it.
const OUTCOME_WAIT_MS: u64 = 200;
/// The longest total of these waits.
const OUTCOME_WAITS_MS: u64 = 5_000;
/// The most bytes that are shown of the store's error.
const STORE_ERROR_LIMIT: usize = 300;

/// The host cancelled a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// What limits a request to an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeLimit {
    /// The timeout of a call and the time left before the deadline.
    Deadline,
    /// The timeout of a call alone: a follow reads the history at least once.
    CallOnly,
}

/// One call of an export.
pub(crate) struct Session<'p> {
    pub(crate) ports: Ports<'p>,
    /// The base addresses of the APIs.
    pub(crate) endpoints: &'p Endpoints,
    /// Our id of the run.
    pub(crate) run_id: String,
    /// Masks secrets in texts.
    pub(crate) redactor: Redactor,
    /// Whether the host guarantees what its connection timeout means.
    pub(crate) host_reports_unsent: bool,
    /// The timeout of one HTTP call.
    pub(crate) call_timeout_ms: u64,
    bearer: Option<String>,
    now: Moment,
    started_ms: u64,
    deadline_ms: u64,
    /// How long network faults are retried until the trigger may have arrived.
    pub(crate) connect_patience_ms: u64,
    /// When the first request without a response was sent, if none had one since.
    unanswered_since_ms: Option<u64>,
    /// How many HTTP calls were made.
    pub(crate) calls: u32,
    /// The host of the last one, for messages.
    pub(crate) last_host: String,
    /// Whether the trigger may have arrived, so that its run is waited for until the deadline.
    pub(crate) may_have_started: bool,
    /// Whether it was reported that a history was cut.
    pub(crate) cut_reported: bool,
    /// Whether a failed read is repeated until the deadline.
    pub(crate) retries: bool,
    service_clock: Option<(Moment, u64)>,
    queued_events: VecDeque<Event>,
    /// Whether the audit log holds a trigger of this run, so it must hold the outcome too.
    pub(crate) outcome_expected: bool,
    /// Whether no event is appended, because the run that is followed is not ours.
    pub(crate) audit_disabled: bool,
}

impl<'p> Session<'p> {
    /// Starts a call. No text ever shows a secret of the target or the bearer token.
    pub(crate) fn open(
        ports: Ports<'p>,
        run_id: &str,
        call_context: &'p CallContext,
        target: Option<&Target>,
    ) -> Result<Self, RefreshError> {
        let Some(now) = Moment::parse_with_offset(&call_context.now) else {
            return Err(invalid(
                "now_not_a_timestamp",
                "`now` is not an RFC 3339 timestamp with an offset.",
                "Give it as `2026-11-23T08:15:37Z`.",
            ));
        };
        let bearer = match &call_context.credentials {
            Credentials::HostAttached => None,
            Credentials::Bearer(token) => Some(token.clone()),
        };
        let secrets = target
            .and_then(signature_of)
            .into_iter()
            .chain(bearer.as_deref());
        Ok(Self {
            endpoints: &call_context.endpoints,
            redactor: Redactor::knowing(secrets),
            run_id: run_id.to_owned(),
            host_reports_unsent: call_context.host_reports_unsent,
            call_timeout_ms: call_context.call_timeout_ms,
            bearer,
            now,
            started_ms: ports.clock.monotonic_ms(),
            deadline_ms: call_context.deadline_ms,
            connect_patience_ms: call_context.connect_patience_ms,
            unanswered_since_ms: None,
            calls: 0,
            last_host: String::new(),
            may_have_started: false,
            cut_reported: false,
            retries: true,
            service_clock: None,
            queued_events: VecDeque::new(),
            outcome_expected: false,
            audit_disabled: false,
            ports,
        })
    }

    /// The time left before the deadline.
    pub(crate) fn remaining_ms(&self) -> u64 {
        self.deadline_ms.saturating_sub(self.elapsed_ms())
    }

    /// The time of day by the host's clock.
    pub(crate) fn host_now(&self) -> Moment {
        self.now.after_ms(self.elapsed_ms())
    }

    /// The time of day by the service's clock; by the host's clock until the service's is known.
    pub(crate) fn service_now(&self) -> Moment {
        match self.service_clock {
            Some((date, at)) => date.after_ms(self.ports.clock.monotonic_ms().saturating_sub(at)),
            None => self.host_now(),
        }
    }

    /// Takes the service's clock from a response.
    pub(crate) fn set_service_clock(&mut self, answer: &HttpAnswer) {
        let date = answer.header("date").and_then(Moment::parse_http_date);
        let moment = date.unwrap_or_else(|| {
            let message = "The service's response has no `Date`: using the host's clock.";
            self.report(Phase::Looking, Level::Warning, message);
            self.host_now()
        });
        self.service_clock = Some((moment, self.ports.clock.monotonic_ms()));
    }

    /// Takes the service's clock from a response if it is not known yet.
    pub(crate) fn learn_service_clock(&mut self, answer: &HttpAnswer) {
        if self.service_clock.is_none() {
            self.set_service_clock(answer);
        }
    }

    /// Sends a request and counts it.
    pub(crate) fn send(&mut self, request: &HttpRequest) -> Result<HttpAnswer, TransportError> {
        self.calls = self.calls.saturating_add(1);
        host_of(&request.url).clone_into(&mut self.last_host);
        let sent_ms = self.elapsed_ms();
        let mut answer = self.ports.http.send(request).and_then(decoded);
        self.unanswered_since_ms = match &mut answer {
            Ok(answer) => {
                let vouches = self.host_reports_unsent;
                let is_mark = |name: &str| name.eq_ignore_ascii_case(HOST_TOKEN_HEADER);
                answer.headers.retain(|(name, _)| vouches || !is_mark(name));
                None
            }
            Err(_) => self.unanswered_since_ms.or(Some(sent_ms)),
        };
        answer
    }

    /// The time left for network faults; without a limit after a response.
    pub(crate) fn patience_left_ms(&self) -> u64 {
        let Some(since) = self.unanswered_since_ms.filter(|_| !self.may_have_started) else {
            return u64::MAX;
        };
        let down_ms = self.elapsed_ms().saturating_sub(since);
        self.connect_patience_ms.saturating_sub(down_ms)
    }

    /// Sends a request without a body to the Power BI or Fabric API.
    pub(crate) fn send_to_api(
        &mut self,
        method: Method,
        url: &str,
        limit: TimeLimit,
    ) -> Result<HttpAnswer, TransportError> {
        let timeout_ms = match limit {
            TimeLimit::Deadline => self.bounded(self.call_timeout_ms),
            TimeLimit::CallOnly => self.call_timeout_ms,
        };
        self.send(&HttpRequest {
            method,
            url: url.to_owned(),
            headers: self.authorization().into_iter().collect(),
            body: String::new(),
            timeout_ms,
        })
    }

    /// The header with the bearer token, unless the host attaches credentials.
    pub(crate) fn authorization(&self) -> Option<(String, String)> {
        let token = self.bearer.as_ref()?;
        Some(("Authorization".to_owned(), format!("Bearer {token}")))
    }

    /// A timeout, shortened to the time left before the deadline.
    pub(crate) fn bounded(&self, timeout_ms: u64) -> u64 {
        timeout_ms.min(self.remaining_ms().max(LEAST_TIMEOUT_MS))
    }

    /// The wait after `tries` tries; `None` if the deadline or the end of the patience comes first. The
    /// last waits are halved, so that one try comes close to it.
    pub(crate) fn wait_before_retry(&self, retry_after_ms: Option<u64>, tries: u32) -> Option<u64> {
        let remaining = self.remaining_ms().min(self.patience_left_ms());
        if let Some(wait) = retry_after_ms {
            let wait = wait.max(FIRST_BACKOFF_MS);
            return (wait < remaining).then_some(wait);
        }
        if remaining < LAST_RETRY_MS {
            return None;
        }
        let backoff = FIRST_BACKOFF_MS
            .checked_shl(tries.saturating_sub(1).min(16))
            .unwrap_or(LONGEST_BACKOFF_MS)
            .min(LONGEST_BACKOFF_MS);
        Some(self.jittered(backoff, tries).min(remaining / 2))
    }

    /// A wait up to a tenth shorter or longer, always the same for the same run and number: runs
    /// that were started together do not call together, and tests are deterministic.
    fn jittered(&self, wait_ms: u64, number: u32) -> u64 {
        // FNV-1a is short and even, and no secret depends on it.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.run_id.bytes().chain(number.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let low = wait_ms.saturating_sub(wait_ms / 10);
        match wait_ms / 5 {
            0 => wait_ms,
            spread => low.saturating_add((hash >> 16) % spread),
        }
    }

    /// Waits.
    pub(crate) fn wait(&self, milliseconds: u64) -> Result<(), Cancelled> {
        match self.ports.control.wait(milliseconds) {
            Wake::Elapsed => Ok(()),
            Wake::Cancelled => Err(Cancelled),
        }
    }

    /// Reports progress.
    pub(crate) fn report(&self, phase: Phase, level: Level, message: impl Into<String>) {
        self.ports.control.progress(&Update {
            phase,
            level,
            message: message.into(),
            http_calls: self.calls,
        });
    }

    fn elapsed_ms(&self) -> u64 {
        let now = self.ports.clock.monotonic_ms();
        now.saturating_sub(self.started_ms)
    }
}

impl Session<'_> {
    /// Stores the intent, after all queued events.
    pub(crate) fn append_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        self.flush().map_err(StoreError::Unavailable)?;
        self.store(Event::Intent(intent))?;
        self.outcome_expected = true;
        Ok(())
    }

    /// Appends the response to a trigger.
    pub(crate) fn append_triggered(&mut self, triggered: Triggered) {
        self.append_late(Event::Triggered(triggered));
    }

    /// Appends a state at the service.
    pub(crate) fn append_observed(&mut self, what: &str, run: Option<ServiceRun>, message: &str) {
        self.append_late(Event::Observed(Observed {
            what: what.to_owned(),
            run,
            message: message.to_owned(),
        }));
    }

    /// Appends the outcome. If the audit log holds a trigger, storing it is tried several times.
    ///
    /// # Errors
    /// The store's error, if the outcome could not be stored.
    pub(crate) fn append_outcome(&mut self, outcome: Event) -> Result<(), String> {
        if self.audit_disabled {
            return Ok(());
        }
        self.queued_events.push_back(outcome);
        let mut waited = 0_u64;
        let mut tries = 1;
        loop {
            let Err(why) = self.flush() else {
                return Ok(());
            };
            let wait = OUTCOME_WAIT_MS.saturating_add(OUTCOME_WAIT_MS / 2 * (tries - 1));
            waited = waited.saturating_add(wait);
            let is_last = tries >= OUTCOME_TRIES || waited > OUTCOME_WAITS_MS;
            if !self.outcome_expected || is_last || self.wait(wait).is_err() {
                return Err(why);
            }
            tries += 1;
        }
    }

    /// Tries once to store the queued events.
    pub(crate) fn flush(&mut self) -> Result<(), String> {
        while let Some(event) = self.queued_events.pop_front() {
            match self.store(event.clone()) {
                Ok(()) => {}
                Err(StoreError::Refused(why)) => {
                    let why = self.redactor.line(&why, STORE_ERROR_LIMIT);
                    let message = format!("The audit log refused an event: {why}");
                    self.report(Phase::Following, Level::Warning, message);
                }
                Err(StoreError::Unavailable(why)) => {
                    self.queued_events.push_front(event);
                    return Err(self.redactor.line(&why, STORE_ERROR_LIMIT));
                }
            }
        }
        Ok(())
    }

    fn append_late(&mut self, event: Event) {
        if self.audit_disabled {
            return;
        }
        self.queued_events.push_back(event);
        if let Err(why) = self.flush() {
            let message = format!("The audit log cannot be written, trying again later: {why}");
            self.report(Phase::Following, Level::Warning, message);
        }
    }

    fn store(&self, event: Event) -> Result<(), StoreError> {
        let run_id = self.run_id.clone();
        let stored = self.ports.store.append(&Entry { run_id, event });
        stored.map(|_| ())
    }
}

/// The response, unless its body cannot be read because of its coding. The status of an error is
/// enough, so only its body is dropped.
fn decoded(mut answer: HttpAnswer) -> Result<HttpAnswer, TransportError> {
    let coding = answer.header("content-encoding").unwrap_or("identity");
    if coding.eq_ignore_ascii_case("identity") || answer.body.is_empty() {
        return Ok(answer);
    }
    if answer.is_success() {
        return Err(TransportError {
            kind: TransportKind::Encoded,
            message: coding.to_owned(),
            status: Some(answer.status),
        });
    }
    answer.body.clear();
    Ok(answer)
}

/// The secret in a target: the trigger's signature, unless the host holds it back.
fn signature_of(target: &Target) -> Option<&str> {
    match target {
        Target::PowerAutomate(flow) => Parts::of(&flow.url)?.query("sig"),
        _ => None,
    }
}

/// The pauses between polls: half a second at first, then longer each time up to a limit.
pub(crate) struct Pace {
    next_ms: u64,
    longest_ms: u64,
    number: u32,
}

/// The first pause between polls: a run appears in the history within moments.
const FIRST_PAUSE_MS: u64 = 500;

impl Pace {
    /// Pauses of at most this length.
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
        let longer = self.next_ms.saturating_add(self.next_ms.div_ceil(2));
        self.next_ms = longer.min(self.longest_ms);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, call_context};

    fn session(world: &World) -> Session<'_> {
        let call_context = Box::leak(Box::new(call_context()));
        call_context.deadline_ms = 100_000;
        Session::open(world.ports(), "run-1", call_context, None).unwrap()
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
    fn the_services_time_advances_with_the_monotonic_clock() {
        let world = World::new();
        let mut session = session(&world);
        let answer = HttpAnswer {
            status: 200,
            headers: vec![("Date".into(), "Mon, 23 Nov 2026 09:00:00 GMT".into())],
            body: vec![],
        };
        session.set_service_clock(&answer);
        let read_at = session.service_now();
        world.pass(2_500);
        assert_eq!(read_at.to_string(), "2026-11-23T09:00:00Z");
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
        let refused = Session::open(world.ports(), "run-1", &call_context, None);
        assert!(
            matches!(refused.err(), Some(RefreshError::Invalid(p)) if p.code == "now_not_a_timestamp")
        );
    }
}
