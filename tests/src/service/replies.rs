//! Replies that replace a service's own: those of faults, and each service's 429 (facts, 1.4, 2.3, 3
//! and 4).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::fabric;
use crate::clock::{http_date, later};
use crate::faults::{CannedReply, Fault};
use crate::message::Reply;

/// What a captive portal or an expired session returns.
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in to your account</title></head>\
    <body><form method=\"post\" action=\"/login\"><input name=\"user\"></form></body></html>";

/// What a gateway returns when there is nothing behind it.
const BUSY_PAGE: &str = "<!DOCTYPE html><html><head><title>Service Unavailable</title></head>\
    <body><h2>Our services aren't available right now</h2></body></html>";

/// The reply that `fault` puts in place of the one of `service`, if any.
pub(crate) fn of_fault(fault: &Fault, service: &str, now: Timestamp) -> Option<Reply> {
    let html = |status, page| Reply::text(status, "text/html; charset=utf-8", page);
    Some(match fault {
        Fault::Reply(canned) | Fault::ReplaceAfterStatus(canned) => reply_of(canned),
        Fault::Html | Fault::HtmlBefore => html(200, LOGIN_PAGE),
        Fault::NoContent => Reply::empty(204),
        Fault::Throttled {
            retry_after_s,
            as_date,
        } => too_many(service, now, *retry_after_s, *as_date),
        Fault::Unavailable { retry_after_s } => {
            let mut page = html(503, BUSY_PAGE);
            if let Some(seconds) = retry_after_s {
                page.set_header("retry-after", &seconds.to_string());
            }
            page
        }
        Fault::Redirect { to } => Reply::empty(302).with_header("location", to),
        _ => return None,
    })
}

fn reply_of(canned: &CannedReply) -> Reply {
    let mut reply = Reply::empty(canned.status);
    if !canned.body.is_empty() {
        let content_type = canned.content_type.as_deref();
        let content_type = content_type.unwrap_or("application/json; charset=utf-8");
        reply = Reply::text(canned.status, content_type, canned.body.clone());
    }
    for (name, value) in &canned.headers {
        reply.set_header(name, value);
    }
    reply
}

/// 429 as `service` writes it, with the number of seconds to wait.
pub(super) fn too_many(service: &str, now: Timestamp, seconds: u64, as_date: bool) -> Reply {
    let until = later(now, Duration::from_secs(seconds));
    let reply = match service {
        "fabric" => fabric::error(
            429,
            "RequestBlocked",
            &format!(
                "Request is blocked by the upstream service until: {} (UTC)",
                until.strftime("%-m/%-d/%Y %-I:%M:%S %p")
            ),
        ),
        "power_bi" => Reply::json(
            429,
            &json!({"message": format!(
                "You have exceeded the amount of requests allowed in the current time frame and further requests will fail. Retry in {seconds} seconds."
            )}),
        )
        .with_header("requestid", &Uuid::new_v4().to_string()),
        "entra" => Reply::json(
            429,
            &json!({
                "error": "temporarily_unavailable",
                "error_description": "AADSTS90055: The server is terminating the request due to excessive request rates.",
                "error_codes": [90_055],
            }),
        ),
        // The code that a trigger uses is not known (facts, 1.4).
        _ => Reply::json(
            429,
            &json!({"error": {"code": "TooManyRequests", "message": "Rate limit is exceeded. Try again later."}}),
        ),
    };
    let value = if as_date {
        http_date(until)
    } else {
        seconds.to_string()
    };
    reply.with_header("retry-after", &value)
}
