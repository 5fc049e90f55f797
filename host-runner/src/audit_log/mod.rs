//! The audit log: what was asked, sent and seen, stored before and after it happened.
//!
//! It exists so that a refresh is never triggered twice by accident and never said to have succeeded
//! when nobody knows: an intent is on disk before its trigger leaves, and whoever starts next finds
//! it, whatever became of the process that wrote it. Two things are kept apart:
//! - the **events**, append-only and hash-chained ([`chain`]), durable when `append` returns;
//! - **claims and leases**, in tables of their own: who works on which run and which resource now
//!   ([`lease`]). They are changed at will and mean nothing after a power cut.
//!
//! The decisions are plain functions over plain data ([`decide`], [`fold`], [`verify`]); SQL is
//! in [`sqlite`] only. It refuses to change or delete an event, to open a file that is not a record
//! of this version, and to store an intent for a run or a resource that another process has taken
//! over.

mod actor;
pub mod chain;
pub mod decide;
mod error;
pub mod event;
pub mod fold;
mod identity;
pub mod lease;
mod location;
mod process;
mod resolution;
pub mod sqlite;
mod standing;
#[cfg(test)]
mod tests;
pub mod verify;

pub use actor::{Actor, KestraContext};
pub use decide::{Begin, BeginOptions, IfLost};
pub use error::AuditLogError;
pub use event::{Detail, RunInfo, StoredEvent};
pub use fold::RunView;
pub use identity::identity_digest;
pub use lease::{LEASE, RENEW_EVERY};
pub use location::AuditLogLocation;
pub use sqlite::{AuditLog, Entry, Filter, Receipt, ResourceClaim, RunSummary, Watched};
pub use standing::Standing;
pub use verify::Verification;
