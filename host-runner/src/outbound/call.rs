//! One call, on a kept or a new connection, to the end of its response.
//!
//! This decides whether the request may have been sent. Before a connection is established it was
//! not. After that it was not only if hyper returns the request, which it does if it wrote nothing
//! of it. Everything else is "maybe".
//!
//! The whole body is in memory before anyone sees the response: only then is it certain that there
//! is one. A body longer than the limit is refused, by its `Content-Length` before a byte of it is
//! read, or by what has arrived so far. The limit holds for a decoded body too: requests ask for no
//! coding, but some services and proxies compress anyway.
//!
//! A poll every few seconds to the same service should not need a handshake each time. A connection
//! is kept per permit, not per host: one to a private address under a permit for it is never used
//! by a request without one. Dropping a connection ends it.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::connect::Connector;
use super::error::{Cause, SendError, Sent};
use super::policy::Permit;
use super::timeouts::{Deadline, RanOut, Timeouts};
use crate::clock::SharedClock;

/// A whole response. `Debug` shows status and length only: headers and body may contain secrets.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, as received.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What all calls of a transport share.
pub(crate) struct Parts {
    pub(crate) clock: SharedClock,
    pub(crate) connector: Connector,
    pub(crate) pool: Pool,
    /// In bytes.
    pub(crate) longest_answer: u64,
}

/// How one attempt on one connection ended.
enum Attempt {
    Answered(Response<Incoming>),
    /// The connection was lost before the first byte of a response.
    Lost {
        reason: String,
        sent: Sent,
    },
    Failed(SendError),
}

/// One call in progress.
pub(crate) struct Call<'a> {
    parts: &'a Parts,
    host: String,
    permit: Permit,
    timeouts: Timeouts,
    deadline: Deadline,
}

impl<'a> Call<'a> {
    /// A call whose time starts now.
    pub(crate) fn new(parts: &'a Parts, permit: Permit, timeouts: Timeouts) -> Self {
        Self {
            parts,
            host: permit.origin().authority(),
            permit,
            timeouts,
            deadline: Deadline::after(&parts.clock, timeouts.total),
        }
    }

    /// Sends `request`; with `reuse` on a kept connection if there is one.
    pub(crate) async fn run(
        &self,
        request: Request<Full<Bytes>>,
        reuse: bool,
    ) -> Result<Answer, SendError> {
        let kept = reuse.then(|| self.parts.pool.take(&self.permit)).flatten();
        if let Some(mut connection) = kept {
            match self.attempt(&mut connection, request.clone()).await {
                Attempt::Answered(response) => return self.finish(connection, response).await,
                Attempt::Failed(error) => return Err(error),
                // It was closed while idle. A read may be repeated.
                Attempt::Lost { .. } => {}
            }
        }
        let mut connection = self.connect().await?;
        match self.attempt(&mut connection, request).await {
            Attempt::Answered(response) => self.finish(connection, response).await,
            Attempt::Failed(error) => Err(error),
            Attempt::Lost { reason, sent } => Err(self.failed(Cause::Closed { reason, sent })),
        }
    }

    fn failed(&self, cause: Cause) -> SendError {
        cause.at(&self.host)
    }

    /// Connects, TLS and proxy included, and sends nothing.
    pub(crate) async fn reach(&self) -> Result<(), SendError> {
        self.connect().await.map(drop)
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let limit = self.timeouts.connect;
        let ends = Deadline::after(&self.parts.clock, limit.min(self.deadline.remaining()));
        let connecting = self.parts.connector.connect(&self.permit, &ends);
        let timed_out = |error: &SendError| matches!(error.cause, Cause::ConnectTimeout(_));
        let io = match self.deadline.limit(limit, connecting).await {
            Ok(Ok(io)) => io,
            Ok(Err(error)) if !timed_out(&error) => return Err(error),
            Err(RanOut::Total) => return Err(self.out_of_time(Sent::No)),
            Ok(_) if self.deadline.remaining().is_zero() => {
                return Err(self.out_of_time(Sent::No));
            }
            _ => return Err(self.failed(Cause::ConnectTimeout(limit))),
        };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LONGEST_HEAD);
        match builder.handshake(TokioIo::new(io)).await {
            Ok((sender, connection)) => {
                // Its errors are seen by the calls on it.
                let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
                let driver = driver.abort_handle();
                Ok(Connection { sender, driver })
            }
            Err(error) => Err(self.failed(Cause::Unreachable(error.to_string()))),
        }
    }

    async fn attempt(&self, connection: &mut Connection, request: Request<Full<Bytes>>) -> Attempt {
        let sending = async {
            if let Err(error) = connection.sender.ready().await {
                return Attempt::Lost {
                    reason: describe(&error),
                    sent: Sent::No,
                };
            }
            match connection.sender.try_send_request(request).await {
                Ok(response) => Attempt::Answered(response),
                Err(mut failure) => {
                    // hyper returns the request only if it wrote nothing of it.
                    let unwritten = failure.take_message().is_some();
                    self.lost(&failure.into_error(), unwritten)
                }
            }
        };
        let limited = self.deadline.limit(self.timeouts.total, sending).await;
        limited.unwrap_or_else(|_| Attempt::Failed(self.out_of_time(Sent::Maybe)))
    }

    fn lost(&self, error: &hyper::Error, unwritten: bool) -> Attempt {
        let reason = describe(error);
        if error.is_parse() && !unwritten {
            return Attempt::Failed(self.failed(Cause::NotHttp(reason)));
        }
        let sent = if unwritten { Sent::No } else { Sent::Maybe };
        Attempt::Lost { reason, sent }
    }

    async fn finish(
        &self,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Answer, SendError> {
        let (mut head, body) = response.into_parts();
        let status = head.status.as_u16();
        let most = self.parts.longest_answer;
        let limit = self.timeouts.between_bytes;
        let body = collect(body, most, limit, &self.deadline).await;
        if body.is_ok() {
            self.parts.pool.put(self.permit.clone(), connection);
        }
        match body.and_then(|body| decoded(&mut head.headers, body, most)) {
            Ok(body) => Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            }),
            Err(BodyFault::TooLarge) => {
                let limit = most;
                Err(self.failed(Cause::TooLarge { limit, status }))
            }
            Err(BodyFault::Truncated) => Err(self.failed(Cause::Truncated(status))),
            Err(BodyFault::Stalled) => {
                Err(self.failed(Cause::BetweenBytesTimeout { limit, status }))
            }
            Err(BodyFault::OutOfTime) => Err(self.out_of_time(Sent::Maybe)),
        }
    }

    fn out_of_time(&self, sent: Sent) -> SendError {
        let limit = self.timeouts.total;
        self.failed(Cause::TotalTimeout { limit, sent })
    }
}

