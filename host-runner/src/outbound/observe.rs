//! How the runner learns of every call, so that its log can say what went wrong and where.
//!
//! A report holds a place and a path, never a query, a header or a body.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::error::SendError;
use super::token_reply::TokenError;

/// Is told of every call when it has ended, denied ones included. Must not block.
pub type Observer = Arc<dyn Fn(&CallReport<'_>) + Send + Sync>;

/// An observer that does nothing.
#[must_use]
pub fn unobserved() -> Observer {
    Arc::new(|_| {})
}

/// Who wanted a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The guest.
    Guest,
    /// The runner, for a token.
    Token,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub enum CallEnd<'a> {
    /// With an answer of the service, whatever it says.
    Answered(StatusCode),
    /// Without an answer; a denial too.
    Failed(&'a SendError),
    /// Without a token: for [`Purpose::Token`] what the endpoint's answer meant, for
    /// [`Purpose::Guest`] the refusal that the guest got in place of an answer.
    NoToken(&'a TokenError),
}

/// One call that has ended.
#[derive(Debug, Clone)]
pub struct CallReport<'a> {
    /// Who wanted it.
    pub purpose: Purpose,
    /// The method.
    pub method: &'a Method,
    /// `https://host[:port]`; empty where the URL has no such thing.
    pub origin: String,
    /// The path, without the query.
    pub path: &'a str,
    /// How it ended.
    pub end: CallEnd<'a>,
    /// How long it took.
    pub took: Duration,
}
