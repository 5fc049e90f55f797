//! One call under way: on a kept or a fresh connection, to the end of its answer.
//!
//! Here it is decided whether the request may have left. Until a connection stands it has not.
//! After that it has not only where hyper gives the request back, which it does where it wrote
//! nothing of it. Everything else is "maybe".

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::body::{BodyFault, collect};
use super::connect::Connector;
use super::error::{SendError, Sent};
use super::policy::Permit;
use super::pool::{Connection, Pool};
use super::timeouts::{Deadline, RanOut, Timeouts};
use super::transport::Answer;
use crate::clock::SharedClock;

/// What all calls of a transport share.
#[derive(Debug)]
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
    /// The connection is gone, without a byte of an answer.
    Lost {
        reason: String,
        sent: Sent,
    },
    Failed(SendError),
}

/// One call under way.
pub(crate) struct Call<'a> {
    parts: &'a Parts,
    host: String,
    permit: Permit,
    timeouts: Timeouts,
    deadline: Deadline,
}

impl<'a> Call<'a> {
    /// A call whose time begins now.
    pub(crate) fn new(parts: &'a Parts, permit: Permit, timeouts: Timeouts) -> Self {
        Self {
            parts,
            host: permit.origin().authority(),
            permit,
            timeouts,
            deadline: Deadline::after(&parts.clock, timeouts.total),
        }
    }

    /// Sends `request`; with `reuse` also on a connection that was used before.
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
                // It died while it waited. Reading once more does no harm.
                Attempt::Lost { .. } => {}
            }
        }
        let mut connection = self.connect().await?;
        match self.attempt(&mut connection, request).await {
            Attempt::Answered(response) => self.finish(connection, response).await,
            Attempt::Failed(error) => Err(error),
            Attempt::Lost { reason, sent } => Err(SendError::Closed {
                host: self.host.clone(),
                reason,
                sent,
            }),
        }
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let limit = self.timeouts.connect;
        let ends = Deadline::after(&self.parts.clock, limit.min(self.deadline.remaining()));
        let connecting = self.parts.connector.connect(&self.permit, &ends);
        let io = match self.deadline.limit(limit, connecting).await {
            Ok(Ok(io)) => io,
            Err(RanOut::Total) => return Err(self.out_of_time(Sent::No)),
            Ok(Err(SendError::ConnectTimeout { .. })) if self.deadline.remaining().is_zero() => {
                return Err(self.out_of_time(Sent::No));
            }
            Ok(Err(SendError::ConnectTimeout { .. })) | Err(RanOut::Part) => {
                return Err(SendError::ConnectTimeout {
                    host: self.host.clone(),
                    limit,
                });
            }
            Ok(Err(error)) => return Err(error),
        };
        match http1::Builder::new().handshake(TokioIo::new(io)).await {
            Ok((sender, connection)) => {
                // Its end shows in the calls that it carries; by itself it has nothing to say.
                let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
                Ok(Connection::new(sender, driver.abort_handle()))
            }
            Err(error) => Err(SendError::Unreachable {
                host: self.host.clone(),
                reason: error.to_string(),
            }),
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
                    // hyper gives the request back only where it wrote nothing of it.
                    let unwritten = failure.take_message().is_some();
                    self.lost(&failure.into_error(), unwritten)
                }
            }
        };
        let limit = self.timeouts.first_byte;
        match self.deadline.limit(limit, sending).await {
            Ok(attempt) => attempt,
            Err(RanOut::Total) => Attempt::Failed(self.out_of_time(Sent::Maybe)),
            Err(RanOut::Part) => Attempt::Failed(SendError::FirstByteTimeout {
                host: self.host.clone(),
                limit,
            }),
        }
    }

    fn lost(&self, error: &hyper::Error, unwritten: bool) -> Attempt {
        let reason = describe(error);
        if unwritten {
            Attempt::Lost {
                reason,
                sent: Sent::No,
            }
        } else if error.is_parse() {
            Attempt::Failed(SendError::NotHttp {
                host: self.host.clone(),
                reason,
            })
        } else {
            Attempt::Lost {
                reason,
                sent: Sent::Maybe,
            }
        }
    }

    async fn finish(
        &self,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Answer, SendError> {
        let (head, body) = response.into_parts();
        let host = || self.host.clone();
        let status = head.status.as_u16();
        let most = self.parts.longest_answer;
        let limit = self.timeouts.between_bytes;
        match collect(body, most, limit, &self.deadline).await {
            Ok(body) => {
                self.parts.pool.put(self.permit.clone(), connection);
                Ok(Answer {
                    status: head.status,
                    headers: head.headers,
                    body,
                })
            }
            Err(BodyFault::TooLarge) => Err(SendError::TooLarge {
                host: host(),
                limit: most,
                status,
            }),
            Err(BodyFault::Truncated) => Err(SendError::Truncated {
                host: host(),
                status,
            }),
            Err(BodyFault::Stalled) => Err(SendError::BetweenBytesTimeout {
                host: host(),
                limit,
                status,
            }),
            Err(BodyFault::OutOfTime) => Err(self.out_of_time(Sent::Maybe)),
        }
    }

    fn out_of_time(&self, sent: Sent) -> SendError {
        let limit = self.timeouts.total;
        SendError::TotalTimeout {
            host: self.host.clone(),
            limit,
            sent,
        }
    }
}

/// What hyper says, with the cause below it. It never holds a part of the request.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
