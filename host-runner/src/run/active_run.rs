//! A run in progress: what is known about it, how its events are stored, and what its component may
//! use of the host.
//!
//! The component's events are stored before the component continues. Its verdict is completed with
//! what only the runner knows: which call failed and why, and how many calls were made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::boundary::Boundary;
use super::request::millis;
use crate::audit_log::event::{self, Decision, Detail, Observed, Outcome};
use crate::audit_log::{AuditLog, AuditLogError, RunInfo, RunView};
use crate::clock::SharedClock;
use crate::config::Mask;
use crate::contract::audit_store::{self, Conclusion, Event, Receipt, StoreError};
use crate::contract::{control, types};
use crate::outbound::tracked;
use crate::report::{Invocation, Level, Reporter, Signal, Update};
use crate::verdict::{Sent, Status, Verdict};

/// The minimum time for storing an event that must not be lost, whatever the deadline.
pub(super) const MIN_STORE_TIME: Duration = Duration::from_secs(2);

/// The longest wait for a locked audit log. A refresh writes a few times for less than a millisecond
/// each; a process that holds the lock this long is stuck.
const LONGEST_LOCK_WAIT: Duration = Duration::from_secs(30);

/// The pause between two attempts on a locked audit log: short, because a write takes less than a
/// millisecond.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Repeats `call` while the audit log is locked, for at most `limit`. The audit log itself gives up
/// after 50 ms, so that a lock never delays a signal.
///
/// # Errors
/// The error of the last call.
pub async fn retry_while_busy<T>(
    clock: &SharedClock,
    limit: Duration,
    mut call: impl FnMut() -> Result<T, AuditLogError>,
) -> Result<T, AuditLogError> {
    let limit = limit.min(LONGEST_LOCK_WAIT);
    let until = clock.monotonic().saturating_add(limit);
    loop {
        match call() {
            Err(error) if error.is_busy() && clock.monotonic() < until => {
                clock.sleep(LOCK_PAUSE).await;
            }
            other => return other,
        }
    }
}

/// The verdict for an audit log that cannot be read or written.
pub(super) fn audit_unavailable(error: &AuditLogError) -> Verdict {
    let (status, message) = (Status::AuditUnavailable, error.to_string());
    let hint = format!("nothing was sent; {}, then start again", error.hint());
    Verdict {
        retryable: true,
        ..Verdict::not_sent(status, error.code(), message, hint)
    }
}

/// A verdict and what this invocation knows besides it.
#[derive(Debug, Clone)]
pub struct FinishedRun {
    /// The verdict.
    pub verdict: Verdict,
    /// What this invocation knows.
    pub invocation: Invocation,
}

impl FinishedRun {
    /// A verdict on a run of which nothing else is known.
    pub(super) fn new(info: &RunInfo, verdict: Verdict) -> Self {
        Self {
            verdict,
            invocation: Invocation {
                target: info.target.clone(),
                kind: info.kind.clone(),
                run: info.run.clone(),
                idempotency_key: info.key.clone(),
                ..Invocation::default()
            },
        }
    }

    /// A verdict on an earlier run, from the audit log.
    pub(super) fn replayed(view: &RunView, verdict: Verdict) -> Self {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let mut finished = Self::new(&view.run, verdict);
        let invocation = &mut finished.invocation;
        invocation.trigger_sent_at = time(&view.intent_time);
        // A later decision or note does not change when the refresh ended.
        let settled = view
            .outcome
            .as_ref()
            .filter(|outcome| outcome.verdict.status.settles());
        invocation.concluded_at = settled.and_then(|outcome| time(&outcome.invocation.ended_at));
        invocation.attempt = view.intent.as_ref().map_or(0, |intent| intent.attempt);
        invocation.audit_event = view.last_event;
        invocation.replayed = true;
        finished
    }

    /// The same, ended by this signal.
    pub(super) fn interrupted_by(mut self, signal: Signal) -> Self {
        self.invocation.signal = Some(signal);
        self
    }
}

