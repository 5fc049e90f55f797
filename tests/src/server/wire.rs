//! The stream under a connection, with a handle to spoil it.
//!
//! Two faults cannot be expressed in HTTP: an answer that is not HTTP, and a reset. The handler
//! asks for them through [`Spoil`], and the stream carries them out beneath hyper.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What comes back in place of HTTP.
const GARBAGE: &[u8] = b"\x00\xff\x16 this is not HTTP \x00\xff\r\n\r\n";

/// What is to happen to a connection.
#[derive(Debug, Default)]
pub(super) struct Spoil {
    garbage: AtomicBool,
    reset: AtomicBool,
}

impl Spoil {
    /// From now on garbage is sent in place of whatever is written.
    pub(super) fn with_garbage(&self) {
        self.garbage.store(true, Ordering::SeqCst);
    }

    /// The connection ends with a reset.
    pub(super) fn with_reset(&self) {
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

/// A stream that can be spoilt.
pub(super) struct Wire<S: Socket> {
    stream: S,
    spoil: Arc<Spoil>,
    garbage_left: &'static [u8],
}

impl<S: Socket> Wire<S> {
    pub(super) fn new(stream: S, spoil: Arc<Spoil>) -> Self {
        Self {
            stream,
            spoil,
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
        if !self.spoil.garbage.load(Ordering::SeqCst) {
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
        if self.spoil.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Socket> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.spoil.reset.load(Ordering::SeqCst) {
            // A socket that lingers for no time at all is closed with a reset. Where that cannot
            // be set the connection is closed in the usual way, and the test that wants a reset
            // fails by seeing none.
            let _ = self.stream.tcp().set_zero_linger();
        }
    }
}
