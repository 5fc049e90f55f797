//! Names where ids may stand: the component finds the ids, before the run is claimed.
//!
//! The claim on the content is by its ids, so that two ways of writing the same target cannot both
//! trigger it at once.

use std::time::Duration;

use super::check::{ask_within, astray};
use super::request;
use super::session::Session;
use crate::audit_log::AuditLog;
use crate::config::ResolvedTarget;
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::report::Signal;
use crate::verdict::Verdict;

/// The target as the component knows it, with ids where the configuration has names. What does not
/// answer is asked again until nothing is left of the deadline.
///
/// # Errors
/// The signal that ended the search; within it, why there are no ids.
pub(super) async fn resolved(
    session: &Session,
    target: &ResolvedTarget,
    audit_log: &AuditLog,
    left: Duration,
) -> Result<Result<wit::Target, Verdict>, Signal> {
    let wit_target = request::target(target, &session.flow_id);
    Ok(
        match ask_within(
            session,
            target,
            api::Question::Resolve(wit_target),
            Some(audit_log),
            left,
        )
        .await?
        {
            Ok(api::Inspection::Resolved(resolved)) => Ok(resolved),
            Ok(_) => Err(astray()),
            Err(verdict) => Err(verdict),
        },
    )
}
