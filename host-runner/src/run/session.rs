//! What one invocation works with: the clock, the component, the outbound boundary, the reporter,
//! and the audit log.
//!
//! Everything is created before the first run begins, so that every setup error is found before
//! anything is sent.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::active_run::{ActiveRun, HostServices, audit_unavailable};
use super::boundary::Boundary;
use super::signals::Signals;
use crate::audit_log::{AuditLog, AuditLogError, RENEW_EVERY, RunInfo};
use crate::clock::SharedClock;
use crate::config::ResolvedTarget;
use crate::engine::Loading;
use crate::report::{Level, Reporter, Signal};
use crate::verdict::Verdict;

/// What one invocation works with.
#[derive(Clone)]
pub struct Session {
    /// The clock.
    pub clock: SharedClock,
    /// The component.
    pub component: Arc<Loading<HostServices>>,
    /// The outbound boundary.
    pub boundary: Boundary,
    /// Reports to the user.
    pub reporter: Arc<Reporter>,
    /// SIGINT and SIGTERM.
    pub signals: Signals,
    /// When the invocation began, on the monotonic clock.
    pub began_at: Duration,
    /// `--deadline`.
    pub deadline: Option<Duration>,
}

/// The audit log, and the idempotency key of this invocation's runs.
#[derive(Clone)]
pub struct AuditHandle {
    /// The audit log.
    pub audit_log: Arc<AuditLog>,
    /// The key; empty if every start is a run of its own.
    pub key: String,
}

/// Why an operation has no result.
#[derive(Debug)]
pub enum OperationError {
    /// The operation failed. The status is what a refresh would have ended with.
    Failed(Box<Verdict>),
    /// A signal ended it.
    Interrupted(Signal),
}

impl From<Verdict> for OperationError {
    fn from(verdict: Verdict) -> Self {
        Self::Failed(Box::new(verdict))
    }
}

impl From<AuditLogError> for OperationError {
    fn from(error: AuditLogError) -> Self {
        Self::from(audit_unavailable(&error))
    }
}

/// Why [`Session::drive`] gave up.
pub(super) enum WaitError {
    /// By a signal.
    Signal(Signal),
    /// The time limit passed.
    TimeLimit,
}

impl Session {
    /// When this invocation must be done with a target, on the monotonic clock.
    pub(super) fn deadline_of(&self, target: &ResolvedTarget) -> Duration {
        self.began_at
            .saturating_add(self.deadline.unwrap_or(target.deadline))
    }

    /// The time left for a target.
    pub(super) fn left(&self, target: &ResolvedTarget) -> Duration {
        self.deadline_of(target)
            .saturating_sub(self.clock.monotonic())
    }

    /// Begins to work on a run.
    pub(super) fn run(
        &self,
        audit_log: &Arc<AuditLog>,
        info: RunInfo,
        deadline: Duration,
    ) -> Arc<ActiveRun> {
        Arc::new(ActiveRun {
            info,
            audit_log: audit_log.clone(),
            clock: self.clock.clone(),
            reporter: self.reporter.clone(),
            boundary: self.boundary.clone(),
            deadline,
            after_signal: self.signals.is_none(),
            began: (self.clock.now(), self.clock.monotonic()),
            calls_before: self.boundary.calls(),
            progress: Mutex::default(),
        })
    }

    /// The same invocation after its signal: further signals are ignored, and the deadline has passed,
    /// so that a run is looked for only once.
    pub(super) fn after_signal(&self) -> Self {
        Self {
            signals: Signals::none(),
            deadline: Some(Duration::ZERO),
            ..self.clone()
        }
    }

    /// Waits for `future`, a signal, or the end of `limit`. Meanwhile it renews the leases that this
    /// process holds in `audit_log`, and shows that it is alive.
    pub(super) async fn drive<T>(
        &self,
        audit_log: Option<&AuditLog>,
        future: impl Future<Output = T>,
        limit: Duration,
    ) -> Result<T, WaitError> {
        let mut signals = self.signals.clone();
        let mut future = std::pin::pin!(future);
        let mut overdue = std::pin::pin!(self.clock.sleep(limit));
        loop {
            tokio::select! {
                biased;
                signal = signals.wait() => return Err(WaitError::Signal(signal)),
                done = &mut future => return Ok(done),
                () = &mut overdue => return Err(WaitError::TimeLimit),
                () = self.clock.sleep(RENEW_EVERY) => {
                    self.reporter.heartbeat();
                    if let Some(Err(error)) = audit_log.map(AuditLog::renew) {
                        self.reporter.log(Level::Debug, &format!("the lease was not renewed: {error}"));
                    }
                }
            }
        }
    }
}