/// A run that a signal stopped before it had a verdict.
pub(super) struct Stopped {
    pub(super) run: Arc<ActiveRun>,
    pub(super) signal: Signal,
}

/// What is known about a run in progress.
#[derive(Debug, Clone, Default)]
pub(super) struct RunProgress {
    /// Whether the trigger was sent.
    pub(super) sent: Sent,
    /// When the last trigger was about to be sent.
    pub(super) trigger_at: Option<Timestamp>,
    /// Which trigger that was, from 1.
    pub(super) attempt: u32,
    /// The number of the last event.
    pub(super) last_event: u64,
    /// Whether an outcome was stored, which also released the run.
    pub(super) has_outcome: bool,
    /// Whether this run holds the claim on its resource.
    pub(super) holds_resource: bool,
    /// Since when the audit log cannot be written, on the monotonic clock.
    pub(super) unwritten: Option<Duration>,
    /// The final status that a manual decision on this run may override.
    pub(super) may_override: Option<Status>,
}

/// A run in progress.
pub(super) struct ActiveRun {
    pub(super) info: RunInfo,
    pub(super) audit_log: Arc<AuditLog>,
    pub(super) clock: SharedClock,
    pub(super) reporter: Arc<Reporter>,
    pub(super) boundary: Boundary,
    /// When the invocation must end, on the monotonic clock.
    pub(super) deadline: Duration,
    /// Whether a signal was received before, and the service is asked about the run only once.
    pub(super) after_signal: bool,
    /// When this invocation began to work on the run, on both clocks.
    pub(super) began: (Timestamp, Duration),
    /// How many calls the invocation had made by then.
    pub(super) calls_before: u64,
    pub(super) progress: Mutex<RunProgress>,
}

