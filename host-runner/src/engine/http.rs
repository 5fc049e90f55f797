//! Sends the component's requests through the [`Gateway`].
//!
//! The request's body is read in full first: a guest that is still writing when its request is
//! dropped sees a closed stream and never learns that the request was denied or the connection
//! refused. Errors are mapped so that a guest can tell what certainly was not sent; details that
//! WASI's error codes cannot carry go to the observer of [`crate::outbound`].

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use crate::outbound::{
    Answer, Cause, DEFAULT_CALL, Gateway, GuestRequest, RUNNER_HEADERS, SendError, Sent, Timeouts,
};

/// The largest request body, in bytes. A trigger is smaller than one kilobyte; a payload file may
/// have one megabyte.
const LONGEST_REQUEST: usize = 2 << 20;

/// The longest time that a call may take, whatever the guest asks for: a flow keeps its caller
/// waiting for at most 120 s.
const LONGEST_CALL: std::time::Duration = std::time::Duration::from_secs(600);

/// The prefix of an `internal-error` whose request was certainly not sent. It is part of the contract
/// with the component: see `host-reports-unsent` in `wit/types.wit`, and `NOT_SENT` in the guest.
pub const NOT_SENT: &str = "not sent:";

type Processing = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending =
    Box<dyn Future<Output = Result<(http::Response<WasiBody>, Processing), Error>> + Send>;

/// The component's outgoing requests.
pub(super) struct Outgoing(pub(super) Arc<Gateway>);

impl WasiHttpHooks for Outgoing {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| {
            DEFAULT_FORBIDDEN_HEADERS.contains(name) || RUNNER_HEADERS.contains(&name.as_str())
        })
    }

    /// The transport sets the header from the URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processing: Processing,
    ) -> Sending {
        let gateway = self.0.clone();
        Box::new(async move {
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, LONGEST_REQUEST)
                .collect()
                .await
                .map_err(|_| Error::HttpRequestBodySize(Some(LONGEST_REQUEST as u64)))?
                .to_bytes();
            let answer = gateway
                .call(GuestRequest {
                    method: parts.method,
                    url: parts.uri.to_string(),
                    headers: parts.headers,
                    body,
                    timeouts: timeouts(options.unwrap_or_default()),
                })
                .await
                .map_err(|error| wasi_error(&error))?;
            Ok((response(answer), Box::new(async { Ok(()) }) as Processing))
        })
    }
}

/// The guest's first-byte timeout is its limit for the whole call.
fn timeouts(options: RequestOptions) -> Timeouts {
    let asked = options.first_byte_timeout.unwrap_or(DEFAULT_CALL);
    let call = asked.min(LONGEST_CALL);
    Timeouts::for_call(call).shortened(options.connect_timeout, options.between_bytes_timeout)
}

fn response(answer: Answer) -> http::Response<WasiBody> {
    let body = Full::<Bytes>::new(answer.body)
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = http::Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The most specific error code. An error whose reason no code carries, and of which certainly nothing
/// was sent, becomes an `internal-error` that says so, with the component's own code.
fn wasi_error(error: &SendError) -> Error {
    match &error.cause {
        Cause::Denied(_) => Error::HttpRequestDenied,
        Cause::NameNotResolved(reason) => Error::DnsError {
            rcode: Some(reason.clone()),
            info_code: None,
        },
        Cause::ConnectionRefused => Error::ConnectionRefused,
        Cause::ConnectTimeout(_) => Error::ConnectionTimeout,
        _ if error.sent() == Sent::No => {
            let code = error.code();
            Error::InternalError(Some(format!("{NOT_SENT} {code}: {error}")))
        }
        Cause::Closed { .. } => Error::ConnectionTerminated,
        Cause::TotalTimeout { .. } => Error::HttpResponseTimeout,
        Cause::BetweenBytesTimeout { .. } => Error::ConnectionReadTimeout,
        Cause::Truncated(_) => Error::HttpResponseIncomplete,
        Cause::TooLarge { limit, .. } => Error::HttpResponseBodySize(Some(*limit)),
        Cause::NotHttp(_) => Error::HttpProtocolError,
        _ => Error::InternalError(Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_that_was_certainly_not_sent_says_so_and_no_other_does() {
        let limit = Duration::from_secs(1);
        let reason = "reset".to_owned();
        for sent in [Sent::No, Sent::Maybe] {
            let mut causes = vec![
                Cause::Closed {
                    reason: reason.clone(),
                    sent,
                },
                Cause::TotalTimeout { limit, sent },
            ];
            causes.extend(match sent {
                Sent::No => vec![
                    Cause::TlsUntrusted(reason.clone()),
                    Cause::Unreachable(reason.clone()),
                ],
                Sent::Maybe => vec![Cause::Truncated(202), Cause::NotHttp(reason.clone())],
            });
            for cause in causes {
                let error = wasi_error(&cause.at("api.example"));
                let says_so = matches!(&error, Error::InternalError(Some(text)) if text.starts_with(NOT_SENT));
                assert_eq!(says_so, sent == Sent::No, "{error:?}");
                let shown = format!("{error:?}");
                assert!(
                    !shown.contains("Refused") && !shown.contains("Denied"),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn a_failed_sign_in_has_the_code_of_its_own_error_even_if_that_may_have_been_sent() {
        for (cause, expected) in [
            (
                Cause::TlsUntrusted("why".to_owned()),
                "not sent: tls_certificate_untrusted: signing in at login.example failed: the certificate is not trusted: why",
            ),
            (
                Cause::Truncated(200),
                "not sent: response_truncated: signing in at login.example failed: the response (status 200) is incomplete or damaged",
            ),
        ] {
            let error = Cause::SignIn(Box::new(cause.at("login.example"))).at("api.example");
            let Error::InternalError(Some(text)) = wasi_error(&error) else {
                panic!("{error} has no code of its own");
            };
            assert_eq!(text, expected);
        }
    }
}
