//! What an answer says of itself: code, message and the id that its support asks for.
//!
//! Services wrap their errors in different ways, and gateways flatten them or put an HTML page in
//! their place; all of it is read leniently, and nothing of it is trusted to be short or clean.

use super::rows::DAILY_LIMIT;
use crate::contract::ServiceError;
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, Redactor};

/// The longest code or id that is kept, in bytes; the longest known one has 43.
const NAME_LIMIT: usize = 128;

/// Where a service puts the id that its support asks for, the most telling first.
const ACTIVITY_HEADERS: [&str; 4] = [
    "x-ms-workflow-run-id",
    "RequestId",
    "x-ms-correlation-id",
    "x-ms-request-id",
];

/// Code and message, as they stand in an answer; empty where they do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The service's code.
    pub(crate) code: String,
    /// The service's message.
    pub(crate) message: String,
}

impl Said {
    /// What a body says.
    pub(crate) fn of(answer: &HttpAnswer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let mut said = if is_html(answer) {
            Self {
                code: String::new(),
                message: html_title(&text),
            }
        } else {
            match Json::parse(&text) {
                Some(Json::Object(object)) => Self::of_object(&object),
                Some(Json::Text(message)) => Self {
                    code: String::new(),
                    message,
                },
                Some(_) => Self::default(),
                None => Self {
                    code: String::new(),
                    message: text.trim().to_owned(),
                },
            }
        };
        // A flow may wrap what the dataflow said in anything; this one code is worth finding.
        if text.contains(DAILY_LIMIT) {
            said.code = DAILY_LIMIT.to_owned();
        }
        said
    }

    /// What a JSON object says: nested, flat, or in the way of Power BI, Fabric and Entra.
    pub(crate) fn of_object(object: &Object) -> Self {
        let nested = object.get("error").and_then(Json::as_object);
        let inner = nested.unwrap_or(object);
        let detail = inner.get("pbi.error").and_then(Json::as_object);
        let first = |names: &[&str], fits: fn(&str) -> bool| {
            [Some(inner), detail, Some(object)]
                .into_iter()
                .flatten()
                .flat_map(|place| names.iter().filter_map(|name| place.get(name)))
                .filter_map(Json::as_text)
                .map(str::trim)
                .find(|text| !text.is_empty() && fits(text))
                .unwrap_or_default()
                .to_owned()
        };
        // `error` is a code in some flat forms and a sentence in others; a code has no blanks.
        let is_code = |text: &str| !text.contains(char::is_whitespace);
        let message = first(&["message", "error_description"], |_| true);
        Self {
            code: first(&["code", "errorCode", "error"], is_code),
            message: if message.is_empty() {
                first(&["error"], |text| text.contains(char::is_whitespace))
            } else {
                message
            },
        }
    }

    /// The same, short and without secrets, with the id that support asks for.
    pub(crate) fn into_service_error(
        self,
        answer: &HttpAnswer,
        redactor: &Redactor,
    ) -> ServiceError {
        let activity = ACTIVITY_HEADERS
            .iter()
            .find_map(|name| answer.header(name))
            .unwrap_or_default();
        self.in_short(activity, redactor)
    }

    /// The same, short and without secrets.
    pub(crate) fn in_short(&self, activity_id: &str, redactor: &Redactor) -> ServiceError {
        ServiceError {
            code: redactor.line(&self.code, NAME_LIMIT),
            message: redactor.line(&self.message, MESSAGE_LIMIT),
            activity_id: redactor.line(activity_id, NAME_LIMIT),
        }
    }
}

/// Whether an answer is a page for people: a proxy's, a login's, a gateway's.
pub(crate) fn is_html(answer: &HttpAnswer) -> bool {
    let typed = answer
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    let start = answer
        .body
        .get(..answer.body.len().min(64))
        .unwrap_or_default();
    let start = String::from_utf8_lossy(start)
        .trim_start()
        .to_ascii_lowercase();
    typed || start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// The body as a JSON object.
pub(crate) fn json_object(answer: &HttpAnswer) -> Option<Object> {
    match Json::parse(std::str::from_utf8(&answer.body).ok()?) {
        Some(Json::Object(object)) => Some(object),
        _ => None,
    }
}

/// A service's code in our way of writing: `WorkflowNotFound` becomes `workflow_not_found`.
pub(crate) fn snake_case(code: &str) -> String {
    let chars: Vec<char> = code.chars().take(64).collect();
    let mut out = String::new();
    let mut before: Option<char> = None;
    for (at, c) in chars.iter().copied().enumerate() {
        if !c.is_ascii_alphanumeric() {
            before = None;
            continue;
        }
        let begins_word = match before {
            None => true,
            Some(p) => {
                let next_is_lower = chars
                    .get(at.saturating_add(1))
                    .is_some_and(char::is_ascii_lowercase);
                c.is_ascii_uppercase() && (!p.is_ascii_uppercase() || next_is_lower)
            }
        };
        if begins_word && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = Some(c);
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

    fn said(body: &str) -> (String, String) {
        let said = Said::of(&answer(body));
        (said.code, said.message)
    }

    #[test]
    fn an_error_is_read_in_every_wrapping() {
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
            assert_eq!(said(body), (code.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn the_daily_limit_is_found_wherever_it_stands() {
        let body = r#"{"error":{"code":"Outer","message":"{\"code\":\"DailyDataflowRefreshLimitExceeded\"}"}}"#;
        assert_eq!(said(body).0, DAILY_LIMIT);
    }

    #[test]
    fn what_is_kept_is_short_and_has_no_secret() {
        let body = format!(
            r#"{{"error":{{"code":"A","message":"url ?sig=INVENTED-sig-0123\n{}"}}}}"#,
            "x".repeat(5000)
        );
        let answer = answer(&body);
        let kept = Said::of(&answer).into_service_error(&answer, &Redactor::default());
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
