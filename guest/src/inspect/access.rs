//! What of a target these credentials can reach, one finding for each part that a refresh needs.
//!
//! A part that is bad carries the error that a refresh would end with, so that a check can exit as
//! the refresh would. Twin names are looked for on purpose: dataflows that are named almost alike
//! are refreshed by mistake, and nobody notices for weeks.

use crate::body::dataflow_name;
use crate::catalogue;
use crate::content::dataflow::Listed;
use crate::content::{Kind, Watched, quota};
use crate::contract::{Endpoints, Finding, FindingLevel, RefreshError, Target};
use crate::machine::guard::is_accepted;
use crate::machine::{diagnose, read_history};
use crate::names::{listed_as, resolved_now, there_are};
use crate::request::{Trigger, Work};
use crate::session::{Limit, Session};
use crate::trouble::Trouble;
use crate::url::Parts;

/// The findings on a target. A target that is itself wrong is one bad finding.
pub(super) fn findings(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    target: &Target,
) -> Result<Vec<Finding>, RefreshError> {
    let resolved = match resolved_now(session, target, endpoints) {
        Ok(resolved) => resolved,
        Err(error) => return Ok(vec![bad("names", error)]),
    };
    let work = match Work::of(&resolved, endpoints) {
        Ok(work) => work,
        Err(error) => return Ok(vec![bad("target", error)]),
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
                "Give the target a `verify:` with its content, or the flow a Response action.",
            ));
        }
    }
    if let Some(watched) = work.watched {
        of_workspace(session, &watched, told_name.as_deref(), &mut findings);
        of_history(session, &watched, &mut findings);
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
    watched: &Watched<'_>,
    told_name: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let workspace = &watched.item.workspace;
    match catalogue::items(session, watched.endpoints, watched.kind, workspace) {
        Err(trouble) => findings.push(unread("workspace", watched, trouble)),
        Ok(listed) => {
            findings.push(good(
                "workspace",
                format!(
                    "The workspace can be read; it holds {} {}s.",
                    listed.len(),
                    watched.noun()
                ),
            ));
            findings.push(of_item(session, watched, &listed, told_name));
        }
    }
}

fn of_item(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    listed: &[Listed],
    told_name: Option<&str>,
) -> Finding {
    let subject = match watched.kind {
        Kind::Dataflow | Kind::Gen2 => "dataflow",
        Kind::Model => "model",
    };
    let Some(found) = listed_as(listed, watched) else {
        let error = diagnose::missing(session, watched, listed, told_name);
        return bad(subject, error);
    };
    if found.generation == Some(2) {
        return warning(
            subject,
            format!("{} is a dataflow of generation 2.", found.name),
            "Its history may not be told by the Power BI API: compare the runs listed with those in the service.",
        );
    }
    match told_name {
        Some(told) if told != found.name => warning(
            subject,
            format!(
                "The {} that is watched is named {}, but the flow is told to refresh {told}.{}",
                watched.noun(),
                found.name,
                there_are(listed, Some(told))
            ),
            "Check that the flow refreshes the very content that `verify:` watches.",
        ),
        _ => good(
            subject,
            format!("The {} is there: {}.", watched.noun(), found.name),
        ),
    }
}

fn of_history(session: &mut Session<'_>, watched: &Watched<'_>, findings: &mut Vec<Finding>) {
    let subject = match watched.kind {
        Kind::Dataflow => "transactions",
        Kind::Gen2 | Kind::Model => "history",
    };
    let history = match read_history(session, watched, Limit::Deadline) {
        Err(trouble) => return findings.push(unread(subject, watched, trouble)),
        Ok(look) => look.history,
    };
    findings.push(good(
        subject,
        format!(
            "The {}'s history can be read; it shows {} runs.",
            watched.noun(),
            history.len()
        ),
    ));
    let slot = quota::next_slot(&history, session.service_now());
    if let Some(slot) = slot.filter(|_| watched.kind == Kind::Dataflow) {
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

/// What cannot be read: bad, unless the target goes without it.
fn unread(subject: &str, watched: &Watched<'_>, trouble: Trouble) -> Finding {
    if is_accepted(watched, &trouble) {
        return warning(
            subject,
            format!(
                "{} A refresh is triggered without a look, and ends in `accepted`.",
                trouble.message
            ),
            trouble.hint,
        );
    }
    bad(subject, trouble.into_error())
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
