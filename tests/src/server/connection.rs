//! Accepts connections, reads requests, and sends replies and faults.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::payload::Payload;
use super::wire::{Socket, Wire, WireFault};
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

/// There is no reply: the connection is to be closed as it is.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without a reply")]
struct NoReply;

/// Accepts connections until the task is aborted; they end with it.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    core: Arc<Core>,
    base: String,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without it small replies come later, which is not an error.
        let _ = stream.set_nodelay(true);
        let (tls, core, base) = (tls.clone(), Arc::clone(&core), base.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, core, base).await,
                // A failed handshake is the client's decision: it does not trust our CA.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, core, base).await;
                    }
                }
            }
        });
    }
}

async fn serve<S: Socket>(stream: S, core: Arc<Core>, base: String) {
    let wire_fault = Arc::new(WireFault::default());
    let wire = Wire::new(stream, Arc::clone(&wire_fault));
    let service = service_fn(move |request| {
        let (core, base, wire_fault) = (Arc::clone(&core), base.clone(), Arc::clone(&wire_fault));
        async move { handle(request, &core, base, &wire_fault).await }
    });
    // An error here is a requested fault, or a client that disconnected.
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

async fn handle(
    request: hyper::Request<Incoming>,
    core: &Core,
    base: String,
    wire_fault: &WireFault,
) -> Result<Response<Payload>, NoReply> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let reply = Reply::empty(413).with_header("connection", "close");
            return Ok(response(reply, Payload::Whole));
        }
        // A request that did not arrive completely has no effect.
        Err(_) => return Err(NoReply),
    };
    let mut request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        base,
    };
    if let (Some(host), Some((scheme, _))) =
        (request.header("host"), request.base.split_once("://"))
    {
        request.base = format!("{scheme}://{host}");
    }
    if let Some(reply) = admin::reply(core, &request) {
        return Ok(response(reply, Payload::Whole));
    }
    let mut received = core.receive(&request);
    match core.connection_fault(&received) {
        None => {}
        Some(ConnectionFault::Reset) => {
            wire_fault.reset();
            return Err(NoReply);
        }
        Some(ConnectionFault::Silent) => return std::future::pending().await,
        Some(ConnectionFault::Garbage) => {
            wire_fault.send_garbage();
            // hyper closes the connection after such a reply.
            let reply = Reply::empty(200).with_header("connection", "close");
            return Ok(response(reply, Payload::Whole));
        }
        Some(ConnectionFault::Closed | ConnectionFault::Truncated(_)) => return Err(NoReply),
    }
    let reply = match received.answer.take().ok_or(NoReply)? {
        Answer::Now(reply) => reply,
        Answer::WhenResponded(flow_run) => loop {
            if let Some(reply) = core.held_reply(&flow_run) {
                break reply;
            }
            tokio::time::sleep(CLOCK_INTERVAL).await;
        },
    };
    if let Some(Fault::DelayMs(ms)) = received.fault {
        let due = later(received.at, Duration::from_millis(ms));
        while core.now() < due {
            tokio::time::sleep(CLOCK_INTERVAL).await;
        }
    }
    let reply = core.finish(&received, reply);
    Ok(match received.fault {
        Some(Fault::Truncated) => response(reply, Payload::cut),
        Some(Fault::HugeMb(megabytes)) => response(reply, |_| Payload::huge(megabytes)),
        Some(Fault::SlowDrip { bytes_per_s }) => {
            response(reply, |body| Payload::drip(body, bytes_per_s))
        }
        _ => response(reply, Payload::Whole),
    })
}

/// The reply with a payload made from its body.
fn response(reply: Reply, payload: impl FnOnce(bytes::Bytes) -> Payload) -> Response<Payload> {
    let mut response = Response::new(payload(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = *reply.headers;
    response
}
