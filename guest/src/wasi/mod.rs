//! The component's outside: WASI for HTTP and the clock, our own two imports for the rest.
//!
//! Thin adapters from the generated bindings to [`crate::ports`], and the export itself. Nothing
//! is decided here.

mod http;

use crate::bindings::exports::powerbi::refresh::{audit, refresh};
use crate::bindings::powerbi::refresh::{audit_store, control};
use crate::contract::{
    AuditError, CancelRequest, Cancellation, Entry, FollowRequest, Inspection, Query, Receipt,
    RefreshError, RefreshRequest, StoreError, Update, Verdict, Wake,
};
use crate::ports::{Clock, Control, Ports, Store};

struct Host;

impl Store for Host {
    fn append(&self, entry: &Entry) -> Result<Receipt, StoreError> {
        audit_store::append(entry)
    }
}

impl Control for Host {
    fn wait(&self, milliseconds: u64) -> Wake {
        control::wait(milliseconds)
    }

    fn progress(&self, update: &Update) {
        control::progress(update);
    }
}

impl Clock for Host {
    fn monotonic_ms(&self) -> u64 {
        waki::bindings::wasi::clocks::monotonic_clock::now() / 1_000_000
    }
}

fn ports() -> Ports<'static> {
    Ports {
        http: &http::Wasi,
        store: &Host,
        control: &Host,
        clock: &Host,
    }
}

struct Component;

impl refresh::Guest for Component {
    fn trigger_refresh(request: RefreshRequest) -> Result<Verdict, RefreshError> {
        crate::trigger_refresh(ports(), &request)
    }

    fn follow_refresh(request: FollowRequest) -> Result<Verdict, RefreshError> {
        crate::follow_refresh(ports(), &request)
    }

    fn cancel_refresh(request: CancelRequest) -> Result<Cancellation, RefreshError> {
        crate::cancel_refresh(ports(), &request)
    }

    fn inspect(query: Query) -> Result<Inspection, RefreshError> {
        crate::inspect(ports(), &query)
    }
}

impl audit::Guest for Component {
    fn record_audit(entry: Entry) -> Result<Receipt, AuditError> {
        crate::record_audit(&Host, &entry)
    }
}

#[allow(unsafe_code, reason = "the generated export table")]
mod export {
    use super::Component;
    crate::bindings::export!(Component with_types_in crate::bindings);
}
