//! The embedded component and what it can access.
//!
//! The component gets HTTP through the outbound policy, a monotonic clock, and the two interfaces
//! of `wit/host.wit`. It has no environment, files, sockets or standard streams.

mod component;
mod config;
mod error;
mod http;
mod loading;
mod state;

pub use component::{ComponentFile, ComponentHost, Instance, PORTABLE};
pub use config::engine_config;
pub use error::EngineError;
pub use http::NOT_SENT;
pub use loading::Loading;
pub use state::{HostState, Imports};
