//! From a permit to an established connection.
//!
//! The name is looked up once, every address is checked, and only allowed ones are connected to:
//! there is no second lookup with another result. Everything up to the end of the TLS handshake is
//! under one deadline, because a listener that accepts and then stays silent is as useless as one
//! that does not accept. Nothing of the request is written here, so every error is `sent: no`.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use super::address::judge_address;
use super::error::{Cause, SendError};
use super::origin::{Origin, Scheme};
use super::policy::Permit;
use super::proxy::Proxy;
use super::timeouts::Deadline;
use super::tls::{LazyTls, handshake_failure};

/// What a lookup gives.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name. Tests have their own.
pub trait Resolver: Send + Sync + std::fmt::Debug {
    /// The addresses of `name`, in the order in which they are to be tried.
    fn resolve(&self, name: &str) -> Lookup;
}

/// The machine's own name service.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Lookup {
        // RFC 6761, 6.3: the name means this machine, whatever a name server says.
        if name == "localhost" {
            let both = vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ];
            return Box::pin(std::future::ready(Ok(both)));
        }
        let name = name.to_owned();
        Box::pin(async move {
            // The port is ignored here; it is set when connecting.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What carries HTTP.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) tls: LazyTls,
    pub(crate) proxy: Option<Proxy>,
}

impl Connector {
    /// A connection to the place of `permit`, encrypted for https. The caller enforces
    /// `deadline`; here it only divides the time among several addresses.
    pub(crate) async fn connect(
        &self,
        permit: &Permit,
        deadline: &Deadline,
    ) -> Result<Box<dyn Io>, SendError> {
        let origin = permit.origin();
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.serves(origin));
        let stream = match proxy {
            Some(proxy) => self.through(proxy, permit, deadline).await?,
            None => {
                let allowed = allowed(origin, self.addresses(origin).await?, permit)?;
                dial(origin, &allowed, deadline).await?
            }
        };
        // Requests are small and written at once: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        match origin.scheme() {
            Scheme::Http => Ok(Box::new(stream)),
            Scheme::Https => self.encrypt(origin, stream).await,
        }
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, SendError> {
        let host = origin.authority();
        let name = match (origin.literal_address(), origin.host()) {
            (Some(address), _) => return Ok(vec![address]),
            (None, name) => name.to_string(),
        };
        match self.resolver.resolve(&name).await {
            Ok(found) if found.is_empty() => Err(no_address().at(host)),
            Ok(found) => Ok(found),
            Err(error) => Err(Cause::NameNotResolved(error.to_string()).at(host)),
        }
    }

    async fn through(
        &self,
        proxy: &Proxy,
        permit: &Permit,
        deadline: &Deadline,
    ) -> Result<TcpStream, SendError> {
        let target = permit.origin();
        if let Some(address) = target.literal_address() {
            allowed(target, vec![address], permit)?;
        }
        let unreachable = |error: SendError| {
            let (proxy, reason) = (proxy.origin().authority(), error.cause.to_string());
            Cause::ProxyUnavailable { proxy, reason }.at(target.authority())
        };
        let found = self.addresses(proxy.origin()).await.map_err(unreachable)?;
        let stream = dial(proxy.origin(), &found, deadline).await;
        let mut stream = stream.map_err(unreachable)?;
        let opened = proxy.open(&mut stream, target).await;
        opened.map_err(|cause| cause.at(target.authority()))?;
        Ok(stream)
    }

    async fn encrypt(&self, origin: &Origin, stream: TcpStream) -> Result<Box<dyn Io>, SendError> {
        let host = origin.authority();
        let config = self.tls.config();
        let config = config.map_err(|error| Cause::TlsSetup(error).at(&host))?;
        let invalid = || Cause::TlsFailed("the host name is not valid".to_owned()).at(&host);
        let name = match origin.host() {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| invalid())?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(handshake_failure(&error).at(host)),
        }
    }
}

/// The addresses that the permit allows; an error if it allows none.
fn allowed(origin: &Origin, found: Vec<IpAddr>, permit: &Permit) -> Result<Vec<IpAddr>, SendError> {
    let mut refused = None;
    let mut good = Vec::with_capacity(found.len());
    for address in found {
        match judge_address(address, permit.reach()) {
            Ok(()) => good.push(address),
            Err(kind) => {
                refused.get_or_insert((address, kind));
            }
        }
    }
    match refused {
        Some((address, kind)) if good.is_empty() => {
            Err(Cause::AddressRefused(address, kind).at(origin.authority()))
        }
        _ => Ok(good),
    }
}

/// Connects to the first address that accepts. Each gets an equal share of the time that is left,
/// so that one that drops packets does not use up the time of the next.
async fn dial(
    origin: &Origin,
    addresses: &[IpAddr],
    deadline: &Deadline,
) -> Result<TcpStream, SendError> {
    let mut last = no_address();
    for (index, address) in addresses.iter().enumerate() {
        let limit = share(deadline.remaining(), addresses.len() - index);
        let connecting = TcpStream::connect(SocketAddr::new(*address, origin.port()));
        last = match deadline.limit(limit, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Cause::ConnectionRefused
            }
            Ok(Err(error)) => Cause::Unreachable(error.to_string()),
            Err(_) => Cause::ConnectTimeout(limit),
        };
    }
    Err(last.at(origin.authority()))
}

fn no_address() -> Cause {
    Cause::NameNotResolved("it has no address".to_owned())
}

/// The part of `time` for the next of `left` addresses.
fn share(time: Duration, left: usize) -> Duration {
    time / u32::try_from(left).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_gets_its_share_of_the_time() {
        let time = Duration::from_secs(9);
        assert_eq!(share(time, 3), Duration::from_secs(3));
        assert_eq!(share(time, 1), time);
        assert_eq!(share(time, 0), time);
    }
}
