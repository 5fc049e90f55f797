//! What a response of the token endpoint means.
//!
//! Entra's documentation says to act on `error` and never on the number or the text. So `error`
//! decides, and the number only selects a hint. A refusal is final: the same request gets the same
//! response. What is not a response of Entra (a proxy's page, a redirect, truncated JSON) is an
//! outage and no refusal, unless its status shows that repeating it is useless. Of a refusal only the
//! error, its number and the first sentence of its description are kept: the rest may repeat the request.
//!
//! A credential that the identity provider refuses becomes a response like a service's own 401, so
//! that a guest, on any host, needs to know only one kind of refusal.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::call::Answer;
use super::error::SendError;
use crate::secret::Redactor;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The identity provider refuses it, and would refuse it again.
    #[error("the identity provider refused the credential ({error}{}): {message}{}", number_shown(*number), hint_shown(hint))]
    Refused {
        /// OAuth's `error`, e.g. `invalid_client`.
        error: String,
        /// The AADSTS number.
        number: Option<u32>,
        /// The first sentence of the description, scrubbed.
        message: String,
        /// What to do; empty if that is not known.
        hint: &'static str,
    },
    /// No usable response for now.
    #[error("the identity provider issued no token for now ({reason})")]
    Unavailable {
        /// What was received instead.
        reason: String,
        /// When to ask again, if that is known.
        retry_after: Option<Duration>,
    },
    /// No response, for this reason.
    #[error("{0}")]
    Unreachable(Box<SendError>),
}

impl TokenError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "token_refused",
            Self::Unavailable { .. } | Self::Unreachable(_) => "token_unavailable",
        }
    }
}

fn number_shown(number: Option<u32>) -> String {
    number.map_or_else(String::new, |number| format!(", AADSTS{number}"))
}

fn hint_shown(hint: &str) -> String {
    if hint.is_empty() {
        String::new()
    } else {
        format!("; {hint}")
    }
}

/// A token as it was granted.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) token: SecretString,
    pub(crate) life: Duration,
}

/// The lifetime of a token whose response has none (RFC 6749, 5.1 only recommends it): short, so
/// that a wrong guess costs a call and not a refusal.
const UNSAID_LIFE: Duration = Duration::from_secs(300);

/// The longest lifetime that is accepted: Entra's longest-lived tokens last 28 hours.
const LONGEST_LIFE: Duration = Duration::from_secs(28 * 3600);

/// The longest wait that is accepted, as in Microsoft's own libraries.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The longest part of a description that is shown, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Reads a response of the token endpoint that was received at `now`.
pub(crate) fn read_reply(
    answer: &Answer,
    now: Timestamp,
    redactor: &Redactor,
) -> Result<Granted, TokenError> {
    let retry_after = retry_after(&answer.headers, now);
    let unavailable = |reason: String| TokenError::Unavailable {
        reason,
        retry_after,
    };
    let status = answer.status;
    let json: Option<Value> = serde_json::from_slice(&answer.body)
        .ok()
        .filter(|json: &Value| json.is_object());
    let Some(json) = json else {
        let html = answer.body.trim_ascii_start().starts_with(b"<");
        let what = if html { "a web page" } else { "not in JSON" };
        return Err(refused_by_status(status)
            .unwrap_or_else(|| unavailable(format!("status {}, {what}", status.as_u16()))));
    };
    if status.is_success() {
        return granted(&json)
            .ok_or_else(|| unavailable(format!("status {}, without a token", status.as_u16())));
    }
    let error = json
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let description = json
        .get("error_description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let number = number(&json, description);
    if error.is_empty()
        && let Some(refused) = refused_by_status(status)
    {
        return Err(refused);
    }
    if error.is_empty() || !is_refusal(status, error, number) {
        let what = if error.is_empty() {
            "no reason given"
        } else {
            error
        };
        let what = short(&redactor.scrub(what));
        return Err(unavailable(format!("status {}, {what}", status.as_u16())));
    }
    Err(TokenError::Refused {
        error: short(&redactor.scrub(error)),
        number,
        message: short(first_sentence(&redactor.scrub(description))),
        hint: hint(error, number),
    })
}

/// A refusal without a body to read: the endpoint, or something in front of it, will not issue a
/// token however often it is asked.
fn refused_by_status(status: StatusCode) -> Option<TokenError> {
    let hint = match status.as_u16() {
        404 => "check `endpoints.login` and the tenant",
        408 | 423 | 425 | 429 => return None,
        400..=499 => {
            "Entra gives its reasons in JSON: check `endpoints.login`, and what answers in its place"
        }
        _ => return None,
    };
    Some(TokenError::Refused {
        error: format!("http_{}", status.as_u16()),
        number: None,
        message: "no reason given".to_owned(),
        hint,
    })
}

fn granted(json: &Value) -> Option<Granted> {
    let token = json.get("access_token")?.as_str()?;
    let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let life = match json.get("expires_in") {
        // The v1 endpoint writes it as a string.
        Some(Value::String(text)) => text.trim().parse().ok().map(Duration::from_secs),
        Some(Value::Number(number)) => number
            .as_u64()
            .or_else(|| number.as_f64().and_then(|f| (f >= 0.0).then_some(f as u64)))
            .map(Duration::from_secs),
        _ => None,
    };
    usable.then(|| Granted {
        token: SecretString::from(token),
        life: life.unwrap_or(UNSAID_LIFE).min(LONGEST_LIFE),
    })
}

/// Whether another attempt would get the same response. The numbers are Entra's for throttling and
/// temporary problems, which have status 400 too.
fn is_refusal(status: StatusCode, error: &str, number: Option<u32>) -> bool {
    let temporary = error == "temporarily_unavailable"
        || error == "server_error"
        || matches!(number, Some(90006 | 90024 | 90055));
    let client_error =
        status.is_client_error() && !matches!(status.as_u16(), 408 | 423 | 425 | 429);
    client_error && !temporary
}

fn number(json: &Value, description: &str) -> Option<u32> {
    let listed = json
        .get("error_codes")
        .and_then(Value::as_array)
        .and_then(|codes| codes.first())
        .and_then(Value::as_u64)
        .and_then(|code| u32::try_from(code).ok());
    listed.or_else(|| {
        let (_, rest) = description.split_once("AADSTS")?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest.split_at(end).0.parse().ok()
    })
}

/// What to do about a refusal.
fn hint(error: &str, number: Option<u32>) -> &'static str {
    match (number, error) {
        (Some(7_000_215), _) => "the client secret is wrong: paste the secret's value, not its id",
        (Some(7_000_222), _) => "the client secret has expired: make a new one and replace it",
        (Some(7_000_218), _) => "the client secret is missing: set `client_secret`",
        (Some(700_016), _) => {
            "the application is not known in this tenant: check `client_id` and `tenant`"
        }
        (Some(90_002), _) => "the tenant does not exist: check `tenant`",
        (Some(70_011 | 1_002_012), _) | (None, "invalid_scope") => {
            "the scope is not valid: it must be a resource followed by /.default"
        }
        (Some(500_011), _) => {
            "the service is not known in this tenant: check `cloud`, and that the tenant uses it"
        }
        (Some(900_144), _) => {
            "a field of the request is missing: check that tenant, client_id and client_secret are all set"
        }
        (Some(700_024 | 700_027 | 50_012 | 500_133), _) => {
            "the assertion is not accepted: check this machine's clock"
        }
        (_, "invalid_client") => "check `client_id` and `client_secret`",
        (_, "unauthorized_client") => "check `client_id` and what the application may do",
        _ => "",
    }
}

