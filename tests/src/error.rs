//! Why the simulator could not start.

use std::io;
use std::path::PathBuf;

/// What stands between the caller and a listening simulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The world file cannot be read.
    #[error("cannot read the world file {}: {source}; give --world a readable JSON file", path.display())]
    WorldUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The world is not one.
    #[error("{origin} is not a world: {reason}")]
    WorldInvalid {
        /// The file, or whatever the text came from.
        origin: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; give --port 0 for any free port")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// The CA's certificate cannot be written.
    #[error("cannot write the CA's certificate to {}: {source}; give --ca-out a writable path", path.display())]
    CaUnwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output is closed, so nobody would learn the address.
    #[error("cannot print the address: {0}")]
    Announce(io::Error),
}

impl SimulatorError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WorldUnreadable { .. } => "world_unreadable",
            Self::WorldInvalid { .. } => "world_invalid",
            Self::Listen { .. } => "listen_failed",
            Self::Certificate(_) => "certificate_failed",
            Self::CaUnwritable { .. } => "ca_unwritable",
            Self::Announce(_) => "announce_failed",
        }
    }
}
