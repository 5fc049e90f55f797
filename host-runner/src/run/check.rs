//! Looking without touching: what a refresh would meet, and what it would send.
//!
//! The component looks; this translates. Nothing is retried and nothing is recorded.

use uuid::Uuid;

use super::convert;
use super::ports::LookPorts;
use super::refresh::Asked;
use super::request;
use super::session::{End, Session};
use crate::config::ResolvedTarget;
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::report::Signal;
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
    target: &ResolvedTarget,
    asked: Asked,
) -> Result<Result<serde_json::Value, Verdict>, Signal> {
    let request = request::refresh(
        target,
        request::target(target, &session.flow_id),
        &Uuid::now_v7().to_string(),
        request::circumstances(target, session.clock.now(), target.deadline),
        asked.follow,
        Vec::new(),
    );
    Ok(
        match ask(session, target, api::Question::Plan(request)).await? {
            Ok(api::Inspection::Plan(plan)) => Ok(shown(&target.name, plan)),
            Ok(_) => Err(astray()),
            Err(verdict) => Err(verdict),
        },
    )
}

fn shown(target: &str, plan: api::Plan) -> serde_json::Value {
    let headers: serde_json::Map<_, _> = plan
        .request
        .headers
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let run = |run: Option<wit::ServiceRun>| {
        run.map_or_else(
            || serde_json::json!({}),
            |run| {
                serde_json::json!({
                    "id": run.id,
                    "refresh_type": run.refresh_type,
                    "status": run.status,
                    "started_at": run.started_at.unwrap_or_default(),
                    "ended_at": run.ended_at.unwrap_or_default(),
                })
            },
        )
    };
    serde_json::json!({
        "target": target,
        "dry_run": true,
        "request": {
            "method": plan.request.method,
            "url": plan.request.url,
            "headers": headers,
            "body": plan.request.body,
        },
        "running": run(plan.running),
        "newest": run(plan.newest),
    })
}

/// Asks the component once.
async fn ask(
    session: &Session,
    target: &ResolvedTarget,
    question: api::Question,
) -> Result<Result<api::Inspection, Verdict>, Signal> {
    let broken = |what: String| {
        Verdict::not_sent(
            Status::InternalError,
            "component_broke_off",
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
        circumstances: request::circumstances(target, session.clock.now(), target.deadline),
        question,
    };
    let exports = instance.exports.powerbi_refresh_refresh();
    let call = exports.call_inspect(&mut instance.store, &query);
    match session.drive(None, call, target.deadline).await {
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

fn astray() -> Verdict {
    Verdict::not_sent(
        Status::InternalError,
        "component_answered_astray",
        "the component answered another question",
        "use the embedded component, or one of this version",
    )
}
