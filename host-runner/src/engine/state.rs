//! What an instance of the component holds, and the two interfaces that we bring.
//!
//! The store and the control are thin: they translate, and ask the run that the instance belongs
//! to. What the run does with an event or a wait is decided there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::powerbi::refresh::{audit_store, control, types};
use super::http::Outgoing;
use crate::clock::SharedClock;
use crate::outbound::Gateway;

/// The most memory that a guest may have, in bytes: an answer of 8 MiB, parsed, and room to spare.
const GUEST_MEMORY: usize = 96 << 20;

/// A future that a port gives back.
pub type PortFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a run offers to its component.
pub trait HostPorts: Send {
    /// Stores an event. Ends when it is durable.
    fn append(
        &mut self,
        entry: audit_store::Entry,
    ) -> PortFuture<Result<audit_store::Receipt, audit_store::StoreError>>;

    /// Waits, or is told to end.
    fn wait(&mut self, milliseconds: u64) -> PortFuture<control::Wake>;

    /// Hears what is going on.
    fn progress(&mut self, update: control::Update);
}

/// What an instance is made from.
pub struct StateParts {
    /// The clock that the guest measures with.
    pub clock: SharedClock,
    /// The only way out.
    pub gateway: Arc<Gateway>,
    /// The run that the instance belongs to.
    pub ports: Box<dyn HostPorts>,
}

/// What an instance holds.
pub struct HostState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    ports: Box<dyn HostPorts>,
    pub(super) limits: StoreLimits,
}

impl HostState {
    /// The state of a fresh instance.
    #[must_use]
    pub fn new(parts: StateParts) -> Self {
        Self {
            table: ResourceTable::new(),
            // No environment, no arguments, no files, no sockets, closed streams: the builder's
            // own start. Only the clock is ours.
            wasi: WasiCtx::builder()
                .monotonic_clock(GuestClock(parts.clock.clone()))
                .build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing::new(parts.gateway),
            ports: parts.ports,
            limits: StoreLimitsBuilder::new()
                .memory_size(GUEST_MEMORY)
                .instances(20)
                .memories(4)
                .tables(20)
                .table_elements(20_000)
                .trap_on_grow_failure(true)
                .build(),
        }
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outgoing,
        }
    }
}

struct GuestClock(SharedClock);

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.monotonic().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl types::Host for HostState {}

impl audit_store::Host for HostState {
    async fn append(
        &mut self,
        entry: audit_store::Entry,
    ) -> Result<audit_store::Receipt, audit_store::StoreError> {
        self.ports.append(entry).await
    }
}

impl control::Host for HostState {
    async fn wait(&mut self, milliseconds: u64) -> control::Wake {
        self.ports.wait(milliseconds).await
    }

    async fn progress(&mut self, update: control::Update) {
        self.ports.progress(update);
    }
}
