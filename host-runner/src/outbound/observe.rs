//! Reports of every call, so that the runner's log shows what went wrong and where.
//!
//! A report contains a place and a path, never a query, a header or a body.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::error::SendError;
use super::token_reply::TokenError;

/// Gets every call when it has ended, including denied ones. Must not block.
pub type Observer = Arc<dyn Fn(&CallReport<'_>) + Send + Sync>;

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub enum CallEnd<'a> {
    /// With a response of the service, of any status.
    Answered(StatusCode),
    /// Without a response; also a denial.
    Failed(&'a SendError),
    /// Without a token: for a call to the token endpoint what its reply meant, for a call of the
    /// guest the refusal that it got instead of a response.
    NoToken(&'a TokenError),
}

/// One call that has ended.
#[derive(Debug, Clone)]
pub struct CallReport<'a> {
    /// The method.
    pub method: &'a Method,
    /// `https://host[:port]`; empty if the URL has none.
    pub origin: String,
    /// The path, without the query.
    pub path: &'a str,
    /// How it ended.
    pub end: CallEnd<'a>,
    /// How long it took.
    pub took: Duration,
}
