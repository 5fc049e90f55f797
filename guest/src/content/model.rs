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
        return answer.header("RequestId").map(str::to_ascii_lowercase);
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
