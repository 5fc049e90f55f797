//! From a target to the request that triggers it, and what can be wrong with a target.
//!
//! The host checks more, with lines and names; these checks protect every host. If the host attaches
//! credentials, the request holds none. If the component holds a bearer token, it goes to the Power
//! BI or Fabric API; it goes to a flow only if nothing else is requested with it and the URL has no
//! `sig`, because a token for one service is a leak at another, and a trigger rejects two kinds of
//! credentials at once.

use crate::api::content::WatchedContent;
use crate::api::{dataflow, flow, gen2, model};
use crate::classify::{CallKind, Purpose};
use crate::contract::{
    Endpoints, ModelRefresh, ModelTarget, Outgoing, RefreshError, Target, TargetKind, Verification,
    invalid,
};
use crate::ports::{HttpAnswer, HttpRequest, Method};
use crate::redact::Redactor;
use crate::session::Session;
use crate::url::Parts;

/// The header that carries our id of the run. [V]
const TRACKING_HEADER: &str = "x-ms-client-tracking-id";

/// A target whose names are ids, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'t> {
    /// What is triggered.
    pub(crate) target: &'t Target,
    /// The content whose history verifies the outcome.
    pub(crate) content: Option<WatchedContent<'t>>,
    /// Whether the flow's own Response verifies the outcome.
    pub(crate) by_response: bool,
}

impl<'t> Work<'t> {
    /// Checks a target.
    pub(crate) fn of(target: &'t Target, endpoints: &'t Endpoints) -> Result<Self, RefreshError> {
        let content = WatchedContent::of(target, endpoints);
        let mut by_response = false;
        if let Target::PowerAutomate(flow) = target {
            check_flow_url(&flow.url)?;
            by_response = flow.verify == Verification::Response;
        }
        if let Some(content) = content {
            content.check()?;
        }
        Ok(Self {
            target,
            content,
            by_response,
        })
    }

    /// The request that triggers it now.
    pub(crate) fn request(
        &self,
        session: &Session<'_>,
        response_timeout_ms: u64,
    ) -> Result<HttpRequest, RefreshError> {
        let timeout_ms = match self.by_response {
            true => response_timeout_ms,
            false => session.call_timeout_ms,
        };
        let body = match self.target {
            Target::PowerAutomate(flow) => {
                flow::trigger_body(&flow.body, &session.host_now().to_string())?
            }
            Target::Dataflow(target) => dataflow::refresh_body(target.mail_on_failure),
            Target::DataflowGen2(target) => gen2::execute_body(target)?,
            Target::SemanticModel(target) => model::refresh_body(&target.refresh),
        };
        let (url, takes_token) = match (self.target, &self.content) {
            (Target::PowerAutomate(flow), content) => {
                let has_sig = Parts::of(&flow.url).is_some_and(|url| url.query("sig").is_some());
                (flow.url.clone(), content.is_none() && !has_sig)
            }
            (_, Some(content)) => (content.refresh_url(), true),
            (_, None) => (String::new(), false),
        };
        let mut headers = Vec::new();
        // An empty body is not JSON, and a service may reject it as such.
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        headers.push((TRACKING_HEADER.to_owned(), session.run_id.clone()));
        headers.extend(session.authorization().filter(|_| takes_token));
        Ok(HttpRequest {
            method: Method::Post,
            url,
            headers,
            body,
            timeout_ms: session.bounded(timeout_ms),
        })
    }

    /// Whether a flow is triggered, and the content only through it.
    pub(crate) fn is_flow(&self) -> bool {
        matches!(self.target, Target::PowerAutomate(_))
    }

    fn triggered_content(&self) -> Option<&WatchedContent<'t>> {
        self.content.as_ref().filter(|_| !self.is_flow())
    }

    /// The noun for messages.
    pub(crate) fn noun(&self) -> &'static str {
        let content = self.triggered_content();
        content.map_or("flow", WatchedContent::noun)
    }

    /// A call to the service that is triggered.
    pub(crate) fn call(&self, purpose: Purpose) -> CallKind {
        let service = match self.triggered_content() {
            Some(content) => content.kind.target_kind(),
            None => TargetKind::PowerAutomate,
        };
        CallKind::new(service, purpose)
    }

    /// The run that the response to the trigger names.
    pub(crate) fn run_in(&self, answer: &HttpAnswer) -> Option<String> {
        match self.target {
            Target::PowerAutomate(_) | Target::Dataflow(_) => None,
            Target::DataflowGen2(_) => gen2::run_in(answer.header("location")?),
            Target::SemanticModel(target) => model::run_in(answer, is_enhanced(target)),
        }
    }

    /// The run that the response to the trigger may name: the header is in every response of the API,
    /// and only some services put the run's id in it. [O] dagster#34183
    pub(crate) fn run_perhaps_in(&self, answer: &HttpAnswer) -> Option<String> {
        let is_model = matches!(self.target, Target::SemanticModel(_));
        model::request_id(answer).filter(|_| is_model)
    }

    /// Whether a run of this trigger has a page of its own.
    pub(crate) fn has_run_page(&self) -> bool {
        match self.target {
            Target::PowerAutomate(_) | Target::Dataflow(_) => false,
            Target::DataflowGen2(_) => true,
            Target::SemanticModel(target) => is_enhanced(target),
        }
    }
}

fn is_enhanced(target: &ModelTarget) -> bool {
    matches!(target.refresh, ModelRefresh::Enhanced(_))
}

/// A request without secrets, to be shown and stored.
pub(crate) fn outgoing(request: &HttpRequest, redactor: &Redactor) -> Outgoing {
    let is_shown = |(name, _): &&(String, String)| !name.eq_ignore_ascii_case("authorization");
    Outgoing {
        method: request.method.name().to_owned(),
        url: redactor.mask(&request.url),
        headers: request.headers.iter().filter(is_shown).cloned().collect(),
        body: redactor.mask(&request.body),
    }
}

/// Checks that our id of the run can be sent in a header.
pub(crate) fn check_run_id(run_id: &str) -> Result<(), RefreshError> {
    if !run_id.is_empty() && run_id.len() <= 128 && run_id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(invalid(
        "run_id_invalid",
        "The run id does not consist of 1 to 128 visible ASCII characters.",
        "Give a UUID.",
    ))
}

fn check_flow_url(url: &str) -> Result<(), RefreshError> {
    let Some(parts) = Parts::of(url) else {
        return Err(invalid(
            "url_invalid",
            "The trigger URL is not an absolute http or https URL.",
            "Copy the whole URL from the flow's trigger.",
        ));
    };
    match parts.query("api-version") {
        Some(version) if !version.is_empty() => Ok(()),
        _ => Err(invalid(
            "api_version_missing",
            format!("The trigger URL at {} has no `api-version`.", parts.host()),
            "Quote the URL and copy it completely: it was cut off, usually at its first `&`.",
        )),
    }
}