/// The first sentence of the description, without its trace ids.
fn first_sentence(description: &str) -> &str {
    let mut end = description.len();
    for mark in [". ", "\r", "\n", " Trace ID:", " Correlation ID:"] {
        end = description.find(mark).map_or(end, |at| at.min(end));
    }
    description.get(..end).unwrap_or_default().trim()
}

fn short(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_MESSAGE)
        .collect()
}

/// `Retry-After` in seconds or as a date, relative to `now`; at most an hour.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// The header of a response that the runner made instead of a service; its value is `token`.
pub const ANSWERED_BY: HeaderName = HeaderName::from_static("x-host-runner-answer");

/// The headers in which Power BI and Fabric name the reason of a refusal, often without a body.
const REASONS: [&str; 2] = ["x-powerbi-error-info", "x-ms-public-api-error-code"];

/// The header in which a flow that ran names its run: its Response may pass on any status.
const FLOW_RUN: &str = "x-ms-workflow-run-id";

/// Whether a service refused the token itself: 401 or 403 with `TokenExpired`, or 401 with no reason
/// in a header.
pub(crate) fn wants_another_token(answer: &Answer) -> bool {
    if answer.headers.contains_key(FLOW_RUN) {
        return false;
    }
    let named = REASONS.map(|name| answer.headers.get(name)?.to_str().ok());
    let expired = |name: &str| name.eq_ignore_ascii_case("TokenExpired");
    match answer.status.as_u16() {
        401 if named == [None; 2] => true,
        401 | 403 => {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = json.pointer("/error/code").or(json.get("errorCode"));
            let code = code.or(json.get("code")).and_then(Value::as_str);
            named.into_iter().flatten().chain(code).any(expired)
        }
        _ => false,
    }
}

