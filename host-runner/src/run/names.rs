//! Names where ids may stand: the component finds the ids, before the run is claimed.
//!
//! The claim on the content is by its ids, so that two ways of writing the same target cannot both
//! trigger it at once.

use super::check::{ask, astray};
use super::request;
use super::session::Session;
use crate::config::ResolvedTarget;
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::report::Signal;
use crate::verdict::Verdict;

/// The target as the component knows it, with ids where the configuration has names.
///
/// # Errors
/// The signal that ended the search; within it, why there are no ids.
pub(super) async fn resolved(
    session: &Session,
    target: &ResolvedTarget,
) -> Result<Result<wit::Target, Verdict>, Signal> {
    let wit_target = request::target(target, &session.flow_id);
    if !target.watched().is_some_and(|watched| watched.has_names()) {
        return Ok(Ok(wit_target));
    }
    Ok(
        match ask(session, target, api::Question::Resolve(wit_target)).await? {
            Ok(api::Inspection::Resolved(resolved)) => Ok(resolved),
            Ok(_) => Err(astray()),
            Err(verdict) => Err(verdict),
        },
    )
}
