//! Semantic models of the Power BI API: standard and enhanced refreshes, and how the answers are
//! read.
//!
//! Sources: the Power BI REST reference for datasets, and "Enhanced refresh with the Power BI REST
//! API" (<https://learn.microsoft.com/power-bi/connect-data/asynchronous-refresh>).

use super::dataflow::groups_url;
use super::rows::{newest_first, rows, text, time};
use super::run::{Run, RunError, State};
use super::watched::Watched;
use crate::classify::{Said, json_object};
use crate::contract::{EnhancedRefresh, ModelRefresh};
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::url::encode_segment;

/// Our word for a run that goes on, where the service has only `Unknown`.
const GOES_ON: &str = "InProgress";
/// How many runs of the history are read; the service's own default.
const MOST_RUNS: u32 = 60;

/// The body of a refresh.
pub(crate) fn refresh_body(refresh: &ModelRefresh) -> String {
    match refresh {
        ModelRefresh::Standard(mail_on_failure) => super::dataflow::refresh_body(*mail_on_failure),
        ModelRefresh::Enhanced(enhanced) => enhanced_body(enhanced),
    }
}

/// An enhanced refresh must not have a `notifyOption`, and must have something else. [V]
fn enhanced_body(wanted: &EnhancedRefresh) -> String {
    let mut body = Object::default();
    let text = |text: &str| Json::Text(text.to_owned());
    let kind = wanted.type_.as_deref().unwrap_or("automatic");
    body.set("type".to_owned(), text(kind));
    if let Some(partial) = wanted.partial_batch {
        let mode = if partial {
            "partialBatch"
        } else {
            "transactional"
        };
        body.set("commitMode".to_owned(), text(mode));
    }
    for (name, number) in [
        ("maxParallelism", wanted.max_parallelism),
        ("retryCount", wanted.retry_count),
    ] {
        if let Some(number) = number {
            body.set(name.to_owned(), Json::Number(number.to_string()));
        }
    }
    if let Some(seconds) = wanted.timeout_seconds {
        let timeout = format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        body.set("timeout".to_owned(), Json::Text(timeout));
    }
    if !wanted.objects.is_empty() {
        let objects = wanted.objects.iter().map(|object| {
            let mut entry = Object::default();
            entry.set("table".to_owned(), text(&object.table));
            if let Some(partition) = &object.partition {
                entry.set("partition".to_owned(), text(partition));
            }
            Json::Object(entry)
        });
        body.set("objects".to_owned(), Json::List(objects.collect()));
    }
    if let Some(apply) = wanted.apply_refresh_policy {
        body.set("applyRefreshPolicy".to_owned(), Json::Bool(apply));
    }
    if let Some(date) = &wanted.effective_date {
        body.set("effectiveDate".to_owned(), text(date));
    }
    body.to_text()
}

/// Where a model is refreshed.
pub(crate) fn refreshes_url(watched: &Watched<'_>) -> String {
    format!(
        "{}/{}/refreshes",
        models_url(&watched.endpoints.power_bi, &watched.item.workspace),
        watched.item.item
    )
}

/// Where a model's history is read.
pub(crate) fn history_url(watched: &Watched<'_>) -> String {
    format!("{}?$top={MOST_RUNS}", refreshes_url(watched))
}

/// Where an enhanced refresh is read, and stopped.
pub(crate) fn refresh_url(watched: &Watched<'_>, run: &str) -> String {
    format!("{}/{}", refreshes_url(watched), encode_segment(run))
}

/// Where a workspace's models are listed.
pub(crate) fn models_url(power_bi: &str, workspace: &str) -> String {
    format!("{}/{workspace}/datasets", groups_url(power_bi))
}

/// The run that the answer to a trigger names: an enhanced one in `Location` and
/// `x-ms-request-id` [V], a standard one in `RequestId` [V-code].
pub(crate) fn run_in(answer: &HttpAnswer, enhanced: bool) -> Option<String> {
    if !enhanced {
        // Every answer of the API has such a header; that of a refresh that was taken is its id.
        return (answer.status == 202)
            .then(|| answer.header("RequestId").map(str::to_ascii_lowercase))
            .flatten();
    }
    answer
        .header("location")
        .and_then(super::gen2::run_in)
        .or_else(|| {
            answer
                .header("x-ms-request-id")
                .map(str::to_ascii_lowercase)
        })
}