/// hyper's message with its cause. It never contains a part of the request.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What was wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyFault {
    /// Longer than the limit.
    TooLarge,
    /// Ended before its end.
    Truncated,
    /// Nothing arrived for too long.
    Stalled,
    /// The whole call took too long.
    OutOfTime,
}

/// The bytes of `body`, at most `most`.
async fn collect(
    mut body: Incoming,
    most: u64,
    between_bytes: Duration,
    deadline: &Deadline,
) -> Result<Bytes, BodyFault> {
    if body.size_hint().lower() > most {
        return Err(BodyFault::TooLarge);
    }
    let mut whole = BytesMut::new();
    loop {
        let data = match deadline.limit(between_bytes, body.frame()).await {
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
            Ok(Some(Err(_))) => return Err(BodyFault::Truncated),
            Err(RanOut::Part) => return Err(BodyFault::Stalled),
            Err(RanOut::Total) => return Err(BodyFault::OutOfTime),
        };
        let length = u64::try_from(whole.len().saturating_add(data.len())).unwrap_or(u64::MAX);
        if length > most {
            return Err(BodyFault::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
}

/// The body without gzip. Another coding stays, with its header.
fn decoded(headers: &mut HeaderMap, body: Bytes, most: u64) -> Result<Bytes, BodyFault> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(coding), None) = (codings.next(), codings.next()) else {
        return Ok(body);
    };
    let coding = coding.as_bytes().to_ascii_lowercase();
    if !matches!(coding.as_slice(), b"gzip" | b"x-gzip") {
        return Ok(body);
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    let mut whole = Vec::new();
    if !body.is_empty() {
        let decoder = MultiGzDecoder::new(body.reader());
        let read = decoder.take(most.saturating_add(1)).read_to_end(&mut whole);
        read.map_err(|_| BodyFault::Truncated)?;
    }
    match u64::try_from(whole.len()) {
        Ok(length) if length <= most => Ok(whole.into()),
        _ => Err(BodyFault::TooLarge),
    }
}

/// The longest head of a response, in bytes, and the most that is read at once: bytes that keep arriving
/// are handled in small steps, between which limits are checked.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long an unused connection is kept. Azure's load balancers drop an idle one after four
/// minutes by default; 90 s is also the default of common HTTP clients.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// Unused connections per permit. One target is followed by one call at a time.
const MOST_IDLE: usize = 4;

/// One HTTP/1.1 connection, and the task that drives it, which ends with it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The unused connections.
pub(crate) struct Pool {
    clock: SharedClock,
    idle: Mutex<HashMap<Permit, Vec<(Duration, Connection)>>>,
}

impl Pool {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            idle: Mutex::default(),
        }
    }

    /// The connection used last that is not too old and not known to be closed.
    fn take(&self, permit: &Permit) -> Option<Connection> {
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(permit)?;
        waiting.retain(|(since, connection)| {
            now.saturating_sub(*since) < LONGEST_IDLE && !connection.sender.is_closed()
        });
        waiting.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection whose response was read to its end.
    fn put(&self, permit: Permit, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(permit).or_default();
        if waiting.len() < MOST_IDLE {
            waiting.push((now, connection));
        }
    }
}
