//! The stream under a connection.
//!
//! Two faults cannot be expressed in HTTP: a reply that is not HTTP, and a reset. The handler
//! requests them through [`WireFault`], and the stream carries them out below hyper.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Sent instead of HTTP.
const GARBAGE: &[u8] = b"\x00\xff\x16 this is not HTTP \x00\xff\r\n\r\n";

/// The fault of a connection.
#[derive(Debug, Default)]
pub(super) struct WireFault {
    garbage: AtomicBool,
    reset: AtomicBool,
}

impl WireFault {
    /// Sends garbage instead of whatever is written from now on.
    pub(super) fn send_garbage(&self) {
        self.garbage.store(true, Ordering::SeqCst);
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }
}

/// A stream on top of TCP.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The TCP stream at the bottom.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A stream with faults.
pub(super) struct Wire<S: Socket> {
    stream: S,
    fault: Arc<WireFault>,
    garbage_left: &'static [u8],
}

impl<S: Socket> Wire<S> {
    pub(super) fn new(stream: S, fault: Arc<WireFault>) -> Self {
        Self {
            stream,
            fault,
            garbage_left: GARBAGE,
        }
    }
}

impl<S: Socket> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Socket> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.fault.garbage.load(Ordering::SeqCst) {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        while !self.garbage_left.is_empty() {
            let left = self.garbage_left;
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, left))?;
            self.garbage_left = left.get(written..).unwrap_or_default();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fault.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Socket> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.fault.reset.load(Ordering::SeqCst) {
            // A socket with zero linger is closed with a reset. Where that cannot be set, the
            // connection is closed normally, and the test that expects a reset fails.
            let _ = self.stream.tcp().set_zero_linger();
        }
    }
}
