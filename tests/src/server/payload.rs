//! Bodies, including faulty ones: cut short, huge, or slow.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The size of the chunks of a huge body, in bytes.
const CHUNK: usize = 64 * 1024;

/// The maximum number of chunks of a slow body per second.
const DRIPS_PER_SECOND: u64 = 20;

/// The body of a reply.
pub(super) enum Payload {
    /// The complete body.
    Whole(Bytes),
    /// Part of the body; `Content-Length` announces more.
    Cut {
        /// The rest to send.
        sent: Bytes,
        /// The `Content-Length`.
        promised: u64,
        /// Whether hyper has had a chance to flush.
        flushed: bool,
    },
    /// This many more spaces.
    Huge {
        /// In bytes.
        left: u64,
    },
    /// A few bytes at a time.
    Drip {
        /// The rest to send.
        left: Bytes,
        /// Bytes per chunk.
        size: usize,
        /// The pause between two chunks.
        pause: Duration,
        /// The current pause.
        pausing: Pin<Box<Sleep>>,
    },
}

impl Payload {
    /// The first half of `body`, with the length of all of it. An empty body becomes a brace with
    /// the length 64.
    pub(super) fn cut(mut body: Bytes) -> Self {
        let (sent, promised) = if body.len() < 2 {
            (Bytes::from_static(b"{"), 64)
        } else {
            let promised = length(&body);
            (body.split_to(body.len() / 2), promised)
        };
        Self::Cut {
            sent,
            promised,
            flushed: false,
        }
    }

    /// `megabytes` of 1,000,000 bytes.
    pub(super) fn huge(megabytes: u64) -> Self {
        Self::Huge {
            left: megabytes.saturating_mul(1_000_000),
        }
    }

    /// `body` at `bytes_per_s`; an empty body becomes 1,024 spaces. The rate is real: it does not
    /// follow the simulator's clock.
    pub(super) fn drip(body: Bytes, bytes_per_s: u64) -> Self {
        let rate = bytes_per_s.max(1);
        let size = (rate / DRIPS_PER_SECOND).max(1);
        let pause = Duration::from_secs(1)
            .saturating_mul(u32::try_from(size).unwrap_or(u32::MAX))
            .checked_div(u32::try_from(rate).unwrap_or(u32::MAX))
            .unwrap_or_default();
        Self::Drip {
            left: if body.is_empty() {
                Bytes::from_static(&[b' '; 1024])
            } else {
                body
            },
            size: usize::try_from(size).unwrap_or(usize::MAX),
            pause,
            pausing: Box::pin(sleep(pause)),
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

type Next = Poll<Option<Result<Frame<Bytes>, Infallible>>>;

fn frame(bytes: Bytes) -> Next {
    Poll::Ready(Some(Ok(Frame::data(bytes))))
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Next {
        match self.get_mut() {
            Self::Whole(bytes) | Self::Cut { sent: bytes, .. } if !bytes.is_empty() => {
                frame(std::mem::take(bytes))
            }
            Self::Whole(_) => Poll::Ready(None),
            Self::Cut { flushed, .. } => {
                // hyper gives up at the end of a body that is too short and sizes what it has not
                // written yet: let it write first.
                if *flushed {
                    Poll::Ready(None)
                } else {
                    *flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
            Self::Huge { left: 0 } => Poll::Ready(None),
            Self::Huge { left } => {
                let size = usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK);
                *left = left.saturating_sub(u64::try_from(size).unwrap_or(u64::MAX));
                static SPACES: [u8; CHUNK] = [b' '; CHUNK];
                frame(Bytes::from_static(&SPACES).slice(..size))
            }
            Self::Drip { left, .. } if left.is_empty() => Poll::Ready(None),
            Self::Drip {
                left,
                size,
                pause,
                pausing,
            } => match pausing.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    *pausing = Box::pin(sleep(*pause));
                    frame(left.split_to(left.len().min(*size)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) | Self::Drip { left: bytes, .. } => length(bytes),
            Self::Cut { promised, .. } => *promised,
            Self::Huge { left } => *left,
        })
    }
}
