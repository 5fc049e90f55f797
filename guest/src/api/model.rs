//! Semantic models of the Power BI API: standard and enhanced refreshes, and how responses are read.
//!
//! Sources: the Power BI REST reference for datasets, and "Enhanced refresh with the Power BI REST
//! API" (<https://learn.microsoft.com/power-bi/connect-data/asynchronous-refresh>).

use serde_json::{Value, json};

use super::dataflow;
use super::error::{ErrorBody, ErrorDetails};
use super::gen2;
use super::reply::{Field, Row, object, object_in, to_json};
use super::run::{Run, RunState};
use crate::contract::{EnhancedRefresh, ModelRefresh};
use crate::ports::HttpAnswer;
use crate::redact::{NAME_LIMIT, cut};

/// The status shown for a running refresh, where the service has only `Unknown`.
const IN_PROGRESS: &str = "InProgress";

/// The body of a refresh.
pub(crate) fn refresh_body(refresh: &ModelRefresh) -> String {
    match refresh {
        ModelRefresh::Standard(mail_on_failure) => dataflow::refresh_body(*mail_on_failure),
        ModelRefresh::Enhanced(enhanced) => enhanced_body(enhanced),
    }
}

/// An enhanced refresh must not have a `notifyOption`, and must have another field. [V]
fn enhanced_body(refresh: &EnhancedRefresh) -> String {
    let objects = refresh
        .objects
        .iter()
        .map(|object| without_nulls(json!({"table": object.table, "partition": object.partition})));
    let objects: Vec<Value> = objects.collect();
    let timeout = refresh.timeout_seconds.map(|seconds| {
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    });
    let commit_mode = refresh.partial_batch.map(|partial| match partial {
        true => "partialBatch",
        false => "transactional",
    });
    to_json(&without_nulls(json!({
        "type": refresh.type_.as_deref().unwrap_or("automatic"),
        "commitMode": commit_mode,
        "maxParallelism": refresh.max_parallelism,
        "retryCount": refresh.retry_count,
        "timeout": timeout,
        "objects": (!objects.is_empty()).then_some(objects),
        "applyRefreshPolicy": refresh.apply_refresh_policy,
        "effectiveDate": refresh.effective_date,
    })))
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// The run that the response to a trigger names: an enhanced one in `Location` and
/// `x-ms-request-id` [V], a standard one in `RequestId` [V-code].
pub(crate) fn run_in(answer: &HttpAnswer, enhanced: bool) -> Option<String> {
    if !enhanced {
        return request_id(answer);
    }
    let location = answer.header("location").and_then(gen2::run_in);
    location.or_else(|| Some(id(answer.header("x-ms-request-id")?)))
}

/// The id in the header that every response of the API has; that of an accepted refresh is the
/// run's.
pub(crate) fn request_id(answer: &HttpAnswer) -> Option<String> {
    let header = answer.header("RequestId");
    header.filter(|_| answer.status == 202).map(id)
}

fn id(text: &str) -> String {
    cut(text, NAME_LIMIT).to_ascii_lowercase()
}

/// A row of the history.
pub(super) fn refresh(row: &Row<'_>) -> Option<Run> {
    let id = row.request_id.text().or_else(|| row.id.text())?;
    Some(run_of(row, &id))
}

/// An enhanced refresh on its own page. A 202 means that it is running, whatever the page shows.
pub(crate) fn details(answer: &HttpAnswer, run: &str) -> Option<Run> {
    let mut run = run_of(&object_in(answer)?, run);
    if run.refresh_type.is_empty() {
        // Only enhanced refreshes have a page of their own.
        "ViaEnhancedApi".clone_into(&mut run.refresh_type);
    }
    if answer.status == 202 && run.is_final() {
        run.state = RunState::Running;
        IN_PROGRESS.clone_into(&mut run.status);
    }
    Some(run)
}

fn run_of(row: &Row<'_>, id: &str) -> Run {
    let mut status = row.status.text().unwrap_or_default();
    let failed = matches!(
        RunState::parse(&status),
        RunState::Failed | RunState::Cancelled
    );
    if status.eq_ignore_ascii_case("unknown") {
        // `Unknown` means that the run is in progress. [V]
        IN_PROGRESS.clone_into(&mut status);
    }
    // The extended status is more precise, but it never turns a failure into a success.
    let extended = row.extended_status.text().filter(|extended| {
        let contradicts = failed && RunState::parse(extended) == RunState::Succeeded;
        !extended.eq_ignore_ascii_case("unknown") && !contradicts
    });
    let status = extended.unwrap_or(status);
    Run {
        id: id.to_ascii_lowercase(),
        refresh_type: row.refresh_type.text().unwrap_or_default(),
        state: RunState::parse(&status),
        status,
        started: row.start_time.time(),
        ended: row.end_time.time(),
        error: failure(row).map(|error| ErrorDetails {
            activity_id: id.to_owned(),
            ..error
        }),
    }
}

/// Why a refresh failed: its own exception, otherwise that of its last attempt, otherwise its first
/// error message.
fn failure(row: &Row<'_>) -> Option<ErrorDetails> {
    let attempts = row.refresh_attempts.objects();
    let attempts: Vec<Row<'_>> = attempts.into_iter().flatten().collect();
    let failures: Vec<ErrorDetails> = attempts
        .iter()
        .filter_map(|attempt| exception(attempt.service_exception_json))
        .collect();
    let mut error = exception(row.service_exception_json)
        .or_else(|| failures.last().cloned())
        .or_else(|| first_error(row.messages))?;
    if attempts.len() > 1 {
        let codes: Vec<&str> = failures.iter().map(|error| error.code.as_str()).collect();
        let attempts = format!("{} attempts: {}", attempts.len(), codes.join(", "));
        if error.message.is_empty() {
            error.message = attempts;
        } else {
            error.message = format!("{} ({attempts})", error.message);
        }
    }
    Some(error)
}

/// `serviceExceptionJson` is JSON inside a string. [V]
fn exception(field: Field<'_>) -> Option<ErrorDetails> {
    let json = field.string().filter(|json| !json.trim().is_empty())?;
    match object::<ErrorBody<'_>>(&json) {
        Some(body) => Some(body.details()),
        None => Some(ErrorDetails::with_message(json)),
    }
}

