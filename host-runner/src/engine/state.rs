//! The state of one component instance.
//!
//! It is generic over the implementation of `wit/host.wit`, which belongs to the caller: what an
//! event or a wait means depends on the run, and the engine knows no runs.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::http::Outgoing;
use crate::clock::SharedClock;
use crate::contract::{audit_store, control, types};
use crate::outbound::Gateway;

/// The memory limit of a guest, in bytes: a parsed response of 8 MiB, with room to spare.
const GUEST_MEMORY: usize = 96 << 20;

/// An implementation of the interfaces of `wit/host.wit`.
pub trait Imports: audit_store::Host + control::Host + types::Host + 'static {}

impl<T: audit_store::Host + control::Host + types::Host + 'static> Imports for T {}

/// The state of one component instance.
pub struct HostState<I> {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    pub(super) imports: I,
    pub(super) limits: StoreLimits,
}

impl<I> HostState<I> {
    /// The state of a new instance, which measures time with `clock` and sends all its requests
    /// through `gateway`.
    #[must_use]
    pub fn new(clock: SharedClock, gateway: Arc<Gateway>, imports: I) -> Self {
        Self {
            table: ResourceTable::new(),
            // The builder starts with no environment, no arguments, no files, no sockets and closed
            // streams. Only the clock is replaced.
            wasi: WasiCtx::builder()
                .monotonic_clock(GuestClock(clock))
                .build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing(gateway),
            imports,
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

impl<I: Imports> WasiView for HostState<I> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl<I: Imports> WasiHttpView for HostState<I> {
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
