//! One call of the component, in one place for every operation.

use std::sync::Arc;
use std::time::Duration;

use super::active_run::{ActiveRun, FinishedRun, HostServices, Stopped};
use super::boundary::BoundaryError;
use super::session::{OperationError, Session, WaitError};
use crate::audit_log::{AuditLog, RunInfo, event};
use crate::config::{Mask, ResolvedTarget};
use crate::contract::audit::AuditError;
use crate::contract::audit_store::{Entry, Event, Resolution};
use crate::contract::types;
use crate::engine::{HostState, Instance};
use crate::report::Signal;
use crate::verdict::{Status, Verdict};

/// How long a component may exceed the deadline that it was given before it is stopped: its last HTTP
/// call may still be in progress.
const GRACE: Duration = Duration::from_secs(15);

/// How long storing a resolution may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// One call of the component.
pub(super) struct Call<'a> {
    pub(super) session: &'a Session,
    /// The target whose credentials the requests get; none for a call that sends no requests.
    pub(super) target: Option<&'a ResolvedTarget>,
    /// The run that the component may store events under.
    pub(super) run: Option<&'a Arc<ActiveRun>>,
    /// The audit log in which this process holds leases during the call.
    pub(super) leases: Option<&'a AuditLog>,
    /// The deadline that the component was given.
    pub(super) limit: Duration,
}

/// Why a call of the component did not return.
pub(super) enum CallError {
    /// The requests of the component cannot be authorised as configured.
    Boundary(BoundaryError),
    /// The component did not load, trapped, or did not return in time.
    Component(String),
    /// A signal ended the call.
    Signal(Signal),
}

impl<'a> Call<'a> {
    /// A call on behalf of a run.
    pub(super) fn of_run(
        session: &'a Session,
        target: &'a ResolvedTarget,
        run: &'a Arc<ActiveRun>,
    ) -> Self {
        Self {
            session,
            target: Some(target),
            run: Some(run),
            leases: Some(&run.audit_log),
            limit: run.left(),
        }
    }

    /// Calls `export` on a new instance of the component.
    ///
    /// # Errors
    /// [`CallError`]. The instance is dropped by then, and with it every request in progress.
    pub(super) async fn make<T>(
        &self,
        export: impl AsyncFnOnce(&mut Instance<HostServices>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let session = self.session;
        let gateway = session
            .boundary
            .gateway(self.target)
            .map_err(CallError::Boundary)?;
        let services = HostServices {
            target: self.target.map_or_else(String::new, |one| one.name.clone()),
            clock: session.clock.clone(),
            reporter: session.reporter.clone(),
            run: self.run.cloned(),
            mask: self
                .target
                .map_or_else(Mask::default, |one| one.mask.clone()),
        };
        let state = HostState::new(session.clock.clone(), gateway, services);
        let called = async {
            let component = session.component.get();
            let mut instance = component
                .map_err(|error| error.to_string())?
                .instantiate(state)
                .await
                .map_err(|error| error.to_string())?;
            export(&mut instance)
                .await
                .map_err(|trap| format!("the component trapped: {trap:#}"))
        };
        let limit = self.limit.saturating_add(GRACE);
        match session.drive(self.leases, called, limit).await {
            Ok(returned) => returned.map_err(CallError::Component),
            Err(WaitError::Signal(signal)) => Err(CallError::Signal(signal)),
            Err(WaitError::TimeLimit) => Err(CallError::Component(
                "the component did not return within its deadline".to_owned(),
            )),
        }
    }
}

impl From<CallError> for OperationError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Boundary(error) => Self::from(error.verdict()),
            CallError::Component(what) => {
                let (code, hint) = ("component_failed", "please report this");
                Self::from(Verdict::not_sent(Status::InternalError, code, what, hint))
            }
            CallError::Signal(signal) => Self::Interrupted(signal),
        }
    }
}

/// Finishes a run with what the component returned.
///
/// # Errors
/// [`Stopped`] if a signal ended the call.
pub(super) async fn finish(
    run: &Arc<ActiveRun>,
    called: Result<Result<types::Verdict, types::RefreshError>, CallError>,
) -> Result<FinishedRun, Stopped> {
    let verdict = match called {
        Ok(Ok(verdict)) => run.enriched(verdict.into()),
        Ok(Err(error)) => run.enriched(error.into()),
        Err(CallError::Boundary(error)) => error.verdict(),
        Err(CallError::Component(what)) => return Ok(run.component_failed(&what).await),
        Err(CallError::Signal(signal)) => {
            let run = run.clone();
            return Err(Stopped { run, signal });
        }
    };
    run.release().await;
    Ok(run.finished(verdict))
}

/// Stores a manual decision on a run, and returns the number of the event. The component's
/// `record-audit` checks, redacts and normalises it, like an entry from any other host.
///
/// # Errors
/// Why nothing was stored.
pub async fn resolve(
    session: &Session,
    audit_log: &Arc<AuditLog>,
    info: RunInfo,
    resolution: &event::Resolution,
) -> Result<u64, OperationError> {
    let entry = Entry {
        run_id: info.run.clone(),
        event: Event::Resolved(Resolution {
            word: resolution.decision.name().to_owned(),
            reason: resolution.reason.clone(),
        }),
    };
    let deadline = session.clock.monotonic().saturating_add(RESOLVE_LIMIT);
    let run = session.run(audit_log, info, deadline);
    run.progress().may_override = resolution.overrides;
    let call = Call {
        session,
        target: None,
        run: Some(&run),
        leases: None,
        limit: RESOLVE_LIMIT,
    };
    let called = call.make(async |instance| {
        let exports = instance.exports.powerbi_refresh_audit();
        exports.call_record_audit(&mut instance.store, &entry).await
    });
    let (status, code, why) = match called.await? {
        Ok(receipt) => return Ok(receipt.number),
        Err(AuditError::Invalid(why)) => (Status::Invalid, "invalid_value", why),
        Err(AuditError::Refused(why)) => (Status::Invalid, "run_changed", why),
        Err(AuditError::Unavailable(why)) => {
            (Status::AuditUnavailable, "audit_log_unavailable", why)
        }
    };
    let hint = "nothing was stored; `host-runner audit show` shows the run";
    Err(Verdict::not_sent(status, code, why, hint).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Loading;

    #[test]
    fn the_embedded_component_can_be_fetched_repeatedly() {
        let loading = Loading::<HostServices>::begin(None).unwrap();
        assert!(!loading.get().unwrap().imports().is_empty());
        assert!(!loading.get().unwrap().exports().is_empty());
    }

    #[test]
    fn a_component_file_that_cannot_be_read_is_named() {
        let loading = Loading::<HostServices>::begin(Some("/nowhere.wasm".into())).unwrap();
        let error = loading.get().err().unwrap();
        assert_eq!(error.code(), "component_unreadable");
        assert!(error.to_string().contains("/nowhere.wasm"));
        assert_eq!(loading.get().err().unwrap().code(), "component_unreadable");
    }
}
