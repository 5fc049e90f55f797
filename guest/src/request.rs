//! From a target to the request that triggers it; what is wrong with a target is said here.
//!
//! The host checks more and says it better, with lines and names; these checks are for every host.
//! No secret of ours is on the request where the host attaches credentials. Where the component
//! itself holds a bearer token, the token goes to the Power BI API; to a flow only where nothing
//! else is asked with it and the URL has no `sig`, because a token for one service is a leak at
//! another, and a trigger refuses two kinds of credentials at once.

use crate::body::trigger_body;
use crate::classify::{Act, Asked, Of};
use crate::content::{Kind, Watched, dataflow, gen2, model};
use crate::contract::{
    DataflowTarget, Endpoints, Gen2Target, ModelRefresh, ModelTarget, Outgoing,
    PowerAutomateTarget, RefreshError, Target, Verification,
};
use crate::ports::{HttpAnswer, HttpRequest, Method};
use crate::redact::Redactor;
use crate::session::Session;
use crate::trouble::invalid;
use crate::url::{Parts, is_guid};

/// The header by which our id of the run goes along. [V]
const TRACKING_HEADER: &str = "x-ms-client-tracking-id";

/// What is triggered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trigger<'t> {
    /// A flow with an HTTP trigger.
    Flow(&'t PowerAutomateTarget),
    /// A dataflow, at the Power BI API.
    Dataflow(&'t DataflowTarget),
    /// A dataflow, at the Fabric API.
    Gen2(&'t Gen2Target),
    /// A semantic model, at the Power BI API.
    Model(&'t ModelTarget),
}

/// A target, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'t> {
    /// What is triggered.
    pub(crate) trigger: Trigger<'t>,
    /// The content whose history tells the truth.
    pub(crate) watched: Option<Watched<'t>>,
    /// Whether the flow's own Response tells it.
    pub(crate) by_response: bool,
}

impl<'t> Work<'t> {
    /// Checks a target whose names have become ids.
    pub(crate) fn of(target: &'t Target, endpoints: &'t Endpoints) -> Result<Self, RefreshError> {
        let watched = |kind, item| {
            Some(Watched {
                kind,
                item,
                endpoints,
            })
        };
        let (trigger, watched) = match target {
            Target::PowerAutomate(flow) => (
                Trigger::Flow(flow),
                match &flow.verify {
                    Verification::Content(content) => Some(Watched::of(content, endpoints)),
                    Verification::None | Verification::Response => None,
                },
            ),
            Target::Dataflow(one) => (Trigger::Dataflow(one), watched(Kind::Dataflow, &one.item)),
            Target::DataflowGen2(one) => (Trigger::Gen2(one), watched(Kind::Gen2, &one.item)),
            Target::SemanticModel(one) => (Trigger::Model(one), watched(Kind::Model, &one.item)),
        };
        if let Trigger::Flow(flow) = trigger {
            check_flow_url(&flow.url)?;
        }
        if let Some(watched) = watched {
            check_endpoint(watched.kind, endpoints)?;
            check_guid("workspace", &watched.item.workspace)?;
            check_guid(watched.noun(), &watched.item.item)?;
        }
        Ok(Self {
            trigger,
            watched,
            by_response: matches!(
                trigger,
                Trigger::Flow(PowerAutomateTarget {
                    verify: Verification::Response,
                    ..
                })
            ),
        })
    }

    /// The request that triggers it, now.
    pub(crate) fn request(
        &self,
        session: &Session<'_>,
        response_timeout_ms: u64,
    ) -> Result<HttpRequest, RefreshError> {
        let timeout_ms = if self.by_response {
            response_timeout_ms
        } else {
            session.call_timeout_ms
        };
        // Every trigger but a flow's is watched.
        let of_api = |url: fn(&Watched<'_>) -> String| {
            session.authorized(self.watched.as_ref().map(url).unwrap_or_default())
        };
        let ((url, authorization), body) = match self.trigger {
            Trigger::Flow(flow) => {
                let has_sig = Parts::of(&flow.url).is_some_and(|url| url.query("sig").is_some());
                let body = trigger_body(&flow.body, &session.local_now())?;
                let url = flow.url.clone();
                if self.watched.is_none() && !has_sig {
                    (session.authorized(url), body)
                } else {
                    ((url, None), body)
                }
            }
            Trigger::Dataflow(one) => (
                of_api(dataflow::refresh_url),
                dataflow::refresh_body(one.mail_on_failure),
            ),
            Trigger::Gen2(one) => (of_api(gen2::execute_url), gen2::execute_body(one)?),
            Trigger::Model(one) => (
                of_api(model::refreshes_url),
                model::refresh_body(&one.refresh),
            ),
        };
        let mut headers = Vec::new();
        // Nothing is no JSON: a service may refuse it as such.
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        headers.push((TRACKING_HEADER.to_owned(), session.run_id.clone()));
        headers.extend(authorization);
        Ok(HttpRequest {
            method: Method::Post,
            url,
            headers,
            body,
            timeout_ms: session.bounded(timeout_ms),
        })
    }

    /// What is triggered, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self.trigger {
            Trigger::Flow(_) => "flow",
            Trigger::Dataflow(_) => Kind::Dataflow.noun(),
            Trigger::Gen2(_) => Kind::Gen2.noun(),
            Trigger::Model(_) => Kind::Model.noun(),
        }
    }

    /// Whether a flow is triggered, and the content only through it.
    pub(crate) fn is_flow(&self) -> bool {
        matches!(self.trigger, Trigger::Flow(_))
    }

    /// Who answers the trigger.
    pub(crate) fn asked(&self) -> Asked {
        let of = match self.trigger {
            Trigger::Flow(_) => Of::Flow,
            Trigger::Dataflow(_) => Of::Dataflow,
            Trigger::Gen2(_) => Of::Gen2,
            Trigger::Model(_) => Of::Model,
        };
        Asked::new(of, Act::Trigger)
    }

    /// The run that the answer to the trigger names.
    pub(crate) fn run_in(&self, answer: &HttpAnswer) -> Option<String> {
        match self.trigger {
            Trigger::Flow(_) | Trigger::Dataflow(_) => None,
            Trigger::Gen2(_) => gen2::run_in(answer.header("location")?),
            Trigger::Model(one) => model::run_in(answer, is_enhanced(one)),
        }
    }

    /// Whether a run of this trigger can be asked for by its id.
    pub(crate) fn tells_by_id(&self) -> bool {
        match self.trigger {
            Trigger::Flow(_) | Trigger::Dataflow(_) => false,
            Trigger::Gen2(_) => true,
            Trigger::Model(one) => is_enhanced(one),
        }
    }
}

