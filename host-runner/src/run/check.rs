//! Looking without touching: what a refresh would meet, and what it would send.
//!
//! The component looks; this translates. Nothing is retried and nothing is recorded.

use std::time::Duration;

use uuid::Uuid;

use super::convert;
use super::guards;
use super::ports::LookPorts;
use super::refresh::RefreshOptions;
use super::request::{self, TriggerOptions};
use super::session::{End, GRACE, Session};
use crate::audit_log::AuditLog;
use crate::config::{IfRunning, QuotaMode, ResolvedTarget};
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::outbound::tracked;
use crate::report::Signal;
use crate::report::plan::{Plan, PlannedRequest, PlannedRun};
use crate::verdict::{Status, Verdict};

/// How one part of a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingLevel {
    /// As it should be.
    Good,
    /// It works, but will not always.
    Warning,
    /// A refresh would end here.
    Bad,
}

/// One part of a check.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it came out.
    pub level: FindingLevel,
    /// What was found.
    pub message: String,
    /// What to do about it; empty where nothing is to be done.
    pub hint: String,
    /// What a refresh would end in.
    pub status: Option<Status>,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn good(subject: &str, message: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            level: FindingLevel::Good,
            message: message.into(),
            hint: String::new(),
            status: None,
        }
    }

    /// It works, but will not always.
    #[must_use]
    pub fn warning(subject: &str, message: impl Into<String>) -> Self {
        Self {
            level: FindingLevel::Warning,
            ..Self::good(subject, message)
        }
    }

    /// A refresh would end so.
    #[must_use]
    pub fn bad(subject: &str, verdict: &Verdict) -> Self {
        Self {
            level: FindingLevel::Bad,
            hint: verdict.hint.clone(),
            status: Some(verdict.status),
            ..Self::good(subject, verdict.message.clone())
        }
    }
}

/// What the component finds of a target.
///
/// # Errors
/// The signal that ended the look.
pub async fn check(session: &Session, target: &ResolvedTarget) -> Result<Vec<Finding>, Signal> {
    let question = api::Question::Access(request::target(target, &session.flow_id));
    match ask(session, target, question).await? {
        Ok(api::Inspection::Access(findings)) => Ok(findings
            .into_iter()
            .map(|finding| from_component(session, finding))
            .collect()),
        Ok(_) => Ok(vec![Finding::bad("component", &astray())]),
        Err(verdict) => Ok(vec![Finding::bad("service", &verdict)]),
    }
}

fn from_component(session: &Session, finding: api::Finding) -> Finding {
    let verdict = finding.error.map(convert::error);
    let hint = match &verdict {
        // The host, the reason and the way out, which the component cannot know.
        Some(verdict) if matches!(verdict.status, Status::Denied | Status::Unavailable) => {
            session.boundary.failure.text().unwrap_or(finding.hint)
        }
        _ => finding.hint,
    };
    Finding {
        subject: finding.subject,
        level: match finding.level {
            api::FindingLevel::Good => FindingLevel::Good,
            api::FindingLevel::Warning => FindingLevel::Warning,
            api::FindingLevel::Bad => FindingLevel::Bad,
        },
        message: finding.message,
        hint,
        status: verdict.map(|verdict| verdict.status),
    }
}

/// What a refresh would send, and what it would meet first (dry run).
///
/// # Errors
/// The signal that ended the look.
pub async fn plan(
    session: &Session,
    audit_log: &AuditLog,
    target: &ResolvedTarget,
    asked: RefreshOptions,
) -> Result<Result<Plan, Verdict>, Signal> {
    let mut wit_target = request::target(target, &session.flow_id);
    if asked.asks_nobody(target) {
        wit_target = request::unwatched(wit_target);
    }
    let request = request::refresh(
        target,
        wit_target,
        &Uuid::now_v7().to_string(),
        request::call_context(target, session.clock.now(), target.deadline),
        TriggerOptions {
            follow: asked.follow,
            force: asked.force,
            overridden: Vec::new(),
            taken_runs: Vec::new(),
        },
    );
    let held = guards::held_back(audit_log, target, session.clock.now());
    let held = match held {
        Ok(held) => held,
        Err(error) => {
            return Ok(Err(Verdict::not_sent(
                Status::AuditUnavailable,
                error.code(),
                error.to_string(),
                "mend the audit log and ask again",
            )));
        }
    };
    Ok(
        match ask(session, target, api::Question::Plan(request)).await? {
            Ok(api::Inspection::Plan(mut plan)) => {
                // As it would leave.
                let trace = session.boundary.transport.trace();
                tracked(trace, &mut plan.request.headers);
                Ok(planned(target, plan, held, asked))
            }
            Ok(_) => Err(astray()),
            Err(verdict) => Err(verdict),
        },
    )
}

