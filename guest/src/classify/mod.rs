//! From what a service answered to what it means.
//!
//! `rows` is the only place that knows status and error codes; `said` reads what an answer says
//! of itself, however a gateway may have bent it. Nothing here decides what happens next: that
//! depends on whether a trigger may have left, which the machine knows.

mod asked;
mod rows;
mod said;
mod table;

use crate::contract::ServiceError;
use crate::ports::HttpAnswer;
use crate::redact::Redactor;

pub(crate) use asked::{Act, Asked, Class, Of};
pub(crate) use rows::DAILY_LIMIT;
pub(crate) use said::{Said, is_html, json_object, snake_case};
pub(crate) use table::{Row, by_service_code, of_run, unanswered};

/// The header by which a host says that an answer is its own: its token was refused.
const HOST_TOKEN_ANSWER: &str = "x-host-runner-answer";

/// How a semantic model says that a refresh is going on, under a code that says less. [O]
const IS_EXECUTING: &str = "another refresh request is already executing";

/// What an answer that is not a success means, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The row of the table that decided.
    pub(crate) row: &'static Row,
    /// What the service said.
    pub(crate) service_error: ServiceError,
}

/// Judges an answer that is not a success.
pub(crate) fn judge(asked: Asked, answer: &HttpAnswer, redactor: &Redactor) -> Judged {
    let said = Said::of(answer);
    let of_token = answer.status == 401 && answer.header(HOST_TOKEN_ANSWER) == Some("token");
    let code = if of_token {
        "invalid_client"
    } else if said.message.to_ascii_lowercase().contains(IS_EXECUTING) {
        rows::BUSY
    } else {
        &said.code
    };
    Judged {
        row: table::row(asked, answer.status, code),
        service_error: said.into_service_error(answer, redactor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_told_from_a_refused_trigger() {
        let mut answer = HttpAnswer {
            status: 401,
            headers: vec![],
            body: br#"{"error":{"code":"interaction_required","message":"m"}}"#.to_vec(),
        };
        let judged = judge(
            Asked::new(Of::Dataflow, Act::Read),
            &answer,
            &Redactor::default(),
        );
        assert_eq!(judged.row.code, "not_authorized");
        answer
            .headers
            .push(("X-Host-Runner-Answer".into(), "token".into()));
        let judged = judge(
            Asked::new(Of::Dataflow, Act::Read),
            &answer,
            &Redactor::default(),
        );
        assert_eq!(judged.row.code, "token_refused");
        assert_eq!(judged.service_error.code, "interaction_required");
    }
}
