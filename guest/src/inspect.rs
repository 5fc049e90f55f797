//! Read-only questions: what a refresh would send, what these credentials can reach, what exists.
//!
//! Nothing is retried except resolving names, which is the first step of a refresh: a check reports
//! the state now, and with it the error that a refresh would end with.
//!
//! An access check has one finding for each part that a refresh needs. A bad finding carries the
//! error of a refresh, so that the check can exit as the refresh would. Similar names are compared
//! on purpose, because refreshing content of a similar name can go unnoticed for weeks.

use crate::api::content::{ContentKind, WatchedContent};
use crate::api::flow::dataflow_name;
use crate::api::quota;
use crate::api::reply::ListedItem;
use crate::api::run::{Run, newest_running};
use crate::call::{CallError, read_history};
use crate::contract::{
    Finding, FindingLevel, Inspection, Item, Operation, Plan, Query, Question, RefreshError,
    RefreshRequest, Target, not_supported,
};
use crate::lookup::{self, available, explain, find_item, missing, resolve};
use crate::machine::guard;
use crate::ports::Ports;
use crate::request::{Work, check_run_id, outgoing};
use crate::session::{Session, TimeLimit};
use crate::url::Parts;

/// Answers a question. Read-only.
///
/// # Errors
/// If the question is invalid or the service does not answer it.
pub fn inspect(ports: Ports<'_>, query: &Query) -> Result<Inspection, RefreshError> {
    let (run_id, target) = match &query.question {
        Question::Plan(request) => (request.run_id.as_str(), Some(&request.target)),
        Question::Access(target) | Question::Runs(target) | Question::Resolve(target) => {
            ("", Some(target))
        }
        Question::Workspaces | Question::Dataflows(_) | Question::Models(_) => ("", None),
    };
    let mut session = Session::open(ports, run_id, &query.call_context, target)?;
    session.retries = matches!(query.question, Question::Resolve(_));
    answer(&mut session, &query.question).map_err(|error| error.with_calls(session.calls))
}

fn answer(session: &mut Session<'_>, question: &Question) -> Result<Inspection, RefreshError> {
    use ContentKind::{Dataflow, Gen2, Model};
    Ok(match question {
        Question::Plan(request) => Inspection::Plan(plan(session, request)?),
        Question::Access(target) => Inspection::Access(findings(session, target)),
        Question::Resolve(target) => Inspection::Resolved(resolve(session, target)?),
        Question::Runs(target) => runs(session, target)?,
        Question::Workspaces => {
            Dataflow.check_endpoint(session.endpoints)?;
            let listed = lookup::workspaces(session, Dataflow)?;
            Inspection::Items(listed.into_iter().map(|one| item(one, None)).collect())
        }
        // Fabric lists the dataflows of the Power BI API too.
        Question::Dataflows(workspace) => items(session, workspace, Dataflow, Some(Gen2))?,
        Question::Models(workspace) => items(session, workspace, Model, None)?,
    })
}

fn plan(session: &mut Session<'_>, request: &RefreshRequest) -> Result<Plan, RefreshError> {
    check_run_id(&request.run_id)?;
    let target = resolve(session, &request.target)?;
    let work = Work::of(&target, session.endpoints)?;
    guard::check(request, &work)?;
    let call = work.request(session, request.response_timeout_ms)?;
    let history = match work.content.filter(|_| guard::needs_history(request)) {
        Some(content) => match read_history(session, &content, TimeLimit::Deadline) {
            Ok(history) => Some(history),
            Err(error) if guard::accepts_unread(request, &content, &error) => None,
            Err(error) => return Err(explain(session, &content, error)),
        },
        None => None,
    };
    let history = history.as_ref();
    let running = history.and_then(|history| newest_running(&history.runs, history.at));
    let newest = history.and_then(|history| history.runs.first());
    Ok(Plan {
        request: outgoing(&call, &session.redactor),
        running: running.map(Run::to_service_run),
        newest: newest.map(Run::to_service_run),
        quota: history
            .zip(request.quota.as_ref())
            .map(|(history, guard)| quota::state(&history.runs, history.at, guard)),
    })
}

