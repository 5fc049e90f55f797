//! The outbound side over real sockets: raw servers on this machine, one per test, that can break
//! off, stall, lie and reset as no HTTP library would let them.

mod gateway;
mod server;
mod tls;
mod token;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use super::*;
use crate::clock::SystemClock;

/// Long enough that it ends only a test that hangs.
const LONG: Duration = Duration::from_secs(20);

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(150);

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn patient() -> Timeouts {
    Timeouts {
        connect: LONG,
        between_bytes: LONG,
        total: LONG * 2,
    }
}

fn policy(entries: &[&str]) -> Policy {
    Policy::new(
        entries.iter().map(|entry| Rule::parse(entry).unwrap()),
        true,
    )
}

/// The name of the cause, as in `ConnectTimeout`.
fn cause(error: &SendError) -> String {
    let shown = format!("{:?}", error.cause);
    let name = shown.split(|c: char| !c.is_alphanumeric()).next();
    name.unwrap_or_default().to_owned()
}

fn transport() -> Transport {
    Transport::new(TransportConfig::new(SystemClock::shared()))
}

async fn fails_on(transport: &Transport, request: OutboundRequest) -> SendError {
    transport.send(request).await.unwrap_err()
}

/// A request that the policy of its own place permits.
fn request(method: Method, target: &str) -> OutboundRequest {
    let target = url(target);
    let rule = Rule::for_origin(Origin::of(&target).unwrap());
    let permit = Policy::new([rule], true).judge(&method, &target).unwrap();
    let body = if method == Method::POST {
        Bytes::from_static(b"{}")
    } else {
        Bytes::new()
    };
    OutboundRequest {
        called: Called::Api,
        method,
        url: target,
        headers: HeaderMap::new(),
        body,
        permit,
        timeouts: patient(),
    }
}

fn get(target: &str) -> OutboundRequest {
    request(Method::GET, target)
}

fn post(target: &str) -> OutboundRequest {
    request(Method::POST, target)
}

/// Answers lookups from a fixed list, and counts them.
#[derive(Debug)]
struct FixedNames {
    addresses: Vec<std::net::IpAddr>,
    lookups: std::sync::atomic::AtomicUsize,
}

impl FixedNames {
    fn new(addresses: &[&str]) -> Arc<Self> {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        Arc::new(Self {
            addresses,
            lookups: 0.into(),
        })
    }

    fn lookups(&self) -> usize {
        self.lookups.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Resolver for FixedNames {
    fn resolve(&self, _: &str) -> Lookup {
        self.lookups
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(self.addresses.clone())))
    }
}

fn transport_with(resolver: Arc<dyn Resolver>) -> Transport {
    Transport::new(TransportConfig {
        resolver,
        ..TransportConfig::new(SystemClock::shared())
    })
}
