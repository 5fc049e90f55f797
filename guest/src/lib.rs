//! The refresh logic: one refresh of Power BI content, from reading the history to the verdict.
//!
//! Everything that reaches outside goes through the four traits of [`ports`], so the whole state
//! machine is built and tested natively; only `wasi` and the exports exist in the component alone.
//!
//! Three things never happen: a trigger before the store has acknowledged the intent, a second
//! trigger after one that may have arrived, and `completed` for a run that may not be ours.

#![allow(
    clippy::result_large_err,
    reason = "the errors are those of the contract, and a call returns at most one"
)]

mod api;
mod audit;
mod call;
mod cancel;
mod classify;
pub mod contract;
mod inspect;
mod lookup;
mod machine;
mod matching;
pub mod ports;
mod redact;
mod request;
mod session;
mod time;
mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(test)]
mod testing;

pub use audit::record_audit;
pub use cancel::cancel_refresh;
pub use inspect::inspect;
pub use machine::{follow_refresh, trigger_refresh};
