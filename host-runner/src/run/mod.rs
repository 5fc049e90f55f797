//! The operations of the runner: refresh, follow, cancel, check, list and resolve.
//!
//! This is the imperative shell. The decisions are plain functions elsewhere: what a start leads to
//! ([`crate::audit_log::decide`]), what may be sent ([`crate::outbound`]), what the outcome is (the
//! component). Here they are combined so that nothing is sent before it is stored, and nothing that is
//! known is lost if the process ends early.
//!
//! The files depend on each other in one direction only: `refresh` → `cancel` → `follow` → `call` →
//! `session` → `active_run` → `request`, `boundary`.

mod active_run;
mod boundary;
mod call;
mod cancel;
mod follow;
mod guards;
mod inspect;
mod interrupt;
mod refresh;
mod request;
mod session;
mod signals;

pub use crate::config::Operation;
pub use active_run::{FinishedRun, HostServices, retry_while_busy};
pub use boundary::{Boundary, BoundaryConfig, BoundaryError};
pub use call::resolve;
pub use cancel::cancel;
pub use follow::{follow_any, follow_recorded};
pub use inspect::{Finding, FindingLevel, ListRow, Listing, check, list, plan};
pub use refresh::refresh;
pub use request::RefreshOptions;
pub use session::{AuditHandle, OperationError, Session};
pub use signals::Signals;

pub use crate::contract::refresh::{Cancellation, CancellationStatus};
pub use crate::contract::types::FollowMode;

/// The component, loaded or being loaded.
pub type Component = crate::engine::Loading<HostServices>;
