//! Accepts connections and reads requests from them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::payload::Payload;
use super::respond::{self, Silence};
use super::wire::{Socket, Spoil, Wire};
use crate::admin;
use crate::core::Core;
use crate::message::{Reply, Request};

/// The largest body that Power Automate takes (facts, 1.5), in bytes.
const LARGEST_BODY: usize = 100 * 1024 * 1024;

/// How long to wait after an `accept` that failed, so that a lack of file handles does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

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
        // Small answers should not wait for more; where this fails they merely come later.
        let _ = stream.set_nodelay(true);
        connections.spawn(connect(
            stream,
            tls.clone(),
            Arc::clone(&core),
            base.clone(),
        ));
    }
}

async fn connect(stream: TcpStream, tls: Option<TlsAcceptor>, core: Arc<Core>, base: String) {
    match tls {
        None => serve(stream, core, base).await,
        Some(acceptor) => {
            // A handshake that fails is the client's business: it does not trust our CA.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, core, base).await;
            }
        }
    }
}

async fn serve<S: Socket>(stream: S, core: Arc<Core>, base: String) {
    let spoil = Arc::new(Spoil::default());
    let wire = Wire::new(stream, Arc::clone(&spoil));
    let service = service_fn(move |request| {
        handle(request, Arc::clone(&core), base.clone(), Arc::clone(&spoil))
    });
    // An error here is a fault that was asked for, or a client that went away.
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

async fn handle(
    request: hyper::Request<Incoming>,
    core: Arc<Core>,
    base: String,
    spoil: Arc<Spoil>,
) -> Result<Response<Payload>, Silence> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let reply = Reply::empty(413).with_header("connection", "close");
            return Ok(respond::dress(&core, "unknown", reply, Payload::Whole));
        }
        // A request that did not arrive whole has no effect.
        Err(_) => return Err(Silence),
    };
    let base = match head.headers.get("host").and_then(|host| host.to_str().ok()) {
        Some(host) => match base.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => base,
        },
        None => base,
    };
    let incoming = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        base,
    };
    if admin::is_for_us(&incoming.path) {
        let reply = admin::answer(&core, &incoming);
        return Ok(respond::dress(&core, "admin", reply, Payload::Whole));
    }
    respond::respond(&core, &incoming, &spoil).await
}
