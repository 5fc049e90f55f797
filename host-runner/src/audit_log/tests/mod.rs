//! The audit log on real files, with several processes where that matters.

mod begin;
mod claims;
mod decide;
mod events;
mod files;
mod fold;
mod lists;
mod processes;
mod resolve;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::event::{
    Decision, Intent, Interrupted, InvocationTimes, LoggedRequest, Note, Observed, Outcome,
    Resolution, ServiceRun, Triggered,
};
use super::{
    Actor, AuditLog, AuditLogError, AuditLogLocation, BeginOptions, Detail, IfLost, RunInfo,
    RunView, StoredEvent, Verification,
};
use crate::clock::{Clock, Sleep, SystemClock};
use crate::secret::Redactor;
use crate::verdict::{Evidence, Matched, Sent, Status, Verdict};

/// A lost run is followed.
const FOLLOWING: BeginOptions = BeginOptions {
    new: false,
    require_completed: false,
    followable: true,
    if_lost: IfLost::Hold,
};
/// The same, and `accepted` is not enough.
const REQUIRING: BeginOptions = BeginOptions {
    require_completed: true,
    ..FOLLOWING
};
/// A lost run needs a manual decision.
const HOLDING: BeginOptions = BeginOptions {
    followable: false,
    ..FOLLOWING
};

/// A clock that only moves when told to.
#[derive(Debug, Clone)]
struct HandClock(Arc<AtomicI64>);

impl HandClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_000_000_000)))
    }

    fn forward(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.forward(duration);
        Box::pin(std::future::ready(()))
    }
}

/// A folder with an audit log, and a clock.
struct Bench {
    folder: tempfile::TempDir,
    clock: HandClock,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: HandClock::new(),
        }
    }

    /// A folder with an open audit log.
    fn one() -> (Self, AuditLog) {
        let bench = Self::new();
        let audit_log = bench.open();
        (bench, audit_log)
    }

    /// A folder with an audit log that two invocations have open.
    fn shared() -> (Self, AuditLog, AuditLog) {
        let bench = Self::new();
        let (first, second) = (bench.open(), bench.open());
        (bench, first, second)
    }

    fn location(&self) -> AuditLogLocation {
        AuditLogLocation::file(self.folder.path().join("audit.db"))
    }

    fn open(&self) -> AuditLog {
        self.open_with(ann(), Redactor::new())
    }

    fn open_with(&self, actor: Actor, redactor: Redactor) -> AuditLog {
        let clock = Arc::new(self.clock.clone());
        AuditLog::open(&self.location(), actor, clock, redactor).unwrap()
    }

    /// A direct connection to the file.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.location().path()).unwrap()
    }
}

fn ann() -> Actor {
    Actor {
        user: "ann".to_owned(),
        host: "build1".to_owned(),
        ..Actor::default()
    }
}

/// Opens an audit log with the system clock.
fn open_really(path: &Path) -> Result<AuditLog, AuditLogError> {
    let (location, actor) = (AuditLogLocation::file(path), Actor::of_this_process(None));
    AuditLog::open(&location, actor, SystemClock::shared(), Redactor::new())
}

/// Stores an event that belongs to no run.
#[track_caller]
fn add_note(log: &AuditLog, message: &str) {
    log.append(&RunInfo::default(), note(message)).unwrap();
}

/// The number of events, if the chain is whole.
#[track_caller]
fn whole(log: &AuditLog) -> Option<u64> {
    match log.verify().unwrap() {
        Verification::Whole { events, .. } => Some(events),
        Verification::Broken { .. } => None,
    }
}

/// Stores the last event of a run.
#[track_caller]
fn finish(log: &AuditLog, id: &str, detail: Detail) {
    log.append_and_finish(&run(id), detail).unwrap();
}

/// The code of the error with which an event is not stored.
#[track_caller]
fn refusal(log: &AuditLog, run: &RunInfo, detail: Detail) -> &'static str {
    log.append(run, detail).unwrap_err().code()
}

