//! Reads an answer to its end, within bounds.
//!
//! The whole body is in memory before anybody sees the answer: only then is it certain that there
//! is one. It refuses a body that is longer than the cap, by its `Content-Length` before a byte of
//! it is read, or by what has come so far.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::timeouts::{Deadline, RanOut};

/// What was wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// Longer than the cap.
    TooLarge,
    /// Ended before its end.
    Truncated,
    /// Nothing came for too long.
    Stalled,
    /// The whole call took too long.
    OutOfTime,
}

/// The bytes of `body`, at most `most` of them.
pub(crate) async fn collect(
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
