//! Fabric dataflows (Gen2), whose runs are jobs: the addresses, and how the answers are read.
//!
//! Sources: the Fabric REST specification (`dataflow/swagger.json`, `platform/swagger.json` of
//! microsoft/fabric-rest-api-specs) and recordings of the Fabric CLI.

use super::dataflow::Listed;
use super::rows::{newest_first, rows, text, time};
use super::run::{Run, RunError, State};
use super::watched::Watched;
use crate::classify::{Said, json_object};
use crate::contract::{ApplyChanges, Gen2Target, RefreshError};
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::trouble::invalid;
use crate::url::{encode_segment, is_guid};

/// The body of a run: nothing where nothing is asked for.
///
/// # Errors
/// When a parameter's value is not JSON.
pub(crate) fn execute_body(target: &Gen2Target) -> Result<String, RefreshError> {
    let mut data = Object::default();
    if let Some(apply) = target.apply_changes {
        let option = match apply {
            ApplyChanges::Skip => "SkipApplyChanges",
            ApplyChanges::IfNeeded => "ApplyChangesIfNeeded",
        };
        data.set("executeOption".to_owned(), Json::Text(option.to_owned()));
    }
    if !target.parameters.is_empty() {
        let mut list = Vec::new();
        for parameter in &target.parameters {
            let Some(value) = Json::parse(&parameter.value) else {
                return Err(invalid(
                    "parameter_not_json",
                    format!("The value of the parameter {} is not JSON.", parameter.name),
                    "Give a text in quotes, a number, or true or false.",
                ));
            };
            let mut entry = Object::default();
            for (name, value) in [
                ("parameterName", Json::Text(parameter.name.clone())),
                ("type", Json::Text("Automatic".to_owned())),
                ("value", value),
            ] {
                entry.set(name.to_owned(), value);
            }
            list.push(Json::Object(entry));
        }
        data.set("parameters".to_owned(), Json::List(list));
    }
    if data.is_empty() {
        return Ok(String::new());
    }
    let mut body = Object::default();
    body.set("executionData".to_owned(), Json::Object(data));
    Ok(body.to_text())
}

/// Where a run is begun.
pub(crate) fn execute_url(watched: &Watched<'_>) -> String {
    format!(
        "{}/{}/jobs/execute/instances",
        dataflows_url(&watched.endpoints.fabric, &watched.item.workspace),
        watched.item.item
    )
}

/// Where the runs are listed.
pub(crate) fn instances_url(watched: &Watched<'_>) -> String {
    format!(
        "{}/{}/items/{}/jobs/instances",
        workspaces_url(&watched.endpoints.fabric),
        watched.item.workspace,
        watched.item.item
    )
}

/// Where one run is read.
pub(crate) fn instance_url(watched: &Watched<'_>, run: &str) -> String {
    format!("{}/{}", instances_url(watched), encode_segment(run))
}

/// Where a run is asked to stop.
pub(crate) fn cancel_url(watched: &Watched<'_>, run: &str) -> String {
    format!("{}/cancel", instance_url(watched, run))
}

/// Where the workspaces are listed.
pub(crate) fn workspaces_url(fabric: &str) -> String {
    format!("{}/v1/workspaces", fabric.trim_end_matches('/'))
}

/// Where a workspace's dataflows are listed.
pub(crate) fn dataflows_url(fabric: &str, workspace: &str) -> String {
    format!("{}/{workspace}/dataflows", workspaces_url(fabric))
}

/// The run that the answer to a trigger names in its `Location`. [V]
pub(crate) fn run_in(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    is_guid(last).then(|| last.to_ascii_lowercase())
}

/// The runs in an answer; nothing where the answer holds no list. Publishing is a job of the same
/// item, and no refresh.
pub(crate) fn instances(answer: &HttpAnswer) -> Option<Vec<Run>> {
    let runs = rows(answer, |entry| {
        let job = text(entry, "jobType").unwrap_or_default();
        let publishes = ["publish", "applychanges"].contains(&job.to_ascii_lowercase().as_str());
        if publishes { None } else { instance_of(entry) }
    })?;
    Some(newest_first(runs))
}

/// The run in an answer; nothing where the answer holds none.
pub(crate) fn instance(answer: &HttpAnswer) -> Option<Run> {
    instance_of(&json_object(answer)?)
}

