//! Refreshes Power BI content from an orchestrator and reports the verified outcome.
//!
//! The refresh logic is a WebAssembly component; this library is its host. Imports go down only:
//!
//! ```text
//! cli → run → config, engine → report, audit_log, outbound → verdict, secret, trace, clock
//! ```
//!
//! - [`cli`]: the command line.
//! - [`run`]: carries out refresh, follow, cancel and check; handles signals, deadlines and claims.
//! - [`config`]: the configuration; unknown keys are errors.
//! - [`import`]: converts the configuration of a legacy script.
//! - [`engine`]: wasmtime and the component.
//! - [`audit_log`]: the append-only log; nothing is sent before its intent is stored.
//! - [`outbound`]: the only access to the network; holds the secrets that the component never sees.
//! - [`report`]: output for people, scripts and Kestra.
//! - [`guard`]: windows and intervals.

pub mod audit_log;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod guard;
pub mod import;
pub mod outbound;
pub mod report;
pub mod run;
pub mod secret;
pub mod trace;
pub mod verdict;
