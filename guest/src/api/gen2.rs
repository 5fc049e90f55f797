//! Fabric dataflows (Gen2), whose runs are jobs: addresses, request bodies, and how responses are
//! read.
//!
//! Sources: the Fabric REST specification (`dataflow/swagger.json`, `platform/swagger.json` of
//! microsoft/fabric-rest-api-specs) and recordings of the Fabric CLI.

use serde::Serialize;
use serde_json::value::RawValue;

use super::error::ErrorBody;
use super::flow::nested_at_most;
use super::reply::{Row, object_in, to_json};
use super::run::{Run, RunState};
use crate::contract::{ApplyChanges, Gen2Target, RefreshError, invalid};
use crate::ports::HttpAnswer;
use crate::url::is_guid;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecuteBody<'a> {
    execution_data: ExecutionData<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    execute_option: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<ParameterBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParameterBody<'a> {
    parameter_name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a RawValue,
}

/// The body of a run; empty if nothing was chosen.
///
/// # Errors
/// If a parameter's value is not JSON.
pub(crate) fn execute_body(target: &Gen2Target) -> Result<String, RefreshError> {
    let mut parameters = Vec::new();
    for parameter in &target.parameters {
        let Some(value) = nested_at_most(&parameter.value) else {
            return Err(invalid(
                "parameter_not_json",
                format!(
                    "The value of the parameter `{}` is not valid JSON.",
                    parameter.name
                ),
                "Give a string in quotes, a number, true or false.",
            ));
        };
        parameters.push(ParameterBody {
            parameter_name: &parameter.name,
            kind: "Automatic",
            value,
        });
    }
    let execute_option = target.apply_changes.map(|apply| match apply {
        ApplyChanges::Skip => "SkipApplyChanges",
        ApplyChanges::IfNeeded => "ApplyChangesIfNeeded",
    });
    if execute_option.is_none() && parameters.is_empty() {
        return Ok(String::new());
    }
    Ok(to_json(&ExecuteBody {
        execution_data: ExecutionData {
            execute_option,
            parameters,
        },
    }))
}

/// The run that the response to a trigger names in its `Location`. [V]
pub(crate) fn run_in(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    is_guid(last).then(|| last.to_ascii_lowercase())
}

/// A row of the history. Publishing is a job of the same item but not a refresh.
pub(super) fn refresh_job(row: &Row<'_>) -> Option<Run> {
    let kind = row.job_type.text().unwrap_or_default().to_ascii_lowercase();
    let is_refresh = !["publish", "applychanges"].contains(&kind.as_str());
    is_refresh.then(|| job(row))?
}

/// The run in a response; `None` if it holds none.
pub(crate) fn instance(answer: &HttpAnswer) -> Option<Run> {
    job(&object_in(answer)?)
}

fn job(row: &Row<'_>) -> Option<Run> {
    let status = row.status.text().unwrap_or_default();
    let reason: Option<ErrorBody<'_>> = row.failure_reason.object();
    Some(Run {
        id: row.id.text()?.to_ascii_lowercase(),
        refresh_type: row.invoke_type.text().unwrap_or_default(),
        state: RunState::parse(&status),
        status,
        started: row.start_time_utc.time(),
        ended: row.end_time_utc.time(),
        error: reason.map(|reason| {
            let mut error = reason.details();
            let activity = row.root_activity_id.text();
            error.activity_id = activity
                .or_else(|| reason.request_id.text())
                .unwrap_or_default();
            error
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::run::runs_of;
    use crate::testing::ok;

    const JOB: &str = "fa71aaaa-0000-0000-0000-000000000001";

    fn job(fields: &str) -> Option<Run> {
        instance(&ok(&format!(r#"{{"id":"{JOB}",{fields}}}"#)))
    }

    fn at(moment: Option<crate::time::Moment>) -> Option<String> {
        moment.map(|at| at.to_string())
    }

    #[test]
    fn a_failed_job_is_read_with_its_reason_and_its_times_without_a_zone() {
        let run = job(
            r#""itemId":"dd3a","jobType":"Refresh","invokeType":"Manual","status":"Failed",
            "failureReason":{"requestId":"7436","errorCode":"SPNBasedRefreshNotAllowed",
            "message":"SPN based refresh is not allowed for the dataflow with id dd3a.","isRetriable":false},
            "rootActivityId":"35b7","startTimeUtc":"2026-04-27T07:11:35.2470885","endTimeUtc":"2026-04-27T07:11:53.2450273""#,
        )
        .unwrap();
        assert_eq!((run.id.as_str(), run.state), (JOB, RunState::Failed));
        assert_eq!(run.refresh_type, "Manual");
        assert_eq!(at(run.started).as_deref(), Some("2026-04-27T07:11:35.247Z"));
        assert_eq!(at(run.ended).as_deref(), Some("2026-04-27T07:11:53.245Z"));
        let error = run.error.unwrap();
        assert_eq!(error.code, "SPNBasedRefreshNotAllowed");
        assert!(error.message.starts_with("SPN based"));
        assert_eq!(error.activity_id, "35b7");
    }

    #[test]
    fn a_missing_field_of_a_job_is_unknown() {
        let run = job(r#""status":"Cancelled","failureReason":null,"endTimeUtc":null"#).unwrap();
        assert_eq!(run.state, RunState::Cancelled);
        assert_eq!((run.started, run.ended, run.error), (None, None, None));
        let run = job(r#""status":"Failed","failureReason":{"requestId":"7436"}"#).unwrap();
        assert_eq!(run.error.unwrap().activity_id, "7436");
        assert_eq!(job(r#""x":1"#).unwrap().state, RunState::Unknown);
        assert_eq!(instance(&ok(r#"{"status":"Completed"}"#)), None);
        assert_eq!(instance(&ok("[]")), None);
        let odd = job(r#""status":"Failed","failureReason":[]"#).unwrap();
        assert_eq!(odd.error, None);
    }

    #[test]
    fn publishing_is_not_a_refresh() {
        let rows: Vec<String> = ["Refresh", "Execute", "Publish", "applyChanges", ""]
            .iter()
            .enumerate()
            .map(|(at, job)| format!(r#"{{"id":"J{at}","jobType":"{job}","status":"Completed","startTimeUtc":"2026-04-27T0{at}:00:00"}}"#))
            .collect();
        let list = ok(&format!(r#"{{"value":[{}]}}"#, rows.join(",")));
        let runs = runs_of(&list, refresh_job).unwrap();
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["j4", "j1", "j0"]);
        assert_eq!(runs_of(&ok("{}"), refresh_job), None);
    }

    #[test]
    fn a_location_names_the_run_in_its_last_segment() {
        let base = "https://api.fabric.example/v1/workspaces/w/items/i/jobs/instances";
        for (location, run) in [
            (format!("{base}/{JOB}"), Some(JOB)),
            (format!("{base}/{}?x=1#y", JOB.to_uppercase()), Some(JOB)),
            (format!("{base}/{JOB}/"), Some(JOB)),
            (base.to_owned(), None),
            (String::new(), None),
            ("/".to_owned(), None),
        ] {
            assert_eq!(run_in(&location).as_deref(), run, "{location}");
        }
    }
}
