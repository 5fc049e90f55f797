//! The errors of starting a simulator.

use std::io;
use std::path::PathBuf;

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The world file cannot be read.
    #[error("cannot read the world file {}: {source}; give --world a readable JSON file", path.display())]
    WorldUnreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The world is invalid.
    #[error("{origin} is not a valid world: {reason}")]
    WorldInvalid {
        /// The file, or another source of the text.
        origin: String,
        /// The reason.
        reason: String,
    },
    /// The port is not available.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; give --port 0 for any free port")]
    Listen {
        /// The requested port.
        port: u16,
        /// The cause.
        source: io::Error,
    },
    /// No certificate could be created.
    #[error("cannot create a certificate: {0}")]
    Certificate(String),
    /// The CA's certificate cannot be written.
    #[error("cannot write the CA's certificate to {}: {source}; give --ca-out a writable path", path.display())]
    CaUnwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Standard output is closed, so the address cannot be printed.
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
