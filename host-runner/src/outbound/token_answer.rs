//! Answers that are about the token: the service's, and the one that the runner gives in its place.
//!
//! A credential that the identity provider refuses is answered like a service's own 401, so that
//! a guest, on any host, needs to know one kind of refusal only.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::token_reply::TokenError;
use super::transport::Answer;

/// The header of an answer that the runner gave in a service's place; its value is `token`.
pub const ANSWERED_BY: HeaderName = HeaderName::from_static("x-host-runner-answer");

/// Whether a service refused the token itself: 401, or 403 `TokenExpired` as Power BI does.
pub(crate) fn wants_another_token(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = json
                .pointer("/error/code")
                .or_else(|| json.get("errorCode"));
            let code = code.or_else(|| json.get("code")).and_then(Value::as_str);
            code.is_some_and(|code| code.eq_ignore_ascii_case("TokenExpired"))
        }
        _ => false,
    }
}

/// The answer that a refused credential becomes.
pub(crate) fn token_answer(error: &TokenError) -> Answer {
    let code = match error {
        TokenError::Refused { error, .. } => error.as_str(),
        TokenError::Unavailable { .. } => error.code(),
    };
    let body = json!({"error": {"code": code, "message": error.to_string()}}).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ANSWERED_BY, HeaderValue::from_static("token"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Answer {
        status: StatusCode::UNAUTHORIZED,
        headers,
        body: Bytes::from(body),
    }
}

#[cfg(test)]
mod tests {
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
