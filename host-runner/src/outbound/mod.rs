//! The boundary between the sandboxed component and the network.
//!
//! Nothing is sent except through [`Gateway::call`], in this order:
//!
//! 1. [`Policy`] checks scheme, host, port, path and method: deny by default.
//! 2. [`Attachments`] decides which secret the request gets; the guest never has one.
//! 3. [`Transport`] looks the name up once, checks every address, connects to allowed ones only,
//!    and returns a whole response or a [`SendError`] with whether the request may have been sent.
//! 4. Signatures and known secrets are removed from the response.
//!
//! It refuses redirects, private and special addresses, credentials from the guest, credentials over
//! plain HTTP, and endless responses. It knows nothing of WebAssembly: `engine/http.rs` calls it.

mod address;
mod call;
mod connect;
mod correlation;
mod credentials;
mod denial;
mod error;
mod gateway;
mod observe;
mod origin;
mod policy;
mod proxy;
mod returned;
mod rule;
mod sas;
#[cfg(test)]
mod tests;
mod timeouts;
mod tls;
mod token;
mod token_reply;
mod transport;

pub use address::{AddressKind, Loopback, Reach, classify, judge_address};
pub use call::Answer;
pub use connect::{Lookup, Resolver, SystemResolver};
pub use correlation::{Called, tracked};
pub use credentials::{Attachments, PlainHttpError, RUNNER_HEADERS};
pub use denial::{Denial, DenialReason};
pub use error::{Cause, SendError, Sent, TlsSetupError};
pub use gateway::{Gateway, GatewayConfig, GuestRequest};
pub use observe::{CallEnd, CallReport, Observer};
pub use origin::{Origin, Scheme};
pub use policy::{Permit, Policy};
pub use proxy::{Proxy, ProxyError};
pub use rule::Rule;
pub use sas::SasUrl;
pub(crate) use sas::is_secret_name;
pub use timeouts::{DEFAULT_CALL, Timeouts};
pub(crate) use tls::certificates;
pub use token::{ClientSecret, TokenContext, TokenSource};
pub use token_reply::{ANSWERED_BY, TokenError};
pub use transport::{LONGEST_ANSWER, OutboundRequest, Transport, TransportConfig};
