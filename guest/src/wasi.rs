//! The component's imports and exports: WASI for HTTP and the clock, our own two interfaces for the
//! rest. Thin adapters between the generated bindings and [`crate::ports`].
//!
//! waki's own `send` sets only the connection timeout, and fails if the request's body cannot be
//! written, before it looks at the response: a denied POST would then look like a lost connection.
//! This one sets all three timeouts, looks at the response in any case, and reads no more than
//! [`LARGEST_ANSWER`].

use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    ErrorCode, FutureIncomingResponse, Headers, IncomingResponse, Method as WasiMethod,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use waki::bindings::wasi::io::streams::StreamError;

use crate::contract::bindings::exports::powerbi::refresh::{audit, refresh};
use crate::contract::bindings::powerbi::refresh::{audit_store, control};
use crate::contract::{
    AuditError, CancelRequest, Cancellation, Entry, FollowRequest, Inspection, Query, Receipt,
    RefreshError, RefreshRequest, StoreError, Update, Verdict, Wake,
};
use crate::ports::{
    Clock, Control, Http, HttpAnswer, HttpRequest, Method, NOT_SENT_PREFIX, Ports, Store,
    TransportError, TransportKind,
};
use crate::url::Parts;

/// The most bytes of a response that are read: far above any list or error of a service.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// How many bytes are requested at once.
const CHUNK: u64 = 64 * 1024;
/// How many bytes are written at once, the limit of `wasi:io`.
const LARGEST_WRITE: usize = 4096;

struct Host;

impl Store for Host {
    fn append(&self, entry: &Entry) -> Result<Receipt, StoreError> {
        audit_store::append(entry)
    }
}

impl Control for Host {
    fn wait(&self, milliseconds: u64) -> Wake {
        control::wait(milliseconds)
    }

    fn progress(&self, update: &Update) {
        control::progress(update);
    }
}

impl Clock for Host {
    fn monotonic_ms(&self) -> u64 {
        monotonic_clock::now() / 1_000_000
    }
}

fn ports() -> Ports<'static> {
    Ports {
        http: &Host,
        store: &Host,
        control: &Host,
        clock: &Host,
    }
}

struct Component;

impl refresh::Guest for Component {
    fn trigger_refresh(request: RefreshRequest) -> Result<Verdict, RefreshError> {
        crate::trigger_refresh(ports(), &request)
    }

    fn follow_refresh(request: FollowRequest) -> Result<Verdict, RefreshError> {
        crate::follow_refresh(ports(), &request)
    }

    fn cancel_refresh(request: CancelRequest) -> Result<Cancellation, RefreshError> {
        crate::cancel_refresh(ports(), &request)
    }

    fn inspect(query: Query) -> Result<Inspection, RefreshError> {
        crate::inspect(ports(), &query)
    }
}

impl audit::Guest for Component {
    fn record_audit(entry: Entry) -> Result<Receipt, AuditError> {
        crate::record_audit(&Host, &entry)
    }
}

#[allow(unsafe_code, reason = "the generated export table")]
mod export {
    use super::Component;
    crate::contract::bindings::export!(Component with_types_in crate::contract::bindings);
}

impl Http for Host {
    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, TransportError> {
        let call = build(request)?;
        let options = options(request.timeout_ms)?;
        let body = call.body().map_err(|()| unbuilt("body"))?;
        let began = monotonic_clock::now();
        let future =
            outgoing_handler::handle(call, Some(options)).map_err(|code| of(&code, None))?;
        // If the body cannot be written, the response tells why.
        let _ = write(&body, request.body.as_bytes());
        let _ = OutgoingBody::finish(body, None);
        let response = answer(&future)?;
        drop(future);
        let limit = request.timeout_ms.saturating_mul(1_000_000);
        read(response, began.saturating_add(limit.saturating_mul(2)))
    }
}

fn build(request: &HttpRequest) -> Result<OutgoingRequest, TransportError> {
    let parts = Parts::of(&request.url).ok_or_else(|| unbuilt("URL"))?;
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        // Without it a response may have any coding (RFC 9110, 12.5.3).
        .chain([("Accept-Encoding".to_owned(), b"identity".to_vec())])
        .collect();
    let headers = Headers::from_list(&headers).map_err(|_| unbuilt("headers"))?;
    let call = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::Get => WasiMethod::Get,
        Method::Post => WasiMethod::Post,
        Method::Delete => WasiMethod::Delete,
    };
    let scheme = if parts.scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let path = match parts.path_and_query {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    call.set_method(&method)
        .and_then(|()| call.set_scheme(Some(&scheme)))
        .and_then(|()| call.set_authority(Some(parts.authority)))
        .and_then(|()| call.set_path_with_query(Some(&path)))
        .map_err(|()| unbuilt("URL"))?;
    Ok(call)
}

