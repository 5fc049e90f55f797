//! Read-only questions to the component: `check`, `list`, the dry run, and names.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use super::call::Call;
use super::guards::{self, BlockingGuard};
use super::request::{self, RefreshOptions};
use super::session::{OperationError, Session};
use crate::audit_log::AuditLog;
use crate::config::ResolvedTarget;
pub use crate::contract::refresh::FindingLevel;
use crate::contract::refresh::{self as wit, Inspection, Item, Question};
use crate::contract::types::{FollowMode, IfRunning, QuotaMode, ServiceRun, Target};
use crate::outbound::tracked;
use crate::report::Signal;
use crate::report::plan::{Plan, PlannedRequest, PlannedRun};
use crate::secret::MASK;
use crate::verdict::{Quota, Status, Verdict};

/// One result of a check.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was checked.
    pub subject: String,
    /// Whether it works.
    pub level: FindingLevel,
    /// What was found.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// What a refresh would end with, if it would fail here.
    pub status: Option<Status>,
}

impl Finding {
    /// A finding without a verdict.
    #[must_use]
    pub fn new(level: FindingLevel, subject: &str, message: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            level,
            message: message.into(),
            hint: String::new(),
            status: None,
        }
    }

    /// A refresh would end with this verdict.
    #[must_use]
    pub fn bad(subject: &str, verdict: &Verdict) -> Self {
        Self {
            hint: verdict.hint.clone(),
            status: Some(verdict.status),
            ..Self::new(FindingLevel::Bad, subject, verdict.message.clone())
        }
    }
}

/// What can be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Workspaces.
    Workspaces,
    /// The dataflows of a workspace, of all generations; the workspace's id or exact name.
    Dataflows(String),
    /// The semantic models of a workspace; its id or exact name.
    Models(String),
    /// The runs in the target's history, newest first.
    Runs,
}