/// The history in an answer; nothing where the answer holds none.
pub(crate) fn refreshes(answer: &HttpAnswer) -> Option<Vec<Run>> {
    let runs = rows(answer, |entry| {
        let id = text(entry, "requestId").or_else(|| text(entry, "id"))?;
        Some(run_of(entry, &id))
    })?;
    Some(newest_first(runs))
}

/// An enhanced refresh as its own page shows it. 202 means that it goes on, whatever stands there.
pub(crate) fn details(answer: &HttpAnswer, run: &str) -> Option<Run> {
    let mut run = run_of(&json_object(answer)?, run);
    if run.refresh_type.is_empty() {
        // Only these have a page of their own.
        "ViaEnhancedApi".clone_into(&mut run.refresh_type);
    }
    if answer.status == 202 && run.is_over() {
        run.state = State::Running;
        GOES_ON.clone_into(&mut run.status);
    }
    Some(run)
}

fn run_of(entry: &Object, id: &str) -> Run {
    let told = text(entry, "status").unwrap_or_default();
    // `Unknown` is the word for a run that goes on. [V]
    let goes_on = told.eq_ignore_ascii_case("unknown");
    let failed = matches!(State::of(&told), State::Failed | State::Cancelled);
    // The detail decides; but it makes no success of what is said to have failed.
    let extended = text(entry, "extendedStatus")
        .filter(|extended| !extended.eq_ignore_ascii_case("unknown"))
        .filter(|extended| !failed || State::of(extended) != State::Succeeded);
    let state = match &extended {
        Some(extended) => State::of(extended),
        None if goes_on => State::Running,
        None => State::of(&told),
    };
    let status = match extended {
        Some(extended) => extended,
        None if goes_on => GOES_ON.to_owned(),
        None => told,
    };
    Run {
        id: id.to_ascii_lowercase(),
        refresh_type: text(entry, "refreshType").unwrap_or_default(),
        state,
        status,
        started: time(entry, "startTime"),
        ended: time(entry, "endTime"),
        said: why(entry, id),
    }
}

/// Why a refresh failed: its own word, else that of its last attempt, else its first message of an
/// error. `serviceExceptionJson` is JSON inside of a text. [V]
fn why(entry: &Object, id: &str) -> Option<RunError> {
    let list = |name: &str| match entry.get(name) {
        Some(Json::List(entries)) => entries.iter().filter_map(Json::as_object).collect(),
        _ => Vec::new(),
    };
    let attempts = list("refreshAttempts");
    let failures: Vec<Said> = attempts.iter().filter_map(|one| exception(one)).collect();
    let mut said = exception(entry)
        .or_else(|| failures.last().cloned())
        .or_else(|| {
            list("messages")
                .into_iter()
                .find(|message| {
                    text(message, "type").is_none_or(|kind| kind.eq_ignore_ascii_case("error"))
                })
                .map(Said::of_object)
        })?;
    if attempts.len() > 1 {
        let codes: Vec<&str> = failures.iter().map(|said| said.code.as_str()).collect();
        let told = format!("{} attempts: {}", attempts.len(), codes.join(", "));
        said.message = match said.message.is_empty() {
            true => told,
            false => format!("{} ({told})", said.message),
        };
    }
    Some(RunError {
        said,
        activity_id: id.to_owned(),
    })
}