/// The view of events and the invocations that wrote them, one second apart.
fn view(events: &[(&str, Detail)]) -> RunView {
    let stored = (1..)
        .zip(events)
        .map(|(number, (invocation, detail))| StoredEvent {
            number,
            time: format!("2026-11-23T08:00:{number:02}.000000Z"),
            run: run("r"),
            actor: Actor {
                invocation: (*invocation).to_owned(),
                ..ann()
            },
            detail: detail.clone(),
        });
    RunView::of(stored).unwrap()
}

/// Retries while the audit log is locked, as the runner does.
fn retry_while_busy<T>(
    mut call: impl FnMut() -> Result<T, AuditLogError>,
) -> Result<T, AuditLogError> {
    let begun = Instant::now();
    loop {
        match call() {
            Err(error) if error.is_busy() && begun.elapsed() < Duration::from_secs(60) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn run(id: &str) -> RunInfo {
    RunInfo {
        run: id.to_owned(),
        target: "order_list".to_owned(),
        kind: "power-automate".to_owned(),
        key: "key".to_owned(),
        identity: "identity".to_owned(),
        resource: "dataflow:4444".to_owned(),
    }
}

fn intent() -> Detail {
    Detail::Intent(Intent {
        request: LoggedRequest {
            method: "POST".to_owned(),
            url: "https://flow.example/invoke?api-version=1".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: r#"{"source":"test"}"#.to_owned(),
        },
        looked_at: Some("2026-11-23T08:00:00Z".to_owned()),
        sent_at: "2026-11-23T08:00:01Z".to_owned(),
        baseline: vec!["2026-11-22T08:00:00Z$1".to_owned()],
        attempt: 1,
        overridden: Vec::new(),
    })
}

fn triggered(http_status: Option<u16>) -> Detail {
    Detail::Triggered(Triggered {
        http_status,
        answered_at: "2026-11-23T08:00:02Z".to_owned(),
        flow_run: Some("flow-run-1".to_owned()),
        service_run: None,
        poll_from: None,
        message: "answered".to_owned(),
        service_error: None,
    })
}

fn observed(what: &str, id: Option<&str>, status: &str) -> Detail {
    Detail::Observed(Observed {
        what: what.to_owned(),
        run: id.map(|id| ServiceRun {
            id: id.to_owned(),
            refresh_type: "OnDemand".to_owned(),
            status: status.to_owned(),
            started_at: Some("2026-11-23T08:00:05Z".to_owned()),
            ended_at: None,
        }),
        message: "seen".to_owned(),
    })
}

fn matched(id: &str) -> Detail {
    observed(Observed::MATCHED, Some(id), "InProgress")
}

fn concluded(verdict: Verdict) -> Detail {
    let invocation = InvocationTimes::default();
    Detail::Outcome(Outcome {
        verdict,
        invocation,
    })
}

fn outcome(status: Status, sent: Sent) -> Detail {
    concluded(Verdict {
        sent,
        ..Verdict::not_sent(status, "", "the outcome", "")
    })
}

fn outcome_of(status: Status, service_run: &str) -> Detail {
    concluded(Verdict {
        sent: Sent::Yes,
        own_run: true,
        matched: Matched::Inferred,
        service_run: service_run.to_owned(),
        ..Verdict::not_sent(status, "", "the outcome", "")
    })
}

/// The outcome of a run that was only followed until its history showed that it had started.
fn detached() -> Detail {
    concluded(Verdict {
        sent: Sent::Yes,
        evidence: Evidence::Service,
        own_run: true,
        matched: Matched::Inferred,
        service_run: "ours".to_owned(),
        ..Verdict::not_sent(Status::Accepted, "", "the run has started", "")
    })
}

fn interrupted(sent: Sent) -> Detail {
    Detail::Interrupted(Interrupted {
        signal: "SIGTERM".to_owned(),
        sent,
        message: "while following".to_owned(),
    })
}

fn resolved(decision: Decision) -> Detail {
    Detail::Resolved(Resolution {
        decision,
        reason: "seen in the portal".to_owned(),
        overrides: None,
    })
}

fn note(message: &str) -> Detail {
    Detail::Note(Note {
        topic: "test".to_owned(),
        message: message.to_owned(),
        fields: Vec::new(),
    })
}