fn first_error(messages: Field<'_>) -> Option<ErrorDetails> {
    let is_error = |message: &ErrorBody<'_>| {
        let kind = message.kind.text();
        kind.is_none_or(|kind| kind.eq_ignore_ascii_case("error"))
    };
    let error = messages.objects()?.find(is_error)?;
    Some(error.details())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::run::runs_of;
    use crate::testing::{answer, ok, with};

    fn refreshes(answer: &HttpAnswer) -> Option<Vec<Run>> {
        runs_of(answer, refresh)
    }

    fn row(fields: &str) -> Run {
        let body = format!(r#"{{"value":[{{"requestId":"954E",{fields}}}]}}"#);
        refreshes(&ok(&body)).unwrap().remove(0)
    }

    #[test]
    fn a_row_of_the_history_is_read() {
        let run = row(
            r#""id":937845027,"refreshType":"ViaApi","startTime":"2026-10-01T01:00:00.96Z","status":"Unknown""#,
        );
        assert_eq!(
            (run.id.as_str(), run.refresh_type.as_str()),
            ("954e", "ViaApi")
        );
        assert_eq!(
            (run.state, run.status.as_str()),
            (RunState::Running, "InProgress")
        );
        assert_eq!(
            run.started.map(|at| at.to_string()).as_deref(),
            Some("2026-10-01T01:00:00.960Z")
        );
        assert_eq!((run.ended, run.error), (None, None));
        let only_number =
            refreshes(&ok(r#"{"value":[{"id":7,"status":"Completed"},{}]}"#)).unwrap();
        assert_eq!((only_number.len(), only_number[0].id.as_str()), (1, "7"));
    }

    #[test]
    fn contradicting_states_are_never_success() {
        for (status, extended, state, text) in [
            ("Unknown", None, RunState::Running, "InProgress"),
            ("Unknown", Some("Unknown"), RunState::Running, "InProgress"),
            (
                "Unknown",
                Some("NotStarted"),
                RunState::Running,
                "NotStarted",
            ),
            (
                "Unknown",
                Some("InProgress"),
                RunState::Running,
                "InProgress",
            ),
            ("Completed", None, RunState::Succeeded, "Completed"),
            (
                "Completed",
                Some("Completed"),
                RunState::Succeeded,
                "Completed",
            ),
            ("Failed", Some("TimedOut"), RunState::Failed, "TimedOut"),
            ("Failed", None, RunState::Failed, "Failed"),
            ("Disabled", None, RunState::Failed, "Disabled"),
            ("Cancelled", None, RunState::Cancelled, "Cancelled"),
            ("Completed", Some("Failed"), RunState::Failed, "Failed"),
            ("Failed", Some("Completed"), RunState::Failed, "Failed"),
            (
                "Cancelled",
                Some("Completed"),
                RunState::Cancelled,
                "Cancelled",
            ),
            (
                "Completed",
                Some("Polishing"),
                RunState::Unknown,
                "Polishing",
            ),
            ("Polishing", None, RunState::Unknown, "Polishing"),
            ("", None, RunState::Unknown, ""),
        ] {
            let extended = extended.map(|word| format!(r#","extendedStatus":"{word}""#));
            let run = row(&format!(
                r#""status":"{status}"{}"#,
                extended.unwrap_or_default()
            ));
            assert_eq!((run.state, run.status.as_str()), (state, text), "{status}");
        }
    }

    #[test]
    fn a_page_with_202_is_a_running_run() {
        let body = r#"{"startTime":"2026-10-01T01:00:00.833","type":"Full","commitMode":"Transactional","status":"Unknown","extendedStatus":"InProgress","currentRefreshType":"Full","numberOfAttempts":0}"#;
        let run = details(&answer(202, body), "954e").unwrap();
        assert_eq!((run.id.as_str(), run.state), ("954e", RunState::Running));
        assert_eq!(
            run.started.map(|at| at.to_string()).as_deref(),
            Some("2026-10-01T01:00:00.833Z")
        );
        for word in ["Completed", "Failed"] {
            let body = format!(r#"{{"status":"{word}"}}"#);
            let run = details(&answer(202, &body), "x").unwrap();
            assert_eq!(
                (run.state, run.status.as_str()),
                (RunState::Running, "InProgress")
            );
            assert!(details(&ok(&body), "x").unwrap().is_final());
        }
        let odd = details(&answer(202, r#"{"status":"Odd"}"#), "x").unwrap();
        assert_eq!(odd.state, RunState::Unknown);
        assert_eq!(details(&answer(202, ""), "x"), None);
    }

    #[test]
    fn the_reason_of_a_failure_is_found_in_every_place() {
        for (fields, code, message) in [
            (
                r#""serviceExceptionJson":"{\"errorCode\":\"ModelRefreshFailed_CredentialsNotSpecified\"}""#,
                "ModelRefreshFailed_CredentialsNotSpecified",
                "",
            ),
            (
                r#""serviceExceptionJson":"{\"errorCode\":\"E\",\"errorDescription\":\"why\"}""#,
                "E",
                "why",
            ),
            (r#""serviceExceptionJson":"not JSON""#, "", "not JSON"),
            (
                r#""refreshAttempts":[{"attemptId":1,"serviceExceptionJson":"{\"errorCode\":\"First\"}"},{"attemptId":2,"serviceExceptionJson":"{\"errorCode\":\"Second\"}"}]"#,
                "Second",
                "2 attempts: First, Second",
            ),
            (
                r#""messages":[{"code":"0x1","message":"careful","type":"Warning"},{"code":"0xC11","message":"broken","type":"Error"}]"#,
                "0xC11",
                "broken",
            ),
        ] {
            let run = row(&format!(r#""status":"Failed",{fields}"#));
            let error = run.error.unwrap();
            assert_eq!(
                (error.code.as_str(), error.message.as_str()),
                (code, message)
            );
        }
        assert_eq!(
            row(r#""status":"Failed","serviceExceptionJson":"""#).error,
            None
        );
    }

    #[test]
    fn the_response_to_a_trigger_names_its_run_in_a_header() {
        let id = "954E0000-0000-0000-0000-00000000000A";
        let low = id.to_lowercase();
        let location = format!("https://api.powerbi.example/v1.0/myorg/x/refreshes/{id}");
        let of = |name: &str, value: &str| with(answer(202, ""), name, value);
        for (answer, enhanced, run) in [
            (of("RequestId", id), false, Some(low.as_str())),
            (of("Location", &location), false, None),
            (of("Location", &location), true, Some(low.as_str())),
            (of("x-ms-request-id", id), true, Some(low.as_str())),
            // Every response has a `RequestId`; it does not name an enhanced refresh.
            (of("RequestId", id), true, None),
            (answer(202, ""), true, None),
        ] {
            assert_eq!(run_in(&answer, enhanced).as_deref(), run);
        }
    }
}