impl ActiveRun {
    pub(super) fn progress(&self) -> MutexGuard<'_, RunProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.clock.monotonic())
    }

    fn invocation(&self) -> event::InvocationTimes {
        let (began, began_at) = self.began;
        event::InvocationTimes {
            started_at: began.to_string(),
            ended_at: self.clock.now().to_string(),
            duration_ms: millis(self.clock.monotonic().saturating_sub(began_at)),
        }
    }

    /// The verdict with what only the runner knows: the number of calls, and why the last one failed.
    pub(super) fn enriched(&self, mut verdict: Verdict) -> Verdict {
        let calls = self.boundary.calls().saturating_sub(self.calls_before);
        verdict.http_calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.boundary.explain(verdict)
    }

    /// The verdict with what is known about the run.
    pub(super) fn finished(&self, verdict: Verdict) -> FinishedRun {
        let progress = self.progress().clone();
        let mut finished = FinishedRun::new(&self.info, verdict);
        let invocation = &mut finished.invocation;
        invocation.trigger_sent_at = progress.trigger_at;
        invocation.concluded_at = Some(self.clock.now());
        invocation.attempt = progress.attempt;
        invocation.audit_event = progress.last_event;
        finished
    }

    /// Stores an event, waiting for a locked audit log for at most `limit`.
    ///
    /// # Errors
    /// Why it was not stored.
    pub(super) async fn store(
        &self,
        detail: Detail,
        limit: Duration,
    ) -> Result<Receipt, AuditLogError> {
        let last = matches!(detail, Detail::Outcome(_));
        let began = self.clock.monotonic();
        let stored = retry_while_busy(&self.clock, limit, || {
            if last {
                self.audit_log.append_and_finish(&self.info, detail.clone())
            } else {
                self.audit_log.append(&self.info, detail.clone())
            }
        })
        .await;
        let receipt = stored.inspect_err(|_| {
            self.progress().unwritten.get_or_insert(began);
        })?;
        self.progress().unwritten = None;
        self.update_progress(&detail, receipt.number);
        Ok(Receipt {
            number: receipt.number,
            stored_at: receipt.stored_at.to_string(),
        })
    }

    /// How long an event of the component may wait for a locked audit log. Before the trigger the
    /// deadline decides; after it, the event must not be lost. All waits for one lock count as one, and
    /// only the outcome waits long: the component stores everything else again before its next event.
    fn store_limit(&self, detail: &Detail) -> Duration {
        let (now, progress) = (self.clock.monotonic(), self.progress().clone());
        let since = progress.unwritten.unwrap_or(now);
        let least = since.saturating_add(MIN_STORE_TIME);
        let until = match (progress.sent, detail) {
            (Sent::No, _) => self.deadline,
            (_, Detail::Intent(_) | Detail::Outcome(_)) => self.deadline.max(least),
            _ => least,
        };
        until
            .min(since.saturating_add(LONGEST_LOCK_WAIT))
            .saturating_sub(now)
    }

    /// Updates the progress from a stored event.
    fn update_progress(&self, detail: &Detail, number: u64) {
        let mut progress = self.progress();
        progress.last_event = number;
        match detail {
            Detail::Intent(intent) => {
                progress.sent = Sent::Maybe;
                progress.attempt = intent.attempt;
                progress.trigger_at = Some(self.clock.now());
            }
            Detail::Triggered(triggered) if matches!(triggered.http_status, Some(200..300)) => {
                progress.sent = Sent::Yes;
                if triggered.service_run.is_some() {
                    self.release_resource(&mut progress);
                }
            }
            Detail::Observed(observed) if observed.what == Observed::NOT_SENT => {
                progress.sent = Sent::No;
            }
            Detail::Observed(observed) if observed.what == Observed::MATCHED => {
                progress.sent = Sent::Yes;
                self.release_resource(&mut progress);
            }
            Detail::Outcome(outcome) => {
                progress.sent = outcome.verdict.sent;
                progress.has_outcome = true;
            }
            _ => {}
        }
    }

    /// Once our run is identified, the next of our runs may look at the resource. If this fails, the
    /// claim ends with its lease.
    fn release_resource(&self, progress: &mut RunProgress) {
        if std::mem::take(&mut progress.holds_resource) {
            let info = &self.info;
            let _ = self.audit_log.release_resource(&info.resource, info);
        }
    }

    /// Releases the run, unless its outcome has done so.
    pub(super) async fn release(&self) {
        if self.progress().has_outcome {
            return;
        }
        let finish = || self.audit_log.finish(&self.info.run);
        let limit = self.left().min(MIN_STORE_TIME);
        let released = retry_while_busy(&self.clock, limit, finish).await;
        if let Err(error) = released {
            let message = format!("the run is released when its lease ends: {error}");
            self.reporter.log(Level::Debug, &message);
        }
    }

    /// Stores a verdict that the runner itself reached, and releases the run. The verdict holds even
    /// if it cannot be stored.
    pub(super) async fn conclude(&self, verdict: Verdict) -> FinishedRun {
        let outcome = Detail::Outcome(Outcome {
            verdict: verdict.clone(),
            invocation: self.invocation(),
        });
        if let Err(error) = self.store(outcome, MIN_STORE_TIME).await {
            let message = format!("the outcome could not be stored: {error}");
            self.reporter.log(Level::Warn, &message);
        }
        self.release().await;
        self.finished(verdict)
    }

    /// Concludes a run whose component trapped or did not return: a bug. Whether the trigger was sent
    /// is known from the audit log.
    pub(super) async fn component_failed(&self, what: &str) -> FinishedRun {
        let sent = self.progress().sent;
        let status = match sent {
            Sent::No => Status::InternalError,
            Sent::Yes | Sent::Maybe => Status::Unknown,
        };
        let hint = "please report this with the output of `host-runner audit show` for the run";
        let verdict = Verdict {
            sent,
            ..Verdict::not_sent(status, "component_failed", what, hint)
        };
        self.conclude(verdict).await
    }
}