fn instance_of(entry: &Object) -> Option<Run> {
    let status = text(entry, "status").unwrap_or_default();
    Some(Run {
        id: text(entry, "id")?.to_ascii_lowercase(),
        refresh_type: text(entry, "invokeType").unwrap_or_default(),
        state: State::of(&status),
        status,
        started: time(entry, "startTimeUtc"),
        ended: time(entry, "endTimeUtc"),
        said: entry
            .get("failureReason")
            .and_then(Json::as_object)
            .map(|reason| RunError {
                said: Said::of_object(reason),
                activity_id: text(entry, "rootActivityId")
                    .or_else(|| text(reason, "requestId"))
                    .unwrap_or_default(),
            }),
    })
}

/// The items of a list and where its next page is.
pub(crate) fn items(answer: &HttpAnswer) -> Option<(Vec<Listed>, Option<String>)> {
    let listed = rows(answer, |entry| {
        Some(Listed {
            id: text(entry, "id")?,
            name: text(entry, "displayName").unwrap_or_default(),
            generation: None,
        })
    })?;
    let next = json_object(answer).and_then(|object| text(&object, "continuationToken"));
    Some((listed, next))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!((run.id.as_str(), run.state), (JOB, State::Failed));
        assert_eq!(run.refresh_type, "Manual");
        assert_eq!(at(run.started).as_deref(), Some("2026-04-27T07:11:35.247Z"));
        assert_eq!(at(run.ended).as_deref(), Some("2026-04-27T07:11:53.245Z"));
        let said = run.said.unwrap();
        assert_eq!(said.said.code, "SPNBasedRefreshNotAllowed");
        assert!(said.said.message.starts_with("SPN based"));
        assert_eq!(said.activity_id, "35b7");
    }

    #[test]
    fn what_a_job_does_not_say_is_not_known() {
        let run = job(r#""status":"Cancelled","failureReason":null,"endTimeUtc":null"#).unwrap();
        assert_eq!(run.state, State::Cancelled);
        assert_eq!((run.started, run.ended, run.said), (None, None, None));
        let run = job(r#""status":"Failed","failureReason":{"requestId":"7436"}"#).unwrap();
        assert_eq!(run.said.unwrap().activity_id, "7436");
        assert_eq!(job(r#""x":1"#).unwrap().state, State::Unknown);
        assert_eq!(instance(&ok(r#"{"status":"Completed"}"#)), None);
        assert_eq!(instance(&ok("[]")), None);
    }

    #[test]
    fn every_state_of_the_reference_is_known() {
        for (status, state) in [
            ("NotStarted", State::Running),
            ("InProgress", State::Running),
            ("Completed", State::Succeeded),
            ("Failed", State::Failed),
            ("Cancelled", State::Cancelled),
            ("Deduped", State::Deduped),
            ("TimedOut", State::Failed),
            ("Disabled", State::Failed),
            ("OwnerUserMissing", State::Unknown),
        ] {
            let run = job(&format!(r#""status":"{status}""#)).unwrap();
            assert_eq!(run.state, state, "{status}");
        }
    }

    #[test]
    fn publishing_is_no_refresh() {
        let rows: Vec<String> = ["Refresh", "Execute", "Publish", "applyChanges", ""]
            .iter()
            .enumerate()
            .map(|(at, job)| format!(r#"{{"id":"J{at}","jobType":"{job}","status":"Completed","startTimeUtc":"2026-04-27T0{at}:00:00"}}"#))
            .collect();
        let runs = instances(&ok(&format!(r#"{{"value":[{}]}}"#, rows.join(",")))).unwrap();
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["j4", "j1", "j0"]);
        assert_eq!(instances(&ok("{}")), None);
    }

    #[test]
    fn a_location_names_the_run_by_its_last_segment() {
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

    #[test]
    fn a_page_of_items_says_where_the_next_one_is() {
        let page = r#"{"value":[{"id":"a","displayName":"A"},{"displayName":"no id"}],"continuationToken":"t"}"#;
        let (items, next) = items(&ok(page)).unwrap();
        assert_eq!((items.len(), items[0].name.as_str()), (1, "A"));
        assert_eq!(next.as_deref(), Some("t"));
        let last = ok(r#"{"value":[],"continuationToken":null}"#);
        assert_eq!(super::items(&last), Some((vec![], None)));
    }
}
