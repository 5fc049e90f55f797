//! The sockets: listens on loopback and speaks HTTP/1.1, with or without TLS. Faults happen where
//! they happen in the real world: between a service that has acted and its caller.

mod connection;
mod tls;

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::{Clock, OffsetClock};
use crate::core::Core;
use crate::error::SimulatorError;
use crate::world::World;

/// A listening simulator; its state is controlled through [`Core`]. Dropping it closes the socket
/// and every connection.
pub struct Simulator {
    core: Arc<Core>,
    base: String,
    ca_pem: Option<String>,
    accepting: JoinHandle<()>,
}

/// The options of a simulator.
pub struct Builder {
    world: World,
    clock: Arc<dyn Clock>,
    port: u16,
    tls: bool,
}

impl Builder {
    /// Listens on this port; 0 is any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Reads the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Serves https, with a certificate of its own CA for `127.0.0.1` and `localhost`.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts to listen. Requires a Tokio runtime with network and time.
    ///
    /// # Errors
    /// When the world contradicts itself, the port is not available, or no certificate can be made.
    pub async fn start(self) -> Result<Simulator, SimulatorError> {
        if let Some(reason) = self.world.contradiction() {
            return Err(SimulatorError::WorldInvalid {
                origin: "the given world".to_owned(),
                reason,
            });
        }
        let port = self.port;
        let failed = |source| SimulatorError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = self.tls.then(tls::Identity::make).transpose()?;
        let scheme = if self.tls { "https" } else { "http" };
        let base = format!("{scheme}://{address}");
        let core = Arc::new(Core::new(self.world, self.clock));
        let (ca_pem, acceptor) = match identity {
            Some(identity) => (Some(identity.ca_pem), Some(identity.acceptor)),
            None => (None, None),
        };
        let accepting = connection::accept(listener, acceptor, Arc::clone(&core));
        let accepting = tokio::spawn(accepting);
        Ok(Simulator {
            core,
            base,
            ca_pem,
            accepting,
        })
    }
}

impl Simulator {
    /// The options of a simulator of `world`.
    #[must_use]
    pub fn builder(world: World) -> Builder {
        Builder {
            world,
            clock: Arc::new(OffsetClock::default()),
            port: 0,
            tls: false,
        }
    }

    /// Starts a simulator of `world` on any free port.
    ///
    /// # Errors
    /// The errors of [`Builder::start`].
    pub async fn start(world: World) -> Result<Self, SimulatorError> {
        Self::builder(world).start().await
    }

    /// Scheme, address and port, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The CA's certificate, where it serves https.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
}

impl Deref for Simulator {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests;
