//! What of a target these credentials can reach, one finding for each part that a refresh needs.
//!
//! A part that is bad carries the error that a refresh would end with, so that a check can exit as
//! the refresh would. Twin names are looked for on purpose: dataflows that are named almost alike
//! are refreshed by mistake, and nobody notices for weeks.

use crate::body::dataflow_name;
use crate::contract::{DataflowTarget, Finding, FindingLevel, Operation, RefreshError, Target};
use crate::dataflow::api::{self, Listed};
use crate::dataflow::quota;
use crate::machine::{list, read_history};
use crate::request::{Trigger, Work};
use crate::session::{Limit, Session};
use crate::trouble::{Trouble, invalid};
use crate::url::Parts;

/// The most names that a finding lists.
const MOST_NAMES: usize = 10;

/// The findings on a target. A target that is itself wrong is one bad finding.
pub(super) fn findings(
    session: &mut Session<'_>,
    target: &Target,
) -> Result<Vec<Finding>, RefreshError> {
    let work = match Work::of(target, Operation::Inspect) {
        Ok(work) => work,
        Err(RefreshError::Invalid(problem)) => {
            return Ok(vec![Finding {
                subject: "target".to_owned(),
                level: FindingLevel::Bad,
                message: problem.message.clone(),
                hint: problem.hint.clone(),
                error: Some(RefreshError::Invalid(problem)),
            }]);
        }
        Err(error) => return Err(error),
    };
    let mut findings = Vec::new();
    let mut told_name = None;
    if let Trigger::Flow(flow) = work.trigger {
        findings.push(of_url(&flow.url));
        told_name = dataflow_name(&flow.body);
        match session_body_error(session, &work) {
            Some(error) => findings.push(bad("payload", error)),
            None => findings.push(good("payload", "The payload is a JSON object.".to_owned())),
        }
        if work.watched.is_none() && !work.by_response {
            findings.push(warning(
                "verification",
                "Nothing tells what becomes of the refresh: the best verdict is `accepted`."
                    .to_owned(),
                "Give the target a `verify:` with its dataflow, or the flow a Response action.",
            ));
        }
    }
    if let Some(dataflow) = work.watched {
        of_workspace(session, dataflow, told_name.as_deref(), &mut findings);
        of_transactions(session, dataflow, &mut findings);
    }
    Ok(findings)
}

fn session_body_error(session: &Session<'_>, work: &Work<'_>) -> Option<RefreshError> {
    work.request(session, session.call_timeout_ms).err()
}

fn of_url(url: &str) -> Finding {
    let host = Parts::of(url).map_or("", |parts| parts.host());
    if host.to_ascii_lowercase().ends_with(".logic.azure.com") {
        return warning(
            "url",
            format!(
                "The trigger's URL is an old one, at {host}: such flow URLs stopped working after 30 November 2025."
            ),
            "Copy the new URL from the flow's trigger. Only an Azure Logic App keeps the old form.",
        );
    }
    good("url", format!("The trigger's URL has its form, at {host}."))
}

fn of_workspace(
    session: &mut Session<'_>,
    target: &DataflowTarget,
    told_name: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let url = api::dataflows_url(&target.endpoint, &target.workspace);
    let what = "Listing the workspace's dataflows";
    match list(session, url, Limit::Deadline, what, api::dataflow_list) {
        Err(trouble) => findings.push(bad("workspace", trouble.into_error())),
        Ok((listed, _)) => {
            findings.push(good(
                "workspace",
                format!(
                    "The workspace can be read; it holds {} dataflows.",
                    listed.len()
                ),
            ));
            findings.push(of_dataflow(target, &listed, told_name));
        }
    }
}

fn of_dataflow(target: &DataflowTarget, listed: &[Listed], told_name: Option<&str>) -> Finding {
    let found = listed
        .iter()
        .find(|dataflow| dataflow.id.eq_ignore_ascii_case(&target.dataflow));
    let Some(found) = found else {
        let error = invalid(
            "entity_not_found",
            format!(
                "The workspace does not hold the dataflow {}.{}",
                target.dataflow,
                near_misses(listed, told_name)
            ),
            "Check the dataflow's id. A Gen2 dataflow with CI/CD is not in this list.",
        );
        return bad("dataflow", error);
    };
    if found.generation == Some(2) {
        return warning(
            "dataflow",
            format!("{} is a dataflow of generation 2.", found.name),
            "Its history may not be told by the Power BI API: compare the runs listed with those in the service.",
        );
    }
    match told_name {
        Some(told) if told != found.name => warning(
            "dataflow",
            format!(
                "The dataflow that is watched is named {}, but the flow is told to refresh {told}.{}",
                found.name,
                near_misses(listed, Some(told))
            ),
            "Check that the flow refreshes the very dataflow that `verify:` watches.",
        ),
        _ => good(
            "dataflow",
            format!("The dataflow is there: {}.", found.name),
        ),
    }
}

/// Dataflows that may have been meant: those named alike first.
fn near_misses(listed: &[Listed], name: Option<&str>) -> String {
    if listed.is_empty() {
        return String::new();
    }
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let alike = |dataflow: &&Listed| {
        let other = dataflow.name.to_ascii_lowercase();
        !name.is_empty() && (other.starts_with(&name) || name.starts_with(&other))
    };
    let (near, far): (Vec<&Listed>, Vec<&Listed>) = listed.iter().partition(alike);
    let names: Vec<String> = near
        .into_iter()
        .chain(far)
        .take(MOST_NAMES)
        .map(|dataflow| format!("{} ({})", dataflow.name, dataflow.id))
        .collect();
    let more = listed.len().saturating_sub(names.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(" It holds {}{more}.", names.join(", "))
}

fn of_transactions(
    session: &mut Session<'_>,
    target: &DataflowTarget,
    findings: &mut Vec<Finding>,
) {
    let history = match read_history(session, target, Limit::Deadline).map_err(Trouble::into_error)
    {
        Err(error) => return findings.push(bad("transactions", error)),
        Ok(history) => history,
    };
    findings.push(good(
        "transactions",
        format!(
            "The dataflow's history can be read; it shows {} runs.",
            history.len()
        ),
    ));
    if let Some(slot) = quota::next_slot(&history, session.service_now()) {
        findings.push(warning(
            "daily_limit",
            format!(
                "The dataflow had {} or more refreshes in the last 24 h; the next slot opens at {slot}.",
                quota::DAILY_LIMIT
            ),
            "Wait for the next slot; scheduled refreshes count too.",
        ));
    }
}

fn good(subject: &str, message: String) -> Finding {
    Finding {
        subject: subject.to_owned(),
        level: FindingLevel::Good,
        message,
        hint: String::new(),
        error: None,
    }
}

fn warning(subject: &str, message: String, hint: &str) -> Finding {
    Finding {
        level: FindingLevel::Warning,
        hint: hint.to_owned(),
        ..good(subject, message)
    }
}

fn bad(subject: &str, error: RefreshError) -> Finding {
    let (message, hint) = match &error {
        RefreshError::Invalid(p)
        | RefreshError::Unauthorized(p)
        | RefreshError::Unavailable(p)
        | RefreshError::Denied(p)
        | RefreshError::AuditUnavailable(p)
        | RefreshError::ClaimLost(p)
        | RefreshError::Interrupted(p) => (p.message.clone(), p.hint.clone()),
        RefreshError::NotSupported(_) => (String::new(), String::new()),
    };
    Finding {
        subject: subject.to_owned(),
        level: FindingLevel::Bad,
        message,
        hint,
        error: Some(error),
    }
}
