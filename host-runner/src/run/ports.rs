//! What a run offers to its component: the audit log, waiting, and a listener.
//!
//! The component's events come in here and are stored before the component goes on. What it says
//! at its end is made more precise by what only the runner knows: which call failed and why, and
//! how many calls were really made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::busy::retry_while_busy;
use super::convert;
use super::session::LEAST_PATIENCE;
use crate::audit_log::event::{Detail, InvocationTimes, Observed};
use crate::audit_log::{AuditLog, AuditLogError, RunInfo};
use crate::clock::SharedClock;
use crate::engine::bindings::powerbi::refresh::{audit_store, control};
use crate::engine::{HostPorts, PortFuture};
use crate::outbound::{CallEnd, CallReport, SendError, Transport, tracked};
use crate::report::{Reporter, Update};
use crate::verdict::{Sent, Status, Verdict};

/// What is known of a run while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Whether the trigger left.
    pub sent: Sent,
    /// When the last trigger was about to leave.
    pub trigger_at: Option<Timestamp>,
    /// Which trigger that was, from 1.
    pub attempt: u32,
    /// The number of the last event.
    pub last_event: u64,
    /// Whether an outcome was stored, and the run given up with it.
    pub concluded: bool,
    /// Whether the claim on the resource is still needed.
    pub holds_resource: bool,
    /// Whether a signal was heard, and all that happens is one last look.
    pub last_moments: bool,
}

/// Why the last call that had no answer had none.
#[derive(Debug, Default)]
pub struct LastFailure(Mutex<Option<SendError>>);

impl LastFailure {
    /// Hears of a call.
    pub fn hear(&self, report: &CallReport<'_>) {
        let failure = match report.end {
            CallEnd::Failed(error) => Some(error.clone()),
            CallEnd::Answered(_) | CallEnd::NoToken(_) => None,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// A verdict that nothing came back, with the host, the reason and the way out, which WASI's
    /// codes cannot carry.
    pub fn explain(&self, mut verdict: Verdict) -> Verdict {
        let nothing_came_back = matches!(verdict.status, Status::Denied | Status::Unavailable);
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(failure)) = (nothing_came_back, last.as_ref()) {
            if matches!(failure, SendError::NoToken { .. }) {
                // WASI has no word for it.
                "token_unavailable".clone_into(&mut verdict.code);
            }
            verdict.hint = failure.to_string();
        }
        drop(last);
        verdict
    }

    /// Its own words, which name the host, the reason and the way out.
    pub fn text(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(SendError::to_string)
    }
}

/// One run, as its component and its invocation share it.
pub struct Run {
    /// Which run this is.
    pub info: RunInfo,
    /// The audit log.
    pub audit_log: Arc<AuditLog>,
    /// The clock.
    pub clock: SharedClock,
    /// The voice.
    pub reporter: Arc<Reporter>,
    /// Counts the calls.
    pub transport: Arc<Transport>,
    /// Why the last call had no answer.
    pub failure: Arc<LastFailure>,
    /// When the invocation is to be over, on the monotonic clock.
    pub deadline: Duration,
    /// When this invocation began to work on the run.
    pub began: Timestamp,
    /// The same, on the monotonic clock.
    pub began_at: Duration,
    /// Calls that were made before.
    pub calls_before: u64,
    known: Mutex<Known>,
}

impl Run {
    /// A run that this invocation begins to work on.
    pub fn new(
        info: RunInfo,
        audit_log: Arc<AuditLog>,
        clock: SharedClock,
        reporter: Arc<Reporter>,
        transport: Arc<Transport>,
        failure: Arc<LastFailure>,
        deadline: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            began: clock.now(),
            began_at: clock.monotonic(),
            calls_before: transport.calls(),
            info,
            audit_log,
            clock,
            reporter,
            transport,
            failure,
            deadline,
            known: Mutex::default(),
        })
    }

    /// What is known of it.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much time is left until the deadline.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.clock.monotonic())
    }

    /// This invocation's times.
    pub fn invocation(&self) -> InvocationTimes {
        InvocationTimes {
            started_at: self.began.to_string(),
            ended_at: self.clock.now().to_string(),
            duration_ms: super::request::millis(
                self.clock.monotonic().saturating_sub(self.began_at),
            ),
        }
    }

    /// The verdict with what only the runner knows.
    pub fn enriched(&self, mut verdict: Verdict) -> Verdict {
        let calls = self.transport.calls().saturating_sub(self.calls_before);
        verdict.http_calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.failure.explain(verdict)
    }

    /// Stores an event, waiting for a locked record as long as the deadline allows.
    ///
    /// # Errors
    /// What the audit log ends with.
    pub async fn store(
        self: &Arc<Self>,
        detail: Detail,
        busy: Duration,
    ) -> Result<audit_store::Receipt, AuditLogError> {
        let last = matches!(detail, Detail::Outcome(_));
        let receipt = retry_while_busy(&self.clock, busy, || {
            if last {
                self.audit_log.append_and_finish(&self.info, detail.clone())
            } else {
                self.audit_log.append(&self.info, detail.clone())
            }
        })
        .await?;
        self.learn(&detail, receipt.number);
        Ok(audit_store::Receipt {
            number: receipt.number,
            stored_at: receipt.stored_at.to_string(),
        })
    }

    /// Keeps in mind what a stored event says.
    fn learn(&self, detail: &Detail, number: u64) {
        let mut known = self.known();
        known.last_event = number;
        match detail {
            Detail::Intent(intent) => {
                known.sent = Sent::Maybe;
                known.attempt = intent.attempt;
                known.trigger_at = Some(self.clock.now());
            }
            Detail::Triggered(triggered)
                if triggered
                    .http_status
                    .is_some_and(|status| (200..300).contains(&status)) =>
            {
                known.sent = Sent::Yes;
                if triggered.service_run.is_some() {
                    self.give_way(&mut known);
                }
            }
            Detail::Observed(observed) if observed.what == Observed::NOT_SENT => {
                known.sent = Sent::No
            }
            Detail::Observed(observed) if observed.what == Observed::MATCHED => {
                known.sent = Sent::Yes;
                self.give_way(&mut known);
            }
            Detail::Outcome(outcome) => {
                known.sent = outcome.verdict.sent;
                known.concluded = true;
            }
            _ => {}
        }
    }
}