/// What the guards would do, in the order in which they do it: the window and the interval, a run
/// that is going on, the quota.
fn would(
    target: &ResolvedTarget,
    plan: &api::Plan,
    held: Vec<guards::Held>,
    asked: RefreshOptions,
) -> (&'static str, String, String) {
    if let Some(held) = held.into_iter().next().filter(|_| !asked.force) {
        return ("skip", held.code.to_owned(), held.retry_at);
    }
    if plan.running.is_some() && asked.follow != wit::FollowMode::NotAtAll {
        let what = match target.if_running {
            IfRunning::Wait => "wait",
            IfRunning::Skip | IfRunning::Follow => "skip",
        };
        return (what, "already_running".to_owned(), String::new());
    }
    let used_up = plan.quota.as_ref().filter(|state| state.left == 0);
    let blocks = target
        .quota
        .as_ref()
        .is_some_and(|quota| quota.mode == QuotaMode::Block);
    match used_up {
        Some(state) if blocks && !asked.force => (
            "skip",
            "quota_exhausted".to_owned(),
            state.next_slot.clone().unwrap_or_default(),
        ),
        _ => ("send", String::new(), String::new()),
    }
}

fn planned(
    target: &ResolvedTarget,
    plan: api::Plan,
    held: Vec<guards::Held>,
    asked: RefreshOptions,
) -> Plan {
    let (would, code, retry_at) = would(target, &plan, held, asked);
    let run = |run: Option<wit::ServiceRun>| {
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
        quota: plan.quota.map(convert::quota).unwrap_or_default(),
        request: PlannedRequest {
            method: plan.request.method,
            url: plan.request.url,
            headers: plan.request.headers.into_iter().collect(),
            body: plan.request.body,
        },
        running: run(plan.running),
        newest: run(plan.newest),
    }
}

/// Asks the component once.
pub(super) async fn ask(
    session: &Session,
    target: &ResolvedTarget,
    question: api::Question,
) -> Result<Result<api::Inspection, Verdict>, Signal> {
    ask_within(session, target, question, None, target.deadline).await
}

/// Asks the component, and renews meanwhile what this process holds in `record`.
pub(super) async fn ask_within(
    session: &Session,
    target: &ResolvedTarget,
    question: api::Question,
    audit_log: Option<&AuditLog>,
    left: Duration,
) -> Result<Result<api::Inspection, Verdict>, Signal> {
    let broken = |what: String| {
        Verdict::not_sent(
            Status::InternalError,
            "component_failed",
            what,
            "please report this",
        )
    };
    let gateway = match session.boundary.gateway(target) {
        Ok(gateway) => gateway,
        Err(error) => {
            return Ok(Err(Verdict::not_sent(
                Status::Invalid,
                error.code(),
                error.to_string(),
                "check the configuration",
            )));
        }
    };
    let ports = LookPorts {
        target: target.name.clone(),
        clock: session.clock.clone(),
        reporter: session.reporter.clone(),
    };
    let mut instance = match session.instance(ports, gateway).await {
        Ok(instance) => instance,
        Err(error) => return Ok(Err(broken(error.to_string()))),
    };
    let query = api::Query {
        call_context: request::call_context(target, session.clock.now(), left),
        question,
    };
    let exports = instance.exports.powerbi_refresh_refresh();
    let call = exports.call_inspect(&mut instance.store, &query);
    match session
        .drive(audit_log, call, left.saturating_add(GRACE))
        .await
    {
        End::Done(Ok(Ok(inspection))) => Ok(Ok(inspection)),
        End::Done(Ok(Err(error))) => {
            Ok(Err(session.boundary.failure.explain(convert::error(error))))
        }
        End::Done(Err(trap)) => Ok(Err(broken(format!("the component broke off: {trap:#}")))),
        End::OutOfTime => Ok(Err(broken(
            "the component did not end after its deadline".to_owned(),
        ))),
        End::Stopped(signal) => Err(signal),
    }
}

pub(super) fn astray() -> Verdict {
    Verdict::not_sent(
        Status::InternalError,
        "component_unexpected_reply",
        "the component answered another question",
        "use the embedded component, or one of this version",
    )
}