fn is_enhanced(target: &ModelTarget) -> bool {
    matches!(target.refresh, ModelRefresh::Enhanced(_))
}

/// A request as it may be shown and stored: without any secret.
pub(crate) fn outgoing(request: &HttpRequest, redactor: &Redactor) -> Outgoing {
    Outgoing {
        method: request.method.name().to_owned(),
        url: redactor.mask(&request.url),
        headers: request
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
            .cloned()
            .collect(),
        body: redactor.mask(&request.body),
    }
}

/// The values in a target that no text may hold: the trigger's signature, where the host did not
/// keep it to itself.
pub(crate) fn secrets_of(target: &Target) -> Vec<&str> {
    match target {
        Target::PowerAutomate(flow) => Parts::of(&flow.url)
            .and_then(|url| url.query("sig"))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// Our id goes out in a header, so it must be one that headers take.
pub(crate) fn check_run_id(run_id: &str) -> Result<(), RefreshError> {
    if !run_id.is_empty() && run_id.len() <= 128 && run_id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(invalid(
        "run_id_invalid",
        "The run's id is not 1 to 128 visible ASCII characters.".to_owned(),
        "Give a UUID.",
    ))
}

/// Checks the base of the API that serves this kind.
pub(crate) fn check_endpoint(kind: Kind, endpoints: &Endpoints) -> Result<(), RefreshError> {
    let (name, endpoint, example) = match kind {
        Kind::Dataflow | Kind::Model => (
            "Power BI",
            &endpoints.power_bi,
            "Give it as `https://api.powerbi.com`.",
        ),
        Kind::Gen2 => (
            "Fabric",
            &endpoints.fabric,
            "Give it as `https://api.fabric.microsoft.com`.",
        ),
    };
    match Parts::of(endpoint) {
        Some(parts) if !parts.path_and_query.contains('?') => Ok(()),
        _ => Err(invalid(
            "endpoint_invalid",
            format!("The endpoint of the {name} API is not an absolute URL."),
            example,
        )),
    }
}

/// Checks an id of the service.
pub(crate) fn check_guid(what: &str, id: &str) -> Result<(), RefreshError> {
    if is_guid(id) {
        return Ok(());
    }
    Err(invalid(
        "not_a_guid",
        format!("The {what} is not a GUID."),
        "Give the id, as it stands in the service's address bar, not the name.",
    ))
}

fn check_flow_url(url: &str) -> Result<(), RefreshError> {
    let Some(parts) = Parts::of(url) else {
        return Err(invalid(
            "url_invalid",
            "The trigger's URL is not an absolute http or https URL.".to_owned(),
            "Copy it whole from the flow's trigger.",
        ));
    };
    match parts.query("api-version") {
        Some(version) if !version.is_empty() => Ok(()),
        _ => Err(invalid(
            "api_version_missing",
            format!(
                "The trigger's URL at {} has no `api-version`.",
                parts.host()
            ),
            "The URL was cut, usually at its first `&`: quote it, and copy it whole.",
        )),
    }
}
