//! The error that a response reports: code, message, and the id that the service's support needs.
//!
//! Services write their errors in different forms, and gateways flatten them or replace them by an
//! HTML page. All of it is read leniently, and none of it is trusted to be short or free of secrets.

use serde::Deserialize;

use super::reply::{Field, is_html, object};
use crate::contract::ServiceError;
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, NAME_LIMIT, Redactor};

/// The service's code for the limit of refreshes in a rolling 24 hours. [O]
pub(crate) const DAILY_LIMIT: &str = "DailyDataflowRefreshLimitExceeded";

/// The code of a paused capacity, of Fabric and of Power BI. [O]
pub(crate) const CAPACITY: &str = "CapacityNotActive";

/// How many JSON objects inside texts are read, one within the other.
const MOST_LEVELS: u32 = 3;

/// The headers that hold an error's code, where the body may be empty. [O]
const CODE_HEADERS: [&str; 2] = ["x-powerbi-error-info", "x-ms-public-api-error-code"];

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

/// The body of an error, the reason of a failed run, or a flow's Response. The connectors of Power
/// Automate write their fields in upper case. [O]
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ErrorBody<'a> {
    code: Field<'a>,
    error_code: Field<'a>,
    error: Field<'a>,
    message: Field<'a>,
    #[serde(rename = "Message")]
    connector_message: Field<'a>,
    #[serde(rename = "Reason")]
    connector_reason: Field<'a>,
    error_description: Field<'a>,
    #[serde(rename = "error_description")]
    entra_description: Field<'a>,
    #[serde(rename = "pbi.error")]
    power_bi: Field<'a>,
    details: Field<'a>,
    pub(super) request_id: Field<'a>,
    #[serde(rename = "ClientRequestId")]
    client_request_id: Field<'a>,
    #[serde(rename = "type")]
    pub(super) kind: Field<'a>,
}

/// One of the details of a Power BI error: `{"code": …, "detail": {"type": 1, "value": …}}`. [O]
#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Detail<'a> {
    code: Field<'a>,
    detail: Field<'a>,
    value: Field<'a>,
}

impl ErrorBody<'_> {
    /// The error of an object: nested, flat, or in the form of Power BI, Fabric, Entra or a
    /// connector. A message may hold another such object, whose error is the more precise one.
    pub(super) fn details(&self) -> ErrorDetails {
        self.details_within(MOST_LEVELS)
    }

    fn details_within(&self, levels: u32) -> ErrorDetails {
        let nested: Option<ErrorBody<'_>> = self.error.object();
        let inner = nested.as_ref().unwrap_or(self);
        let power_bi: Option<ErrorBody<'_>> = inner.power_bi.object();
        let places = || [Some(inner), power_bi.as_ref(), Some(self)].into_iter();
        let filled = |text: &String| !text.trim().is_empty();
        // In flat forms `error` is a code or a sentence; such a code has no blanks.
        let flat = || places().flatten().filter_map(|body| body.error.string());
        let is_sentence = |text: &String| text.contains(char::is_whitespace);
        let codes = places().flatten().flat_map(ErrorBody::codes);
        let mut codes = codes.chain(flat().filter(|text| !is_sentence(text)));
        let messages = places().flatten().flat_map(ErrorBody::messages);
        let mut messages = messages.chain(flat().filter(is_sentence));
        let own = ErrorDetails {
            code: codes.find(filled).unwrap_or_default().trim().to_owned(),
            message: messages.find(filled).unwrap_or_default().trim().to_owned(),
            activity_id: self.client_request_id.text().unwrap_or_default(),
        };
        own.within(levels)
    }

    fn codes(&self) -> impl Iterator<Item = String> {
        let fields = [self.code, self.error_code, self.connector_reason];
        fields.into_iter().filter_map(Field::string)
    }

    fn messages(&self) -> impl Iterator<Item = String> {
        let fields = [
            self.message,
            self.connector_message,
            self.entra_description,
            self.error_description,
        ];
        let texts = fields.into_iter().filter_map(Field::string);
        texts.chain(self.sentence())
    }

    /// The sentence among the details: the one that is named so, otherwise the first that is no
    /// number.
    fn sentence(&self) -> Option<String> {
        let details: Vec<Detail<'_>> = self.details.objects()?.collect();
        let value = |detail: &Detail<'_>| {
            let inner: Option<Detail<'_>> = detail.detail.object();
            inner.and_then(|inner| inner.value.string())
        };
        let is_named = |detail: &&Detail<'_>| {
            let code = detail.code.string().unwrap_or_default();
            code.ends_with("Message") || code.ends_with("Label")
        };
        let mut named = details.iter().filter(is_named).filter_map(value);
        let mut rest = details.iter().filter_map(value);
        let is_text = |text: &String| text.contains(char::is_whitespace);
        named.next().or_else(|| rest.find(is_text))
    }
}

