//! What one invocation holds: the clock, the component, the way out, the voice; and, where it
//! writes, the audit log.
//!
//! Everything is made before the first run begins, so that what is wrong with any of it is known
//! before anything is sent.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::boundary::Boundary;
use super::busy::retry_while_busy;
use super::ports::Run;
use super::signals::Stops;
use crate::audit_log::event::Detail;
use crate::audit_log::{AuditLog, RENEW_EVERY, RunInfo};
use crate::clock::SharedClock;
use crate::config::ResolvedTarget;
use crate::engine::{EngineError, HostPorts, HostState, Instance, Loading, StateParts};
use crate::outbound::Gateway;
use crate::report::{Level, Reporter, Signal};
use crate::verdict::{Sent, Status, Verdict};

/// How long a component may overstay the deadline that it was told, before it is stopped: its last
/// call may still be under way.
pub(super) const GRACE: Duration = Duration::from_secs(15);

/// The least patience for an event that must not be lost, whatever the deadline.
pub(super) const LEAST_PATIENCE: Duration = Duration::from_secs(2);

/// What one invocation holds.
#[derive(Clone)]
pub struct Session {
    /// The clock.
    pub clock: SharedClock,
    /// The component.
    pub component: Arc<Loading>,
    /// The way out.
    pub boundary: Boundary,
    /// The voice.
    pub reporter: Arc<Reporter>,
    /// The signals.
    pub stops: Stops,
    /// When the invocation began, on the monotonic clock.
    pub began_at: Duration,
    /// The orchestrator's flow; empty where there is none.
    pub flow_id: String,
    /// `--deadline`.
    pub deadline: Option<Duration>,
}

/// The audit log, as one invocation writes it.
#[derive(Clone)]
pub struct AuditHandle {
    /// The audit log.
    pub audit_log: Arc<AuditLog>,
    /// The key of the identity of the invocation's runs; empty where every start is a run of its
    /// own.
    pub key: String,
}

/// How a call of the component ended.
pub enum End<T> {
    /// With its answer.
    Done(T),
    /// By a signal.
    Stopped(Signal),
    /// Long after the deadline that it was told.
    OutOfTime,
}

impl Session {
    /// When this invocation is to be done with a target, on the monotonic clock.
    #[must_use]
    pub fn deadline_of(&self, target: &ResolvedTarget) -> Duration {
        self.began_at
            .saturating_add(self.deadline.unwrap_or(target.deadline))
    }

    /// Begins to work on a run.
    #[must_use]
    pub fn run(
        &self,
        audit_log: &Arc<AuditLog>,
        info: RunInfo,
        target: &ResolvedTarget,
    ) -> Arc<Run> {
        let run = Run::new(
            info,
            audit_log.clone(),
            self.clock.clone(),
            self.reporter.clone(),
            self.boundary.transport.clone(),
            self.boundary.failure.clone(),
            self.deadline_of(target),
        );
        run.known().last_moments = self.stops.are_deaf();
        run
    }

    /// The same invocation after its signal: no further one is heard, and there is no time left to
    /// follow anything, so that a run is looked for once.
    #[must_use]
    pub(super) fn in_its_last_moments(&self) -> Self {
        Self {
            stops: Stops::deaf(),
            deadline: Some(Duration::ZERO),
            ..self.clone()
        }
    }

    /// A fresh instance of the component over these ports.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn instance(
        &self,
        ports: impl HostPorts + 'static,
        gateway: Arc<Gateway>,
    ) -> Result<Instance, EngineError> {
        self.component
            .get()?
            .instantiate(HostState::new(StateParts {
                clock: self.clock.clone(),
                gateway,
                ports: Box::new(ports),
            }))
            .await
    }

    /// Lets `work` go on until it is done, a signal comes, or `limit` has passed; renews meanwhile
    /// what this process holds in `record`.
    pub async fn drive<T>(
        &self,
        audit_log: Option<&AuditLog>,
        work: impl Future<Output = T>,
        limit: Duration,
    ) -> End<T> {
        let mut stops = self.stops.clone();
        let mut work = std::pin::pin!(work);
        let mut overdue = std::pin::pin!(self.clock.sleep(limit));
        loop {
            tokio::select! {
                biased;
                signal = stops.stopped() => return End::Stopped(signal),
                done = &mut work => return End::Done(done),
                () = &mut overdue => return End::OutOfTime,
                () = self.clock.sleep(RENEW_EVERY) => {
                    if let Some(Err(error)) = audit_log.map(AuditLog::renew) {
                        self.reporter.log(Level::Debug, &format!("the lease was not renewed: {error}"));
                    }
                }
            }
        }
    }

    /// [`drive`](Self::drive) for a component that knows the run's deadline.
    pub async fn drive_component<T>(&self, run: &Run, work: impl Future<Output = T>) -> End<T> {
        self.drive(Some(&run.audit_log), work, run.left().saturating_add(GRACE))
            .await
    }

    /// The end of a run whose component broke off or did not end: a bug, told as what it is, with
    /// what the audit log says of the trigger.
    pub async fn broken(&self, run: &Arc<Run>, what: &str) -> Verdict {
        let sent = run.known().sent;
        let status = if sent == Sent::No {
            Status::InternalError
        } else {
            Status::Unknown
        };
        let verdict = Verdict {
            sent,
            ..Verdict::not_sent(
                status,
                "component_failed",
                what,
                "please report this with the output of `host-runner audit show` for the run",
            )
        };
        let outcome = Detail::Outcome(crate::audit_log::event::Outcome {
            verdict: verdict.clone(),
            invocation: run.invocation(),
        });
        if let Err(error) = run.store(outcome, LEAST_PATIENCE).await {
            self.reporter.log(
                Level::Warn,
                &format!("the end of the run could not be stored: {error}"),
            );
        }
        verdict
    }

    /// Gives up what this process holds of a run, where its outcome did not.
    pub async fn finish(&self, run: &Run) {
        if !run.known().concluded {
            let finished = retry_while_busy(&self.clock, LEAST_PATIENCE, || {
                run.audit_log.finish(&run.info.run)
            })
            .await;
            if let Err(error) = finished {
                self.reporter
                    .log(Level::Debug, &format!("the lease ends by itself: {error}"));
            }
        }
    }
}
