//! A simulator of Power Automate, Power BI, Fabric and Entra: one HTTP server with the shapes,
//! error bodies and habits of the real services, and with the faults that real networks have.
//!
//! The end-to-end tests, the demo and the benchmark run it as a process; tests in one process use
//! [`Simulator`]. It exists because the main incident (a flow answers 202 while the dataflow inside
//! refuses) cannot be staged with the real services at will.
//!
//! Layers, each of which knows only those above it: the world ([`world`], [`scenario`]), what
//! becomes of it ([`state`]), the services ([`service`]), then faults ([`faults`]), the log
//! ([`log`]), what no client may do ([`violations`]) and the sockets ([`server`]). It refuses to listen on anything but loopback.

mod admin;
pub mod cli;
pub mod clock;
pub mod core;
mod error;
pub mod faults;
#[cfg(test)]
mod golden;
pub mod log;
mod mask;
pub mod message;
pub mod scenario;
pub mod secret;
pub mod server;
pub mod service;
pub mod state;
pub mod view;
pub mod violations;
pub mod world;

pub use crate::core::{AdminError, Core};
pub use error::SimulatorError;
pub use server::Simulator;