/// What the component may use of the host: waiting, progress reports, and the audit log of its run.
pub struct HostServices {
    pub(super) target: String,
    pub(super) clock: SharedClock,
    pub(super) reporter: Arc<Reporter>,
    /// The run that events are stored under; none for a call that changes nothing.
    pub(super) run: Option<Arc<ActiveRun>>,
    /// What is not stored of the request's body.
    pub(super) mask: Mask,
}

impl HostServices {
    /// The services without an audit log.
    #[must_use]
    pub fn read_only(target: &str, clock: SharedClock, reporter: Arc<Reporter>) -> Self {
        Self {
            target: target.to_owned(),
            clock,
            reporter,
            run: None,
            mask: Mask::default(),
        }
    }
}

impl types::Host for HostServices {}

impl audit_store::Host for HostServices {
    async fn append(&mut self, entry: audit_store::Entry) -> Result<Receipt, StoreError> {
        let Some(run) = &self.run else {
            return Err(StoreError::Refused("this call stores nothing".to_owned()));
        };
        if !entry.run_id.is_empty() && entry.run_id != run.info.run {
            return Err(StoreError::Refused(format!(
                "this component works on run {}, not on {}",
                run.info.run, entry.run_id
            )));
        }
        let detail = match entry.event {
            // As it will be sent, without what `${…}` filled in: the boundary puts the trace into
            // the tracking id.
            Event::Intent(mut intent) => {
                tracked(run.boundary.trace(), &mut intent.request.headers);
                intent.request.body = self.mask.shown(intent.request.body);
                Detail::Intent(intent)
            }
            Event::Triggered(triggered) => Detail::Triggered(triggered),
            Event::Observed(observed) => Detail::Observed(observed),
            Event::Note(note) => Detail::Note(note),
            Event::Resolved(resolution) => Detail::Resolved(event::Resolution {
                decision: Decision::from_name(&resolution.word).ok_or_else(|| {
                    StoreError::Refused(format!("`{}` is not a status", resolution.word))
                })?,
                reason: resolution.reason,
                overrides: run.progress().may_override,
            }),
            Event::Outcome(conclusion) => {
                let verdict = run.enriched(match conclusion {
                    Conclusion::Verdict(verdict) => verdict.into(),
                    Conclusion::Error(error) => error.into(),
                });
                // After a signal the interruption is already in the audit log, and an outcome that
                // settles nothing adds nothing to it.
                if run.after_signal && !verdict.status.settles() {
                    return Ok(Receipt {
                        number: run.progress().last_event,
                        stored_at: run.clock.now().to_string(),
                    });
                }
                let invocation = run.invocation();
                Detail::Outcome(Outcome {
                    verdict,
                    invocation,
                })
            }
        };
        let limit = run.store_limit(&detail);
        run.store(detail, limit).await.map_err(|error| match error {
            AuditLogError::File { .. } => {
                StoreError::Unavailable(format!("{error}; {}", error.hint()))
            }
            refusal => StoreError::Refused(refusal.to_string()),
        })
    }
}

impl control::Host for HostServices {
    async fn wait(&mut self, milliseconds: u64) -> control::Wake {
        // After the deadline the component waits only to try the audit log again, which has had its
        // time.
        let run = self.run.as_ref().filter(|run| run.left().is_zero());
        if run.is_some_and(|run| run.progress().unwritten.is_some()) {
            return control::Wake::Cancelled;
        }
        self.clock.sleep(Duration::from_millis(milliseconds)).await;
        control::Wake::Elapsed
    }

    async fn progress(&mut self, update: control::Update) {
        self.reporter.progress(&Update {
            target: &self.target,
            message: &update.message,
            http_calls: update.http_calls,
            level: match update.level {
                control::Level::Debug => Level::Debug,
                control::Level::Info => Level::Info,
                control::Level::Warning => Level::Warn,
            },
        });
    }
}
