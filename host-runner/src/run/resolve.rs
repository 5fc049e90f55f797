//! A person's word on a run that nothing else settles.
//!
//! It goes through the component's `record-audit`, which checks, redacts and normalises it, like
//! an entry from any other host.

use std::sync::Arc;

use thiserror::Error;

use super::ports::{Ports, Run};
use crate::engine::bindings::exports::powerbi::refresh::audit::AuditError;
use crate::engine::bindings::powerbi::refresh::audit_store as wit;
use crate::engine::{ComponentHost, EngineError, HostState, StateParts};
use crate::outbound::Gateway;

/// Why a word was not stored.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The component could not be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The word or the reason is not one that may be stored.
    #[error("{0}")]
    Invalid(String),
    /// The audit log cannot be written.
    #[error("{0}")]
    Unavailable(String),
}

/// Stores a person's word on a run; gives the number of the event.
///
/// # Errors
/// [`ResolveError`]; then nothing was stored.
pub async fn resolve(
    component: &ComponentHost,
    gateway: Arc<Gateway>,
    run: &Arc<Run>,
    word: &str,
    reason: &str,
) -> Result<u64, ResolveError> {
    let mut instance = component
        .instantiate(HostState::new(StateParts {
            clock: run.clock.clone(),
            gateway,
            ports: Box::new(Ports(run.clone())),
        }))
        .await?;
    let entry = wit::Entry {
        run_id: run.info.run.clone(),
        event: wit::Event::Resolved(wit::Resolution {
            word: word.to_owned(),
            reason: reason.to_owned(),
        }),
    };
    let exports = instance.exports.powerbi_refresh_audit();
    let stored = exports.call_record_audit(&mut instance.store, &entry).await;
    match stored.map_err(|trap| EngineError::Trapped(format!("{trap:#}")))? {
        Ok(receipt) => Ok(receipt.number),
        Err(AuditError::Invalid(why)) => Err(ResolveError::Invalid(why)),
        Err(AuditError::Unavailable(why) | AuditError::Refused(why)) => {
            Err(ResolveError::Unavailable(why))
        }
    }
}
