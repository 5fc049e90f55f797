//! Carrying out what was asked for: claims, the component, signals, deadlines.
//!
//! The imperative shell. What it decides by is decided elsewhere, in plain functions: what a start
//! leads to ([`crate::audit_log::decide`]), what may leave ([`crate::outbound`]), what became of it
//! (the component). Here it is put together so that nothing is sent before it was written down, and
//! nothing that is known is lost when the process ends early.

mod boundary;
mod busy;
mod cancel;
mod check;
mod context;
mod convert;
mod follow;
mod guards;
mod interrupt;
mod labels;
mod lists;
mod names;
mod ports;
mod refresh;
mod request;
mod resolve;
mod retry;
mod session;
mod signals;

pub use boundary::{Boundary, BoundaryError, Operation};
pub use busy::retry_while_busy;
pub use cancel::{CancelError, CancelStatus, Cancelled, cancel};
pub use check::{Finding, FindingLevel, check, plan};
pub use context::{Asker, Environment, asker};
pub use follow::{follow_any, follow_recorded};
pub use lists::{Listing, Row, list};
pub use ports::Run;
pub use refresh::{FinishedRun, RefreshOptions, refresh};
pub use resolve::{ResolveError, resolve};
pub use session::{AuditHandle, Session};
pub use signals::Stops;