/// One row of a list: names and values in the order of the columns.
pub type ListRow = Vec<(&'static str, String)>;

/// Checks what a refresh of this target needs.
///
/// # Errors
/// The signal that ended the check.
pub async fn check(session: &Session, target: &ResolvedTarget) -> Result<Vec<Finding>, Signal> {
    let mut asked = target.wit.clone();
    if let Target::PowerAutomate(flow) = &mut asked {
        // A finding would show the dataflow's name. One that is masked is not compared.
        let hidden = format!(r#""dataflow_name":"{MASK}""#);
        let shown = target.mask.shown(flow.body.payload.clone());
        flow.body.payload = shown.replace(&hidden, r#""dataflow_name":null"#);
    }
    let connection = match &asked {
        Target::PowerAutomate(flow) => Some(connection(session, target, &flow.url).await?),
        _ => None,
    };
    let question = Question::Access(asked);
    match inspect(session, target, question, None, target.deadline).await {
        Ok(Inspection::Access(findings)) => {
            let findings = findings.into_iter();
            let findings = findings.map(|one| from_component(session, one));
            Ok(findings.chain(connection).collect())
        }
        Ok(_) => Ok(vec![Finding::bad("component", &unexpected_reply())]),
        Err(OperationError::Failed(verdict)) => Ok(vec![Finding::bad("service", &verdict)]),
        Err(OperationError::Interrupted(signal)) => Err(signal),
    }
}

/// Whether the host of a flow's trigger can be reached. Nothing is sent: a request there triggers.
async fn connection(
    session: &Session,
    target: &ResolvedTarget,
    url: &str,
) -> Result<Finding, Signal> {
    let subject = "connection";
    let Ok(url) = Url::parse(url) else {
        return Ok(Finding::new(
            FindingLevel::Bad,
            subject,
            "The URL cannot be used.",
        ));
    };
    let mut signals = session.signals.clone();
    let connected = tokio::select! {
        connected = session.boundary.connect(&url, target.timeout) => connected,
        signal = signals.wait() => return Err(signal),
    };
    let host = url.host_str().unwrap_or_default();
    let Err(error) = connected else {
        let message = format!("The flow's host can be reached: {host}.");
        return Ok(Finding::new(FindingLevel::Good, subject, message));
    };
    let why = error.to_string();
    let (why, hint) = why.rsplit_once("; ").unwrap_or((&why, ""));
    let message = format!("Connecting to the flow's host failed: {why}.");
    let status = match error.code() {
        "request_denied" | "address_denied" => Status::Denied,
        _ => Status::Unavailable,
    };
    Ok(Finding {
        hint: hint.to_owned(),
        status: Some(status),
        ..Finding::new(FindingLevel::Bad, subject, message)
    })
}

fn from_component(session: &Session, finding: wit::Finding) -> Finding {
    let status = finding.error.map(|error| Verdict::from(error).status);
    let hint = match status {
        // The component does not know the host, the cause and the remedy.
        Some(Status::Denied | Status::Unavailable) => {
            session.boundary.hint(&finding.message, finding.hint)
        }
        _ => finding.hint,
    };
    Finding {
        subject: finding.subject,
        level: finding.level,
        message: finding.message,
        hint,
        status,
    }
}

/// Lists what the credentials of this target can see.
///
/// # Errors
/// Why there is no list.
pub async fn list(
    session: &Session,
    target: &ResolvedTarget,
    listing: Listing,
) -> Result<Vec<ListRow>, OperationError> {
    let question = match listing {
        Listing::Workspaces => Question::Workspaces,
        Listing::Dataflows(workspace) => Question::Dataflows(workspace),
        Listing::Models(workspace) => Question::Models(workspace),
        Listing::Runs => Question::Runs(target.wit.clone()),
    };
    match inspect(session, target, question, None, target.deadline).await? {
        Inspection::Items(items) => Ok(items.into_iter().map(item_row).collect()),
        Inspection::Runs(runs) => Ok(runs.into_iter().map(run_row).collect()),
        _ => Err(unexpected_reply().into()),
    }
}

fn item_row(item: Item) -> ListRow {
    let kind = item.kind.map_or("", |kind| kind.name());
    vec![
        ("id", item.id),
        ("name", item.name),
        ("kind", kind.to_owned()),
    ]
}

fn run_row(run: ServiceRun) -> ListRow {
    vec![
        ("id", run.id),
        ("refresh_type", run.refresh_type),
        ("status", run.status),
        ("started_at", run.started_at.unwrap_or_default()),
        ("ended_at", run.ended_at.unwrap_or_default()),
    ]
}

/// The target with ids instead of names. It is tried again until `left` has passed, while this process
/// keeps its leases in `audit_log`.
///
/// The claim on the content is by its ids, so that two spellings of the same target cannot both
/// trigger it at once.
///
/// # Errors
/// Why there are no ids.
pub(super) async fn resolve_names(
    session: &Session,
    target: &ResolvedTarget,
    audit_log: &AuditLog,
    left: Duration,
) -> Result<Target, OperationError> {
    let question = Question::Resolve(target.wit.clone());
    match inspect(session, target, question, Some(audit_log), left).await? {
        Inspection::Resolved(resolved) => Ok(resolved),
        _ => Err(unexpected_reply().into()),
    }
}

/// What a refresh would send and what would hold it back (dry run).
///
/// # Errors
/// Why there is no plan.
pub async fn plan(
    session: &Session,
    audit_log: &AuditLog,
    target: &ResolvedTarget,
    options: RefreshOptions,
) -> Result<Plan, OperationError> {
    let request = request::refresh(
        target,
        options.wit_target(target),
        &Uuid::now_v7().to_string(),
        request::call_context(target, session.clock.now(), target.deadline),
        options,
    );
    let blocking = guards::blocking(audit_log, target, session.clock.now())?;
    let question = Question::Plan(request);
    let reply = inspect(session, target, question, None, target.deadline).await?;
    let Inspection::Plan(mut plan) = reply else {
        return Err(unexpected_reply().into());
    };
    // As it would be sent.
    tracked(session.boundary.trace(), &mut plan.request.headers);
    Ok(planned(target, plan, blocking, options))
}

/// What the guards would do, in their order: window and interval, a running refresh, the quota. The
/// action, the code, and when a refresh would be sent.
fn action(
    target: &ResolvedTarget,
    plan: &wit::Plan,
    blocking: Vec<BlockingGuard>,
    options: RefreshOptions,
) -> (&'static str, String, String) {
    if let Some(guard) = blocking.into_iter().next().filter(|_| !options.force) {
        return ("skip", guard.verdict.code, guard.verdict.retry_at);
    }
    if plan.running.is_some() && options.follow != FollowMode::NotAtAll {
        let action = match target.if_running {
            IfRunning::Wait => "wait",
            IfRunning::Skip | IfRunning::Follow => "skip",
        };
        return (action, "already_running".to_owned(), String::new());
    }
    let exhausted = plan.quota.as_ref().filter(|quota| quota.left == 0);
    let blocks = matches!(&target.quota, Some(quota) if quota.mode == QuotaMode::Block);
    match exhausted {
        Some(quota) if blocks && !options.force => {
            let next_slot = quota.next_slot.clone().unwrap_or_default();
            ("skip", "quota_exhausted".to_owned(), next_slot)
        }
        _ => ("send", String::new(), String::new()),
    }
}

fn planned(
    target: &ResolvedTarget,
    plan: wit::Plan,
    blocking: Vec<BlockingGuard>,
    options: RefreshOptions,
) -> Plan {
    let (would, code, retry_at) = action(target, &plan, blocking, options);
    let run = |run: Option<ServiceRun>| {
        run.map_or_else(PlannedRun::default, |run| PlannedRun {
            id: run.id,
            refresh_type: run.refresh_type,
            status: run.status,
            started_at: run.started_at.unwrap_or_default(),
            ended_at: run.ended_at.unwrap_or_default(),
        })
    };
    Plan {
        target: target.name.clone(),
        dry_run: true,
        would,
        code,
        retry_at,
        quota: plan.quota.map(Quota::from).unwrap_or_default(),
        request: PlannedRequest {
            method: plan.request.method,
            url: plan.request.url,
            headers: plan.request.headers.into_iter().collect(),
            body: target.mask.shown(plan.request.body),
        },
        running: run(plan.running),
        newest: run(plan.newest),
    }
}

/// Asks the component a question, while this process keeps its leases in `leases`.
async fn inspect(
    session: &Session,
    target: &ResolvedTarget,
    question: Question,
    leases: Option<&AuditLog>,
    limit: Duration,
) -> Result<Inspection, OperationError> {
    let query = wit::Query {
        call_context: request::call_context(target, session.clock.now(), limit),
        question,
    };
    let call = Call {
        session,
        target: Some(target),
        run: None,
        leases,
        limit,
    };
    let called = call.make(async |instance| {
        let exports = instance.exports.powerbi_refresh_refresh();
        exports.call_inspect(&mut instance.store, &query).await
    });
    let answer = called.await?;
    answer.map_err(|error| session.boundary.explain(error.into()).into())
}

fn unexpected_reply() -> Verdict {
    Verdict::not_sent(
        Status::InternalError,
        "component_unexpected_reply",
        "the component answered a different question",
        "use the embedded component, or one of this version",
    )
}
