//! From a target to the request that triggers it; what is wrong with a target is said here.
//!
//! The host checks more and says it better, with lines and names; these checks are for every host.
//! No secret of ours is on the request where the host attaches credentials. Where the component
//! itself holds a bearer token, the token goes to the Power BI API; to a flow only where nothing
//! else is asked with it and the URL has no `sig`, because a token for one service is a leak at
//! another, and a trigger refuses two kinds of credentials at once.

use crate::body::trigger_body;
use crate::contract::{
    DataflowTarget, Operation, Outgoing, PowerAutomateTarget, RefreshError, Target, TargetKind,
    Unsupported, Verification,
};
use crate::dataflow::api;
use crate::ports::{HttpRequest, Method};
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
}

/// A target that this component can refresh, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'t> {
    /// What is triggered.
    pub(crate) trigger: Trigger<'t>,
    /// The dataflow whose history tells the truth.
    pub(crate) watched: Option<&'t DataflowTarget>,
    /// Whether the flow's own Response tells it.
    pub(crate) by_response: bool,
}

impl<'t> Work<'t> {
    /// Checks a target.
    pub(crate) fn of(target: &'t Target, operation: Operation) -> Result<Self, RefreshError> {
        let unsupported = |kind| RefreshError::NotSupported(Unsupported { kind, operation });
        let work = match target {
            Target::PowerAutomate(flow) => Self {
                trigger: Trigger::Flow(flow),
                watched: match &flow.verify {
                    Verification::Dataflow(dataflow) => Some(dataflow),
                    Verification::None | Verification::Response => None,
                },
                by_response: matches!(flow.verify, Verification::Response),
            },
            Target::Dataflow(dataflow) => Self {
                trigger: Trigger::Dataflow(dataflow),
                watched: Some(dataflow),
                by_response: false,
            },
            Target::DataflowGen2(_) => return Err(unsupported(TargetKind::DataflowGen2)),
            Target::SemanticModel(_) => return Err(unsupported(TargetKind::SemanticModel)),
        };
        if let Trigger::Flow(flow) = work.trigger {
            check_flow_url(&flow.url)?;
        }
        if let Some(dataflow) = work.watched {
            check_endpoint(&dataflow.endpoint)?;
            check_guid("workspace", &dataflow.workspace)?;
            check_guid("dataflow", &dataflow.dataflow)?;
        }
        Ok(work)
    }

    /// The request that triggers it, now.
    pub(crate) fn request(
        &self,
        session: &Session<'_>,
        response_timeout_ms: u64,
    ) -> Result<HttpRequest, RefreshError> {
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            (TRACKING_HEADER.to_owned(), session.run_id.clone()),
        ];
        let timeout_ms = if self.by_response {
            response_timeout_ms
        } else {
            session.call_timeout_ms
        };
        let (url, body) = match self.trigger {
            Trigger::Flow(flow) => {
                let has_sig = Parts::of(&flow.url).is_some_and(|url| url.query("sig").is_some());
                if self.watched.is_none() && !has_sig {
                    session.authorize(&mut headers);
                }
                (
                    flow.url.clone(),
                    trigger_body(&flow.body, &session.local_now())?,
                )
            }
            Trigger::Dataflow(dataflow) => {
                session.authorize(&mut headers);
                (api::refresh_url(dataflow), api::REFRESH_BODY.to_owned())
            }
        };
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
            Trigger::Dataflow(_) => "dataflow",
        }
    }
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

/// Checks the base of the Power BI API.
pub(crate) fn check_endpoint(endpoint: &str) -> Result<(), RefreshError> {
    match Parts::of(endpoint) {
        Some(parts) if !parts.path_and_query.contains('?') => Ok(()),
        _ => Err(invalid(
            "endpoint_invalid",
            "The endpoint of the Power BI API is not an absolute URL.".to_owned(),
            "Give it as `https://api.powerbi.com`.",
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
