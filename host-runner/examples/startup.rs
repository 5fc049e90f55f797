//! How long the embedded component takes to start: loading and linking it, and making an instance.
//!
//! `cargo xtask bench` runs this. It prints one JSON object; times are in microseconds. The first
//! time in a process is told apart from the median, because a process of the runner has only one.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_runner::clock::{SharedClock, SystemClock};
use host_runner::engine::bindings::powerbi::refresh::{audit_store, control};
use host_runner::engine::{ComponentHost, HostPorts, HostState, PortFuture, StateParts};
use host_runner::outbound::{
    Attachments, Gateway, GatewayConfig, Policy, Transport, TransportConfig, unobserved,
};
use host_runner::secret::Redactor;

/// Enough for a steady median; takes well under a second.
const ROUNDS: usize = 100;

/// A component that is only made has nobody to talk to.
struct NoPorts;

impl HostPorts for NoPorts {
    fn append(
        &mut self,
        _entry: audit_store::Entry,
    ) -> PortFuture<Result<audit_store::Receipt, audit_store::StoreError>> {
        let refused = audit_store::StoreError::Refused("nothing is stored here".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }

    fn wait(&mut self, _milliseconds: u64) -> PortFuture<control::Wake> {
        Box::pin(std::future::ready(control::Wake::Elapsed))
    }

    fn progress(&mut self, _update: control::Update) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let clock = SystemClock::shared();
    let gateway = closed_gateway(&clock)?;
    let (mut load, mut instantiate) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let host = ComponentHost::embedded()?;
        load.push(began.elapsed());
        let state = HostState::new(StateParts {
            clock: clock.clone(),
            gateway: gateway.clone(),
            ports: Box::new(NoPorts),
        });
        let began = Instant::now();
        let instance = runtime.block_on(host.instantiate(state))?;
        instantiate.push(began.elapsed());
        drop(instance);
    }
    println!(
        "{}",
        serde_json::json!({
            "rounds": ROUNDS,
            "load_us": first_and_median(&load),
            "instantiate_us": first_and_median(&instantiate),
        })
    );
    Ok(())
}

/// A way out that leads nowhere.
fn closed_gateway(clock: &SharedClock) -> Result<Arc<Gateway>, Box<dyn Error>> {
    let transport = Arc::new(Transport::new(TransportConfig::new(clock.clone())));
    let gateway = Gateway::new(GatewayConfig {
        policy: Policy::new([], false)?,
        attachments: Attachments::new(),
        tokens: HashMap::new(),
        transport,
        clock: clock.clone(),
        redactor: Redactor::new(),
        observer: unobserved(),
    })?;
    Ok(Arc::new(gateway))
}

fn first_and_median(times: &[Duration]) -> serde_json::Value {
    let mut sorted = times.to_vec();
    sorted.sort();
    let microseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e6);
    serde_json::json!({
        "first": microseconds(times.first()),
        "median": microseconds(sorted.get(sorted.len() / 2)),
    })
}
