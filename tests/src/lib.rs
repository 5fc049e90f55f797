//! A simulator of Power Automate, Power BI, Fabric and Entra: the request and reply shapes, error
//! bodies and timing of the real services, with the faults of real networks. It exists because the
//! main incident (a flow returns 202 while its dataflow refuses) cannot be reproduced at will with
//! the real services.
//!
//! Tests can use it in three ways: as a process (`cli`), in the same process over sockets
//! ([`Simulator`]), and without sockets or a runtime ([`Core`]). It listens on loopback only.
//!
//! Layers, each of which knows only those before it: the initial data ([`world`], [`scenario`]), its
//! changes (`state`), the services (`service`), faults ([`faults`]), log ([`log`]) and client rules
//! ([`violations`]), all of them together ([`core`]), and the sockets ([`server`]).

mod admin;
pub mod cli;
pub mod clock;
pub mod core;
mod error;
pub mod faults;
#[cfg(test)]
mod golden;
pub mod log;
pub mod message;
pub mod scenario;
pub mod secret;
pub mod server;
mod service;
mod state;
pub mod view;
pub mod violations;
pub mod world;

pub use crate::core::{AdminError, Core};
pub use error::SimulatorError;
pub use server::Simulator;
