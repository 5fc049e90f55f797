//! Accepts connections, reads requests, and sends replies and faults, some of which no HTTP library
//! would send. It reads what the clients of the tests send: HTTP/1.1 with a length or chunks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::admin;
use crate::clock::later;
use crate::core::Core;
use crate::faults::Fault;
use crate::message::{Answer, ConnectionFault, Reply, Request};

/// The largest body that Power Automate accepts (facts, 1.5), in bytes.
const LARGEST_BODY: usize = 100 * 1024 * 1024;

/// How long to wait after a failed `accept`, so that a lack of file handles does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The interval at which a waiting reply reads the simulator's clock. A test may move that clock,
/// so there is nothing to sleep until.
const CLOCK_INTERVAL: Duration = Duration::from_millis(5);

/// Sent instead of HTTP.
const GARBAGE: &[u8] = b"\x00\xff\x16 this is not HTTP \x00\xff\r\n\r\n";

/// Statuses, apart from 1xx, of replies without a body.
const BODILESS: [StatusCode; 2] = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];

/// A million spaces.
static SPACES: [u8; 1_000_000] = [b' '; 1_000_000];

/// The maximum number of chunks of a slow body per second.
const DRIPS_PER_SECOND: u32 = 20;

/// A stream on top of TCP.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
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

/// Accepts connections until the task is aborted; they end with it.
pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, core: Arc<Core>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without it small replies come later, which is not an error.
        let _ = stream.set_nodelay(true);
        let (tls, core) = (tls.clone(), Arc::clone(&core));
        // An error is a client that disconnected, or does not trust our CA.
        connections.spawn(async move {
            match tls {
                None => serve(stream, "http", &core).await,
                Some(acceptor) => serve(acceptor.accept(stream).await?, "https", &core).await,
            }
        });
    }
}

async fn serve(stream: impl Socket, scheme: &str, core: &Core) -> io::Result<()> {
    let mut connection = Connection(BufReader::new(stream));
    // A request that did not arrive completely is an error here, and has no effect.
    while let Some(request) = connection.read(scheme).await? {
        let stays_open = connection.respond(&request, core).await?;
        connection.0.flush().await?;
        if !stays_open || request.header("connection") == Some("close") {
            break;
        }
    }
    connection.0.shutdown().await
}

struct Connection<S>(BufReader<S>);

impl<S: Socket> Connection<S> {
    /// The next line of a request, without its end.
    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// Reads a request. `None`: the connection has ended.
    async fn read(&mut self, scheme: &str) -> io::Result<Option<Request>> {
        if self.0.fill_buf().await?.is_empty() {
            return Ok(None);
        }
        let first = self.line().await?;
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let mut headers = Vec::new();
        let mut host = String::new();
        while let Some((name, value)) = self.line().await?.split_once(':') {
            if name.eq_ignore_ascii_case("host") {
                value.trim().clone_into(&mut host);
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let request = Request::new(method, &format!("{scheme}://{host}{target}"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.with_header(name, value)
        });
        let body = if request.header("transfer-encoding").is_some() {
            self.chunks().await?
        } else {
            let length = request.header("content-length").unwrap_or("0");
            self.part(length.parse().unwrap_or(usize::MAX)).await?
        };
        Ok(Some(request.with_body(body)))
    }

    /// A part of a body.
    async fn part(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > LARGEST_BODY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut part = vec![0; length];
        self.0.read_exact(&mut part).await?;
        Ok(part)
    }

    /// A body in chunks.
    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line().await?;
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            body.extend(self.part(size).await?);
            // The end of the chunk, and of the body if it has no trailers.
            self.line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Replies to a request. `false`: the connection is to be closed.
    async fn respond(&mut self, request: &Request, core: &Core) -> io::Result<bool> {
        if let Some(reply) = admin::reply(core, request) {
            return self.send(&reply, reply.body.len(), &reply.body).await;
        }
        let mut received = core.receive(request);
        match core.connection_fault(&received) {
            None => {}
            Some(ConnectionFault::Reset) => {
                // A socket with zero linger is closed with a reset.
                self.0.get_ref().tcp().set_zero_linger()?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(ConnectionFault::Silent) => return std::future::pending().await,
            Some(ConnectionFault::Garbage) => {
                self.0.write_all(GARBAGE).await?;
                return Ok(false);
            }
            Some(ConnectionFault::Closed | ConnectionFault::Truncated(_)) => return Ok(false),
        }
        let reply = match received.answer.take() {
            None => return Ok(false),
            Some(Answer::Now(reply)) => reply,
            Some(Answer::WhenResponded(flow_run)) => loop {
                if let Some(reply) = core.held_reply(&flow_run) {
                    break reply;
                }
                sleep(CLOCK_INTERVAL).await;
            },
        };
        if let Some(Fault::DelayMs(ms)) = received.fault {
            let due = later(received.at, Duration::from_millis(ms));
            while core.now() < due {
                sleep(CLOCK_INTERVAL).await;
            }
        }
        let reply = core.finish(&received, reply);
        let length = reply.body.len();
        match received.fault {
            // The first half; an empty body becomes a brace.
            Some(Fault::Truncated) if length < 2 => {
                self.send(&reply, 64, b"{").await.map(|_| false)
            }
            Some(Fault::Truncated) => {
                let half = reply.body.slice(..length / 2);
                self.send(&reply, length, &half).await.map(|_| false)
            }
            Some(Fault::HugeMb(megabytes)) => {
                let count = usize::try_from(megabytes).unwrap_or(usize::MAX);
                let length = count.saturating_mul(SPACES.len());
                self.send(&reply, length, b"").await?;
                for _ in 0..count {
                    self.0.write_all(&SPACES).await?;
                }
                Ok(true)
            }
            Some(Fault::SlowDrip { bytes_per_s }) => self.drip(&reply, bytes_per_s).await,
            _ => self.send(&reply, length, &reply.body).await,
        }
    }

    /// Sends the head of a reply, which announces a body of this length, and the beginning of the
    /// body.
    async fn send(&mut self, reply: &Reply, length: usize, body: &[u8]) -> io::Result<bool> {
        let mut head = format!("HTTP/1.1 {}\r\n", reply.status).into_bytes();
        for (name, value) in reply.headers.iter() {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        // A reply with such a status has no body, and announces none.
        let is_1xx = reply.status.is_informational();
        if is_1xx || BODILESS.contains(&reply.status) {
            head.extend(b"\r\n");
        } else {
            head.extend(format!("content-length: {length}\r\n\r\n").bytes());
            head.extend(body);
        }
        self.0.write_all(&head).await?;
        // After a 1xx a client waits for the final reply, which never comes.
        Ok(!is_1xx)
    }

    /// Sends the body at `bytes_per_s`; an empty body becomes 1,024 spaces. The rate is real: it
    /// does not follow the simulator's clock.
    async fn drip(&mut self, reply: &Reply, bytes_per_s: u64) -> io::Result<bool> {
        let body = match reply.body.len() {
            0 => &[b' '; 1024],
            _ => reply.body.as_ref(),
        };
        self.send(reply, body.len(), b"").await?;
        let rate = u32::try_from(bytes_per_s.max(1)).unwrap_or(u32::MAX);
        let size = (rate / DRIPS_PER_SECOND).max(1);
        for chunk in body.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
            sleep(Duration::from_secs(size.into()) / rate).await;
            self.0.write_all(chunk).await?;
            self.0.flush().await?;
        }
        Ok(true)
    }
}