impl ErrorDetails {
    /// The error that a response reports. If its form is unknown, its text is the message, so that a
    /// person can read what was received.
    pub(crate) fn of(answer: &HttpAnswer) -> Self {
        let body = String::from_utf8_lossy(&answer.body);
        let text = body.trim();
        let mut details = match object::<ErrorBody<'_>>(text) {
            _ if is_html(answer) => Self::with_message(html_title(text)),
            Some(body) => body.details(),
            None => {
                let message = serde_json::from_str::<String>(text);
                Self::with_message(message.unwrap_or_else(|_| text.to_owned())).within(MOST_LEVELS)
            }
        };
        // Flows and gateways wrap an error in anything, so these codes are searched for.
        for code in [DAILY_LIMIT, CAPACITY]
            .into_iter()
            .filter(|code| text.contains(code))
        {
            code.clone_into(&mut details.code);
        }
        let header = |names: &[&str]| names.iter().find_map(|name| answer.header(name));
        if let Some(code) = header(&CODE_HEADERS).filter(|_| details.code.is_empty()) {
            code.clone_into(&mut details.code);
        }
        if details.code.is_empty() && details.message.is_empty() && text != "{}" {
            text.clone_into(&mut details.message);
        }
        if let Some(id) = header(&ACTIVITY_HEADERS).filter(|_| details.activity_id.is_empty()) {
            id.clone_into(&mut details.activity_id);
        }
        details
    }

    /// The error of the JSON object in the message, if there is one with an error; otherwise this
    /// one. Connectors and gateways put a service's error into a sentence of their own. [O]
    fn within(self, levels: u32) -> Self {
        let levels = levels.saturating_sub(1);
        let inner = || {
            let json = self.message.get(self.message.find('{')?..)?;
            let json = json.get(..=json.rfind('}')?)?;
            Some(object::<ErrorBody<'_>>(json)?.details_within(levels))
        };
        match inner().filter(|_| levels > 0) {
            Some(inner) if !inner.message.is_empty() || !inner.code.is_empty() => Self {
                code: Some(inner.code)
                    .filter(|code| !code.is_empty())
                    .unwrap_or(self.code),
                message: inner.message,
                activity_id: self.activity_id,
            },
            _ => self,
        }
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
            (
                r#"{"error":{"code":7,"message":null}}"#,
                "",
                r#"{"error":{"code":7,"message":null}}"#,
            ),
            (r#""just text""#, "", "just text"),
            ("[1]", "", "[1]"),
            ("", "", ""),
            ("{}", "", ""),
            (r#"{"unknown":1}"#, "", r#"{"unknown":1}"#),
            (
                r#"{"error":{"code":"Request Throttled","message":"m"}}"#,
                "Request Throttled",
                "m",
            ),
            (
                r#"{"Message":"The backend request failed with error code '400'","Reason":"Bad Request","OperationId":"RefreshDataflow"}"#,
                "Bad Request",
                "The backend request failed with error code '400'",
            ),
            (
                r#"{"error":{"code":"A","pbi.error":{"details":[{"code":"ErrorCode","detail":{"value":"-2147467259"}},{"code":"ErrorMessage","detail":{"value":"m n"}}]}}}"#,
                "A",
                "m n",
            ),
            (
                r#"{"error":{"code":"A","pbi.error":{"details":[{"code":"X","detail":{"value":"-1"}},{"code":"Y","detail":{"value":"m n"}}]}}}"#,
                "A",
                "m n",
            ),
            (
                r#"failed: {"error":{"code":"A","message":"m"}} (trace 1)"#,
                "A",
                "m",
            ),
            (
                r#"{"status":400,"message":"{\"error\":{\"code\":\"A\",\"message\":\"m\"}}\nclientRequestId: 1","error":{"message":""}}"#,
                "A",
                "m",
            ),
            (
                r#"{"code":"A","message":"in {braces}"}"#,
                "A",
                "in {braces}",
            ),
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
    fn a_header_gives_the_code_that_the_body_does_not_have() {
        for name in CODE_HEADERS {
            let mut answer = answer("");
            answer
                .headers
                .push((name.to_owned(), "TokenExpired".into()));
            assert_eq!(ErrorDetails::of(&answer).code, "TokenExpired");
            answer.body = br#"{"error":{"code":"A"}}"#.to_vec();
            assert_eq!(ErrorDetails::of(&answer).code, "A");
        }
    }

    #[test]
    fn a_connectors_request_id_is_the_activity_id() {
        let body = answer(r#"{"Message":"m","ClientRequestId":"c-1"}"#);
        assert_eq!(ErrorDetails::of(&body).activity_id, "c-1");
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
