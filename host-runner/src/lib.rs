//! Refreshes Power BI content from an orchestrator and reports the outcome.
//!
//! The refresh logic is a WebAssembly component; this library is the host around it. Imports go down
//! only:
//!
//! ```text
//! cli → run → {config, engine} → {report, audit_log, outbound} →
//!     {verdict, contract, secret, files, sink, trace, clock}
//! ```
//!
//! - [`cli`]: the command line.
//! - [`run`]: the operations: refresh, follow, cancel, check. Combines the modules below.
//! - [`config`]: the configuration; refuses every unknown key.
//! - [`import`]: converts the configuration of the script that this tool replaces.
//! - [`orchestrator`]: the ids, labels and trace that an orchestrator passes.
//! - [`engine`]: the component and what it can access.
//! - [`outbound`]: the only way to the network; has the secrets that the component never sees.
//! - [`audit_log`]: the append-only log; nothing is sent before it is stored.
//! - [`report`]: results, progress and warnings, for people, scripts and Kestra.
//! - [`guard`]: the guards that need a calendar.
//! - [`verdict`]: the outcome of a refresh.
//! - [`contract`]: the types of `wit/`, generated.
//! - [`trace`], [`secret`], [`files`], [`clock`], [`sink`]: the trace context, redaction, files that a
//!   person names, time, and the streams.

pub mod audit_log;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod engine;
pub mod files;
pub mod guard;
pub mod import;
pub mod orchestrator;
pub mod outbound;
pub mod report;
pub mod run;
pub mod secret;
pub mod sink;
pub mod trace;
pub mod verdict;