/// The response that an answer without a token becomes: 401 for a refused credential, 503 for an
/// outage.
pub(crate) fn token_answer(error: &TokenError, host: &str) -> Answer {
    let mut headers = HeaderMap::new();
    let (status, code) = match error {
        TokenError::Refused { error, .. } => (StatusCode::UNAUTHORIZED, error.as_str()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, error.code()),
    };
    if let TokenError::Unavailable {
        retry_after: Some(wait),
        ..
    } = error
    {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    let message = format!("signing in at {host} failed: {error}");
    let body = json!({"error": {"code": code, "message": message}}).to_string();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ANSWERED_BY, HeaderValue::from_static("token"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Answer {
        status,
        headers,
        body: Bytes::from(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-10-01T01:00:00Z";

    fn reply(status: u16, body: &str) -> Result<Granted, TokenError> {
        reply_with(status, body, None)
    }

    fn reply_with(status: u16, body: &str, after: Option<&str>) -> Result<Granted, TokenError> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned().into(),
        };
        let redactor = Redactor::new();
        redactor.register(&SecretString::from("INVENTED-secret-0123"));
        read_reply(&answer, NOW.parse().unwrap(), &redactor)
    }

    #[test]
    fn a_life_may_be_a_number_or_a_string_or_missing() {
        for (field, seconds) in [
            (r#","expires_in":3599"#, 3599),
            (r#","expires_in":"3599""#, 3599),
            (r#","expires_in":12.5"#, 12),
            (r#","expires_in":18446744073709551615"#, 28 * 3600),
            ("", 300),
        ] {
            let body = format!(r#"{{"access_token":"INVENTED.tok.en"{field}}}"#);
            assert_eq!(
                reply(200, &body).unwrap().life,
                Duration::from_secs(seconds),
                "{field}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_error_the_number_and_what_to_do_and_no_secret() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for INVENTED-secret-0123 are expired. Trace ID: 11 Correlation ID: 22 Timestamp: 33","error_codes":[7000222]}"#;
        for status in [400, 401] {
            let error = reply(status, body).unwrap_err();
            assert_eq!(error.code(), "token_refused");
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("AADSTS7000222") && shown.contains("make a new one"),
                "{shown}"
            );
            assert!(
                !shown.contains("Trace") && !shown.contains("INVENTED"),
                "{shown}"
            );
        }
    }

    #[test]
    fn every_known_number_has_a_hint() {
        for number in [
            7_000_215, 7_000_222, 7_000_218, 700_016, 90_002, 70_011, 500_011, 900_144, 700_024,
        ] {
            let body = format!(
                r#"{{"error":"some_error","error_description":"AADSTS{number}: Something."}}"#
            );
            let Err(TokenError::Refused {
                number: read, hint, ..
            }) = reply(400, &body)
            else {
                panic!("{number} is a refusal");
            };
            assert_eq!(read, Some(number));
            assert!(!hint.is_empty(), "{number}");
        }
    }

    #[test]
    fn an_outage_is_not_a_refusal() {
        for (status, body) in [
            (429, r#"{"error":"invalid_client"}"#),
            (503, "<html>down</html>"),
            (500, r#"{"error":"server_error"}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (400, r#"{"error":"invalid_request","error_codes":[90055]}"#),
            (302, ""),
            (200, "<html>sign in</html>"),
            (200, r#"{"access_token":""}"#),
            (200, r#"{"access_token":"a b"}"#),
            (200, r#"{"access_token":"#),
        ] {
            assert_eq!(
                reply(status, body).unwrap_err().code(),
                "token_unavailable",
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_refusal_needs_no_words() {
        for (status, body) in [
            (401, ""),
            (400, "<html>a filter speaks</html>"),
            (403, "<html>a proxy speaks</html>"),
            (407, ""),
            (451, ""),
            (404, "not here"),
        ] {
            let error = reply(status, body).unwrap_err();
            assert_eq!(error.code(), "token_refused", "{status}");
            let shown = error.to_string();
            assert!(shown.contains("endpoints.login"), "{shown}");
            assert!(!shown.contains("html"), "{shown}");
        }
    }

    #[test]
    fn of_a_refusal_nothing_but_its_first_sentence_is_kept() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret. You sent INVENTED. Trace ID: 1","form":"INVENTED"}"#;
        let error = reply(401, body).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("Invalid client secret"), "{shown}");
        assert!(!shown.contains("INVENTED"), "{shown}");
    }

    #[test]
    fn a_retry_after_is_read_in_both_forms_and_capped() {
        for (text, seconds) in [
            ("17", Some(17)),
            ("Thu, 01 Oct 2026 01:00:30 GMT", Some(30)),
            ("Thu, 01 Oct 2026 00:00:00 GMT", Some(0)),
            ("99999", Some(3600)),
            ("soon", None),
        ] {
            let Err(TokenError::Unavailable { retry_after, .. }) = reply_with(503, "", Some(text))
            else {
                panic!("503 is an outage");
            };
            assert_eq!(retry_after, seconds.map(Duration::from_secs), "{text}");
        }
    }
}

#[cfg(test)]
mod answer_tests {
    use super::*;

    fn wants(status: u16, body: &'static str) -> bool {
        wants_another_token(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        })
    }

    #[test]
    fn only_a_401_and_an_expired_token_are_worth_another_token() {
        assert!(wants(401, "<html>"));
        assert!(wants(
            403,
            r#"{"error":{"code":"TokenExpired","message":"m"}}"#
        ));
        assert!(wants(403, r#"{"errorCode":"tokenExpired"}"#));
        for (status, body) in [
            (403, "<html>TokenExpired</html>"),
            (403, r#"{"error":{"code":"PowerBINotAuthorizedException"}}"#),
            (400, r#"{"error":{"code":"TokenExpired"}}"#),
            (200, ""),
        ] {
            assert!(!wants(status, body), "{status} {body}");
        }
    }
}
