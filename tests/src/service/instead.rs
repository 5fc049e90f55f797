//! What comes in place of a service's own answer: what a fault gives, and what each service says
//! to a caller who asks too often (facts, 1.4, 2.3, 3 and 4).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::fabric;
use crate::clock::{http_date, later};
use crate::faults::{CannedReply, Fault, Mishap};
use crate::message::Reply;

/// What a captive portal or an expired session shows in place of an API's answer.
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in to your account</title></head>\
    <body><form method=\"post\" action=\"/login\"><input name=\"user\"></form></body></html>";

/// What a gateway shows when there is nothing behind it.
const BUSY_PAGE: &str = "<!DOCTYPE html><html><head><title>Service Unavailable</title></head>\
    <body><h2>Our services aren't available right now</h2></body></html>";

/// What `fault` answers in place of `service`; `None`: it leaves the answer to the service, or
/// leaves none.
#[must_use]
pub fn of(fault: &Fault, service: &str, now: Timestamp) -> Option<Reply> {
    let html = |status, page| Reply::text(status, "text/html; charset=utf-8", page);
    let mishap = match fault {
        Fault::Instead(canned) => return Some(served(canned)),
        Fault::Named(mishap) => mishap,
    };
    match mishap {
        Mishap::ReplaceAfterStatus(canned) => Some(served(canned)),
        Mishap::Html | Mishap::HtmlBefore => Some(html(200, LOGIN_PAGE)),
        Mishap::NoContent => Some(Reply::empty(204)),
        Mishap::Throttled {
            retry_after_s,
            as_date,
        } => Some(too_many(service, now, *retry_after_s, *as_date)),
        Mishap::Unavailable { retry_after_s } => {
            let mut page = html(503, BUSY_PAGE);
            if let Some(seconds) = retry_after_s {
                page.set_header("retry-after", &seconds.to_string());
            }
            Some(page)
        }
        Mishap::Redirect { to } => Some(Reply::empty(302).with_header("location", to)),
        _ => None,
    }
}

/// A reply that a fault gives as it is written.
fn served(canned: &CannedReply) -> Reply {
    let mut reply = if canned.body.is_empty() {
        Reply::empty(canned.status)
    } else {
        let content_type = canned
            .content_type
            .as_deref()
            .unwrap_or("application/json; charset=utf-8");
        Reply::text(canned.status, content_type, canned.body.clone())
    };
    for (name, value) in &canned.headers {
        reply.set_header(name, value);
    }
    reply
}

/// 429 in the words of `service`, to be tried again after so many seconds.
#[must_use]
pub fn too_many(service: &str, now: Timestamp, seconds: u64, as_date: bool) -> Reply {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canned_reply_keeps_its_own_headers_and_type() {
        let canned = CannedReply::status(503)
            .body("<p>no</p>")
            .header("Retry-After", "3600");
        let reply = served(&CannedReply {
            content_type: Some("text/html".to_owned()),
            ..canned
        });
        assert_eq!(reply.status.as_u16(), 503);
        assert_eq!(reply.headers["retry-after"], "3600");
        assert_eq!(reply.headers["content-type"], "text/html");
    }

    #[test]
    fn each_service_has_its_own_words() {
        let now: Timestamp = "2025-09-02T18:16:20Z".parse().unwrap();
        let fabric = too_many("fabric", now, 58, false);
        assert_eq!(fabric.headers["retry-after"], "58");
        assert_eq!(
            fabric.headers["x-ms-public-api-error-code"],
            "RequestBlocked"
        );
        let text = String::from_utf8_lossy(&fabric.body).into_owned();
        assert!(text.contains("until: 9/2/2025 6:17:18 PM (UTC)"), "{text}");
        let power_bi = too_many("power_bi", now, 3600, true);
        assert_eq!(
            power_bi.headers["retry-after"],
            "Tue, 02 Sep 2025 19:16:20 GMT"
        );
        assert!(String::from_utf8_lossy(&power_bi.body).contains("Retry in 3600 seconds"));
    }
}