fn exception(entry: &Object) -> Option<Said> {
    let inner = text(entry, "serviceExceptionJson")?;
    Some(match Json::parse(&inner) {
        Some(Json::Object(object)) => {
            let mut said = Said::of_object(&object);
            if said.message.is_empty() {
                said.message = text(&object, "errorDescription").unwrap_or_default();
            }
            said
        }
        _ => Said {
            code: String::new(),
            message: inner,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, ok, with};

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
            (State::Running, "InProgress")
        );
        assert_eq!(
            run.started.map(|at| at.to_string()).as_deref(),
            Some("2026-10-01T01:00:00.960Z")
        );
        assert_eq!((run.ended, run.said), (None, None));
        let only_number =
            refreshes(&ok(r#"{"value":[{"id":7,"status":"Completed"},{}]}"#)).unwrap();
        assert_eq!((only_number.len(), only_number[0].id.as_str()), (1, "7"));
    }

    #[test]
    fn state_and_detail_are_judged_together_and_a_contradiction_is_no_success() {
        for (status, extended, state, told) in [
            ("Unknown", None, State::Running, "InProgress"),
            ("Unknown", Some("Unknown"), State::Running, "InProgress"),
            ("Unknown", Some("NotStarted"), State::Running, "NotStarted"),
            ("Unknown", Some("InProgress"), State::Running, "InProgress"),
            ("Completed", None, State::Succeeded, "Completed"),
            (
                "Completed",
                Some("Completed"),
                State::Succeeded,
                "Completed",
            ),
            ("Failed", Some("TimedOut"), State::Failed, "TimedOut"),
            ("Failed", None, State::Failed, "Failed"),
            ("Disabled", None, State::Failed, "Disabled"),
            ("Cancelled", None, State::Cancelled, "Cancelled"),
            ("Completed", Some("Failed"), State::Failed, "Failed"),
            ("Failed", Some("Completed"), State::Failed, "Failed"),
            (
                "Cancelled",
                Some("Completed"),
                State::Cancelled,
                "Cancelled",
            ),
            ("Completed", Some("Polishing"), State::Unknown, "Polishing"),
            ("Polishing", None, State::Unknown, "Polishing"),
            ("", None, State::Unknown, ""),
        ] {
            let extended = extended.map(|word| format!(r#","extendedStatus":"{word}""#));
            let run = row(&format!(
                r#""status":"{status}"{}"#,
                extended.unwrap_or_default()
            ));
            assert_eq!((run.state, run.status.as_str()), (state, told), "{status}");
        }
    }

    #[test]
    fn a_page_with_202_goes_on_whatever_stands_there() {
        let body = r#"{"startTime":"2026-10-01T01:00:00.833","type":"Full","commitMode":"Transactional","status":"Unknown","extendedStatus":"InProgress","currentRefreshType":"Full","numberOfAttempts":0}"#;
        let run = details(&answer(202, body), "954e").unwrap();
        assert_eq!((run.id.as_str(), run.state), ("954e", State::Running));
        assert_eq!(
            run.started.map(|at| at.to_string()).as_deref(),
            Some("2026-10-01T01:00:00.833Z")
        );
        for word in ["Completed", "Failed"] {
            let body = format!(r#"{{"status":"{word}"}}"#);
            let run = details(&answer(202, &body), "x").unwrap();
            assert_eq!(
                (run.state, run.status.as_str()),
                (State::Running, "InProgress")
            );
            assert!(details(&ok(&body), "x").unwrap().is_over());
        }
        let odd = details(&answer(202, r#"{"status":"Odd"}"#), "x").unwrap();
        assert_eq!(odd.state, State::Unknown);
        assert_eq!(details(&answer(202, ""), "x"), None);
    }

    #[test]
    fn why_it_failed_stands_in_different_places() {
        for (fields, code, message) in [
            (
                r#""serviceExceptionJson":"{\"errorCode\":\"ModelRefreshFailed_CredentialsNotSpecified\"}""#,
                "ModelRefreshFailed_CredentialsNotSpecified",
                "",
            ),
            (
                r#""serviceExceptionJson":"{\"errorCode\":\"E\",\"errorDescription\":\"told\"}""#,
                "E",
                "told",
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
            let said = run.said.unwrap().said;
            assert_eq!((said.code.as_str(), said.message.as_str()), (code, message));
        }
        assert_eq!(
            row(r#""status":"Failed","serviceExceptionJson":"""#).said,
            None
        );
    }

    #[test]
    fn a_trigger_names_its_run_in_its_own_header() {
        let id = "954E0000-0000-0000-0000-00000000000A";
        let low = id.to_lowercase();
        let location = format!("https://api.powerbi.example/v1.0/myorg/x/refreshes/{id}");
        let of = |name: &str, value: &str| with(answer(202, ""), name, value);
        for (answer, enhanced, run) in [
            (of("RequestId", id), false, Some(low.as_str())),
            (of("Location", &location), false, None),
            (of("Location", &location), true, Some(low.as_str())),
            (of("x-ms-request-id", id), true, Some(low.as_str())),
            // Every answer has a `RequestId`; an enhanced refresh is not named by it.
            (of("RequestId", id), true, None),
            (answer(202, ""), true, None),
        ] {
            assert_eq!(run_in(&answer, enhanced).as_deref(), run);
        }
    }
}