fn runs(session: &mut Session<'_>, target: &Target) -> Result<Inspection, RefreshError> {
    let target = resolve(session, target)?;
    let Some(content) = Work::of(&target, session.endpoints)?.content else {
        return Err(not_supported(Operation::Inspect));
    };
    let history = read_history(session, &content, TimeLimit::Deadline)
        .map_err(|error| explain(session, &content, error))?;
    let runs = history.runs.iter().map(Run::to_service_run);
    Ok(Inspection::Runs(runs.collect()))
}

/// The items of one or two kinds in a workspace, each once.
fn items(
    session: &mut Session<'_>,
    workspace: &str,
    kind: ContentKind,
    other: Option<ContentKind>,
) -> Result<Inspection, RefreshError> {
    if let Some(other) = other {
        other.check_endpoint(session.endpoints)?;
    }
    let id = lookup::workspace_id(session, kind, workspace)?;
    let mut all: lookup::ById<Item> = lookup::ById::default();
    for kind in [Some(kind), other].into_iter().flatten() {
        for listed in lookup::items(session, kind, &id)? {
            let id = listed.id.clone();
            all.entry(id).or_insert_with(|| item(listed, Some(kind)));
        }
    }
    Ok(Inspection::Items(all.into_values().collect()))
}

fn item(listed: ListedItem, kind: Option<ContentKind>) -> Item {
    Item {
        id: listed.id,
        name: listed.name,
        kind: kind.map(ContentKind::target_kind),
    }
}