impl Run {
    /// Our run is known from here on: the next of ours may look at the resource. Should this fail,
    /// the claim ends with its lease.
    fn give_way(&self, known: &mut Known) {
        if std::mem::take(&mut known.holds_resource) {
            let _ = self
                .audit_log
                .release_resource(&self.info.resource, &self.info);
        }
    }
}

/// The ports of a run.
pub(super) struct Ports(pub Arc<Run>);

impl HostPorts for Ports {
    fn append(
        &mut self,
        entry: audit_store::Entry,
    ) -> PortFuture<Result<audit_store::Receipt, audit_store::StoreError>> {
        let run = self.0.clone();
        Box::pin(async move {
            if !entry.run_id.is_empty() && entry.run_id != run.info.run {
                return Err(audit_store::StoreError::Refused(format!(
                    "this component works on run {}, not on {}",
                    run.info.run, entry.run_id
                )));
            }
            let detail = convert::detail(entry.event, || run.invocation()).ok_or_else(|| {
                audit_store::StoreError::Refused("the event's words are not known".to_owned())
            })?;
            let detail = match detail {
                Detail::Outcome(mut outcome) => {
                    outcome.verdict = run.enriched(outcome.verdict);
                    Detail::Outcome(outcome)
                }
                // As it will leave: the boundary goes on with the trace in its tracking id.
                Detail::Intent(mut intent) => {
                    tracked(run.transport.trace(), &mut intent.request.headers);
                    Detail::Intent(intent)
                }
                other => other,
            };
            // What an end says that settles nothing, the interruption in the audit log says already.
            if let Detail::Outcome(outcome) = &detail
                && run.known().last_moments
                && !outcome.verdict.status.settles()
            {
                return Ok(audit_store::Receipt {
                    number: run.known().last_event,
                    stored_at: run.clock.now().to_string(),
                });
            }
            // Before the trigger the deadline decides; after it the event must not be lost.
            let sent = run.known().sent != Sent::No;
            let busy = if sent {
                run.left().max(LEAST_PATIENCE)
            } else {
                run.left()
            };
            run.store(detail, busy).await.map_err(|error| match error {
                AuditLogError::ClaimLost { .. } | AuditLogError::UnknownRun { .. } => {
                    audit_store::StoreError::Refused(error.to_string())
                }
                other => audit_store::StoreError::Unavailable(other.to_string()),
            })
        })
    }

    fn wait(&mut self, milliseconds: u64) -> PortFuture<control::Wake> {
        wait(&self.0.clock, milliseconds)
    }

    fn progress(&mut self, update: control::Update) {
        tell(&self.0.reporter, &self.0.info.target, &update);
    }
}

/// The ports of a look: it may wait and tell, and has nothing to store.
pub(super) struct LookPorts {
    /// The target's name.
    pub target: String,
    /// The clock.
    pub clock: SharedClock,
    /// The voice.
    pub reporter: Arc<Reporter>,
}

impl HostPorts for LookPorts {
    fn append(
        &mut self,
        _entry: audit_store::Entry,
    ) -> PortFuture<Result<audit_store::Receipt, audit_store::StoreError>> {
        Box::pin(async {
            Err(audit_store::StoreError::Refused(
                "a look stores nothing".to_owned(),
            ))
        })
    }

    fn wait(&mut self, milliseconds: u64) -> PortFuture<control::Wake> {
        wait(&self.clock, milliseconds)
    }

    fn progress(&mut self, update: control::Update) {
        tell(&self.reporter, &self.target, &update);
    }
}

fn wait(clock: &SharedClock, milliseconds: u64) -> PortFuture<control::Wake> {
    let slept = clock.sleep(Duration::from_millis(milliseconds));
    Box::pin(async move {
        slept.await;
        control::Wake::Elapsed
    })
}

fn tell(reporter: &Reporter, target: &str, update: &control::Update) {
    reporter.progress(&Update {
        target,
        phase: convert::phase(update.phase),
        message: &update.message,
        http_calls: update.http_calls,
        level: convert::level(update.level),
    });
}
