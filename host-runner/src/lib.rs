//! Refreshes Power BI content from an orchestrator and tells the truth about it.
//!
//! The refresh logic is a WebAssembly component; this library is the host around it. Data flows one
//! way through its parts:
//!
//! ```text
//! cli ─→ config ─→ run ─→ engine (the component) ─→ report ─→ exit code
//!                   │        │             │
//!                 record   outbound      control
//! ```
//!
//! - [`config`]: what is to be refreshed, and how; refuses every key that it does not know.
//! - [`import`]: makes one out of the configuration of the script that came before.
//! - [`record`]: the append-only log; nothing is sent that is not written down first.
//! - [`outbound`]: the only way to the network; holds the secrets that the component never sees.
//! - [`engine`]: the component and what it may touch.
//! - [`run`]: puts these together; signals, deadlines, claims.
//! - [`trace`]: the trace that an orchestrator hands in, and hands on to the services.
//! - [`report`]: says what became of it, to people, scripts and Kestra.

pub mod audit_log;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod engine;
pub mod guard;
pub mod import;
pub mod outbound;
pub mod report;
pub mod run;
pub mod secret;
pub mod trace;
pub mod verdict;
