//! The boundary between the sandboxed component and the network.
//!
//! Nothing leaves except through [`Gateway::call`], in this order:
//!
//! 1. [`Policy`] judges scheme, host, port, path and method: deny by default.
//! 2. [`Attachments`] says which secret belongs to the request; the guest never holds one.
//! 3. [`Transport`] looks the name up once, judges every address, connects to judged ones only,
//!    and gives a whole answer or a [`SendError`] that says whether the request may have left.
//! 4. What comes back is cleaned of signatures and known secrets.
//!
//! It refuses redirects, private and special addresses, credentials from the guest, credentials in
//! the clear, and answers without end. It knows nothing of WebAssembly: the glue to the component's
//! host lies elsewhere and calls this.

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
pub use error::{Cause, SendError, Sent};
pub use gateway::{Gateway, GatewayConfig, GuestOutcome, GuestRequest};
pub use observe::{CallEnd, CallReport, Observer, unobserved};
pub use origin::{Origin, Scheme};
pub use policy::{Permit, Policy};
pub use proxy::{Proxy, ProxyError};
pub use rule::Rule;
pub use sas::SasUrl;
pub use timeouts::{DEFAULT_CALL, Timeouts};
pub use tls::TlsSetupError;
pub use token::{ClientSecret, TokenContext, TokenSource};
pub use token_reply::{ANSWERED_BY, TokenError};
pub use transport::{LONGEST_ANSWER, OutboundRequest, Transport, TransportConfig};