/// The findings of an access check. A target that is itself wrong is one bad finding.
fn findings(session: &mut Session<'_>, target: &Target) -> Vec<Finding> {
    let mut findings = Findings::default();
    match resolve(session, target) {
        Err(stop) => findings.bad("names", stop.into()),
        Ok(resolved) => match Work::of(&resolved, session.endpoints) {
            Err(error) => findings.bad("target", error),
            Ok(work) => findings.check(session, &work),
        },
    }
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn check(&mut self, session: &mut Session<'_>, work: &Work<'_>) {
        let mut flow_refreshes = None;
        if let Target::PowerAutomate(flow) = work.target {
            self.check_url(&flow.url);
            flow_refreshes = dataflow_name(&flow.body);
            match work.request(session, session.call_timeout_ms) {
                Err(error) => self.bad("payload", error),
                Ok(_) => self.good("payload", "The payload is a JSON object."),
            }
        }
        if let Some(content) = work.content {
            self.check_workspace(session, &content, flow_refreshes.as_deref());
            self.check_history(session, &content);
        } else if !work.by_response {
            self.warning(
                "verification",
                "The outcome of the refresh is not verified: the best verdict is `accepted`.",
                "Give the target a `verify:` with its content, or the flow a Response action.",
            );
        }
    }

    fn check_url(&mut self, url: &str) {
        let host = Parts::of(url).map_or("", |parts| parts.host());
        if host.to_ascii_lowercase().ends_with(".logic.azure.com") {
            let message = format!(
                "The trigger URL has the old form, at {host}: flow URLs of this form stopped working after 30 November 2025."
            );
            let hint = "Copy the new URL from the flow's trigger. Only an Azure Logic App keeps the old form.";
            return self.warning("url", message, hint);
        }
        let message = format!("The trigger URL has the expected form, at {host}.");
        self.good("url", message);
    }

    fn check_workspace(
        &mut self,
        session: &mut Session<'_>,
        content: &WatchedContent<'_>,
        flow_refreshes: Option<&str>,
    ) {
        let workspace = &content.item.workspace;
        match lookup::items(session, content.kind, workspace) {
            Err(error) => self.unread("workspace", content, error),
            Ok(listed) => {
                let count = counted(listed.len(), content.noun());
                let message = format!("The workspace can be read; it has {count}.");
                self.good("workspace", message);
                self.check_item(session, content, &listed, flow_refreshes);
            }
        }
    }

    fn check_item(
        &mut self,
        session: &mut Session<'_>,
        content: &WatchedContent<'_>,
        listed: &[ListedItem],
        flow_refreshes: Option<&str>,
    ) {
        let (noun, subject) = match content.kind {
            ContentKind::Dataflow | ContentKind::Gen2 => (content.noun(), "dataflow"),
            ContentKind::Model => (content.noun(), "model"),
        };
        let Some(found) = find_item(listed, content) else {
            return self.bad(subject, missing(session, content, listed, flow_refreshes));
        };
        let found_name = &found.name;
        if found.generation == Some(2) {
            let message = format!("{found_name} is a generation 2 dataflow.");
            let hint = "Compare the listed runs with those in the service: the Power BI API may not show its history.";
            return self.warning(subject, message, hint);
        }
        if let Some(name) = flow_refreshes.filter(|name| name != found_name) {
            let available = available(listed, Some(name));
            let message = format!(
                "The watched {noun} is named {found_name}, but the flow refreshes {name}.{available}"
            );
            let hint = "Check that the flow refreshes the content that `verify:` watches.";
            return self.warning(subject, message, hint);
        }
        self.good(subject, format!("The {noun} was found: {found_name}."));
    }

    fn check_history(&mut self, session: &mut Session<'_>, content: &WatchedContent<'_>) {
        let subject = match content.kind {
            ContentKind::Dataflow => "transactions",
            ContentKind::Gen2 | ContentKind::Model => "history",
        };
        let runs = match read_history(session, content, TimeLimit::Deadline) {
            Err(error) => return self.unread(subject, content, error),
            Ok(history) => history.runs,
        };
        let (noun, count) = (content.noun(), counted(runs.len(), "run"));
        let message = format!("The history of the {noun} can be read; it shows {count}.");
        self.good(subject, message);
        let slot = quota::next_slot(&runs, session.service_now());
        if let Some(slot) = slot.filter(|_| content.kind == ContentKind::Dataflow) {
            let message = format!(
                "The dataflow had {} or more refreshes in the last 24 h; the next slot opens at {slot}.",
                quota::DAILY_REFRESHES
            );
            let hint = "Wait for the next slot. Scheduled refreshes count too.";
            self.warning("daily_limit", message, hint);
        }
    }

    /// A part that cannot be read: bad, unless the target accepts that.
    fn unread(&mut self, subject: &str, content: &WatchedContent<'_>, error: CallError) {
        if guard::is_accepted(content, &error) {
            let message = format!(
                "{} A refresh is triggered without reading the history, and ends in `accepted`.",
                error.message
            );
            return self.warning(subject, message, error.hint);
        }
        self.bad(subject, error.into());
    }

    fn good(&mut self, subject: &str, message: impl Into<String>) {
        self.add(subject, FindingLevel::Good, message.into(), "", None);
    }

    fn warning(&mut self, subject: &str, message: impl Into<String>, hint: &str) {
        self.add(subject, FindingLevel::Warning, message.into(), hint, None);
    }

    fn bad(&mut self, subject: &str, mut error: RefreshError) {
        let (message, hint) = match error.problem_mut() {
            Some(problem) => (problem.message.clone(), problem.hint.clone()),
            None => (String::new(), String::new()),
        };
        self.add(subject, FindingLevel::Bad, message, &hint, Some(error));
    }

    fn add(
        &mut self,
        subject: &str,
        level: FindingLevel,
        message: String,
        hint: &str,
        error: Option<RefreshError>,
    ) {
        self.0.push(Finding {
            subject: subject.to_owned(),
            level,
            message,
            hint: hint.to_owned(),
            error,
        });
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests;
