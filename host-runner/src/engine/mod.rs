//! The embedded component and what it may touch.
//!
//! One file per thing that the component imports, one for the engine's settings, one for loading.
//! The component gets HTTP through the outbound policy, a clock, the audit log and a way to wait and
//! to tell. There is no environment, no file, no socket and no standard stream to reach for.

pub mod bindings;
mod component;
mod config;
mod error;
mod http;
mod loading;
mod state;

pub use component::{ComponentFile, ComponentHost, Instance};
pub use config::engine_config;
pub use error::EngineError;
pub use loading::Loading;
pub use state::{HostPorts, HostState, PortFuture, StateParts};
