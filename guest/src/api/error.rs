//! The error that a response reports: code, message, and the id that the service's support needs.
//!
//! Services write their errors in different forms, and gateways flatten them or replace them by an
//! HTML page. All of it is read leniently, and none of it is trusted to be short or free of secrets.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reply::{Field, is_html, object};
use crate::contract::ServiceError;
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, Redactor};

/// The service's code for the limit of refreshes in a rolling 24 hours. [O]
pub(crate) const DAILY_LIMIT: &str = "DailyDataflowRefreshLimitExceeded";

/// The most bytes of a code or id that are kept; the longest known one has 43.
const NAME_LIMIT: usize = 128;

/// The headers that hold the id for the service's support, the most specific first.
const ACTIVITY_HEADERS: [&str; 4] = [
    "x-ms-workflow-run-id",
    "RequestId",
    "x-ms-correlation-id",
    "x-ms-request-id",
];

/// An error as a service reports it; a field that it does not report is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorDetails {
    /// The service's code.
    pub(crate) code: String,
    /// The service's message.
    pub(crate) message: String,
    /// The id that the service's support needs.
    pub(crate) activity_id: String,
}

/// The body of an error, the reason of a failed run, or a flow's Response.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ErrorBody<'a> {
    code: Field<'a>,
    error_code: Field<'a>,
    error: Field<'a>,
    message: Field<'a>,
    error_description: Field<'a>,
    #[serde(rename = "error_description")]
    entra_description: Field<'a>,
    #[serde(rename = "pbi.error")]
    power_bi: Field<'a>,
    pub(super) request_id: Field<'a>,
    pub(super) status: Field<'a>,
    #[serde(rename = "type")]
    pub(super) kind: Field<'a>,
}

impl ErrorBody<'_> {
    /// The error of an object: nested, flat, or in the form of Power BI, Fabric or Entra.
    pub(super) fn details(&self) -> ErrorDetails {
        let nested: Option<ErrorBody<'_>> = self.error.object();
        let inner = nested.as_ref().unwrap_or(self);
        let power_bi: Option<ErrorBody<'_>> = inner.power_bi.object();
        let places = [Some(inner), power_bi.as_ref(), Some(self)];
        let texts = |fields: fn(&ErrorBody<'_>) -> [Option<String>; 3]| {
            let texts = places.into_iter().flatten().flat_map(fields).flatten();
            texts
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        // In flat forms `error` is a code or a sentence; a code has no blanks.
        let is_code = |text: &String| !text.contains(char::is_whitespace);
        let message = texts(message_fields).next();
        ErrorDetails {
            code: texts(code_fields).find(is_code).unwrap_or_default(),
            message: message
                .or_else(|| texts(code_fields).find(|text| !is_code(text)))
                .unwrap_or_default(),
            activity_id: String::new(),
        }
    }
}

fn code_fields(body: &ErrorBody<'_>) -> [Option<String>; 3] {
    [body.code, body.error_code, body.error].map(Field::string)
}

fn message_fields(body: &ErrorBody<'_>) -> [Option<String>; 3] {
    [body.message, body.entra_description, body.error_description].map(Field::string)
}

impl ErrorDetails {
    /// The error that a response reports.
    pub(crate) fn of(answer: &HttpAnswer) -> Self {
        let body = String::from_utf8_lossy(&answer.body);
        let text = body.trim();
        let mut details = match object::<ErrorBody<'_>>(text) {
            _ if is_html(answer) => Self::with_message(html_title(text)),
            Some(body) => body.details(),
            None => match serde_json::from_str::<String>(text) {
                Ok(message) => Self::with_message(message),
                Err(_) if serde_json::from_str::<&RawValue>(text).is_ok() => Self::default(),
                Err(_) => Self::with_message(text.to_owned()),
            },
        };
        // A flow may wrap a dataflow's error in anything, so this one code is searched for.
        if text.contains(DAILY_LIMIT) {
            DAILY_LIMIT.clone_into(&mut details.code);
        }
        let activity = ACTIVITY_HEADERS.iter().find_map(|name| answer.header(name));
        activity
            .unwrap_or_default()
            .clone_into(&mut details.activity_id);
        details
    }

    /// An error of which only the message is known.
    pub(super) fn with_message(message: String) -> Self {
        Self {
            message,
            ..Self::default()
        }
    }

    /// The error as the contract has it: short and without secrets.
    pub(crate) fn redacted(&self, redactor: &Redactor) -> ServiceError {
        ServiceError {
            code: redactor.line(&self.code, NAME_LIMIT),
            message: redactor.line(&self.message, MESSAGE_LIMIT),
            activity_id: redactor.line(&self.activity_id, NAME_LIMIT),
        }
    }
}

