//! Requests and replies as plain data, so that the services need no server.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A complete request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query as sent, without the question mark; may be empty.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The scheme and host of the simulator, without a trailing slash.
    pub base: String,
}

impl Request {
    /// A request to an absolute URL, without headers and body.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        let at = url.find("://").map_or(0, |scheme| scheme + 3);
        let end = url.get(at..).and_then(|rest| rest.find('/'));
        let (base, target) = url.split_at(end.map_or(url.len(), |end| at + end));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            base: base.to_owned(),
        }
    }

    /// Adds a header. An invalid name or value is ignored.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The decoded value of a query parameter.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        form_value(&self.query, name)
    }

    /// A header as text; `None` if it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// True when the request has any `Authorization` header.
    pub(crate) fn has_authorization(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    /// The bearer token of the `Authorization` header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// True when the `Content-Type` is `media_type`, with any parameters.
    pub(crate) fn is_of_type(&self, media_type: &str) -> bool {
        self.header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
    }
}

/// The decoded value of `name` in a query or form.
pub(crate) fn form_value(text: &str, name: &str) -> Option<String> {
    text.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(key) == name).then(|| form_decode(value))
    })
}

fn form_decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// A body in a coding that only its sender knows.
const UNREADABLE: &[u8] = b"\x8b\x03\x80\x00\xff\xfe\x03";

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

/// A complete reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers; `Date` and the length are added when it is sent. Boxed to keep the `Err` of
    /// many functions small.
    pub headers: Box<HeaderMap>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// A reply without a body. An invalid status becomes 500.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: Box::default(),
            body: Bytes::new(),
        }
    }

    /// A reply with a JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// A reply with a body of any type.
    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status).with_header("content-type", content_type);
        reply.body = body.into();
        reply
    }

    /// A header as text; `None` if it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Sets a header. An invalid name or value is ignored.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.set_header(name, value);
        self
    }

    /// Sets a header. An invalid name or value is ignored.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            self.headers.insert(name, value);
        }
    }

    /// Compresses the body, if there is one, and announces the coding.
    pub(crate) fn encode(&mut self, coding: &str) {
        if self.body.is_empty() {
            return;
        }
        self.body = match coding {
            "gzip" => gzip(&self.body),
            _ => UNREADABLE.into(),
        };
        self.set_header("content-encoding", coding);
    }

    /// Sets a header, unless it is already set.
    pub(crate) fn set_default_header(&mut self, name: &str, value: &str) {
        if !self.headers.contains_key(name) {
            self.set_header(name, value);
        }
    }
}

/// What a client sees instead of a whole reply.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectionFault {
    /// The connection is closed before any byte of a reply.
    #[error("the connection was closed without a reply")]
    Closed,
    /// The connection is reset before any byte of a reply.
    #[error("the connection was reset")]
    Reset,
    /// The connection stays open and no reply ever comes.
    #[error("no reply ever comes")]
    Silent,
    /// The reply is not HTTP.
    #[error("the reply is not HTTP")]
    Garbage,
    /// The body of this reply ends in the middle.
    #[error("the reply ends in the middle of its body")]
    Truncated(Reply),
}

/// The reply of a service: now, or when a flow run reaches its Response.
#[derive(Debug)]
pub(crate) enum Answer {
    /// This reply.
    Now(Reply),
    /// The reply of the flow run with this id, when it reaches its Response action.
    WhenResponded(String),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Now(reply)
    }
}