/// Sets all three timeouts alike: some hosts use that of the connection for the first byte.
fn options(timeout_ms: u64) -> Result<RequestOptions, TransportError> {
    let limit = Some(timeout_ms.saturating_mul(1_000_000));
    let options = RequestOptions::new();
    options
        .set_connect_timeout(limit)
        .and_then(|()| options.set_first_byte_timeout(limit))
        .and_then(|()| options.set_between_bytes_timeout(limit))
        .map_err(|()| unbuilt("timeout"))?;
    Ok(options)
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    for chunk in bytes.chunks(LARGEST_WRITE) {
        stream.blocking_write_and_flush(chunk).ok()?;
    }
    Some(())
}

fn answer(future: &FutureIncomingResponse) -> Result<IncomingResponse, TransportError> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(response)) => response.map_err(|code| of(&code, None)),
        _ => {
            let message = "the response was already taken";
            Err(failed(TransportKind::Other, message, None))
        }
    }
}

fn read(response: IncomingResponse, until: u64) -> Result<HttpAnswer, TransportError> {
    let status = response.status();
    let headers = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let broken = |kind, message: &str| Err(failed(kind, message, Some(status)));
    let Ok(incoming) = response.consume() else {
        return broken(TransportKind::Other, "the response has no body");
    };
    let Ok(stream) = incoming.stream() else {
        return broken(TransportKind::Other, "the response body was already taken");
    };
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return match http_error_code(&error) {
                    Some(code) => Err(of(&code, Some(status))),
                    None => broken(TransportKind::Truncated, ""),
                };
            }
        }
        if body.len() > LARGEST_ANSWER {
            return broken(TransportKind::TooLarge, "");
        }
        // A server that sends byte by byte meets each timeout and never ends.
        if monotonic_clock::now() > until {
            return broken(TransportKind::AnswerTimeout, "");
        }
    }
    Ok(HttpAnswer {
        status,
        headers,
        body,
    })
}

/// Converts an error code of `wasi:http`.
fn of(code: &ErrorCode, status: Option<u16>) -> TransportError {
    use TransportKind as Kind;
    let (kind, message) = match code {
        ErrorCode::HttpRequestDenied => (Kind::Denied, ""),
        ErrorCode::DestinationIpProhibited => (Kind::AddressDenied, ""),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (Kind::NameNotResolved, "")
        }
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            (Kind::Unreachable, "")
        }
        ErrorCode::ConnectionRefused => (Kind::ConnectionRefused, ""),
        ErrorCode::ConnectionTimeout => (Kind::ConnectTimeout, ""),
        ErrorCode::ConnectionTerminated => (Kind::ConnectionLost, ""),
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => (Kind::AnswerTimeout, ""),
        ErrorCode::TlsCertificateError => (Kind::CertificateUntrusted, ""),
        ErrorCode::TlsProtocolError => (Kind::TlsFailed, ""),
        ErrorCode::TlsAlertReceived(alert) => (
            Kind::TlsFailed,
            alert.alert_message.as_deref().unwrap_or(""),
        ),
        ErrorCode::HttpResponseIncomplete => (Kind::Truncated, ""),
        ErrorCode::HttpResponseBodySize(_) => (Kind::TooLarge, ""),
        ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpProtocolError => (Kind::NotHttp, ""),
        ErrorCode::HttpResponseContentCoding(coding) => {
            (Kind::Encoded, coding.as_deref().unwrap_or(""))
        }
        ErrorCode::InternalError(Some(text)) => match text.strip_prefix(NOT_SENT_PREFIX) {
            Some(why) => (Kind::NotSentByHost, why),
            None => (Kind::Other, text.as_str()),
        },
        ErrorCode::ConnectionLimitReached => {
            (Kind::Other, "the host's connection limit is reached")
        }
        _ => (Kind::Other, ""),
    };
    failed(kind, message, status)
}

fn failed(kind: TransportKind, message: &str, status: Option<u16>) -> TransportError {
    TransportError {
        kind,
        message: message.trim().to_owned(),
        status,
    }
}

fn unbuilt(what: &str) -> TransportError {
    failed(
        TransportKind::RequestInvalid,
        &format!("the host does not accept the {what}"),
        None,
    )
}
