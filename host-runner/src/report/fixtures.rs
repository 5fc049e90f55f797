//! Shared by the tests: a reader of the output, and results to report.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::result::{ExitRules, Invocation, RefreshResult};
use crate::clock::{Clock, Sleep};
use crate::sink::Sink;
use crate::verdict::{Evidence, Matched, Sent, ServiceError, Status, Verdict};

/// Collects what was written.
#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(super) fn sink(&self) -> Sink {
        Sink::new(Box::new(self.clone()))
    }

    pub(super) fn read(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A clock that a test sets.
#[derive(Debug, Default)]
pub(super) struct SetClock(pub(super) Mutex<Duration>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T08:00:00.5Z".parse().unwrap();
        start.checked_add(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// A sink without a reader.
pub(super) fn broken_pipe() -> Sink {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    Sink::new(Box::new(writer))
}

/// The lines that Java's `BufferedReader.readLine` reads.
pub(super) fn read_lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.lines().map(str::to_owned).collect()
}

/// The JSON of a line that `^::(\{.*})::$` matches in Java, where `.` stops at line ends.
pub(super) fn in_kestra(line: &str) -> Option<Value> {
    let inner = line.strip_prefix("::")?.strip_suffix("::")?;
    let stops = inner.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let matches = inner.starts_with('{') && inner.ends_with('}') && !stops;
    matches.then(|| serde_json::from_str(inner).unwrap())
}

/// The result of an invocation for this target with this verdict.
pub(super) fn result_of(target: &str, verdict: &Verdict) -> RefreshResult {
    RefreshResult::new(verdict, &invocation(target), &ExitRules::default())
}

pub(super) fn result(target: &str, status: Status) -> RefreshResult {
    result_of(target, &verdict(status))
}

pub(super) fn invocation(target: &str) -> Invocation {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    Invocation {
        target: target.into(),
        kind: "power-automate".into(),
        run: "019-run".into(),
        trigger_sent_at: time("2026-11-23T08:00:00Z"),
        concluded_at: time("2026-11-23T08:00:01.5Z"),
        attempt: 1,
        idempotency_key: "key".into(),
        replayed: false,
        audit_event: 5,
        signal: None,
    }
}

pub(super) fn verdict(status: Status) -> Verdict {
    Verdict {
        sent: Sent::Yes,
        evidence: Evidence::Service,
        matched: Matched::Inferred,
        own_run: true,
        service_run: "service-1".into(),
        started_at: "2026-11-23T08:00:02Z".into(),
        ended_at: "2026-11-23T08:04:14Z".into(),
        http_calls: 7,
        ..Verdict::not_sent(status, "", "The outcome of the test.", "")
    }
}

/// A flow that answered 202 and started no refresh.
pub(super) fn swallowed() -> Verdict {
    Verdict {
        sent: Sent::Yes,
        likely_cause: "dataflow_daily_limit".into(),
        retry_at: "2026-11-23T12:00:00Z".into(),
        flow_run: "flow-1".into(),
        service_error: ServiceError {
            code: "DailyLimit".into(),
            message: "8 refreshes in 24 hours".into(),
            activity_id: "act-1".into(),
        },
        ..Verdict::not_sent(
            Status::Unknown,
            "refresh_not_started",
            "The flow accepted the trigger, but no refresh started within 5m.",
            "Wait for the next slot, then run `host-runner follow order_list`.",
        )
    }
}
