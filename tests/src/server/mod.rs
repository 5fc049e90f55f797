//! The sockets: listens on loopback, speaks HTTP/1.1 (with or without TLS), and lets faults
//! happen where they happen in the world: between a service that has acted and its caller.

mod connection;
mod payload;
mod respond;
mod tls;
mod wire;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::clock::{Clock, OffsetClock};
use crate::engine::{AdminError, Engine};
use crate::error::SimulatorError;
use crate::faults::FaultRule;
use crate::log::LoggedRequest;
use crate::view::{ItemView, WorldView};
use crate::violations::Violation;
use crate::world::{RefreshType, World};

/// A simulator that listens. Dropping it closes the socket and every connection.
pub struct Simulator {
    engine: Arc<Engine>,
    base: String,
    ca_pem: Option<String>,
    accepting: JoinHandle<()>,
}

/// How a simulator is to be started.
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

    /// Reads the time here.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Serves https, with a certificate for `127.0.0.1` and `localhost` by a CA of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts to listen. Needs a Tokio runtime with network and time.
    ///
    /// # Errors
    /// When the world contradicts itself, the port cannot be had, or no certificate can be made.
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
        let engine = Arc::new(Engine::new(self.world, self.clock));
        let (ca_pem, acceptor) = match identity {
            Some(identity) => (Some(identity.ca_pem), Some(identity.acceptor)),
            None => (None, None),
        };
        let accepting = tokio::spawn(connection::accept(
            listener,
            acceptor,
            Arc::clone(&engine),
            base.clone(),
        ));
        Ok(Simulator {
            engine,
            base,
            ca_pem,
            accepting,
        })
    }
}

impl Simulator {
    /// A simulator of `world`, to be started.
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
    /// As [`Builder::start`].
    pub async fn start(world: World) -> Result<Self, SimulatorError> {
        Self::builder(world).start().await
    }

    /// Where it listens: scheme, address and port, no trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The CA's certificate, where it serves https.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Every request so far, secrets masked.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.engine.requests()
    }

    /// The truth at this moment.
    #[must_use]
    pub fn world(&self) -> WorldView {
        self.engine.world()
    }

    /// The truth about every content: its runs, and how many triggers had an effect.
    #[must_use]
    pub fn items(&self) -> Vec<ItemView> {
        self.engine.items()
    }

    /// The truth about one content.
    ///
    /// # Errors
    /// When there is no such content.
    pub fn item(&self, id: Uuid) -> Result<ItemView, AdminError> {
        self.engine.item(id)
    }

    /// What was done that no client may do, in the order of the requests.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.engine.violations()
    }

    /// Replaces the faults.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.engine.set_faults(rules);
    }

    /// Moves the clock on and gives the new moment.
    pub fn advance(&self, by: Duration) -> Timestamp {
        self.engine.advance(by)
    }

    /// Changes the given settings of a dataflow, for runs that begin from now on.
    ///
    /// # Errors
    /// When there is no such dataflow, or a setting is unknown or cannot be changed.
    pub fn change_dataflow(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.engine.change_dataflow(id, fields)
    }

    /// Changes the given settings of a Gen2 dataflow, for runs that begin from now on.
    ///
    /// # Errors
    /// When there is no such dataflow, or a setting is unknown or cannot be changed.
    pub fn change_dataflow_gen2(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.engine.change_dataflow_gen2(id, fields)
    }

    /// Changes the given settings of a semantic model, for refreshes that begin from now on.
    ///
    /// # Errors
    /// When there is no such model, or a setting is unknown or cannot be changed.
    pub fn change_model(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.engine.change_model(id, fields)
    }

    /// Changes the given settings of a client (by its client id), for tokens from now on.
    ///
    /// # Errors
    /// When there is no such client, or a setting is unknown or cannot be changed.
    pub fn change_client(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.engine.change_client(id, fields)
    }

    /// Changes the given settings of a flow, for triggers from now on.
    ///
    /// # Errors
    /// When there is no such flow, or a setting is unknown or cannot be changed.
    pub fn change_flow(&self, id: &str, fields: &Value) -> Result<(), AdminError> {
        self.engine.change_flow(id, fields)
    }

    /// Begins a run of any content as the scheduler or another user would; gives its id.
    ///
    /// # Errors
    /// When there is no such content.
    pub fn begin_run(&self, item: Uuid, kind: RefreshType) -> Result<String, AdminError> {
        self.engine.begin_run(item, kind)
    }

    /// Ends every run of a content that is in progress; gives their ids.
    ///
    /// # Errors
    /// When there is no such content.
    pub fn complete(&self, item: Uuid, status: &str) -> Result<Vec<String>, AdminError> {
        self.engine.complete(item, status)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests;
