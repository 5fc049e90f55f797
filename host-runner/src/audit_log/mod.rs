//! The audit log: every request, response and outcome, stored before and after it happens.
//!
//! It ensures that a refresh is never triggered twice by accident and never reported as successful
//! without evidence: an intent is on disk before its trigger is sent, and the next start finds it
//! even if the process crashed. Two things are kept apart:
//! - the **events**, append-only and hash-chained ([`chain`]), durable when `append` returns;
//! - **claims and leases** in separate tables: which process works on which run and resource
//!   ([`lease`]). They change freely and mean nothing after a power failure.
//!
//! Decisions are plain functions over plain data ([`decide`], [`fold`], [`chain`]); only [`sqlite`]
//! contains SQL. The audit log never changes or deletes an event, never opens a file that is not an
//! audit log of this version, and never stores an intent for a run or resource that another process
//! has taken over.

mod actor;
pub mod chain;
pub mod decide;
mod error;
pub mod event;
pub mod fold;
pub mod lease;
mod location;
pub mod sqlite;
#[cfg(test)]
mod tests;

pub use actor::{Actor, KestraContext};
pub use chain::{Verification, identity_digest};
pub use decide::{Begin, BeginOptions, IfLost, overridden};
pub use error::{AuditLogError, FileProblem};
pub use event::{Detail, RunInfo, StoredEvent};
pub use fold::{RunState, RunView};
pub use lease::{LEASE, RENEW_EVERY};
pub use location::AuditLogLocation;
pub use sqlite::{AuditLog, Entry, Filter, Receipt, ResourceClaim, RunStatus, RunSummary};
