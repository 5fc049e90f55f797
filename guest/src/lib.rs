//! The refresh logic: one refresh of Power BI content, from look to verdict.
//!
//! A thin shell around plain decisions. Everything that reaches outside goes through the four
//! traits of [`ports`], so the whole state machine is built and tested natively with scripted
//! answers and a scripted clock; only `wasi` and the export below exist in the component alone.
//!
//! What the crate refuses: to send a trigger before the store has acknowledged the intent, to
//! send a second one after one that may have arrived, and to say `completed` of a run that it
//! cannot tell to be ours.

#![allow(
    clippy::result_large_err,
    reason = "the errors are those of the contract; a call makes one at most"
)]

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    unsafe_code,
    clippy::all,
    reason = "generated from the contract in wit/"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "component",
        additional_derives: [PartialEq, Eq],
    });
}

mod audit;
mod body;
mod cancel;
mod catalogue;
mod classify;
mod content;
pub mod contract;
mod facts;
mod flow;
mod inspect;
mod journal;
mod json;
mod machine;
mod names;
pub mod ports;
mod redact;
mod request;
mod session;
mod time;
pub mod transport;
mod trouble;
mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(test)]
mod testing;

pub use audit::record_audit;
pub use cancel::cancel_refresh;
pub use inspect::inspect;
pub use machine::{follow_refresh, trigger_refresh};