/// An error in parentheses, for messages; empty if nothing was reported.
pub(crate) fn in_parentheses(error: &ServiceError) -> String {
    let message = error.message.trim_end_matches('.');
    match (error.code.is_empty(), message.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" ({})", error.code),
        (true, false) => format!(" ({message})"),
        (false, false) => format!(" ({}: {message})", error.code),
    }
}

/// A service's code in snake case: `WorkflowNotFound` becomes `workflow_not_found`.
pub(crate) fn snake_case(code: &str) -> String {
    let chars: Vec<char> = code.chars().take(64).collect();
    let mut out = String::new();
    let mut before = None;
    for (at, c) in chars.iter().enumerate() {
        let next_is_lower = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let starts_word = before.is_none_or(|before: &char| {
            c.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower)
        });
        before = Some(c).filter(|c| c.is_ascii_alphanumeric());
        if before.is_some() {
            if starts_word && !out.is_empty() {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        }
    }
    out
}

fn html_title(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let from = at.checked_add("<title>".len())?;
        let end = lower.get(from..)?.find('<')?.checked_add(from)?;
        text.get(from..end)
    });
    match title.map(str::trim).filter(|title| !title.is_empty()) {
        Some(title) => format!("an HTML page: {title}"),
        None => "an HTML page".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> HttpAnswer {
        HttpAnswer {
            status: 400,
            headers: vec![("requestid".into(), " r-1 ".into())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn read(body: &str) -> (String, String) {
        let error = ErrorDetails::of(&answer(body));
        (error.code, error.message)
    }

    #[test]
    fn an_error_is_read_in_every_form() {
        for (body, code, message) in [
            (r#"{"error":{"code":"A","message":"m"}}"#, "A", "m"),
            (r#"{"error":"A","message":"m"}"#, "A", "m"),
            (r#"{"error":"it broke"}"#, "", "it broke"),
            (
                r#"{"error":"invalid_client","error_description":"m"}"#,
                "invalid_client",
                "m",
            ),
            (r#"{"message":"m"}"#, "", "m"),
            (r#"{"errorCode":"A","message":"m"}"#, "A", "m"),
            (r#"{"code":"A","message":"m","error":{}}"#, "A", "m"),
            (
                r#"{"error":{"code":"A","pbi.error":{"code":"B"}}}"#,
                "A",
                "",
            ),
            (r#"{"error":{"pbi.error":{"code":"B"}}}"#, "B", ""),
            (r#"{"error":{"code":7,"message":null}}"#, "", ""),
            (r#""just text""#, "", "just text"),
            ("[1]", "", ""),
            ("", "", ""),
            ("no json", "", "no json"),
            (
                "<html><head><title> Sign in </title>",
                "",
                "an HTML page: Sign in",
            ),
            ("<!DOCTYPE html><p>", "", "an HTML page"),
        ] {
            assert_eq!(read(body), (code.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn the_daily_limit_is_found_anywhere_in_the_body() {
        let body = r#"{"error":{"code":"Outer","message":"{\"code\":\"DailyDataflowRefreshLimitExceeded\"}"}}"#;
        assert_eq!(read(body).0, DAILY_LIMIT);
    }

    #[test]
    fn a_kept_error_is_short_and_holds_no_secret() {
        let body = format!(
            r#"{{"error":{{"code":"A","message":"url ?sig=INVENTED-sig-0123\n{}"}}}}"#,
            "x".repeat(5000)
        );
        let kept = ErrorDetails::of(&answer(&body)).redacted(&Redactor::default());
        assert_eq!(kept.message.len(), MESSAGE_LIMIT);
        assert!(kept.message.starts_with("url ?sig=*** xxx"));
        assert_eq!(kept.activity_id, "r-1");
    }

    #[test]
    fn a_code_is_written_in_snake_case() {
        for (code, snake) in [
            ("WorkflowNotFound", "workflow_not_found"),
            ("SASKeyInvalid", "sas_key_invalid"),
            ("order_limit", "order_limit"),
            ("ORDER-42 Bad", "order_42_bad"),
            ("a.b", "a_b"),
            ("HTTP2Error", "http2_error"),
            ("é", ""),
        ] {
            assert_eq!(snake_case(code), snake);
        }
    }
}
