//! Bodies, also those that no honest server sends: cut short, endless, or drop by drop.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The size of the pieces of a huge body, in bytes.
const PIECE: usize = 64 * 1024;

/// How often a slow body gives something at most, per second.
const DRIPS_PER_SECOND: u64 = 20;

/// The body of a reply.
pub(super) enum Payload {
    /// All of it.
    Whole(Bytes),
    /// Some of it; the length promises more.
    Cut {
        /// What is still to be sent.
        sent: Bytes,
        /// What `Content-Length` says.
        promised: u64,
        /// Whether hyper has had a chance to flush what was sent.
        flushed: bool,
    },
    /// This many bytes more of nothing useful.
    Huge {
        /// In bytes.
        left: u64,
    },
    /// A little at a time.
    Drip {
        /// What is still to be sent.
        left: Bytes,
        /// Bytes at a time.
        drop: usize,
        /// Between two drops.
        pause: Duration,
        /// The pause that is going on.
        pausing: Pin<Box<Sleep>>,
    },
}

impl Payload {
    /// The first half of `body`, with the promise of all of it. Of an empty body, a brace with the
    /// promise of more.
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

    /// `body` at `bytes_per_s`; an empty body becomes 1,024 spaces, for there must be something to
    /// wait for. The pace is that of the wire: it does not follow the simulator's clock.
    pub(super) fn drip(body: Bytes, bytes_per_s: u64) -> Self {
        let rate = bytes_per_s.max(1);
        let drop = (rate / DRIPS_PER_SECOND).max(1);
        let pause = Duration::from_secs(1)
            .saturating_mul(u32::try_from(drop).unwrap_or(u32::MAX))
            .checked_div(u32::try_from(rate).unwrap_or(u32::MAX))
            .unwrap_or_default();
        Self::Drip {
            left: if body.is_empty() {
                Bytes::from_static(&[b' '; 1024])
            } else {
                body
            },
            drop: usize::try_from(drop).unwrap_or(usize::MAX),
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
                // hyper gives up at the end of a body that is too short, and drops what it has not
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
                let size = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
                *left = left.saturating_sub(u64::try_from(size).unwrap_or(u64::MAX));
                static SPACES: [u8; PIECE] = [b' '; PIECE];
                frame(Bytes::from_static(&SPACES).slice(..size))
            }
            Self::Drip { left, .. } if left.is_empty() => Poll::Ready(None),
            Self::Drip {
                left,
                drop,
                pause,
                pausing,
            } => match pausing.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    *pausing = Box::pin(sleep(*pause));
                    frame(left.split_to(left.len().min(*drop)))
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
